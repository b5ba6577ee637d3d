/** The examples and the README's TypeScript do what they say. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a file as a user of the package would: against dist/, in Node as it is. */
function run(file: string): { stdout: string; stderr: string; status: number | null } {
  return spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", file], {
    cwd: home,
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, NODE_OPTIONS: "" },
  });
}

const EXPECTED: Record<string, RegExp> = {
  "agent.ts": /^285\n\nexit 1\nTraceback[\s\S]*FileNotFoundError/,
  "grader.ts": /^right: accepted\nwrong: wrong answer\nslow: too slow\n$/,
  "plugin.ts": /^0 NOTHING OF THE HOST IS HERE\n$/,
  "streams.ts": /^nednil\nxobdnas\nexit 0\n$/,
};

for (const [file, expected] of Object.entries(EXPECTED)) {
  test(`examples/${file}`, () => {
    const { stdout, stderr, status } = run(join("examples", file));
    assert.equal(status, 0, stderr);
    assert.match(stdout, expected);
    assert.equal(stderr, "");
  });
}

test("the README's TypeScript prints what its comment says", () => {
  const readme = readFileSync(join(home, "README.md"), "utf8");
  const [, code = ""] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  // Inside the checkout, so that the name "linden" is found.
  const file = join(home, `examples/.readme-${process.pid}.mts`);
  writeFileSync(file, code);
  try {
    const { stdout, stderr, status } = run(file);
    assert.equal(status, 0, stderr);
    assert.equal(stdout, "0 12\n\n");
  } finally {
    rmSync(file);
  }
});
