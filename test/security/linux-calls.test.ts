/**
 * Every call of Linux with any argument, from guests in a real locked cell: each answer is a result or an errno, and the
 * same host process then runs a good program.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type CallName, importName, signatureOf, WALI_MODULE } from "../../src/abi/calls.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { FAMILIES } from "../../src/syscalls/table.ts";
import { type Bytes, code, WasmBuilder } from "../engine/wasm-builder.ts";
import { random } from "../random.ts";
import { boxAndCell, Guests, goodProgram, lives } from "./world.ts";

const guests = new Guests();
const good = guests.path(goodProgram());
let box: Sandbox;
let cell: number;

before(async () => {
  [box, cell] = await boxAndCell({ limits: { memory: "64m" } });
});
after(() => box.close());

/** They end the program, or may wait for ever: test/syscalls/hostile.test.ts tries them. */
const LEFT_OUT: ReadonlySet<CallName> = new Set<CallName>([
  "exit",
  "exit_group",
  "kill",
  "tkill",
  "tgkill",
  "rt_sigqueueinfo",
  "rt_tgsigqueueinfo",
  "pidfd_send_signal",
  "pause",
  "rt_sigsuspend",
  "rt_sigtimedwait",
  "poll",
  "ppoll",
  "select",
  "pselect6",
  "nanosleep",
  "setrlimit",
  "prlimit64",
  "clock_nanosleep",
  "futex",
  "futex_waitv",
  "epoll_wait",
  "epoll_pwait",
  "epoll_pwait2",
  "semop",
  "semtimedop",
  "msgsnd",
  "msgrcv",
  "mq_timedsend",
  "mq_timedreceive",
  "fork",
  "vfork",
  "execve",
  "execveat",
  "alarm",
  "setitimer",
  "timer_settime",
]);

const PAGE = 65_536;
const END = 2 * PAGE;
const EDGES = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, END - 1, END, END + 1, END - 8, END - 64, 0xffff_fff8];
const PLAIN = [2, 3, 4, 5, 8, 16, 22, 64, 144, 256, 288, 320, 352, 1024, 1025, 4096, 2 ** 32 - 100];
const WIDE = [0n, 1n, -1n, 1n << 31n, 1n << 32n, (1n << 53n) - 1n, 1n << 53n, (1n << 63n) - 1n, -(1n << 63n)];
const NAMES = ["f", "..", "/dev/null", "\xff\xfe", "__proto__"];

/** An iovec list at 64, a time at 144, names from 256 on. */
function memoryImage(): number[] {
  const image = new Uint8Array(512);
  const view = new DataView(image.buffer);
  const words = [1024, 16, 2048, 4, END - 8, 64, 0xffff_fff0, 0x20];
  for (const [i, word] of words.entries()) view.setUint32(64 + i * 4, word, true);
  view.setUint32(144, 1, true);
  for (const [i, name] of NAMES.entries()) image.set(Buffer.from(name, "latin1"), 256 + i * 32);
  return [...image];
}

function i64(value: bigint): Bytes {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(BigInt.asUintN(7, rest));
    if (rest >> 6n === 0n || rest >> 6n === -1n) return [0x42, ...bytes, low];
    bytes.push(low | 0x80);
  }
}

const I64_LT_S = 0x53;

/** A program of many calls of each of these; it dies of `unreachable` at the first answer that is none. */
function program(names: readonly CallName[], rounds: number): Uint8Array {
  const builder = new WasmBuilder();
  const imports = names.map((name) => builder.import(WALI_MODULE, importName(name), `${signatureOf(name)}>I`));
  const pick = random(names.length * 7919 + rounds);
  const steps: Bytes[] = [];
  for (let round = 0; round < rounds; round++) {
    const pool = round % 2 === 0 ? [...EDGES, ...PLAIN] : PLAIN;
    names.forEach((name, i) => {
      const args = [...signatureOf(name)].map((type, at) => {
        if (type === "I") return i64(WIDE[pick(WIDE.length)] ?? 0n);
        return code.i32((at === 0 && round % 3 === 0 ? pick(8) : (pool[pick(pool.length)] ?? 0)) | 0);
      });
      steps.push([...args.flat(), ...code.call(imports[i] ?? 0), ...i64(-4095n), I64_LT_S]);
      steps.push(code.ifThen(code.unreachable));
    });
  }
  builder.func(">", steps, "_start");
  const image = memoryImage();
  return builder
    .memory(2)
    .export("memory", 2, 0)
    .section(11, [1, 0, 0x41, 0, 0x0b, (image.length & 0x7f) | 0x80, image.length >> 7, ...image])
    .build();
}

describe("a guest that calls Linux with anything", () => {
  for (const [family, rows] of FAMILIES) {
    it(`gets answers: ${family}`, async () => {
      const names = rows.map(({ name }) => name).filter((name) => !LEFT_OUT.has(name));
      const run = await box.run(guests.path(program(names, 40)), { timeout: "20s", stdin: "some input" });
      assert.deepEqual([run.exitCode, run.message], [0, ""], family);
      const after_ = await box.run(good, { timeout: "20s" });
      assert.deepEqual([after_.exitCode, after_.stdout], [42, "good"]);
      assert.ok(lives(cell));
    });
  }
});
