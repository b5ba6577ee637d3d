/** Run by stacks.test.ts in a process of its own, with the stack flags of a cell. Prints what happened as JSON. */
import { SIGKILL } from "../../src/abi/signal.ts";
import { machine } from "./machine.ts";
import { code, WasmBuilder } from "./wasm-builder.ts";

/** Recurse `depth` times, each frame holding a value; at the bottom call `test` `bottom`; exit with 5. */
function deep(depth: number, bottom: string): Uint8Array<ArrayBuffer> {
  const builder = new WasmBuilder().memory(1);
  const exit = builder.import("test", "exit", "i>");
  const atBottom = builder.import("test", bottom, ">i");
  const recurse = builder.func("i>i", [
    code.get(0),
    [0x45, 0x04, 0x7f], // eqz, if (result i32)
    code.call(atBottom),
    [0x05],
    code.get(0),
    code.i32(1),
    code.sub,
    code.call(2),
    code.get(0),
    code.add,
    [0x0b],
  ]);
  builder.func(">", [code.i32(depth), code.call(recurse), code.drop, code.i32(5), code.call(exit)], "_start");
  return builder.build();
}

const made = machine();
const shallow = await made.run(deep(60_000, "nothing"));
const bottomless = await made.run(deep(2 ** 31 - 1, "nothing"));
const parked = Array.from({ length: 40 }, () => made.spawn(deep(60_000, "forever")));
while (parked.some((process) => process.calls === 0)) await new Promise(setImmediate);
for (const process of parked) made.kernel.kill(process, SIGKILL);
const killed = await Promise.all(parked.map((process) => made.ended(process)));
const after = await made.run(deep(60_000, "nothing"));
const { faults, engine } = made;
console.log(JSON.stringify({ shallow, bottomless, killed, after, faults: faults.length, programs: engine.programs }));
