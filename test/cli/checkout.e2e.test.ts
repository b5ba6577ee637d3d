/** What ./linden does before and beside the command line itself. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const linden = fileURLToPath(new URL("../../linden", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "linden-test-"));
after(() => rmSync(home, { recursive: true, force: true }));

function run(...args: string[]) {
  return spawnSync(linden, args, { cwd: home, encoding: "utf8", timeout: 60_000 });
}

test("Node takes no option of Linden's or the guest's for its own", () => {
  assert.deepEqual(
    {
      status: run("run", "--env-file", "none", "python").status,
      said: run("run", "--env-file", "none", "python").stderr,
    },
    {
      status: 125,
      said: "linden: --env-file none: cannot be read (ENOENT)\nlinden: see linden run --help\n",
    },
  );
  // Node would read the first one into this process before a line of ours runs.
  writeFileSync(join(home, "hostile.env"), "NODE_OPTIONS=--frob\nXDG_CACHE_HOME=relative\n");
  const code = "import sys; print(sys.argv[1:])";
  for (const option of ["--env-file=hostile.env", "--env-file=none"]) {
    const { status, stdout, stderr } = run("run", "python", "-c", code, option);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: `['${option}']\n`, stderr: "" });
  }
});

test("test and bench tell what they do instead of doing it", () => {
  for (const command of ["test", "bench"]) {
    const { status, stdout } = run(command, "--help");
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`^Usage: ./linden ${command}`));
  }
});

test("packages are not installed through a link into another checkout", () => {
  const checkout = join(home, "checkout");
  mkdirSync(checkout);
  mkdirSync(join(home, "others"));
  copyFileSync(linden, join(checkout, "linden"));
  symlinkSync("../others", join(checkout, "node_modules"));
  const { status, stderr } = spawnSync(join(checkout, "linden"), ["version"], { encoding: "utf8", timeout: 60_000 });
  assert.equal(status, 125);
  assert.match(stderr, /node_modules is a link/);
  assert.deepEqual(readdirSync(join(home, "others")), []);
});
