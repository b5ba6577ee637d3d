import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EBADF, EINVAL, EMFILE, EPIPE, ESPIPE } from "../../src/abi/errno.ts";
import { O_CLOEXEC, O_NONBLOCK, O_RDWR } from "../../src/abi/fcntl.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../../src/abi/poll.ts";
import { SIGPIPE } from "../../src/abi/signal.ts";
import { S_IFIFO, S_IFMT } from "../../src/abi/stat.ts";
import { BLOCKED, GONE } from "../../src/kernel/contracts.ts";
import { setStatusFlags, statFd, truncateFd } from "../../src/kernel/operations/files.ts";
import { close, pread, pwrite, read, seek, write } from "../../src/kernel/operations/io.ts";
import { makePipe } from "../../src/kernel/operations/pipes.ts";
import { DISPOSITION_IGNORE } from "../../src/kernel/process.ts";
import { PIPE_BUF, PIPE_BYTES } from "../../src/limits.ts";
import { emptyStat } from "../../src/vfs/contracts.ts";
import { descriptionOf, type Machine, machine, putText, type Running, spawn, textAt, vector } from "./simulated.ts";

interface Plumbing extends Running {
  readonly made: Machine;
  readonly r: number;
  readonly w: number;
}

function pipe(flags = 0): Plumbing {
  const made = machine();
  const running = spawn(made);
  const ends = { readFd: -1, writeFd: -1 };
  assert.equal(makePipe(running.thread, flags, ends), 0);
  return { ...running, made, r: ends.readFd, w: ends.writeFd };
}

/** A second process with the same pipe. */
function partner(plumbing: Plumbing): Running {
  const { made, process } = plumbing;
  return spawn(made, {
    descriptors: [descriptionOf(process, plumbing.r), descriptionOf(process, plumbing.w)],
  });
}

test("what is written is read, across the end of the ring, in order", () => {
  const one = pipe();
  const { memory } = one.program;
  let written = 0;
  let got = 0;
  for (let round = 0; round < 200; round++) {
    const length = (round * 977) % 5000;
    for (let i = 0; i < length; i++) memory.bytes[i] = (written + i) % 251;
    assert.equal(write(one.thread, one.w, vector([0, length])), length);
    written += length;
    while (written - got > 40_000 || (round === 199 && got < written)) {
      const moved = read(one.thread, one.r, vector([100_000, 1000], [200_000, 500]));
      assert.ok(moved > 0);
      for (let i = 0; i < moved; i++) {
        const at = i < 1000 ? 100_000 + i : 200_000 + i - 1000;
        assert.equal(memory.bytes[at], (got + i) % 251);
      }
      got += moved;
    }
  }
  assert.equal(got, written);
});

test("a read of an empty pipe waits, and is woken once with what came", () => {
  const one = pipe();
  const two = partner(one);
  assert.equal(read(one.thread, one.r, vector([10, 3], [20, 3])), BLOCKED);
  assert.equal(one.thread.pending?.kind, "read");
  putText(two, 0, "abcdefgh");
  assert.equal(write(two.thread, 1, vector([0, 4])), 4);
  assert.equal(write(two.thread, 1, vector([4, 4])), 4);
  assert.deepEqual(one.program.resumed, []);
  one.made.host.run(one.made.kernel);
  assert.deepEqual(one.program.resumed, [6]);
  assert.equal(textAt(one, 10, 3) + textAt(one, 20, 3), "abcdef");
  assert.equal(one.thread.pending, undefined);
});

test("a woken reader that finds nothing waits on", () => {
  const one = pipe();
  const two = partner(one);
  assert.equal(read(one.thread, one.r, vector([10, 4])), BLOCKED);
  write(two.thread, 1, vector([0, 4]));
  assert.equal(read(two.thread, 0, vector([0, 4])), 4);
  one.made.host.run(one.made.kernel);
  assert.deepEqual(one.program.resumed, []);
  assert.equal(one.thread.pending?.kind, "read");
  write(two.thread, 1, vector([0, 2]));
  one.made.host.run(one.made.kernel);
  assert.deepEqual(one.program.resumed, [2]);
});

test("a big write waits for room and ends when all is written; guest memory is not read again", () => {
  const one = pipe();
  const two = partner(one);
  const size = PIPE_BYTES * 3;
  for (let i = 0; i < size; i++) one.program.memory.bytes[i] = i % 253;
  assert.equal(write(one.thread, one.w, vector([0, 1000], [1000, size - 1000])), BLOCKED);
  one.program.memory.bytes.fill(0, 0, size);
  let got = 0;
  for (;;) {
    const moved = read(two.thread, 0, vector([0, 10_000]));
    if (moved === BLOCKED) break;
    for (let i = 0; i < moved; i++) assert.equal(two.program.memory.bytes[i], (got + i) % 253);
    got += moved;
    one.made.host.run(one.made.kernel);
    if (got === size) break;
  }
  assert.equal(got, size);
  assert.deepEqual(one.program.resumed, [size]);
});

test("up to PIPE_BUF goes in one piece, scattered or not", () => {
  const one = pipe(O_NONBLOCK);
  assert.equal(write(one.thread, one.w, vector([0, PIPE_BYTES - 100])), PIPE_BYTES - 100);
  assert.equal(write(one.thread, one.w, vector([0, 101])), -EAGAIN);
  assert.equal(write(one.thread, one.w, vector([0, 60], [0, 60])), -EAGAIN);
  assert.equal(write(one.thread, one.w, vector([0, 60], [0, 40])), 100);
  assert.equal(read(one.thread, one.r, vector([0, 10])), 10);
  // More than PIPE_BUF may be cut.
  assert.equal(write(one.thread, one.w, vector([0, PIPE_BUF + 1])), 10);
  assert.equal(write(one.thread, one.w, vector([0, PIPE_BUF + 1])), -EAGAIN);
});

test("O_NONBLOCK: an empty pipe is EAGAIN, also when set later", () => {
  const one = pipe();
  assert.equal(setStatusFlags(one.thread, one.r, O_NONBLOCK), 0);
  assert.equal(read(one.thread, one.r, vector([0, 1])), -EAGAIN);
  assert.equal(setStatusFlags(one.thread, one.r, 0), 0);
  assert.equal(read(one.thread, one.r, vector([0, 1])), BLOCKED);
});

test("without writers a read ends at 0, and parked readers are woken", () => {
  const one = pipe();
  const two = partner(one);
  close(one.thread, one.w);
  assert.equal(read(one.thread, one.r, vector([0, 9])), BLOCKED);
  close(two.thread, 1);
  one.made.host.run(one.made.kernel);
  assert.deepEqual(one.program.resumed, [0]);
  assert.equal(read(one.thread, one.r, vector([0, 9])), 0);
});

test("without readers a write is SIGPIPE, and EPIPE where that is ignored", () => {
  const one = pipe();
  close(one.thread, one.r);
  one.process.dispositions[SIGPIPE] = DISPOSITION_IGNORE;
  assert.equal(write(one.thread, one.w, vector([0, 5])), -EPIPE);
  one.process.dispositions[SIGPIPE] = 0;
  assert.equal(write(one.thread, one.w, vector([0, 0])), 0);
  assert.equal(write(one.thread, one.w, vector([0, 5])), GONE);
  one.made.host.run(one.made.kernel);
  assert.equal(one.program.kills, 1);
  assert.deepEqual(one.made.exits, [{ pid: 1, status: { code: 0, signal: SIGPIPE } }]);
});

test("a parked writer is woken by the last reader's end", () => {
  const one = pipe();
  const two = partner(one);
  two.process.dispositions[SIGPIPE] = DISPOSITION_IGNORE;
  close(two.thread, 0);
  assert.equal(write(two.thread, 1, vector([0, PIPE_BYTES])), PIPE_BYTES);
  assert.equal(write(two.thread, 1, vector([0, 10])), BLOCKED);
  close(one.thread, one.r);
  one.made.host.run(one.made.kernel);
  assert.deepEqual(two.program.resumed, [-EPIPE]);
  // Half a write counts as what it moved.
  assert.equal(one.made.exits.length, 0);
});

test("a parked call keeps its pipe open after its number is closed", () => {
  const one = pipe();
  const two = partner(one);
  close(two.thread, 0);
  assert.equal(read(one.thread, one.r, vector([0, 4])), BLOCKED);
  close(one.thread, one.r);
  putText(two, 0, "late");
  assert.equal(write(two.thread, 1, vector([0, 4])), 4);
  one.made.host.run(one.made.kernel);
  assert.deepEqual(one.program.resumed, [4]);
  assert.equal(textAt(one, 0, 4), "late");
  // Now the last reader is gone.
  two.process.dispositions[SIGPIPE] = DISPOSITION_IGNORE;
  assert.equal(write(two.thread, 1, vector([0, 4])), -EPIPE);
});

test("readiness follows what is in the pipe and who is at the other end", () => {
  const one = pipe();
  const readiness = (fd: number) => descriptionOf(one.process, fd).file.readiness();
  assert.equal(readiness(one.r), 0);
  assert.equal(readiness(one.w), POLLOUT);
  write(one.thread, one.w, vector([0, PIPE_BYTES - PIPE_BUF + 1]));
  assert.equal(readiness(one.r), POLLIN);
  assert.equal(readiness(one.w), 0);
  const writer = descriptionOf(one.process, one.w).file;
  close(one.thread, one.w);
  assert.equal(readiness(one.r), POLLIN | POLLHUP);
  close(one.thread, one.r);
  assert.equal(writer.readiness(), POLLOUT | POLLERR);
});

test("a pipe has no position, no size and the wrong end is EBADF", () => {
  const one = pipe();
  assert.equal(seek(one.thread, one.r, 0, 0), -ESPIPE);
  assert.equal(pread(one.thread, one.r, vector([0, 1]), 0), -ESPIPE);
  assert.equal(pwrite(one.thread, one.w, vector([0, 1]), 0), -ESPIPE);
  assert.equal(truncateFd(one.thread, one.w, 0), -EINVAL);
  assert.equal(read(one.thread, one.w, vector([0, 1])), -EBADF);
  assert.equal(write(one.thread, one.r, vector([0, 1])), -EBADF);
  const stat = emptyStat();
  assert.equal(statFd(one.thread, one.r, stat), 0);
  assert.equal(stat.mode & S_IFMT, S_IFIFO);
});

test("makePipe: flags, and no half a pipe at the limit", () => {
  const made = machine({ descriptors: 3 });
  const { thread, process } = spawn(made);
  const ends = { readFd: -1, writeFd: -1 };
  assert.equal(makePipe(thread, O_RDWR, ends), -EINVAL);
  assert.equal(makePipe(thread, O_CLOEXEC, ends), 0);
  assert.deepEqual(ends, { readFd: 0, writeFd: 1 });
  assert.equal(process.descriptors.get(1)?.closeOnExec, true);
  assert.equal(makePipe(thread, 0, ends), -EMFILE);
  assert.equal(process.descriptors.open, 2);
});
