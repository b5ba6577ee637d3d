/** Layer: cli. `linden doctor`. */
import { parseArgs } from "node:util";
import { diagnose } from "../sandbox/diagnosis.ts";
import { escapeText } from "../sandbox/text.ts";
import { print } from "./output.ts";
import { HELP } from "./usage.ts";

export async function doctor(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    print(1, HELP.get("doctor") ?? "");
    return 0;
  }
  const findings = await diagnose();
  const good = findings.every(({ state }) => state !== "missing");
  if (values.json) {
    print(1, `${JSON.stringify({ good, findings }, null, 2)}\n`);
    return good ? 0 : 1;
  }
  for (const { name, state, detail, remedy } of findings) {
    print(1, `${state.padEnd(8)} ${name.padEnd(9)} ${escapeText(detail, 2000)}\n`);
    if (remedy !== "") print(1, `${" ".repeat(19)}get it: ${remedy}\n`);
  }
  print(1, good ? "\nBoth layers can be had here.\n" : "\nSandboxes cannot be locked here: they refuse to start.\n");
  return good ? 0 : 1;
}
