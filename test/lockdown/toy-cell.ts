/** A cell without a kernel: locks itself as a cell does, then tries whatever host call it is told to. Bundled by the tests. */
import { readSync, writeSync } from "node:fs";
import { rawCall } from "../../src/host/calls.unsafe.ts";
import { launchArguments } from "../../src/lockdown/launch/launch-arguments.ts";
import { bindToParent, lockProcess } from "../../src/lockdown/lock.ts";

const launch = launchArguments();
if (launch.lock === "required") lockProcess(launch);
else bindToParent(launch.parent);
const say = (value: unknown) => writeSync(1, `${JSON.stringify(value)}\n`);
say("READY");

/** A register: a number, or text that is passed as the address of its bytes. */
type Order = { readonly call: readonly [number, ...(number | string)[]] } | { readonly run: string };
const chunk = Buffer.alloc(65_536);
let text = "";
for (;;) {
  const length = readSync(0, chunk, 0, chunk.length, null);
  if (length === 0) break;
  text += chunk.toString("utf8", 0, length);
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
    const order = JSON.parse(text.slice(0, end)) as Order;
    text = text.slice(end + 1);
    if ("run" in order) say(run(order.run));
    else {
      const [number, ...registers] = order.call;
      const [a, b, c, d, e, f] = registers.map((each) => (typeof each === "string" ? Buffer.from(`${each}\0`) : each));
      say(rawCall(number, a, b, c, d, e, f));
    }
  }
}

function run(name: string): unknown {
  if (name === "report") {
    const report = { execArgv: process.execArgv, env: process.env, argv: process.argv, node: process.version };
    return { ...report, main: typeof globalThis.fetch };
  }
  if (name === "recursion") {
    const deep = (n: number): number => deep(n + 1) + 1;
    try {
      return deep(0);
    } catch (error) {
      return String(error);
    }
  }
  if (name === "spin") for (;;);
  if (name === "eval") {
    try {
      return new Function("return 1")();
    } catch (error) {
      return String(error);
    }
  }
  return `unknown order ${name}`;
}
