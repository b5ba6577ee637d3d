/** read(2) and write(2) of what is no plain bytes: terminals, whose reads VMIN and VTIME end (termios(3)), and signals (signalfd(2)). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EAGAIN, EFAULT, EINVAL, EIO } from "../../../src/abi/errno.ts";
import { O_NONBLOCK } from "../../../src/abi/fcntl.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../../../src/abi/poll.ts";
import { SI_QUEUE, SI_TKILL, SI_USER, SIG_BLOCK, SIGHUP, SIGUSR1, SIGUSR2 } from "../../../src/abi/signal.ts";
import * as t from "../../../src/abi/termios.ts";
import { BLOCKED } from "../../../src/kernel/contracts.ts";
import { SIGNAL_RECORD_BYTES } from "../../../src/kernel/events/signal-file.ts";
import { openSignals } from "../../../src/kernel/operations/events.ts";
import { read, write } from "../../../src/kernel/operations/io.ts";
import { changeMask, kill, killThread, queueSignal } from "../../../src/kernel/operations/signals.ts";
import { DISPOSITION_IGNORE, Thread } from "../../../src/kernel/process.ts";
import { SignalSet } from "../../../src/kernel/signal-set.ts";
import { MEMORY, machine, type Running, spawn, textAt, vector } from "../simulated.ts";
import { type OnTerminal, onTerminal, reading, run, type, writing } from "../terminal-machine.ts";

const TENTH_NS = 100_000_000;

/** A terminal that gives bytes as they are typed: VMIN of them, or fewer after VTIME tenths of a second. */
function raw(least: number, tenths: number, flags = 0): OnTerminal {
  const one = onTerminal(flags);
  const { settings } = one.terminal;
  settings.local &= ~(t.ICANON | t.ECHO);
  settings.characters[t.VMIN] = least;
  settings.characters[t.VTIME] = tenths;
  return one;
}

const advance = ({ made }: OnTerminal, ns: number): void => made.host.advance(made.kernel, ns);

describe("a terminal that is read", () => {
  it("gives a line over several ranges, and the rest to the next read", () => {
    const one = onTerminal();
    type(one.terminal, "abcdefgh\n");
    assert.equal(read(one.thread, 0, vector([0, 2], [100, 3])), 5);
    assert.deepEqual([textAt(one, 0, 2), textAt(one, 100, 3)], ["ab", "cde"]);
    assert.equal(reading(one), "fgh\n");
  });

  it("gives no more than a line, and nothing at all for nothing", () => {
    const one = onTerminal(O_NONBLOCK);
    type(one.terminal, "one\ntwo\nthr");
    assert.equal(reading(one, 0), 0);
    assert.deepEqual([reading(one), reading(one), reading(one)], ["one\n", "two\n", -EAGAIN]);
  });

  it("with VMIN 0 and VTIME 0 answers at once", () => {
    const one = raw(0, 0);
    assert.equal(reading(one), 0);
    type(one.terminal, "x");
    assert.equal(reading(one), "x");
  });

  it("waits for VMIN bytes, or for as many as are asked for", () => {
    const one = raw(3, 0);
    assert.equal(one.terminal.file.readiness() & POLLIN, 0);
    assert.equal(reading(one), BLOCKED);
    type(one.terminal, "ab");
    run(one.made);
    assert.deepEqual(one.program.resumed, []);
    type(one.terminal, "cd");
    assert.equal(one.terminal.file.readiness() & POLLIN, POLLIN);
    run(one.made);
    assert.deepEqual(one.program.resumed, [4]);
    assert.equal(textAt(one, 0, 4), "abcd");
    type(one.terminal, "e");
    assert.equal(reading(one, 1), "e", "fewer than VMIN were asked for");
  });

  it("takes fewer than VMIN where it must not wait", () => {
    const one = raw(3, 0, O_NONBLOCK);
    assert.equal(reading(one), -EAGAIN);
    type(one.terminal, "ab");
    assert.equal(reading(one), "ab");
  });

  it("with VMIN 0 waits VTIME for the first byte, then ends without", () => {
    const one = raw(0, 2);
    assert.equal(reading(one), BLOCKED);
    advance(one, 2 * TENTH_NS - 1);
    assert.deepEqual(one.program.resumed, []);
    advance(one, 1);
    assert.deepEqual(one.program.resumed, [0]);
    assert.equal(reading(one), BLOCKED);
    advance(one, TENTH_NS);
    type(one.terminal, "x");
    run(one.made);
    assert.deepEqual(one.program.resumed, [0, 1]);
  });

  it("with both, VTIME begins anew with each byte and not before the first", () => {
    const one = raw(3, 2);
    assert.equal(reading(one), BLOCKED);
    advance(one, 50 * TENTH_NS);
    assert.deepEqual(one.program.resumed, []);
    type(one.terminal, "a");
    run(one.made);
    advance(one, TENTH_NS);
    type(one.terminal, "b");
    run(one.made);
    advance(one, TENTH_NS);
    assert.deepEqual(one.program.resumed, [], "the second byte came a tenth ago");
    advance(one, TENTH_NS);
    assert.deepEqual(one.program.resumed, [2]);
    assert.equal(textAt(one, 0, 2), "ab");
  });

  it("that hung up is at its end, and takes nothing more", () => {
    const one = onTerminal();
    one.process.dispositions[SIGHUP] = DISPOSITION_IGNORE;
    one.terminal.hangUp();
    assert.equal(reading(one), 0);
    assert.equal(writing(one, "x"), -EIO);
    assert.equal(one.terminal.file.readiness(), POLLIN | POLLOUT | POLLERR | POLLHUP);
  });

  it("looks at what is to be written before any of it is", () => {
    const one = onTerminal();
    assert.equal(write(one.thread, 1, vector([0, 4], [MEMORY - 2, 4])), -EFAULT);
    assert.equal(one.sink.text, "");
    assert.equal(write(one.thread, 1, vector()), 0);
  });
});

function setOf(...signals: number[]): SignalSet {
  const set = new SignalSet();
  for (const signal of signals) set.add(signal);
  return set;
}

/** A process that has signals blocked, and reads those of `wanted` by a descriptor. */
function withSignals(wanted: SignalSet, flags = 0): Running & { fd: number; made: ReturnType<typeof machine> } {
  const made = machine();
  const running = spawn(made);
  assert.equal(changeMask(running.thread, SIG_BLOCK, setOf(SIGUSR1, SIGUSR2)), 0);
  const fd = openSignals(running.thread, -1, wanted, flags);
  assert.ok(fd >= 0);
  return { ...running, fd, made };
}

/** ssi_signo, ssi_code, ssi_pid and ssi_int of the record at an address. */
function record({ program }: Running, at: number): number[] {
  const view = new DataView(program.memory.bytes.buffer);
  return [
    view.getUint32(at, true),
    view.getInt32(at + 8, true),
    view.getUint32(at + 12, true),
    view.getInt32(at + 44, true),
  ];
}

describe("signals that are read", () => {
  const both = () => setOf(SIGUSR1, SIGUSR2);

  it("come as many as fit, those of the mask alone, a record each", () => {
    const one = withSignals(both(), O_NONBLOCK);
    const { thread, process, fd } = one;
    kill(thread, process.pid, SIGUSR2);
    queueSignal(thread, process.pid, SIGUSR1, { code: SI_QUEUE, pid: process.pid, uid: 0, value: -7 });
    assert.equal(read(thread, fd, vector([8, 3 * SIGNAL_RECORD_BYTES])), 2 * SIGNAL_RECORD_BYTES);
    assert.deepEqual(record(one, 8), [SIGUSR1, SI_QUEUE, process.pid, -7]);
    assert.deepEqual(record(one, 8 + SIGNAL_RECORD_BYTES), [SIGUSR2, SI_USER, process.pid, 0]);
    assert.equal(read(thread, fd, vector([0, SIGNAL_RECORD_BYTES])), -EAGAIN);
    const narrow = withSignals(setOf(SIGUSR2), O_NONBLOCK);
    kill(narrow.thread, narrow.process.pid, SIGUSR1);
    assert.equal(read(narrow.thread, narrow.fd, vector([0, SIGNAL_RECORD_BYTES])), -EAGAIN);
  });

  it("leave a second one where there is room for one", () => {
    const one = withSignals(both());
    for (const signal of [SIGUSR1, SIGUSR2]) kill(one.thread, one.process.pid, signal);
    const length = 2 * SIGNAL_RECORD_BYTES - 1;
    assert.equal(read(one.thread, one.fd, vector([0, length])), SIGNAL_RECORD_BYTES);
    assert.equal(one.process.signals.set.has(SIGUSR2), true);
  });

  it("go to the first range alone, which must hold a record and be the guest's", () => {
    const one = withSignals(both());
    const { thread, process, fd } = one;
    kill(thread, process.pid, SIGUSR1);
    assert.equal(read(thread, fd, vector([0, SIGNAL_RECORD_BYTES - 1], [200, SIGNAL_RECORD_BYTES])), -EINVAL);
    assert.equal(read(thread, fd, vector()), -EINVAL);
    assert.equal(read(thread, fd, vector([MEMORY - 8, SIGNAL_RECORD_BYTES])), -EFAULT);
    assert.equal(process.signals.set.has(SIGUSR1), true, "it was not lost");
    assert.equal(read(thread, fd, vector([0, SIGNAL_RECORD_BYTES], [200, SIGNAL_RECORD_BYTES])), SIGNAL_RECORD_BYTES);
    assert.equal(write(thread, fd, vector([0, 8])), -EINVAL);
  });

  it("end a read that waits for them, and no other's", () => {
    const one = withSignals(setOf(SIGUSR1));
    const { thread, process, fd, made } = one;
    assert.equal(read(thread, fd, vector([16, SIGNAL_RECORD_BYTES])), BLOCKED);
    kill(thread, process.pid, SIGUSR2);
    made.host.run(made.kernel);
    assert.deepEqual(one.program.resumed, []);
    kill(thread, process.pid, SIGUSR1);
    made.host.run(made.kernel);
    assert.deepEqual(one.program.resumed, [SIGNAL_RECORD_BYTES]);
    assert.deepEqual(record(one, 16).slice(0, 2), [SIGUSR1, SI_USER]);
  });

  it("sent to one thread are for that one to read", () => {
    const one = withSignals(both(), O_NONBLOCK);
    const { thread, process, fd } = one;
    const other = new Thread(process, one.made.kernel.nextPid);
    other.mask.setMask(thread.mask.low, thread.mask.high);
    process.threads.push(other);
    assert.equal(killThread(thread, process.pid, other.tid, SIGUSR1), 0);
    assert.equal(read(thread, fd, vector([0, SIGNAL_RECORD_BYTES])), -EAGAIN);
    assert.equal(read(other, fd, vector([0, SIGNAL_RECORD_BYTES])), SIGNAL_RECORD_BYTES);
    assert.deepEqual(record(one, 0).slice(0, 2), [SIGUSR1, SI_TKILL]);
  });
});
