/** Guests in locked cells whose directory is one of the host's, behind the file server. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { testGuests } from "./guests.ts";
import { runOnMount } from "./in-sandbox.ts";

const server = fileURLToPath(new URL("../../dist/fileserver.cjs", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "linden-mounts-"));
after(() => rmSync(work, { recursive: true, force: true }));

testGuests({
  where: "on a mount",
  run: (run) => runOnMount({ ...run, root: mkdtempSync(join(work, "root-")) }),
  unable: existsSync(server) ? undefined : "dist/ is not built: ./linden test builds it",
  differs: new Map([["links-of-symlinks", "a host directory gives second names to regular files only"]]),
});
