/**
 * Modules written by hand whose imports stand where a compiler puts functions: as the entry, a handler, asyncify's exports, a thread's
 * start; and calls made at the very end of a stack. Only the guest ends, and its sandbox runs the next program.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import binaryen from "binaryen";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { boxAndCell, Guests, goodProgram, lives } from "./world.ts";

const guests = new Guests();
const good = guests.path(goodProgram());
let box: Sandbox;
let cell: number;

before(async () => {
  [box, cell] = await boxAndCell({ limits: { memory: "64m", processes: 16 } });
});
after(() => box.close());

const FEATURES = binaryen.Features.MVP | binaryen.Features.BulkMemory | binaryen.Features.ExceptionHandling;

function assembled(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  module.setFeatures(FEATURES);
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

/** Imports of WALI by name and type, as functions of the same names. */
const TYPES: Readonly<Record<string, string>> = {
  SYS_getpid: "(result i64)",
  SYS_pause: "(result i64)",
  SYS_fork: "(result i64)",
  SYS_umask: "(param i32) (result i64)",
  SYS_sched_yield: "(result i64)",
  SYS_kill: "(param i32 i32) (result i64)",
  SYS_lseek: "(param i32 i64 i32) (result i64)",
  SYS_clock_gettime: "(param i32 i32) (result i64)",
  SYS_rt_sigaction: "(param i32 i32 i32 i32) (result i64)",
  __proc_exit: "(param i32)",
  __restore: "",
  longjmp: "(param i32 i32)",
  __wasm_thread_spawn: "(param i32 i32) (result i32)",
};
const imports = (...names: string[]) =>
  names.map((name) => `(import "wali" "${name}" (func $${name} ${TYPES[name]}))`).join(" ");

/** Two pages; a ksigaction for table function 1 stands at 600. */
const MEMORY = `(memory (export "memory") 2) (data (i32.const 600) "\\01\\00\\00\\00")`;
const action = (signal: number) =>
  `(drop (call $SYS_rt_sigaction (i32.const ${signal}) (i32.const 600) (i32.const 0) (i32.const 8)))`;
const raised = (signal: number) => `(drop (call $SYS_kill (i32.wrap_i64 (call $SYS_getpid)) (i32.const ${signal})))`;
const asyncify = (start: string, stop: string) =>
  [
    ["start_unwind", start],
    ["stop_unwind", stop],
    ["start_rewind", start],
    ["stop_rewind", stop],
  ]
    .map(([name, target]) => `(export "asyncify_${name}" (func $${target}))`)
    .join(" ");
const forking = (more: string, bodies: string) =>
  `(module ${imports("SYS_fork", ...more.split(" ").filter(Boolean))} ${MEMORY}
    (func $start (param i32) ${bodies}) (func $stop ${bodies}) ${asyncify("start", "stop")}
    (func $entry (export "_start") (drop (call $SYS_fork)) (drop (call $SYS_fork))))`;
const HANDLING = imports("SYS_rt_sigaction", "SYS_kill", "SYS_getpid");

/** By what they do: the exit codes a guest may have. */
const CASES: readonly (readonly [what: string, codes: readonly number[], text: string])[] = [
  ["an import is the entry", [0], `(module ${imports("__restore")} ${MEMORY} (export "_start" (func $__restore)))`],
  [
    "an import is the start function",
    [0],
    `(module ${imports("__restore")} ${MEMORY} (start $__restore) (func (export "_start")))`,
  ],
  [
    "an import that is never answered is a thread's start",
    [159],
    `(module ${imports("__wasm_thread_spawn", "longjmp")} ${MEMORY} (export "__wasm_thread_start_libc" (func $longjmp))
      (func (export "_start") (drop (call $__wasm_thread_spawn (i32.const 0) (i32.const 0))) (loop (br 0))))`,
  ],
  [
    "the call that ends the process handles its signal",
    [10],
    `(module ${HANDLING} ${imports("__proc_exit")} ${MEMORY} (table 4 funcref) (elem (i32.const 1) $__proc_exit)
      (func (export "_start") ${action(10)} ${raised(10)} (unreachable)))`,
  ],
  [
    "handlers throw past the call they interrupted, 5,000 times",
    [0],
    `(module ${HANDLING} (tag $t) ${MEMORY} (table 4 funcref) (elem (i32.const 1) $h) (func $h (throw $t))
      (func (export "_start") (local i32) ${action(10)}
        (loop $more
          (block $out (try (do ${raised(10)}) (catch $t (br $out))))
          (local.set 0 (i32.add (local.get 0) (i32.const 1)))
          (br_if $more (i32.lt_u (local.get 0) (i32.const 5000))))
        (drop (call $SYS_getpid))))`,
  ],
  [
    "imports are what takes a stack down and puts it up",
    [137],
    `(module ${imports("SYS_fork", "__proc_exit", "__restore")} ${MEMORY} ${asyncify("__proc_exit", "__restore")}
      (func (export "_start") (drop (call $SYS_fork))))`,
  ],
  ["what takes a stack down forks itself", [137], forking("", "(drop (call $SYS_fork))")],
  ["what takes a stack down waits", [137], forking("SYS_pause", "(drop (call $SYS_pause))")],
  ["what takes a stack down enters the program again", [137], forking("", "(call $entry)")],
  ["what takes a stack down does nothing", [0, 137], forking("", "(nop)")],
];

/** Calls made at each level of a recursion, until the stack ends; `kept` locals make its frames larger. */
function bottomless(name: string, args: string, kept: number): string {
  const locals = Array.from({ length: kept }, (_, i) => i + 1);
  const set = locals.map((i) => `(local.set ${i} (i64.extend_i32_u (i32.add (local.get 0) (i32.const ${i}))))`);
  const use = locals.map((i) => `(global.set $g (i64.xor (global.get $g) (local.get ${i})))`);
  return `(module ${imports(name)} ${MEMORY} (global $g (mut i64) (i64.const 1))
    (func $f (param i32) (local ${"i64 ".repeat(kept)}) ${set.join(" ")}
      (drop (call $${name} ${args})) (call $f (i32.add (local.get 0) (i32.const 1))) ${use.join(" ")})
    (func (export "_start") (call $f (i32.const ${kept}))))`;
}

const AT_THE_END: readonly (readonly [name: string, args: string])[] = [
  ["SYS_getpid", ""],
  ["SYS_umask", "(i32.const 18)"],
  ["SYS_sched_yield", ""],
  ["SYS_lseek", "(i32.const 9) (i64.const -1) (i32.const 0)"],
  ["SYS_clock_gettime", "(i32.const 0) (i32.const 64)"],
];

describe("a module written by hand", () => {
  async function ends(text: string): Promise<{ readonly exitCode: number; readonly message: string }> {
    const run = await guests.run(box, assembled(text));
    const next = await box.run(good, { timeout: "20s" });
    assert.deepEqual([next.exitCode, next.stdout, box.closed], [42, "good", false]);
    assert.ok(lives(cell));
    assert.doesNotMatch(run.message, /Linden failed/);
    return run;
  }

  for (const [what, codes, text] of CASES) {
    it(`in which ${what} ends alone`, async () => {
      const { exitCode, message } = await ends(text);
      assert.ok(codes.includes(exitCode), `${exitCode} ${message}`);
    });
  }

  for (const [name, args] of AT_THE_END) {
    it(`that calls ${name} at the end of its stack overflows it`, async () => {
      for (const kept of [0, 3, 11]) {
        const { exitCode, message } = await ends(bottomless(name, args, kept));
        assert.deepEqual([exitCode, message.startsWith("trap: stack overflow")], [139, true], message);
      }
    });
  }
});
