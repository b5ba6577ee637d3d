/** Layer: engine, entries. A WASI command: one call of `_start`. It must not know any other kind of program. */
import { ModuleRefused } from "../rewriter/refusal.ts";
import { type Entry, requireExport } from "./entry.ts";

export const COMMAND: Entry = {
  name: "wasi-command",
  imports: new Map(),

  check(report) {
    const names = report.exports.map(({ name }) => name);
    if (!names.includes("_start") && names.includes("_initialize")) {
      const remedy = "link it as a command (without -mexec-model=reactor), or name an entry that knows it";
      throw new ModuleRefused("entry", "a library (it exports _initialize, not _start)", remedy);
    }
    requireExport(report, "_start", "", "");
  },

  async run(context) {
    await context.call("_start");
    return 0;
  },
};
