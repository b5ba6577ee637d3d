/** Guests in locked cells, one sandbox for each run. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { testGuests } from "./guests.ts";
import { runInSandbox } from "./in-sandbox.ts";

const cell = fileURLToPath(new URL("../../dist/cell.cjs", import.meta.url));

testGuests({
  where: "in a sandbox",
  run: runInSandbox,
  unable: existsSync(cell) ? undefined : "dist/ is not built: ./linden test builds it",
});
