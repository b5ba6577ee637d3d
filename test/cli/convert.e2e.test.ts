/** `linden convert`: the bytes it writes are what bubblewrap installs, and a mistake is one line with its place. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
let scratch = "";
before(() => {
  scratch = mkdtempSync(join(tmpdir(), "linden-convert-"));
  writeFileSync(join(scratch, "no-mkdir.policy"), "@denylist\nmkdir: return EDOM\nmkdirat: return EDOM\n");
});
after(() => rmSync(scratch, { recursive: true, force: true }));

function convert(...argv: string[]) {
  const options = ["--conditions=linden-source", "--disable-warning=ExperimentalWarning"];
  return spawnSync(process.execPath, [...options, main, "convert", ...argv], { cwd: scratch, encoding: "latin1" });
}

test("a Minijail policy becomes bytes that bubblewrap enforces", () => {
  const made = convert("--to", "bpf", "-o", "filter", "no-mkdir.policy");
  assert.equal(made.status, 0, made.stderr);
  const filter = openSync(join(scratch, "filter"), "r");
  try {
    const argv = ["--dev-bind", "/", "/", "--seccomp", "3", "--", "mkdir", join(scratch, "made")];
    const { status, stderr, error } = spawnSync("bwrap", argv, {
      stdio: ["ignore", "pipe", "pipe", filter],
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
    });
    assert.equal(error, undefined, "this test needs bubblewrap (Debian: bubblewrap)");
    assert.equal(status, 1);
    assert.match(stderr, /Numerical argument out of domain/);
  } finally {
    closeSync(filter);
  }
});

test("each format is written and read again", () => {
  for (const format of ["linden", "docker", "oci", "minijail"]) {
    const first = convert("--to", format, "-o", `as-${format}`, "no-mkdir.policy");
    assert.equal(first.status, 0, first.stderr);
    const again = convert("--to", "bpf", "-o", "again", `as-${format}`);
    assert.equal(again.status, 0, again.stderr);
    assert.ok(readFileSync(join(scratch, "again")).length % 8 === 0);
  }
  assert.match(
    convert("--to", "minijail", "as-docker").stderr,
    /not carried over: a Minijail policy's default is a kill/,
  );
});

test("a mistake is one line with file and line, and the command fails", () => {
  writeFileSync(join(scratch, "wrong.policy"), "read: 1\nraed: 1\n");
  const { status, stdout, stderr } = convert("wrong.policy");
  assert.deepEqual([status, stdout], [125, ""]);
  assert.match(stderr, /^linden: wrong\.policy:2: .*did you mean "read"\?\n$/);
  assert.equal(convert("--to", "selinux", "wrong.policy").status, 125);
  assert.equal(convert("nowhere.json").status, 125);
  assert.equal(convert().status, 125);
});
