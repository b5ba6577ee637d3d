import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN } from "../../src/abi/errno.ts";
import { O_NONBLOCK } from "../../src/abi/fcntl.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import * as t from "../../src/abi/termios.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import { INPUT_WINDOW_BYTES } from "../../src/kernel/streams.ts";
import { type OnTerminal, onTerminal, reading, run, type } from "./terminal-machine.ts";

/** Raw, with these VMIN and VTIME. */
function raw(one: OnTerminal, least: number, tenths: number): void {
  const { terminal } = one;
  const { settings } = terminal;
  settings.local &= ~(t.ICANON | t.ECHO);
  settings.characters[t.VMIN] = least;
  settings.characters[t.VTIME] = tenths;
  terminal.settled(true);
}

test("a line can be read when it is whole, and one read gives one line", () => {
  const one = onTerminal();
  assert.equal(reading(one), BLOCKED);
  type(one.terminal, "he");
  run(one.made);
  assert.deepEqual(one.program.resumed, []);
  assert.equal(one.terminal.file.readiness() & POLLIN, 0);
  type(one.terminal, "llo\rworld\r");
  run(one.made);
  assert.deepEqual(one.program.resumed, [6]);
  assert.equal(reading(one, 2), "wo");
  assert.equal(reading(one), "rld\n");
  assert.equal(one.sink.text, "hello\r\nworld\r\n");
});

test("the line is edited before it is read: erase, word erase, kill", () => {
  const one = onTerminal(O_NONBLOCK);
  type(one.terminal, "helpx\x7f\x7flo\n");
  assert.equal(reading(one), "hello\n");
  assert.equal(one.sink.text, "helpx\b \b\b \blo\r\n");
  type(one.terminal, "one two  \x17\x17\x17three\n");
  assert.equal(reading(one), "three\n");
  type(one.terminal, "gone\x15kept\n");
  assert.equal(reading(one), "kept\n");
  type(one.terminal, "\x7f\x17\x15\n");
  assert.equal(reading(one), "\n");
});

test("erasing takes what was shown off the screen: control characters, tabs, letters of several bytes", () => {
  const one = onTerminal(O_NONBLOCK);
  type(one.terminal, "\x16\x01\x7f");
  assert.equal(one.sink.text, "^\b^A\b \b\b \b");
  one.sink.chunks.length = 0;
  type(one.terminal, "ab\t\x7f");
  assert.equal(one.sink.text, "ab\t\b\b\b\b\b\b");
  one.sink.chunks.length = 0;
  type(one.terminal, "\xc3\xa9\x7f");
  assert.equal(one.sink.text, "\xc3\xa9\b \b");
  type(one.terminal, "\n");
  assert.equal(reading(one), "ab\n");
});

test("Ctrl-D ends the input once, or hands over what was typed", () => {
  const one = onTerminal(O_NONBLOCK);
  type(one.terminal, "\x04");
  assert.equal(reading(one), 0);
  assert.equal(reading(one), -EAGAIN);
  type(one.terminal, "abc\x04");
  assert.equal(reading(one), "abc");
  assert.equal(reading(one), -EAGAIN);
  type(one.terminal, "abc\x04");
  assert.equal(reading(one, 3), "abc");
  assert.equal(reading(one), -EAGAIN);
});

test("Ctrl-V takes the next character as it is", () => {
  const one = onTerminal(O_NONBLOCK);
  type(one.terminal, "\x16\x03\x16\x7f\n");
  assert.equal(reading(one), "\x03\x7f\n");
});

test("a line is no longer than 4095 bytes; its end always fits", () => {
  const one = onTerminal(O_NONBLOCK);
  type(one.terminal, `${"x".repeat(5000)}\n`);
  const line = reading(one, 8192);
  assert.equal(line, `${"x".repeat(4095)}\n`);
});

test("input is reported consumed when it is read, erased or forgotten", () => {
  const one = onTerminal(O_NONBLOCK);
  type(one.terminal, "ab\x7f");
  assert.equal(one.consumed(), 2);
  type(one.terminal, "\n");
  assert.equal(reading(one), "a\n");
  assert.equal(one.consumed(), 4);
  type(one.terminal, "typed\x15");
  assert.equal(one.consumed(), 10);
  assert.equal(type(one.terminal, "x\n".repeat(INPUT_WINDOW_BYTES)), INPUT_WINDOW_BYTES);
  assert.equal(type(one.terminal, "x"), 0);
  one.terminal.discardInput();
  assert.equal(one.consumed(), 10 + INPUT_WINDOW_BYTES);
  assert.equal(reading(one), -EAGAIN);
});

test("raw input comes byte by byte, unchanged but for ICRNL", () => {
  const one = onTerminal(O_NONBLOCK);
  raw(one, 1, 0);
  type(one.terminal, "\x7f\x04\r");
  assert.equal(reading(one), "\x7f\x04\n");
  one.terminal.settings.input = 0;
  one.terminal.settings.local = 0;
  type(one.terminal, "\x03\x13\r");
  assert.equal(reading(one), "\x03\x13\r");
  assert.equal(one.sink.text, "");
});

test("VMIN: a read waits for so many, or for as many as it asked for", () => {
  const one = onTerminal();
  raw(one, 4, 0);
  assert.equal(reading(one), BLOCKED);
  type(one.terminal, "abc");
  run(one.made);
  assert.deepEqual(one.program.resumed, []);
  assert.equal(one.terminal.file.readiness() & POLLIN, 0);
  type(one.terminal, "de");
  run(one.made);
  assert.deepEqual(one.program.resumed, [5]);
  type(one.terminal, "fg");
  assert.equal(reading(one, 2), "fg");
});

test("a read that must not wait takes fewer than VMIN", () => {
  const one = onTerminal(O_NONBLOCK);
  raw(one, 4, 0);
  assert.equal(reading(one), -EAGAIN);
  type(one.terminal, "ab");
  assert.equal(reading(one), "ab");
});

test("VMIN and VTIME 0: a read never waits", () => {
  const one = onTerminal();
  raw(one, 0, 0);
  assert.equal(reading(one), 0);
  type(one.terminal, "a");
  assert.equal(reading(one), "a");
});

test("VTIME alone: a read is over when nothing came for so long", () => {
  const one = onTerminal();
  raw(one, 0, 5);
  assert.equal(reading(one), BLOCKED);
  one.made.host.advance(one.made.kernel, 400_000_000);
  assert.deepEqual(one.program.resumed, []);
  one.made.host.advance(one.made.kernel, 100_000_000);
  assert.deepEqual(one.program.resumed, [0]);
  assert.equal(reading(one), BLOCKED);
  type(one.terminal, "x");
  run(one.made);
  assert.deepEqual(one.program.resumed, [0, 1]);
});

test("VMIN and VTIME: time counts from the last byte, and not before the first", () => {
  const one = onTerminal();
  raw(one, 10, 5);
  assert.equal(reading(one), BLOCKED);
  one.made.host.advance(one.made.kernel, 10_000_000_000);
  type(one.terminal, "a");
  run(one.made);
  one.made.host.advance(one.made.kernel, 400_000_000);
  type(one.terminal, "b");
  run(one.made);
  one.made.host.advance(one.made.kernel, 400_000_000);
  assert.deepEqual(one.program.resumed, []);
  one.made.host.advance(one.made.kernel, 100_000_000);
  assert.deepEqual(one.program.resumed, [2]);
  assert.equal(one.made.kernel.scheduler.deadlines, 0);
});

test("what was typed survives a change between canonical and raw", () => {
  const one = onTerminal(O_NONBLOCK);
  type(one.terminal, "half");
  raw(one, 1, 0);
  assert.equal(reading(one, 2), "ha");
  one.terminal.settings.local |= t.ICANON;
  one.terminal.settled(false);
  assert.equal(reading(one), "lf");
  assert.equal(reading(one), -EAGAIN);
});

test("the end of what the host types: the last line, then 0 for ever", () => {
  const one = onTerminal();
  type(one.terminal, "last");
  one.terminal.end();
  assert.equal(reading(one), "last");
  assert.equal(reading(one), 0);
  assert.equal(reading(one), 0);
  assert.equal(type(one.terminal, "late"), 4);
  assert.equal(one.consumed(), 8);
});

test("any bytes at all in any mode leave the counts right", () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const one = onTerminal(O_NONBLOCK);
  let fed = 0;
  for (let round = 0; round < 3000; round++) {
    const { settings } = one.terminal;
    if (random(10) === 0) {
      const before = one.terminal.canonical;
      settings.local = random(0o200000);
      settings.input = random(0o100000);
      settings.output = random(0o100);
      for (let i = 0; i < t.NCCS; i++) if (random(4) === 0) settings.characters[i] = random(256);
      one.terminal.settled(before);
    }
    const bytes = Uint8Array.from({ length: random(20) }, () => random(256));
    fed += one.terminal.feed(bytes);
    if (one.terminal.canonical || settings.characters[t.VTIME] === 0) reading(one, random(30) + 1);
    assert.equal(one.consumed() + one.terminal.input.held, fed);
  }
  one.terminal.discardInput();
  assert.equal(one.consumed(), fed);
});
