import assert from "node:assert/strict";
import { test } from "node:test";
import { EACCES, EAGAIN, ECHILD, EINTR, EPERM, ESRCH } from "../../../src/abi/errno.ts";
import { SA_NOCLDSTOP, SA_RESTART, SIGCHLD, SIGCONT, SIGKILL, SIGSTOP, SIGUSR1 } from "../../../src/abi/signal.ts";
import { WCONTINUED, WEXITED, WNOHANG, WNOWAIT, WUNTRACED } from "../../../src/abi/wait.ts";
import { BLOCKED, RESTART } from "../../../src/kernel/contracts.ts";
import { takeHandler } from "../../../src/kernel/delivery.ts";
import {
  groupOf,
  selectionOf,
  sessionOf,
  setGroup,
  startSession,
  wait4,
  waitForChild,
} from "../../../src/kernel/operations/processes.ts";
import { kill, setDisposition } from "../../../src/kernel/operations/signals.ts";
import { DISPOSITION_HANDLER, DISPOSITION_IGNORE } from "../../../src/kernel/process.ts";
import { machine, type Running, spawn } from "../simulated.ts";

const action = { handler: 5, flags: 0, maskLow: 0, maskHigh: 0 };

function exit({ process }: Running, code: number): void {
  process.kernel.programEnded(process, { code, signal: 0 });
}

test("wait4 takes the children that ended, each once, and parks while none has", () => {
  const made = machine();
  const parent = spawn(made);
  const first = spawn(made, { parent: parent.process });
  const second = spawn(made, { parent: parent.process });
  assert.equal(wait4(parent.thread, -1, WNOHANG), 0);
  assert.equal(wait4(parent.thread, second.process.pid, 0), BLOCKED);
  exit(first, 3);
  made.host.run(made.kernel);
  assert.deepEqual(parent.program.resumed, []);
  exit(second, 4);
  made.host.run(made.kernel);
  assert.deepEqual(parent.program.resumed, [second.process.pid]);
  assert.deepEqual(parent.thread.child?.status, { code: 4, signal: 0 });
  assert.equal(wait4(parent.thread, -1, 0), first.process.pid);
  assert.deepEqual(parent.thread.child?.status, { code: 3, signal: 0 });
  assert.equal(wait4(parent.thread, -1, 0), -ECHILD);
  assert.deepEqual(made.kernel.processes, [parent.process]);
});

test("waitid leaves a child in place with WNOWAIT, and a stranger is no child", () => {
  const made = machine();
  const parent = spawn(made);
  const child = spawn(made, { parent: parent.process });
  const stranger = spawn(made);
  assert.equal(wait4(parent.thread, stranger.process.pid, 0), -ECHILD);
  exit(child, 9);
  const look = selectionOf(parent.thread, child.process.pid, WEXITED | WNOWAIT);
  assert.equal(waitForChild(parent.thread, look), child.process.pid);
  assert.equal(waitForChild(parent.thread, look), child.process.pid);
  assert.equal(wait4(parent.thread, child.process.pid, 0), child.process.pid);
  assert.equal(waitForChild(parent.thread, look), -ECHILD);
});

test("stops and continuations are news once, for who asked for them", () => {
  const made = machine();
  const parent = spawn(made);
  const child = spawn(made, { parent: parent.process });
  const { pid } = child.process;
  assert.equal(kill(parent.thread, pid, SIGSTOP), 0);
  assert.equal(wait4(parent.thread, pid, WNOHANG), 0);
  assert.equal(wait4(parent.thread, pid, WNOHANG | WUNTRACED), pid);
  assert.deepEqual(parent.thread.child, {
    pid,
    uid: 0,
    what: "stopped",
    status: { code: 0, signal: SIGSTOP },
    peakMemory: child.program.peakMemory,
    cpuNs: 0,
  });
  assert.equal(wait4(parent.thread, pid, WNOHANG | WUNTRACED), 0);
  assert.equal(wait4(parent.thread, pid, WCONTINUED), BLOCKED);
  parent.process.kernel.signal(child.process, SIGCONT);
  made.host.run(made.kernel);
  assert.deepEqual(parent.program.resumed, [pid]);
  assert.equal(parent.thread.child?.what, "continued");
});

test("a stopped process runs nothing, whatever it waited for, until it is continued or killed", () => {
  const made = machine();
  const parent = spawn(made);
  const child = spawn(made, { parent: parent.process });
  const grandchild = spawn(made, { parent: child.process });
  assert.equal(wait4(child.thread, -1, 0), BLOCKED);
  kill(parent.thread, child.process.pid, SIGSTOP);
  exit(grandchild, 0);
  made.host.run(made.kernel);
  assert.deepEqual(child.program.resumed, []);
  kill(parent.thread, child.process.pid, SIGCONT);
  made.host.run(made.kernel);
  assert.deepEqual(child.program.resumed, [grandchild.process.pid]);
  kill(parent.thread, child.process.pid, SIGSTOP);
  kill(parent.thread, child.process.pid, SIGKILL);
  made.host.run(made.kernel);
  assert.equal(child.process.status?.signal, SIGKILL);
});

test("SIGCHLD interrupts a wait for another child, and a parent that ignores it has no zombies", () => {
  const made = machine();
  const parent = spawn(made);
  const first = spawn(made, { parent: parent.process });
  const second = spawn(made, { parent: parent.process });
  setDisposition(parent.thread, SIGCHLD, { kind: DISPOSITION_HANDLER, action });
  assert.equal(wait4(parent.thread, first.process.pid, 0), BLOCKED);
  exit(second, 1);
  made.host.run(made.kernel);
  assert.deepEqual(parent.program.resumed, [-EINTR]);
  assert.equal(takeHandler(parent.thread)?.info.pid, second.process.pid);
  setDisposition(parent.thread, SIGCHLD, { kind: DISPOSITION_IGNORE, action });
  exit(first, 1);
  assert.equal(made.kernel.process(first.process.pid), undefined);
  assert.equal(wait4(parent.thread, second.process.pid, 0), second.process.pid);
  assert.equal(wait4(parent.thread, -1, 0), -ECHILD);
});

test("with SA_RESTART the wait is made again, and SA_NOCLDSTOP keeps stops from sending", () => {
  const made = machine();
  const parent = spawn(made);
  const child = spawn(made, { parent: parent.process });
  setDisposition(parent.thread, SIGCHLD, {
    kind: DISPOSITION_HANDLER,
    action: { ...action, flags: SA_RESTART | SA_NOCLDSTOP },
  });
  kill(parent.thread, child.process.pid, SIGSTOP);
  assert.equal(takeHandler(parent.thread), undefined);
  kill(parent.thread, child.process.pid, SIGCONT);
  setDisposition(parent.thread, SIGUSR1, { kind: DISPOSITION_HANDLER, action: { ...action, flags: SA_RESTART } });
  assert.equal(wait4(parent.thread, -1, 0), BLOCKED);
  kill(child.thread, parent.process.pid, SIGUSR1);
  made.host.run(made.kernel);
  assert.deepEqual(parent.program.resumed, [RESTART]);
});

test("orphans are the kernel's: they know process 1, and go without being waited for", () => {
  const made = machine();
  const shell = spawn(made);
  const parent = spawn(made, { parent: shell.process });
  const orphan = spawn(made, { parent: parent.process });
  assert.equal(orphan.process.parentPid, parent.process.pid);
  exit(parent, 0);
  assert.equal(orphan.process.parentPid, 1);
  exit(orphan, 0);
  assert.equal(made.kernel.process(orphan.process.pid), undefined);
  assert.deepEqual([...shell.process.children], [parent.process]);
});

test("groups and sessions", () => {
  const made = machine();
  const shell = spawn(made);
  const job = spawn(made, { parent: shell.process });
  const other = spawn(made, { parent: shell.process });
  const elsewhere = spawn(made);
  assert.equal(groupOf(job.thread, 0), shell.process.pid);
  assert.equal(setGroup(shell.thread, job.process.pid, 0), 0);
  assert.equal(setGroup(shell.thread, other.process.pid, job.process.pid), 0);
  assert.equal(groupOf(shell.thread, other.process.pid), job.process.pid);
  assert.equal(wait4(shell.thread, -job.process.pid, WNOHANG), 0);
  assert.equal(wait4(shell.thread, 0, WNOHANG), -ECHILD);
  assert.equal(setGroup(shell.thread, shell.process.pid, 0), -EPERM, "a session's leader");
  assert.equal(setGroup(shell.thread, job.process.pid, 999), -EPERM, "a group nobody is in");
  assert.equal(setGroup(shell.thread, elsewhere.process.pid, 0), -ESRCH);
  assert.equal(setGroup(shell.thread, job.process.pid, elsewhere.process.pid), -EPERM, "another session");
  job.process.executed = true;
  assert.equal(setGroup(shell.thread, job.process.pid, 0), -EACCES);
  assert.equal(startSession(job.thread), -EPERM, "a group's leader");
  assert.equal(startSession(other.thread), other.process.pid);
  assert.equal(sessionOf(shell.thread, other.process.pid), other.process.pid);
  assert.equal(sessionOf(shell.thread, 4242), -ESRCH);
});

test("a stopped group that loses who could continue it is hung up and continued", () => {
  const made = machine();
  const shell = spawn(made);
  const leader = spawn(made, { parent: shell.process });
  const job = spawn(made, { parent: leader.process });
  setGroup(leader.thread, job.process.pid, 0);
  kill(leader.thread, job.process.pid, SIGSTOP);
  exit(leader, 0);
  made.host.run(made.kernel);
  assert.equal(job.process.status?.signal, 1);
});

test("30,000 children in a row leave nothing, and the limit counts zombies", () => {
  const made = machine({ processes: 4 });
  made.memoryBytes = 16;
  const parent = spawn(made);
  for (let i = 0; i < 30_000; i++) {
    const child = spawn(made, { parent: parent.process });
    exit(child, i & 0xff);
    assert.equal(wait4(parent.thread, -1, 0), child.process.pid);
    made.programs.length = 1;
    made.exits.length = 0;
  }
  assert.equal(made.kernel.processes.length, 1);
  assert.equal(parent.process.children.size, 0);
  for (let i = 0; i < 3; i++) exit(spawn(made, { parent: parent.process }), 0);
  assert.throws(() => spawn(made, { parent: parent.process }), new RegExp(`-${EAGAIN}`));
});
