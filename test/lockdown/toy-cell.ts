/** A cell without a kernel: locks itself as a cell does, then tries whatever host call it is told to. Bundled by the tests. */
import { randomFill } from "node:crypto";
import { readSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import { rawCall } from "../../src/host/calls.unsafe.ts";
import { settleEngineFlags } from "../../src/lockdown/launch/engine-flags.ts";
import { launchArguments } from "../../src/lockdown/launch/launch-arguments.ts";
import { bindToParent, lockProcess } from "../../src/lockdown/lock.ts";

const say = (value: unknown) => writeSync(1, `${JSON.stringify(value)}\n`);

/** Text in a call is passed as the address of its bytes. */
type Order = { readonly call: readonly [number, ...(number | string)[]] } | { readonly run: string };

/** (module (global $depth (mut i32)) (func $f (export "f") (result i32) depth += 1; call $f; i32.const 1; i32.add) (export "depth")) */
const RECURSION = [
  "0061736d01000000",
  "0105016000017f",
  "03020100",
  "0606017f0141000b",
  "070d02016600000564657074680300",
  "0a10010e00230041016a2400100041016a0b",
].join("");

/** The part of the engine's WebAssembly interface that is used here; TypeScript's library has it for browsers only. */
type Exports = { readonly f: () => number; readonly depth: { readonly value: number } };
type WebAssemblyInterface = {
  instantiate(bytes: Uint8Array): Promise<{ readonly instance: { readonly exports: Exports } }>;
  promising(enter: () => number): () => Promise<number>;
};

async function recurse(onStackOfItsOwn: boolean): Promise<unknown> {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyInterface };
  const { instance } = await WebAssembly.instantiate(Buffer.from(RECURSION, "hex"));
  const { f, depth } = instance.exports;
  try {
    await (onStackOfItsOwn ? WebAssembly.promising(f)() : f());
    return "it came back";
  } catch (error) {
    return { error: String(error), depth: depth.value };
  }
}

const useThreadPool = () => promisify<Uint8Array, unknown>(randomFill)(new Uint8Array(1));

const programs: Readonly<Record<string, () => unknown>> = {
  report: () => ({
    execArgv: process.execArgv,
    env: process.env,
    argv: process.argv,
    preloaded: Reflect.has(globalThis, "preloaded"),
  }),
  jspiRecursion: () => recurse(true),
  wasmRecursion: () => recurse(false),
  scriptRecursion: () => {
    const deep = (n: number): number => deep(n + 1) + 1;
    try {
      return deep(0);
    } catch (error) {
      return String(error);
    }
  },
  deepJson: () => {
    try {
      return JSON.stringify(JSON.parse("[".repeat(1_000_000) + "]".repeat(1_000_000))).length;
    } catch (error) {
      return String(error);
    }
  },
  deepPattern: () => {
    try {
      return new RegExp(`${"(".repeat(200_000)}${")".repeat(200_000)}`).test("a");
    } catch (error) {
      return error instanceof Error ? error.name : "";
    }
  },
  evaluate: () => {
    try {
      return new Function("return 1")();
    } catch (error) {
      return error instanceof Error ? error.name : "";
    }
  },
  threadPool: async () => {
    await Promise.all(Array.from({ length: 16 }, useThreadPool));
    return "done";
  },
  spin: () => {
    for (;;);
  },
};

async function serve(): Promise<void> {
  const launch = launchArguments();
  // The pool's threads must be there before the lock; afterwards none can be started.
  await useThreadPool();
  settleEngineFlags();
  if (launch.lock === "required") lockProcess(launch);
  else bindToParent(launch.parent);
  say("READY");
  const chunk = Buffer.alloc(65_536);
  let text = "";
  for (;;) {
    const length = readSync(0, chunk, 0, chunk.length, null);
    if (length === 0) return;
    text += chunk.toString("utf8", 0, length);
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const order = JSON.parse(text.slice(0, end)) as Order;
      text = text.slice(end + 1);
      if ("run" in order) say(await programs[order.run]?.());
      else {
        const [number, ...registers] = order.call;
        const [a, b, c, d, e, f] = registers.map((each) =>
          typeof each === "string" ? Buffer.from(`${each}\0`) : each,
        );
        say(rawCall(number, a, b, c, d, e, f));
      }
    }
  }
}

serve().catch((error: unknown) => {
  writeSync(2, String(error));
  process.exit(1);
});
