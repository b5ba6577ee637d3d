/**
 * `./linden test [FILE…]`: types, lint, house rules and every test; with files, only those. Ends with the test runner's
 * own summary and its exit status.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const wanted = process.argv.slice(2);

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
