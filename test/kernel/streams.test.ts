import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EPIPE } from "../../src/abi/errno.ts";
import { O_NONBLOCK, O_RDONLY, O_WRONLY } from "../../src/abi/fcntl.ts";
import { POLLHUP, POLLIN, POLLOUT } from "../../src/abi/poll.ts";
import { SIGKILL, SIGPIPE } from "../../src/abi/signal.ts";
import { S_IFCHR, S_IFIFO, S_IFMT } from "../../src/abi/stat.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import { OpenDescription } from "../../src/kernel/descriptors.ts";
import { statFd } from "../../src/kernel/operations/files.ts";
import { read, write } from "../../src/kernel/operations/io.ts";
import { DISPOSITION_IGNORE } from "../../src/kernel/process.ts";
import { INPUT_WINDOW_BYTES, InputStream, OutputStream } from "../../src/kernel/streams.ts";
import { TRANSFER_BYTES } from "../../src/limits.ts";
import { emptyStat } from "../../src/vfs/contracts.ts";
import { type Machine, machine, putText, Sink, spawn, textAt, vector } from "./simulated.ts";

function withStreams(sink: Sink, flags = 0, terminal = false) {
  const made = machine();
  let consumed = 0;
  const input = new InputStream(
    made.kernel,
    {
      consumed: (count) => {
        consumed += count;
      },
    },
    { terminal },
  );
  const output = new OutputStream(made.kernel, sink, { terminal });
  const running = spawn(made, {
    descriptors: [
      new OpenDescription(input, undefined, O_RDONLY | flags),
      new OpenDescription(output, undefined, O_WRONLY | flags),
    ],
  });
  return { ...running, made, input, output, consumed: () => consumed };
}

function text(value: string): Uint8Array {
  return Uint8Array.from(value, (letter) => letter.charCodeAt(0));
}

function run(made: Machine): void {
  made.host.run(made.kernel);
}

test("output that fits goes at once, a vector as one chunk", () => {
  const sink = new Sink();
  const one = withStreams(sink);
  putText(one, 0, "hello world\n");
  assert.equal(write(one.thread, 1, vector([0, 6], [6, 6])), 12);
  assert.deepEqual(sink.chunks, ["hello world\n"]);
});

test("a full port parks the writer until credit comes, and then everything arrives once", () => {
  const sink = new Sink(4);
  const one = withStreams(sink);
  putText(one, 0, "hello world");
  assert.equal(write(one.thread, 1, vector([0, 11])), BLOCKED);
  putText(one, 0, "XXXXXXXXXXX");
  assert.equal(one.output.readiness(), 0);
  sink.room = 3;
  one.output.credited();
  run(one.made);
  assert.deepEqual(one.program.resumed, []);
  sink.room = 100;
  one.output.credited();
  run(one.made);
  assert.deepEqual(one.program.resumed, [11]);
  assert.equal(sink.text, "hello world");
  assert.equal(one.output.readiness(), POLLOUT);
});

test("O_NONBLOCK output counts what went, then EAGAIN", () => {
  const sink = new Sink(4);
  const one = withStreams(sink, O_NONBLOCK);
  putText(one, 0, "hello");
  assert.equal(write(one.thread, 1, vector([0, 5])), 4);
  assert.equal(write(one.thread, 1, vector([4, 1])), -EAGAIN);
});

test("a write of more than TRANSFER_BYTES goes on where it left off", () => {
  const sink = new Sink(1_200_000);
  const one = withStreams(sink);
  const ranges = Array.from({ length: 40 }, (): [number, number] => [0, 90_000]);
  assert.equal(write(one.thread, 1, vector(...ranges)), BLOCKED);
  while (sink.text.length < 3_600_000) {
    assert.deepEqual(one.program.resumed, []);
    sink.room = TRANSFER_BYTES - 1;
    one.output.credited();
    run(one.made);
  }
  assert.deepEqual(one.program.resumed, [3_600_000]);
});

test("output nobody reads is EPIPE", () => {
  const one = withStreams(new Sink(0));
  one.process.dispositions[SIGPIPE] = DISPOSITION_IGNORE;
  assert.equal(write(one.thread, 1, vector([0, 5])), BLOCKED);
  one.output.hangUp();
  run(one.made);
  assert.deepEqual(one.program.resumed, [-EPIPE]);
  assert.equal(write(one.thread, 1, vector([0, 5])), -EPIPE);
});

test("input is read as it comes, its consumption told, and its end is 0", () => {
  const one = withStreams(new Sink());
  assert.equal(read(one.thread, 0, vector([0, 100])), BLOCKED);
  assert.equal(one.input.feed(text("abc")), 3);
  run(one.made);
  assert.deepEqual(one.program.resumed, [3]);
  assert.equal(textAt(one, 0, 3), "abc");
  assert.equal(one.consumed(), 3);
  one.input.feed(text("defg"));
  assert.equal(one.input.readiness(), POLLIN);
  assert.equal(read(one.thread, 0, vector([0, 2])), 2);
  assert.equal(one.consumed(), 5);
  one.input.end();
  assert.equal(one.input.readiness(), POLLIN | POLLHUP);
  assert.equal(read(one.thread, 0, vector([0, 100])), 2);
  assert.equal(read(one.thread, 0, vector([0, 100])), 0);
  assert.equal(one.consumed(), 7);
});

test("the end of input wakes a reader", () => {
  const one = withStreams(new Sink());
  assert.equal(read(one.thread, 0, vector([0, 100])), BLOCKED);
  one.input.end();
  run(one.made);
  assert.deepEqual(one.program.resumed, [0]);
});

test("the window bounds what is held; input nobody can read is consumed", () => {
  const one = withStreams(new Sink());
  const much = new Uint8Array(INPUT_WINDOW_BYTES + 10);
  assert.equal(one.input.feed(much), INPUT_WINDOW_BYTES);
  assert.equal(one.input.feed(much), 0);
  one.made.kernel.kill(one.process, SIGKILL);
  run(one.made);
  assert.equal(one.consumed(), INPUT_WINDOW_BYTES);
  assert.equal(one.input.feed(text("xy")), 2);
  assert.equal(one.consumed(), INPUT_WINDOW_BYTES + 2);
});

test("terminals are character devices, other streams pipes", () => {
  const stat = emptyStat();
  for (const terminal of [true, false]) {
    const one = withStreams(new Sink(), 0, terminal);
    for (const fd of [0, 1]) {
      assert.equal(statFd(one.thread, fd, stat), 0);
      assert.equal(stat.mode & S_IFMT, terminal ? S_IFCHR : S_IFIFO);
    }
  }
});
