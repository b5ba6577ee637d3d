/**
 * `./linden test [FILE…]`: types, lint, house rules and every test; with files, only those. Ends with the test runner's
 * own summary and its exit status.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const wanted = process.argv.slice(2);
/** Where tests make their temporary files: what one that was ended could not take away goes with it. */
const scratch = mkdtempSync(join(tmpdir(), "linden-tests-"));
// Tests start programs as other users.
chmodSync(scratch, 0o1777);
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
process.env.TMPDIR = scratch;

function run(title, args) {
  process.stderr.write(`linden: ${title}\n`);
  const { status, signal } = spawnSync(process.execPath, args, { cwd: home, stdio: "inherit" });
  if (status === 0) return;
  process.stderr.write(`linden: ${title}: failed (${signal ?? status})\n`);
  process.exit(status ?? 1);
}

if (wanted.length === 0) {
  run("types", ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"]);
  run("types of the inner rooms, without Node's", ["node_modules/typescript/bin/tsc", "-p", "tsconfig.inner.json"]);
  run("lint", ["node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."]);
}

run("tests", [
  "--conditions=linden-source",
  "--disable-warning=ExperimentalWarning",
  "--test",
  "--test-concurrency=2",
  "--test-reporter=spec",
  ...(wanted.length > 0 ? wanted : globSync("test/**/*.test.ts", { cwd: home }).sort()),
]);
