/**
 * Layer: engine, entries. ruby.wasm (npm @ruby/*-wasm-wasi): a library with exports in the early component style. It is
 * initialized, given the interpreter's options, and then one string to evaluate. Values of JavaScript, which the module
 * would also speak to, are not offered: calling one of those imports ends the program. It must not know stacks or gates.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import type { GuestCall } from "../../kernel/contracts.ts";
import { type Entry, type EntryContext, type EntryImports, GuestFault, requireExport } from "./entry.ts";
import { HandleTables } from "./handles.ts";
import { bootstrap, parseCommand } from "./ruby-bootstrap.ts";

const INIT = "ruby-init: func(args: list<string>) -> ()";
const EVAL = "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>";
/** Bytes of a list<string> element: pointer and length. */
const STRING_BYTES = 8;

const handles = new HandleTables();

/** The guest's own values, which it keeps under numbers. Nothing of JavaScript's is behind them. */
const RESOURCES: readonly GuestCall[] = [
  {
    name: "resource_new_rb-abi-value",
    parameters: "i",
    result: "i",
    begin: (thread, value = 0) => handles.add(thread.process, value),
  },
  {
    name: "resource_get_rb-abi-value",
    parameters: "i",
    result: "i",
    begin: (thread, handle = 0) => handles.get(thread.process, handle),
  },
  { name: "resource_drop_js-abi-value", parameters: "i", result: "", begin: () => 0 },
];

export const RUBY: Entry = {
  name: "ruby",
  imports: new Map<string, EntryImports>([
    ["canonical_abi", RESOURCES],
    ["rb-js-abi-host", "traps"],
  ]),

  check(report) {
    requireExport(report, "_initialize", "", "");
    requireExport(report, "cabi_realloc", "iiii", "i");
    requireExport(report, INIT, "ii", "");
    requireExport(report, EVAL, "ii", "i");
  },

  async run(context) {
    const command = parseCommand(context.argv);
    await context.call("_initialize");
    await initialize(context, ["ruby", "-EUTF-8", ...command.options, "-e_=0"] as ByteString[]);
    const program = bootstrap(command) as ByteString;
    await context.call(EVAL, await place(context, program), program.length);
    // The bootstrap ends in exit!: only an interpreter that could not evaluate it comes back.
    return 1;
  },
};

/** Hand over a list<string>; the interpreter wants each with a NUL of its own. */
async function initialize(context: EntryContext, options: readonly ByteString[]): Promise<void> {
  const list = await allocate(context, 4, options.length * STRING_BYTES);
  for (let i = 0; i < options.length; i++) {
    const text = `${options[i]}\0` as ByteString;
    const address = await place(context, text);
    context.memory.view.setUint32(list + i * STRING_BYTES, address, true);
    context.memory.view.setUint32(list + i * STRING_BYTES + 4, text.length, true);
  }
  await context.call(INIT, list, options.length);
}

async function place(context: EntryContext, text: ByteString): Promise<number> {
  const address = await allocate(context, 1, text.length);
  context.memory.putByteString(address, text);
  return address;
}

/** Ask the guest for room, and believe its answer only where it lies inside its memory. */
async function allocate(context: EntryContext, alignment: number, bytes: number): Promise<number> {
  const address = (await context.call("cabi_realloc", 0, 0, alignment, bytes)) >>> 0;
  if (address === 0 || !context.memory.contains(address, bytes)) {
    throw new GuestFault(`cabi_realloc answered ${address} for ${bytes} bytes`);
  }
  return address;
}
