/**
 * Any argument at all: the answer is a result, -errno, BLOCKED, UNWIND or GONE. Nothing throws, a refused call opens nothing, and
 * nothing is written outside of what the arguments name.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CallName, signatureOf } from "../../src/abi/calls.ts";
import { EFAULT } from "../../src/abi/errno.ts";
import { O_CREAT, O_DIRECTORY, O_RDONLY } from "../../src/abi/fcntl.ts";
import { BLOCKED, GONE, RESTART, UNWIND } from "../../src/kernel/contracts.ts";
import { waliCalls } from "../../src/syscalls/table.ts";
import { random } from "../random.ts";
import { type Argument, Guest, WASM_PAGE } from "./guest.ts";

const NAMES = ["f", "d", "d/f", ".", "..", "/", "", "\xff\xfe", "__proto__", "l", "/dev/null", "n".repeat(300)];

class Prepared {
  readonly guest = new Guest({ argv: ["a", "b"], env: ["K=V"] });
  readonly names: number[];
  readonly pointers: number[];

  constructor() {
    const { guest } = this;
    guest.must("mkdir", guest.text("d"), 0o755);
    guest.file("f", "some content");
    guest.must("symlink", guest.text("f"), guest.text("l"));
    guest.open("d", O_RDONLY | O_DIRECTORY);
    guest.must("pipe", guest.room(8));
    guest.stdin.feed(new Uint8Array(10));
    this.names = NAMES.map((name) => guest.text(name));
    const vector = guest.vector([guest.room(16), 16], [guest.room(4), 4], [0xffff_fff0, 0x20]);
    const polled = guest.room(16);
    guest.memory.view.setInt32(polled, 3, true);
    guest.memory.view.setInt16(polled + 4, 5, true);
    const mapping = guest.must("mmap", 0, 3 * 4096, 3, 0x22, -1, 0n);
    const strings = guest.room(16);
    guest.memory.view.setUint32(strings, this.names[0] ?? 0, true);
    this.pointers = [guest.room(1024), vector, polled, mapping, strings, guest.longs(0, 1000), guest.longs(-1, -1), 4];
  }

  get open(): number {
    return this.guest.process.descriptors.open;
  }
}

function narrow(prepared: Prepared): number[] {
  const end = prepared.guest.memory.byteLength;
  const edges = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, end, end - 1, end + 1, end - 8, end - 64, 0xffff_fff8];
  const ordinary = [2, 3, 4, 5, 6, 8, 16, 31, 64, 99, 0o644, 1023, 1024, 4096, 0x22, 0x8000_2010, -100];
  return [...edges, ...ordinary, ...prepared.pointers, ...prepared.pointers, ...prepared.names, ...prepared.names];
}

const WIDE = [0n, 1n, 5n, -1n, 4096n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n, (1n << 53n) - 1n, 1n << 53n].concat([
  1n << 62n,
  (1n << 63n) - 1n,
  -(1n << 63n),
  1024n,
]);

/** Whether a finished call answered something a guest can be given. */
function isResult(answer: number): boolean {
  return Number.isSafeInteger(answer) && answer >= -4095;
}

/** Make one call; a fresh guest when it ended or parked the old one. */
function attempt(prepared: Prepared, name: string, args: readonly Argument[]): Prepared {
  const { guest } = prepared;
  const before = prepared.open;
  const said = `${name}(${args.join(", ")})`;
  let answer: number;
  try {
    answer = guest.import(name, ...args);
  } catch (error) {
    throw new Error(`${said} threw`, { cause: error });
  }
  if (answer === BLOCKED) {
    // Whatever it waits for comes, or its end.
    guest.stdin.end();
    guest.host.advance(guest.kernel, 1e18);
    for (const late of guest.answers) assert.ok(isResult(late) || late === RESTART, `${said} ended with ${late}`);
    return new Prepared();
  }
  if (answer === GONE || answer === UNWIND) return new Prepared();
  assert.ok(isResult(answer), `${said} answered ${answer}`);
  if (answer < 0) assert.equal(prepared.open, before, `${said} failed and changed what is open`);
  // The kernel is as it was: it still answers.
  return prepared.open < 5 || guest.process.credentials.uid !== 0 ? new Prepared() : prepared;
}

for (const { name, parameters } of waliCalls()) {
  if (parameters === "") continue;
  test(`${name} survives any argument`, () => {
    const pick = random(name.length * 7919 + name.charCodeAt(name.length - 1));
    let prepared = new Prepared();
    for (let round = 0; round < 250; round++) {
      const pool = narrow(prepared);
      const args = [...parameters].map((type) =>
        type === "I" ? (WIDE[pick(WIDE.length)] ?? 0n) : (pool[pick(pool.length)] ?? 0),
      );
      // What is first is often a descriptor: let it be one that is open.
      if (round % 3 === 0 && parameters.startsWith("i")) args[0] = pick(8);
      prepared = attempt(prepared, name, args);
      if (round % 100 === 99) prepared.guest.growMemory(prepared.guest.memory.byteLength + WASM_PAGE);
    }
  });
}

type Shape = readonly (Argument | "out" | "name")[];

/** Calls with which an address is written to, how they succeed, and how many bytes they write. */
const OUTPUTS: readonly (readonly [CallName, Shape, number])[] = [
  ["stat", ["name", "out"], 144],
  ["fstat", [3, "out"], 144],
  ["newfstatat", [-100, "name", "out", 0], 144],
  ["statx", [-100, "name", 0, 0, "out"], 256],
  ["statfs", ["name", "out"], 120],
  ["fstatfs", [3, "out"], 120],
  ["pipe", ["out"], 8],
  ["pipe2", ["out", 0], 8],
  ["clock_gettime", [0, "out"], 16],
  ["clock_getres", [0, "out"], 16],
  ["gettimeofday", ["out", 0], 16],
  ["time", ["out"], 8],
  ["times", ["out"], 32],
  ["uname", ["out"], 390],
  ["sysinfo", ["out"], 112],
  ["getrlimit", [7, "out"], 16],
  ["getrusage", [0, "out"], 144],
  ["getresuid", ["out", "out", "out"], 4],
  ["getcwd", ["out", 8], 2],
  ["getrandom", ["out", 8, 0], 8],
  ["rt_sigprocmask", [0, 0, "out", 8], 8],
  ["rt_sigaction", [10, 0, "out", 8], 24],
  ["rt_sigpending", ["out", 8], 8],
  ["getitimer", [0, "out"], 32],
  ["ioctl", [3, 0x541b, "out"], 4],
  ["sched_getaffinity", [0, 8, "out"], 8],
  ["readlink", [0, "out", 1], 1],
  ["getdents64", [4, "out", 64], 24],
];

test("an output is written when its last byte is inside, and refused when it is not", () => {
  for (const [name, shape, length] of OUTPUTS) {
    const { guest, names } = new Prepared();
    const file = names[0] ?? 0;
    const link = names[NAMES.indexOf("l")] ?? 0;
    const call = (out: number): number => {
      const args = shape.map((arg) => (arg === "name" ? file : arg === "out" ? out : arg));
      if (name === "readlink") args[0] = link;
      return guest.call(name, ...args);
    };
    const room = guest.room(512);
    assert.ok(call(room) >= 0, `${name} answered ${call(room)}`);
    const end = guest.memory.byteLength;
    const open = guest.process.descriptors.open;
    const before = guest.memory.bytes.slice(end - WASM_PAGE);
    if (name === "getdents64") guest.must("lseek", 4, 0n, 0);
    const bad = name === "getdents64" ? [end - 1, end] : [end - length + 1, end];
    for (const out of [...bad, end + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff8]) {
      assert.equal(call(out), -EFAULT, `${name} at ${out}`);
    }
    assert.deepEqual(guest.memory.bytes.slice(end - WASM_PAGE), before, `${name} wrote in spite of EFAULT`);
    assert.equal(guest.process.descriptors.open, open, `${name} opened in spite of EFAULT`);
  }
});

test("a string that runs out of memory is EFAULT, wherever it begins", () => {
  const guest = new Guest();
  const end = guest.memory.byteLength;
  guest.memory.bytes.fill(0x61, end - 8, end);
  for (const address of [end - 8, end - 1, end, end + 1, 0x8000_0000, 0xffff_ffff]) {
    assert.equal(guest.call("open", address, O_RDONLY | O_CREAT, 0), -EFAULT, `${address}`);
    assert.equal(guest.call("mkdir", address, 0o755), -EFAULT, `${address}`);
  }
  assert.equal(signatureOf("open"), "iii");
});
