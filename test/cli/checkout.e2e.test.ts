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

/** ./linden in a directory of its own, on a machine with nothing on the path. */
function bare(name: string, fill: (checkout: string) => void, ...args: string[]) {
  const checkout = join(home, name);
  mkdirSync(checkout, { recursive: true });
  copyFileSync(linden, join(checkout, "linden"));
  fill(checkout);
  const env = { PATH: join(home, "nothing") };
  const { status, stderr } = spawnSync("/bin/sh", ["linden", ...args], { cwd: checkout, env, encoding: "utf8" });
  return { status, stderr };
}

test("a machine without npm is told the one command, with a compiler only where one will be needed", () => {
  const nothing = () => {};
  const run = bare("no-npm", nothing, "run", "python");
  assert.equal(run.status, 125);
  assert.match(
    run.stderr,
    /^linden: npm is needed once.*\nlinden: .*&& apt-get install --no-install-recommends nodejs npm libatomic1\n$/m,
  );
  const shell = bare("no-npm", nothing, "shell");
  assert.match(shell.stderr, / nodejs npm libatomic1 clang-22 .* xz-utils\n$/);
});

test("a machine without Node's one library that Debian leaves out is told so", () => {
  const { status, stderr } = bare(
    "no-libatomic",
    (checkout) => {
      const bin = join(checkout, "node_modules", `node-linux-${process.arch}`, "bin");
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(checkout, "package-lock.json"), "{}");
      writeFileSync(join(checkout, "node_modules/.linden-lock"), "{}");
      const said = "node: error while loading shared libraries: libatomic.so.1: cannot open shared object file";
      writeFileSync(join(bin, "node"), `#!/bin/sh\necho '${said}' >&2\nexit 127\n`, { mode: 0o755 });
      mkdirSync(join(home, "nothing"), { recursive: true });
      symlinkSync("/usr/bin/cmp", join(home, "nothing/cmp"));
    },
    "run",
    "python",
  );
  assert.equal(status, 125);
  assert.match(stderr, /^linden: Node 26 needs the library libatomic\.\nlinden: .*recommends libatomic1\n$/);
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
