/** Pairs of terminals: what one kernel has of them, who waits, and that they come back from a snapshot. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EIO, ENOSPC } from "../../src/abi/errno.ts";
import { O_NONBLOCK, O_RDWR } from "../../src/abi/fcntl.ts";
import { TIOCPKT_STOP } from "../../src/abi/packet-mode.ts";
import { POLLHUP, POLLIN, POLLOUT, POLLPRI } from "../../src/abi/poll.ts";
import { SIGHUP, SIGINT } from "../../src/abi/signal.ts";
import { TerminalFileSystem } from "../../src/fs/devpts/devpts.ts";
import { BLOCKED, GONE } from "../../src/kernel/contracts.ts";
import { close, read, write } from "../../src/kernel/operations/io.ts";
import { openMaster, openPeer } from "../../src/kernel/operations/terminals.ts";
import type { PseudoTerminal } from "../../src/kernel/pseudo-terminal.ts";
import { restoreSnapshot } from "../../src/kernel/snapshot/restoration.ts";
import { takeSnapshot } from "../../src/kernel/snapshot/snapshot.ts";
import { PSEUDO_TERMINALS, TERMINAL_OUTPUT_BYTES } from "../../src/limits.ts";
import { ManualClock } from "../fs/clock.ts";
import { processorMs } from "../processor-time.ts";
import {
  bytes,
  IMAGE,
  type Machine,
  machine,
  putText,
  type RecordingProgram,
  type Running,
  recording,
  spawn,
  textAt,
  vector,
} from "./simulated.ts";

interface WithPair extends Running {
  readonly made: Machine;
  readonly pair: PseudoTerminal;
  readonly master: number;
  readonly slave: number;
}

function withPair(flags = 0): WithPair {
  const made = machine();
  const running = spawn(made);
  const master = openMaster(running.thread, O_RDWR | flags, false);
  const pair = made.kernel.pseudoTerminals.pair(0);
  assert.ok(master >= 0 && pair);
  pair.locked = false;
  const slave = openPeer(running.thread, pair, O_RDWR | flags, false);
  assert.ok(slave >= 0);
  return { ...running, made, pair, master, slave };
}

const typed = (one: WithPair, fd: number, text: string): number => {
  putText(one, 1000, text);
  return write(one.thread, fd, vector([1000, text.length]));
};
const got = (one: WithPair, fd: number, length = 100): string | number => {
  const outcome = read(one.thread, fd, vector([0, length]));
  return outcome > 0 ? textAt(one, 0, outcome) : outcome;
};

test("numbers are the lowest free ones, up to a limit, and shown in a directory", () => {
  const made = machine();
  const { thread } = spawn(made);
  const masters = Array.from({ length: PSEUDO_TERMINALS }, () => openMaster(thread, O_RDWR, false));
  assert.ok(masters.every((fd) => fd >= 0));
  assert.equal(openMaster(thread, O_RDWR, false), -ENOSPC);
  const fs = new TerminalFileSystem(1, new ManualClock(), () => made.kernel.pseudoTerminals);
  const names = (): string[] => {
    const directory = fs.open(fs.root);
    assert.ok(typeof directory !== "number");
    const entries = directory.entries(0, 1000);
    return typeof entries === "number" ? [] : entries.map(({ name }) => name);
  };
  assert.equal(names().length, PSEUDO_TERMINALS);
  close(thread, masters[5] ?? -1);
  close(thread, masters[9] ?? -1);
  assert.deepEqual([names().includes("5"), names().includes("9"), names().includes("6")], [false, false, true]);
  assert.equal(openMaster(thread, O_RDWR, false), masters[5]);
  assert.ok(made.kernel.pseudoTerminals.pair(5));
  for (const name of ["", "05", "x", "-1", "64", "9", "constructor"]) {
    assert.equal(typeof fs.lookup(fs.root, bytes(name)), "number", name);
  }
});

test("a writer waits for the master's reader, and a typist for the terminal's", () => {
  const one = withPair();
  one.pair.terminal.settings.output = 0;
  const much = "x".repeat(TERMINAL_OUTPUT_BYTES + 10);
  assert.equal(typed(one, one.slave, much), BLOCKED);
  const { thread: reader } = spawn(one.made, {
    parent: one.process,
    descriptors: [one.process.descriptors.get(one.master)?.description],
  });
  assert.equal(read(reader, 0, vector([0, 20_000])), TERMINAL_OUTPUT_BYTES);
  one.made.host.run(one.made.kernel);
  assert.deepEqual(one.program.resumed, [much.length]);
  assert.equal(read(reader, 0, vector([0, 20_000])), 10);

  const small = withPair(O_NONBLOCK);
  small.pair.terminal.settings.local = 0;
  while (typed(small, small.master, "y".repeat(5000)) > 0);
  assert.equal(typed(small, small.master, "y"), -EAGAIN);
  assert.equal(small.pair.readiness() & POLLOUT, 0);
  assert.equal(got(small, small.slave, 7), "yyyyyyy");
  assert.equal(small.pair.readiness() & POLLOUT, POLLOUT);
  assert.equal(typed(small, small.master, "z".repeat(10)), 7);
});

test("what is typed costs what it is long, however much of it wants to be echoed", () => {
  const { pair } = withPair();
  const type = (letter: number, count: number) => pair.type(new Uint8Array(count).fill(letter), 0, count);
  type(0x78, 4000);
  const start = processorMs();
  // Each Ctrl-R asks for the whole line again, where nobody reads the screen.
  for (let each = 0; each < 20; each++) assert.equal(type(0x12, 100_000), 100_000);
  assert.equal(type(0x0a, 200_000), 200_000);
  assert.ok(processorMs() - start < 5000, `${processorMs() - start} ms`);
});

test("ends typed without a line are kept up to as many as Linux keeps", () => {
  const one = withPair(O_NONBLOCK);
  const ends = new Uint8Array(200_000).fill(0x04);
  for (let each = 0; each < 3; each++) assert.equal(one.pair.type(ends, 0, ends.length), ends.length);
  assert.equal(typed(one, one.master, "abc\x04"), 4);
  for (let each = 0; each < 4096; each++) assert.equal(got(one, one.slave), 0);
  assert.equal(got(one, one.slave), "abc");
  assert.equal(got(one, one.slave), -EAGAIN);
});

test("who types a signal's key for itself, or hangs up its own terminal, runs no further", () => {
  const one = withPair();
  one.pair.terminal.control(one.process);
  assert.equal(typed(one, one.master, "\x03"), GONE);
  assert.equal(one.process.ending?.signal, SIGINT);
  const two = withPair();
  two.pair.terminal.control(two.process);
  assert.equal(close(two.thread, two.master), GONE);
  assert.equal(two.process.ending?.signal, SIGHUP);
});

test("the end of the master is the slave's, and the other way round until it is opened again", () => {
  const one = withPair(O_NONBLOCK);
  assert.equal(got(one, one.master), -EAGAIN);
  close(one.thread, one.slave);
  assert.equal(got(one, one.master), -EIO);
  assert.equal(one.pair.readiness() & POLLHUP, POLLHUP);
  const again = openPeer(one.thread, one.pair, O_RDWR, false);
  assert.equal(got(one, one.master), -EAGAIN);
  close(one.thread, one.master);
  assert.equal(got(one, again), 0);
  assert.equal(typed(one, again, "x"), -EIO);
  assert.deepEqual(one.made.kernel.pseudoTerminals.numbers(), []);
});

test("a pair comes back from a snapshot as it was, and who waits on it", () => {
  const one = withPair();
  const { made, pair } = one;
  pair.setPackets(true);
  pair.terminal.resize({ rows: 7, columns: 70 });
  assert.equal(typed(one, one.slave, "screen\n"), 7);
  assert.equal(typed(one, one.master, "half"), 4);
  pair.terminal.flow(true);
  const cut = openMaster(one.thread, O_RDWR, false);
  const other = made.kernel.pseudoTerminals.pair(1);
  assert.ok(other);
  other.locked = false;
  const orphan = openPeer(one.thread, other, O_RDWR, false);
  close(one.thread, cut);
  assert.equal(got(one, one.slave), BLOCKED);
  const snapshot = takeSnapshot(made.kernel);
  const programs: RecordingProgram[] = [];
  const restored = restoreSnapshot(structuredClone(snapshot), {
    host: made.host,
    mounts: made.kernel.mounts,
    loader: recording(programs),
    inode: (mount) => mount.fs.root,
    stream: () => assert.fail("there is no stream"),
    terminal: () => assert.fail("there is no terminal of the host's"),
    image: () => IMAGE,
  });
  const back = takeSnapshot(restored);
  assert.deepEqual(
    back.terminals.map(({ ino: _, ...state }) => state),
    snapshot.terminals.map(({ ino: _, ...state }) => state),
  );
  assert.deepEqual(
    back.descriptions.map(({ file }) => file),
    snapshot.descriptions.map(({ file }) => file),
  );
  const copy = restored.pseudoTerminals.pair(0);
  const process = restored.process(one.process.pid);
  const [thread] = process?.threads ?? [];
  const [program] = programs;
  assert.ok(copy && process && thread && program);
  assert.equal(restored.pseudoTerminals.pair(1), undefined);
  assert.equal(copy.readiness() & (POLLIN | POLLPRI), POLLIN | POLLPRI);
  copy.type(Uint8Array.from([0x21, 0x0d]), 0, 2);
  made.host.run(restored);
  assert.deepEqual(program.resumed, [6]);
  const again = { ...one, process, thread, program };
  assert.equal(textAt(again, 0, 6), "half!\n");
  assert.equal(got(again, one.master), String.fromCharCode(TIOCPKT_STOP));
  assert.equal(got(again, orphan), 0);
});
