import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EINTR, EINVAL, EPERM, ESRCH } from "../../../src/abi/errno.ts";
import { O_RDONLY } from "../../../src/abi/fcntl.ts";
import {
  SA_NODEFER,
  SA_RESETHAND,
  SA_RESTART,
  SI_TIMER,
  SIG_BLOCK,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SIGALRM,
  SIGCHLD,
  SIGKILL,
  SIGRTMIN,
  SIGSTOP,
  SIGTERM,
  SIGUSR1,
  SIGUSR2,
} from "../../../src/abi/signal.ts";
import { BLOCKED, GONE, RESTART } from "../../../src/kernel/contracts.ts";
import { takeHandler } from "../../../src/kernel/delivery.ts";
import { read } from "../../../src/kernel/operations/io.ts";
import { makePipe } from "../../../src/kernel/operations/pipes.ts";
import {
  changeMask,
  dispositionOf,
  kill,
  killThread,
  pendingSignals,
  type QueuedSignal,
  queueSignal,
  setDisposition,
  suspend,
  waitForSignal,
} from "../../../src/kernel/operations/signals.ts";
import { sleepUntil } from "../../../src/kernel/operations/time.ts";
import {
  createTimer,
  deleteTimer,
  intervalTimer,
  setIntervalTimer,
  setTimer,
  timerOverrun,
} from "../../../src/kernel/operations/timers.ts";
import { DISPOSITION_DEFAULT, DISPOSITION_HANDLER, DISPOSITION_IGNORE, Thread } from "../../../src/kernel/process.ts";
import { SignalSet } from "../../../src/kernel/signal-set.ts";
import { SIGNALS_QUEUED, SIGNALS_WAITING } from "../../../src/limits.ts";
import { machine, type Running, spawn, vector } from "../simulated.ts";

function setOf(...signals: number[]): SignalSet {
  const set = new SignalSet();
  for (const signal of signals) set.add(signal);
  return set;
}

function handle({ thread }: Running, signal: number, flags = 0, mask = new SignalSet()): void {
  const action = { handler: signal + 100, flags, maskLow: mask.low, maskHigh: mask.high };
  assert.equal(setDisposition(thread, signal, { kind: DISPOSITION_HANDLER, action }), 0);
}

const told = (value: number): QueuedSignal => ({ code: -1, pid: 1, uid: 0, value });

test("a set holds 1 to 64, and no mask holds SIGKILL or SIGSTOP", () => {
  for (const signal of [1, 31, 32, 33, 64]) {
    const set = setOf(signal);
    assert.ok(set.has(signal));
    assert.equal(set.firstOutside(new SignalSet()), signal);
    assert.equal(set.firstOutside(set), 0);
    set.delete(signal);
    assert.ok(set.empty);
  }
  const { thread } = spawn(machine());
  assert.equal(changeMask(thread, SIG_SETMASK, new SignalSet(-1, -1)), 0);
  assert.ok(!thread.mask.has(SIGKILL) && !thread.mask.has(SIGSTOP) && thread.mask.has(SIGTERM));
});

test("a handler is taken once, with its mask, and a standard signal waits once", () => {
  const one = spawn(machine());
  handle(one, SIGUSR1, 0, setOf(SIGUSR2));
  kill(one.thread, one.process.pid, SIGUSR1);
  kill(one.thread, one.process.pid, SIGUSR1);
  assert.ok(one.thread.attention);
  const taken = takeHandler(one.thread);
  assert.equal(taken?.action.handler, SIGUSR1 + 100);
  assert.deepEqual([taken?.maskLow, taken?.maskHigh], [0, 0]);
  assert.ok(one.thread.mask.has(SIGUSR1) && one.thread.mask.has(SIGUSR2));
  assert.equal(takeHandler(one.thread), undefined);
  assert.ok(!one.thread.attention);
});

test("SA_NODEFER leaves the signal open, SA_RESETHAND its default action", () => {
  const made = machine();
  const one = spawn(made);
  handle(one, SIGUSR1, (SA_NODEFER | SA_RESETHAND) >>> 0);
  kill(one.thread, one.process.pid, SIGUSR1);
  takeHandler(one.thread);
  assert.ok(!one.thread.mask.has(SIGUSR1));
  const left = dispositionOf(one.thread, SIGUSR1);
  assert.ok(typeof left !== "number");
  assert.deepEqual([left.kind, left.action.flags], [DISPOSITION_DEFAULT, (SA_NODEFER | SA_RESETHAND) >>> 0]);
  assert.equal(kill(one.thread, one.process.pid, SIGUSR1), GONE);
  assert.equal(one.process.ending?.signal, SIGUSR1);
});

test("a blocked signal waits; unblocked, it acts before sigprocmask returns", () => {
  const one = spawn(machine());
  changeMask(one.thread, SIG_BLOCK, setOf(SIGTERM, SIGCHLD));
  assert.equal(kill(one.thread, one.process.pid, SIGTERM), 0);
  const waiting = new SignalSet();
  pendingSignals(one.thread, waiting);
  assert.deepEqual(waiting, setOf(SIGTERM));
  assert.equal(changeMask(one.thread, SIG_UNBLOCK, setOf(SIGTERM)), GONE);
  assert.equal(one.process.ending?.signal, SIGTERM);
});

test("ignoring a signal forgets the one that waits", () => {
  const one = spawn(machine());
  changeMask(one.thread, SIG_BLOCK, setOf(SIGTERM));
  kill(one.thread, one.process.pid, SIGTERM);
  const action = { handler: 0, flags: 0, maskLow: 0, maskHigh: 0 };
  setDisposition(one.thread, SIGTERM, { kind: DISPOSITION_IGNORE, action });
  assert.equal(changeMask(one.thread, SIG_UNBLOCK, setOf(SIGTERM)), 0);
  assert.equal(setDisposition(one.thread, SIGKILL, { kind: DISPOSITION_IGNORE, action }), -EINVAL);
  assert.equal(setDisposition(one.thread, 65, { kind: DISPOSITION_IGNORE, action }), -EINVAL);
});

test("real-time signals queue in order, low numbers first, up to a limit", () => {
  const one = spawn(machine());
  const { pid } = one.process;
  handle(one, SIGRTMIN + 1);
  handle(one, SIGRTMIN + 2);
  changeMask(one.thread, SIG_BLOCK, setOf(SIGRTMIN + 1, SIGRTMIN + 2));
  for (const [signal, value] of [
    [2, 20],
    [1, 10],
    [2, 21],
    [1, 11],
  ] as const) {
    assert.equal(queueSignal(one.thread, pid, SIGRTMIN + signal, told(value)), 0);
  }
  const both = setOf(SIGRTMIN + 1, SIGRTMIN + 2);
  const values = [];
  for (let i = 0; i < 4; i++) {
    waitForSignal(one.thread, both, Infinity);
    values.push(one.thread.caught?.value);
  }
  assert.deepEqual(values, [10, 11, 20, 21]);
  for (let i = 0; i < SIGNALS_QUEUED; i++) queueSignal(one.thread, pid, SIGRTMIN + 1, told(i));
  assert.equal(queueSignal(one.thread, pid, SIGRTMIN + 1, told(0)), -EAGAIN);
  assert.equal(kill(one.thread, pid, SIGUSR2), GONE);
});

test("signals that wait are counted by real user, for all together too, and given back with who had them", () => {
  const made = machine();
  const [one, two] = [spawn(made), spawn(made)];
  const { signalAccounts } = made.kernel;
  const told = (value: number) => ({ code: -1, pid: 1, uid: 0, value });
  const fill = (running: Running): number => {
    let count = 0;
    while (queueSignal(running.thread, running.process.pid, SIGRTMIN + 1, told(count)) === 0) count += 1;
    return count;
  };
  for (const { thread } of [one, two]) changeMask(thread, SIG_SETMASK, setOf(SIGRTMIN + 1, SIGUSR1));
  assert.equal(fill(one), SIGNALS_QUEUED);
  assert.equal(fill(two), 0);
  // As if by a timer, whose signals have room of their own.
  const forged = { ...told(1), code: SI_TIMER };
  assert.equal(queueSignal(two.thread, two.process.pid, SIGRTMIN + 1, forged), -EAGAIN);
  // Beyond the limit it is told that one came, and nothing else.
  assert.equal(queueSignal(two.thread, two.process.pid, SIGUSR1, told(5)), 0);
  assert.deepEqual(two.process.signals.state()[0]?.lost, true);
  // Users do not add up to more than all together may have.
  let sum = SIGNALS_QUEUED;
  for (let uid = 1; uid < 8; uid++) {
    const other = spawn(made);
    changeMask(other.thread, SIG_SETMASK, setOf(SIGRTMIN + 1));
    other.process.userIdentity = { real: uid, effective: 0, saved: 0 };
    sum += fill(other);
  }
  assert.deepEqual([sum, signalAccounts.queued], [SIGNALS_WAITING, SIGNALS_WAITING]);
  for (const process of made.kernel.processes) made.kernel.kill(process, SIGKILL);
  made.host.run(made.kernel);
  assert.equal(signalAccounts.queued, 0);
});

test("calls that wait end with EINTR, or are made again where SA_RESTART says so", () => {
  const made = machine();
  const one = spawn(made);
  const { host, kernel } = made;
  const ends = { readFd: 0, writeFd: 0 };
  makePipe(one.thread, 0, ends);
  handle(one, SIGUSR1);
  handle(one, SIGUSR2, SA_RESTART);
  const interrupt = (signal: number): number | undefined => {
    kernel.signal(one.process, signal);
    host.run(kernel);
    const { mask } = one.thread;
    const taken = takeHandler(one.thread);
    mask.set(taken?.maskLow ?? -1, taken?.maskHigh ?? -1);
    return one.program.resumed.pop();
  };
  assert.equal(read(one.thread, ends.readFd, vector([0, 8])), BLOCKED);
  assert.equal(interrupt(SIGUSR1), -EINTR);
  assert.equal(read(one.thread, ends.readFd, vector([0, 8])), BLOCKED);
  assert.equal(interrupt(SIGUSR2), RESTART);
  assert.equal(sleepUntil(one.thread, Infinity), BLOCKED);
  assert.equal(interrupt(SIGUSR2), -EINTR);
  assert.equal(one.process.descriptors.get(ends.readFd)?.description.references, 1);
  assert.equal(read(one.thread, ends.readFd, vector([0, 8])), BLOCKED);
  kernel.signal(one.process, SIGCHLD);
  host.run(kernel);
  assert.deepEqual(one.program.resumed, [], "an ignored signal interrupts nothing");
});

test("sigsuspend waits with its own mask, and the old one is back after the handler", () => {
  const made = machine();
  const one = spawn(made);
  handle(one, SIGUSR1);
  changeMask(one.thread, SIG_BLOCK, setOf(SIGUSR1, SIGALRM));
  kill(one.thread, one.process.pid, SIGUSR1);
  assert.equal(suspend(one.thread, setOf(SIGUSR2)), BLOCKED);
  made.host.run(made.kernel);
  assert.deepEqual(one.program.resumed, [-EINTR]);
  const taken = takeHandler(one.thread);
  assert.deepEqual(new SignalSet(taken?.maskLow, taken?.maskHigh), setOf(SIGUSR1, SIGALRM));
  assert.ok(one.thread.mask.has(SIGUSR2) && !one.thread.mask.has(SIGALRM));
});

test("sigtimedwait takes a blocked signal when it comes, or times out", () => {
  const made = machine();
  const one = spawn(made);
  const set = setOf(SIGUSR1);
  changeMask(one.thread, SIG_BLOCK, set);
  assert.equal(waitForSignal(one.thread, set, made.host.now), -EAGAIN);
  assert.equal(waitForSignal(one.thread, set, made.host.now + 1000), BLOCKED);
  made.kernel.signal(one.process, SIGUSR1);
  made.host.run(made.kernel);
  assert.equal(waitForSignal(one.thread, set, made.host.now + 1000), BLOCKED);
  made.host.advance(made.kernel, 1000);
  assert.deepEqual(one.program.resumed, [SIGUSR1, -EAGAIN]);
});

test("kill reaches one, a group, or everybody, as far as the caller may", () => {
  const made = machine();
  const user = { uid: 1000, gid: 1000, groups: [] };
  const one = spawn(made, { credentials: user });
  const child = spawn(made, { parent: one.process });
  const other = spawn(made, { credentials: { ...user, uid: 1001 } });
  for (const running of [one, child, other]) handle(running, SIGUSR1);
  assert.equal(kill(one.thread, other.process.pid, SIGUSR1), -EPERM);
  assert.equal(kill(one.thread, other.process.pid, 0), -EPERM);
  assert.equal(kill(one.thread, 4000, SIGUSR1), -ESRCH);
  assert.equal(kill(one.thread, one.process.pid, 65), -EINVAL);
  assert.equal(kill(one.thread, 0, SIGUSR1), 0);
  assert.ok(takeHandler(one.thread) !== undefined && takeHandler(child.thread) !== undefined);
  assert.equal(takeHandler(other.thread), undefined);
  assert.equal(kill(other.thread, -one.process.group, SIGUSR1), -EPERM);
  assert.equal(kill(other.thread, -1, SIGUSR1), -EPERM);
});

test("a thread's own signal is taken by no other; a process's by one that does not block it", () => {
  const made = machine();
  const one = spawn(made);
  const second = new Thread(one.process, 500);
  handle(one, SIGUSR1);
  assert.equal(killThread(one.thread, one.process.pid, 500, SIGUSR1), 0);
  assert.ok(second.attention && !one.thread.attention);
  assert.equal(takeHandler(one.thread), undefined);
  assert.ok(takeHandler(second) !== undefined);
  changeMask(one.thread, SIG_BLOCK, setOf(SIGUSR1));
  second.mask.set(0, 0);
  made.kernel.signal(one.process, SIGUSR1);
  assert.ok(second.attention && !one.thread.attention);
  assert.equal(killThread(one.thread, 77, 500, SIGUSR1), -ESRCH);
  assert.equal(killThread(one.thread, -1, 501, SIGUSR1), -ESRCH);
});

test("timers send their signals, repeat, count what was missed, and go when deleted", () => {
  const made = machine();
  const one = spawn(made);
  const { host, kernel } = made;
  const out = { valueNs: 0, intervalNs: 0 };
  handle(one, SIGALRM);
  handle(one, SIGRTMIN);
  assert.equal(setIntervalTimer(one.thread, 0, { valueNs: 1000, intervalNs: 0 }, out), 0);
  host.advance(kernel, 400);
  intervalTimer(one.thread, 0, out);
  assert.deepEqual(out, { valueNs: 600, intervalNs: 0 });
  host.advance(kernel, 600);
  assert.equal(takeHandler(one.thread)?.info.signal, SIGALRM);
  const id = createTimer(one.thread, 1, SIGRTMIN, 77, undefined);
  assert.equal(setTimer(one.thread, id, { valueNs: 100, intervalNs: 10 }, false, out), 0);
  host.advance(kernel, 135);
  assert.equal(timerOverrun(one.thread, id), 3);
  assert.equal(takeHandler(one.thread)?.info.value, 77);
  assert.equal(deleteTimer(one.thread, id), 0);
  assert.equal(deleteTimer(one.thread, id), -EINVAL);
  assert.equal(kernel.scheduler.deadlines, 0);
  setIntervalTimer(one.thread, 0, { valueNs: 5000, intervalNs: 5000 }, out);
  kernel.programEnded(one.process, { code: 0, signal: 0 });
  assert.equal(kernel.scheduler.deadlines, 0);
  assert.equal(host.alarmAt, undefined);
});

test("a terminated process takes its parked calls along, whatever signal came first", () => {
  const made = machine();
  const one = spawn(made);
  const ends = { readFd: 0, writeFd: 0 };
  makePipe(one.thread, O_RDONLY, ends);
  handle(one, SIGUSR1);
  read(one.thread, ends.readFd, vector([0, 1]));
  made.kernel.signal(one.process, SIGUSR1);
  made.kernel.signal(one.process, SIGKILL);
  made.host.run(made.kernel);
  assert.deepEqual(one.program.resumed, []);
  assert.equal(one.process.status?.signal, SIGKILL);
});
