/**
 * Any argument at all: the answer is an errno, BLOCKED or GONE. Nothing throws, a refused call opens nothing, and nothing
 * is written outside of what the arguments name.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as wasi from "../../src/abi/wasi.ts";
import { ERRNO_FAULT, ERRNO_NOTCAPABLE } from "../../src/abi/wasi-errno.ts";
import { BLOCKED, GONE } from "../../src/kernel/contracts.ts";
import { WASI_CALLS } from "../../src/wasi/table.ts";
import { random } from "../random.ts";
import { Guest, PAGE } from "./guest.ts";

const NAMES = [
  "f",
  "d",
  "d/f",
  ".",
  "..",
  "/",
  "",
  "a\0b",
  "\xff\xfe",
  "\xef\xbb\xbf",
  "__proto__",
  "l",
  "n".repeat(300),
];

class Prepared {
  readonly guest = new Guest({ argv: ["a", "b"], env: ["K=V"] });
  readonly pointers: number[];
  /** Where a call may write: the pool's good addresses. */
  readonly names: number[];

  constructor() {
    const { guest } = this;
    guest.directory("d");
    guest.file("f", "some content");
    guest.must("path_symlink", ...guest.text("f"), 3, ...guest.text("l"));
    guest.open("d", { base: wasi.RIGHTS_FD_READDIR | wasi.RIGHTS_PATH_OPEN });
    guest.stdin.feed(new Uint8Array(10));
    this.names = NAMES.map((name) => guest.text(name)[0]);
    const [vector] = guest.vector([guest.room(16), 16], [guest.room(4), 4], [0xffff_fff0, 0x20]);
    const subscriptions = guest.room(2 * wasi.SUBSCRIPTION_SIZE);
    guest.memory.view.setUint8(subscriptions + wasi.SUBSCRIPTION_SIZE + 8, 1);
    this.pointers = [guest.room(1024), vector, subscriptions, 4];
  }

  get open(): number {
    return this.guest.process.descriptors.open;
  }
}

function small(prepared: Prepared): number[] {
  const end = prepared.guest.memory.byteLength;
  const edges = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, end, end - 1, end + 1, end - 8, end - 64, 0xffff_fff8];
  const ordinary = [2, 3, 4, 5, 6, 8, 16, 31, 99, 1023, 1024, 4096];
  return [...edges, ...ordinary, ...prepared.pointers, ...prepared.pointers, ...prepared.names];
}

const WIDE = [0n, 1n, 5n, -1n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n, (1n << 53n) - 1n, 1n << 53n, 1n << 62n].concat([
  (1n << 63n) - 1n,
  -(1n << 63n),
  BigInt(wasi.RIGHTS_ALL),
  0x3e8_0000_0000n,
]);

/** Make one call; a fresh guest when it ended or parked the old one. */
function attempt(prepared: Prepared, name: string, args: readonly (number | bigint)[]): Prepared {
  const { guest } = prepared;
  const before = prepared.open;
  const said = `${name}(${args.join(", ")})`;
  let answer: number;
  try {
    answer = guest.call(name as wasi.WasiFunctionName, ...args);
  } catch (error) {
    throw new Error(`${said} threw`, { cause: error });
  }
  if (answer === BLOCKED || answer === GONE) {
    // Whatever it waits for comes, or its end.
    guest.stdin.end();
    guest.host.advance(guest.kernel, 1e18);
    for (const late of guest.answers) assert.ok(late >= 0 && late <= ERRNO_NOTCAPABLE, `${said} ended with ${late}`);
    return new Prepared();
  }
  assert.ok(Number.isInteger(answer) && answer >= 0 && answer <= ERRNO_NOTCAPABLE, `${said} answered ${answer}`);
  if (answer !== 0) assert.equal(prepared.open, before, `${said} failed and changed what is open`);
  // The kernel is as it was: it still answers.
  if (prepared.open < 4 || guest.process.descriptors.get(3) === undefined) return new Prepared();
  return prepared;
}

for (const { name, parameters } of WASI_CALLS) {
  test(`${name} survives any argument`, () => {
    const pick = random(name.length * 7919 + name.charCodeAt(3));
    let prepared = new Prepared();
    for (let round = 0; round < 600; round++) {
      const pool = small(prepared);
      const args = [...parameters].map((type) => {
        if (type === "I") return WIDE[pick(WIDE.length)] ?? 0n;
        return pool[pick(pool.length)] ?? 0;
      });
      // Where a descriptor is wanted, often one that is open.
      if (/^(fd|path|sock)_/.test(name) && round % 3 !== 0) args[name === "path_symlink" ? 2 : 0] = pick(8);
      prepared = attempt(prepared, name, args);
      if (round % 200 === 199) prepared.guest.wasmMemory.grow(1);
    }
  });
}

/** For each call, arguments with which it succeeds, and which of them are addresses it writes to, with the length. */
const OUTPUTS: readonly (readonly [wasi.WasiFunctionName, readonly (number | bigint | "out" | "name")[], number])[] = [
  ["args_get", ["out", "out"], 4],
  ["args_sizes_get", ["out", "out"], 4],
  ["environ_get", ["out", "out"], 4],
  ["environ_sizes_get", ["out", "out"], 4],
  ["clock_res_get", [0, "out"], 8],
  ["clock_time_get", [0, 0n, "out"], 8],
  ["fd_fdstat_get", [3, "out"], 24],
  ["fd_filestat_get", [3, "out"], 64],
  ["fd_prestat_get", [3, "out"], 8],
  ["fd_prestat_dir_name", [3, "out", 1], 1],
  ["fd_readdir", [3, "out", 8, 0n, "out"], 8],
  ["fd_seek", [4, 0n, 0, "out"], 8],
  ["fd_tell", [4, "out"], 8],
  ["path_filestat_get", [3, 0, "name", 1, "out"], 64],
  ["path_open", [3, 0, "name", 1, 0, 0n, 0n, 0, "out"], 4],
  ["random_get", ["out", 8], 8],
];

test("an output is written when its last byte is inside, and refused when it is not", () => {
  for (const [name, shape, length] of OUTPUTS) {
    const { guest, names } = new Prepared();
    const call = (out: number): number => {
      const args = shape.map((arg) => (arg === "name" ? (names[0] ?? 0) : arg === "out" ? out : arg));
      return guest.call(name, ...args);
    };
    const room = guest.room(256);
    assert.equal(call(room), 0, name);
    const end = guest.memory.byteLength;
    const open = guest.process.descriptors.open;
    const before = guest.memory.bytes.slice(end - PAGE);
    for (const bad of [end - length + 1, end, end + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff8]) {
      assert.equal(call(bad), ERRNO_FAULT, `${name} at ${bad}`);
    }
    assert.deepEqual(guest.memory.bytes.slice(end - PAGE), before, `${name} wrote in spite of FAULT`);
    assert.equal(guest.process.descriptors.open, open, `${name} opened in spite of FAULT`);
    guest.wasmMemory.grow(1);
    assert.equal(call(end - length + 1), 0, `${name} in memory that grew`);
  }
});
