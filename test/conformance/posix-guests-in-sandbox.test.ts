/** Guests as Linux programs, built by linden cc, in locked cells: one sandbox for each run. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LINUX_GUESTS, testGuests } from "./guests.ts";
import { runInSandbox } from "./in-sandbox.ts";
import { LINDEN_CC } from "./linden-cc.ts";

const cell = fileURLToPath(new URL("../../dist/cell.cjs", import.meta.url));

const place = {
  where: "as a Linux program in a sandbox",
  run: runInSandbox,
  compiler: LINDEN_CC,
  unable: existsSync(cell) ? undefined : "dist/ is not built: ./linden test builds it",
};
testGuests(place);
testGuests({ ...place, names: LINUX_GUESTS });
