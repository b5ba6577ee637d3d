import assert from "node:assert/strict";
import { test } from "node:test";
import { E2BIG, EAGAIN, EINVAL, ENOENT, ENOEXEC, ENOTDIR, EPIPE, ESRCH } from "../../src/abi/errno.ts";
import { O_RDONLY } from "../../src/abi/fcntl.ts";
import { SIGCHLD, SIGCONT, SIGKILL, SIGPIPE, SIGSTOP, SIGTERM, SIGUSR1 } from "../../src/abi/signal.ts";
import { S_IFIFO } from "../../src/abi/stat.ts";
import { BLOCKED, GONE } from "../../src/kernel/contracts.ts";
import { OpenDescription } from "../../src/kernel/descriptors.ts";
import { write } from "../../src/kernel/operations/io.ts";
import { exit, raise } from "../../src/kernel/operations/lifecycle.ts";
import { makePipe } from "../../src/kernel/operations/pipes.ts";
import { sleepUntil } from "../../src/kernel/operations/time.ts";
import { Pipe, PipeReadEnd, PipeWriteEnd } from "../../src/kernel/pipe.ts";
import { DISPOSITION_IGNORE } from "../../src/kernel/process.ts";
import { bytes, descriptionOf, IMAGE, machine, spawn, vector } from "./simulated.ts";

const ROOT = bytes("/");

test("a process is entered at the next dispatch, not by spawn", () => {
  const made = machine();
  const process = made.kernel.spawn({ image: IMAGE, argv: [bytes("x")], env: [bytes("A=1")], cwd: ROOT });
  assert.ok(typeof process === "object");
  assert.equal(made.programs[0]?.started, 0);
  made.host.run(made.kernel);
  assert.equal(made.programs[0]?.started, 1);
  assert.equal(process.pid, 1);
  assert.deepEqual([...process.argv, ...process.env], ["x", "A=1"]);
  assert.equal(made.kernel.process(1), process);
});

test("spawn refuses: arguments, cwd, loader, number of processes", () => {
  const made = machine({ argumentBytes: 100, processes: 2 });
  const { kernel } = made;
  const big = bytes("x".repeat(92));
  assert.equal(kernel.spawn({ image: IMAGE, argv: [big], env: [], cwd: ROOT }), -E2BIG);
  assert.equal(kernel.spawn({ image: IMAGE, argv: [], env: [big], cwd: ROOT }), -E2BIG);
  assert.ok([-ENOENT, -ENOTDIR].includes(Number(kernel.spawn({ image: IMAGE, argv: [], env: [], cwd: bytes("/no") }))));
  assert.equal(kernel.spawn({ image: IMAGE, argv: [bytes("a\0b")], env: [], cwd: ROOT }), -EINVAL);
  made.loadError = -ENOEXEC;
  assert.equal(kernel.spawn({ image: IMAGE, argv: [], env: [], cwd: ROOT }), -ENOEXEC);
  made.loadError = undefined;
  assert.equal(kernel.processes.length, 0);
  spawn(made);
  spawn(made);
  assert.equal(kernel.spawn({ image: IMAGE, argv: [], env: [], cwd: ROOT }), -EAGAIN);
});

test("exit: the status is eight bits, descriptors close, the listener hears once", () => {
  const made = machine();
  const one = spawn(made);
  const ends = { readFd: -1, writeFd: -1 };
  makePipe(one.thread, 0, ends);
  const { file } = descriptionOf(one.process, ends.readFd);
  assert.equal(exit(one.thread, 0x1_07), GONE);
  assert.deepEqual(made.exits, []);
  // The guest trapped on GONE, and the engine tells before the next dispatch.
  made.kernel.programEnded(one.process, { code: 0, signal: 6 });
  made.kernel.programEnded(one.process, { code: 1, signal: 0 });
  made.host.run(made.kernel);
  assert.deepEqual(made.exits, [{ pid: 1, status: { code: 7, signal: 0 } }]);
  assert.equal(one.program.kills, 0);
  assert.ok(file instanceof PipeReadEnd && file.pipe.readEnds === 0 && file.pipe.writeEnds === 0);
  assert.equal(made.kernel.processes.length, 0);
});

test("a program that ends by itself gives its own status", () => {
  const made = machine();
  const one = spawn(made);
  made.kernel.programEnded(one.process, { code: 0, signal: 11, message: "out of bounds" });
  assert.deepEqual(made.exits, [{ pid: 1, status: { code: 0, signal: 11, message: "out of bounds" } }]);
  assert.equal(made.kernel.kill(one.process, SIGTERM), -ESRCH);
});

test("a fatal signal unwinds the program; the first end that was decided stands", () => {
  const made = machine();
  const one = spawn(made);
  assert.equal(sleepUntil(one.thread, Infinity), BLOCKED);
  assert.equal(made.kernel.kill(one.process, SIGTERM), 0);
  assert.equal(made.kernel.kill(one.process, SIGKILL), 0);
  assert.equal(one.program.kills, 0);
  made.host.run(made.kernel);
  assert.equal(one.program.kills, 1);
  assert.deepEqual(made.exits, [{ pid: 1, status: { code: 0, signal: SIGTERM } }]);
});

test("a process killed before it was entered never runs", () => {
  const made = machine();
  const process = made.kernel.spawn({ image: IMAGE, argv: [], env: [], cwd: ROOT });
  assert.ok(typeof process === "object");
  made.kernel.kill(process, SIGKILL);
  made.host.run(made.kernel);
  assert.equal(made.programs[0]?.started, 0);
  assert.equal(made.programs[0]?.kills, 1);
  assert.equal(made.exits.length, 1);
});

test("harmless and ignored signals do nothing; SIGKILL cannot be ignored; bad numbers are EINVAL", () => {
  const made = machine();
  const one = spawn(made);
  one.process.dispositions[SIGUSR1] = DISPOSITION_IGNORE;
  one.process.dispositions[SIGKILL] = DISPOSITION_IGNORE;
  for (const signal of [0, SIGCHLD, SIGCONT, SIGSTOP, SIGUSR1]) assert.equal(raise(one.thread, signal), 0);
  for (const signal of [-1, 65, 1.5, 2 ** 31, 2 ** 53]) assert.equal(raise(one.thread, signal), -EINVAL);
  assert.equal(raise(one.thread, SIGKILL), GONE);
});

test("a child stays until it is reaped; its parent's end takes it along", () => {
  const made = machine();
  const parent = spawn(made);
  const child = spawn(made, { parent: parent.process });
  const orphan = spawn(made, { parent: parent.process });
  assert.equal(made.kernel.reap(child.process), undefined);
  made.kernel.programEnded(child.process, { code: 5, signal: 0 });
  assert.equal(made.kernel.processes.length, 3);
  assert.deepEqual(made.kernel.reap(child.process), { code: 5, signal: 0 });
  assert.equal(made.kernel.processes.length, 2);
  const zombie = spawn(made, { parent: parent.process });
  made.kernel.programEnded(zombie.process, { code: 0, signal: 0 });
  made.kernel.programEnded(parent.process, { code: 0, signal: 0 });
  assert.deepEqual(made.kernel.processes, [orphan.process]);
  assert.equal(orphan.process.parent, undefined);
});

test("a child that ended and is not waited for keeps none of its program, but what wait tells of it", () => {
  const made = machine();
  const parent = spawn(made);
  const child = spawn(made, { parent: parent.process });
  const { memory } = child.process;
  assert.ok(memory.byteLength > 0);
  made.kernel.programEnded(child.process, { code: 0, signal: 0 });
  assert.equal(made.kernel.process(child.process.pid), child.process);
  assert.equal(child.process.program, undefined);
  assert.equal(child.process.memory.byteLength, 0);
  assert.equal(child.process.peakMemory, memory.byteLength);
});

test("the end of one process wakes another through their pipe", () => {
  const made = machine();
  const pipe = new Pipe(made.kernel.pipes, made.kernel.pipes.inode(S_IFIFO, 0o600, 0, { uid: 0, gid: 0 }));
  const reader = new OpenDescription(new PipeReadEnd(pipe), undefined, O_RDONLY);
  const writer = new OpenDescription(new PipeWriteEnd(pipe), undefined, 1);
  const one = spawn(made, { descriptors: [undefined, writer] });
  const two = spawn(made, { descriptors: [reader] });
  assert.equal(write(one.thread, 1, vector([0, 60_000])), 60_000);
  assert.equal(write(one.thread, 1, vector([0, 10_000])), BLOCKED);
  one.process.dispositions[SIGPIPE] = DISPOSITION_IGNORE;
  made.kernel.kill(two.process, SIGTERM);
  made.host.run(made.kernel);
  // It had written the part that fitted.
  assert.deepEqual(one.program.resumed, [65_536 - 60_000]);
  assert.equal(write(one.thread, 1, vector([0, 1])), -EPIPE);
});

test("two kernels share nothing", () => {
  const [a, b] = [machine(), machine()];
  const one = spawn(a);
  const two = spawn(b);
  assert.equal(one.process.pid, two.process.pid);
  a.kernel.kill(one.process, SIGTERM);
  a.host.run(a.kernel);
  assert.equal(b.exits.length, 0);
  assert.equal(b.kernel.processes.length, 1);
});
