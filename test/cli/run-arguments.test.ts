import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseRun, type RunRequest } from "../../src/cli/run-arguments.ts";
import { UsageError } from "../../src/cli/usage.ts";

const home = mkdtempSync(join(tmpdir(), "linden-test-"));
after(() => rmSync(home, { recursive: true, force: true }));

function parse(...argv: string[]): RunRequest {
  const request = parseRun(argv, { HOST: "mine", EMPTY: "" });
  if (request === "help") assert.fail("help instead of a request");
  return request;
}

test("the program's own words are its own", () => {
  const { program, args } = parse("--rm", "-it", "python", "-c", "print(1)", "--timeout", "-v", "--", "x");
  assert.equal(program, "python");
  assert.deepEqual(args, ["-c", "print(1)", "--timeout", "-v", "--", "x"]);
  assert.deepEqual(parse("--", "-weird.wasm", "-x").args, ["-x"]);
  assert.equal(parse("--", "-weird.wasm").program, "-weird.wasm");
  assert.equal(parse("-e", "A=1", "a.wasm").program, "a.wasm");
});

test("volumes as docker writes them", () => {
  const { options } = parse("-v", "./d:/data:ro", "--volume", "/a:b:/c", "-v/x:/y", "-v", "/o:/o:O", "p");
  assert.deepEqual(options.mounts, {
    "/data": { host: "./d", readOnly: true },
    "/c": { host: "/a:b", readOnly: false },
    "/y": { host: "/x", readOnly: false },
    "/o": { host: "/o", overlay: true },
  });
  for (const text of ["x", "x:", ":/x", "x:y", "x:/y:rx", "x:/y:o"])
    assert.throws(() => parse("-v", text, "p"), UsageError, text);
});

test("directories as wasmtime writes them", () => {
  assert.deepEqual(parse("--dir", "./d::/data", "--dir", "sub", "p").options.mounts, {
    "/data": { host: "./d" },
    "/sub": { host: "sub" },
  });
  for (const text of [".", "x::/", "a::b::c", "::/x"]) assert.throws(() => parse("--dir", text, "p"), UsageError, text);
});

test("memory directories", () => {
  assert.deepEqual(parse("--tmpfs", "/tmp", "--tmpfs", "/a:64m", "--tmpfs", "/b:size=1g", "p").options.mounts, {
    "/tmp": { tmpfs: true },
    "/a": { tmpfs: "64m" },
    "/b": { tmpfs: "1g" },
  });
  assert.throws(() => parse("--tmpfs", "tmp", "p"), UsageError);
});

test("the environment: values, names of the caller's, files", () => {
  const file = join(home, "vars");
  writeFileSync(file, "# comment\n\nA=from file\r\nHOST\nB=x=y\n");
  const { options } = parse("--env-file", file, "-e", "A=1", "--env", "HOST", "-e", "UNSET", "-e", "EMPTY", "p");
  assert.deepEqual(options.env, { A: "1", HOST: "mine", B: "x=y", EMPTY: "" });
  assert.throws(() => parse("-e", "=x", "p"), UsageError);
  assert.throws(() => parse("--env-file", join(home, "none"), "p"), /cannot be read \(ENOENT\)/);
});

test("limits, and no cap on output unless asked", () => {
  const { options, stats } = parse(
    "-m",
    "256m",
    "--timeout",
    "2s",
    "--max-output=10m",
    "--disk",
    "1g",
    "--cpu-time",
    "500",
    "--stats",
    "p",
  );
  assert.deepEqual(options.limits, { memory: "256m", timeout: "2s", output: "10m", disk: "1g", cpu: 500 });
  assert.equal(stats, true);
  assert.deepEqual(parse("p").options.limits, { output: Infinity });
});

test("the lock comes off by its full name only", () => {
  assert.equal(parse("p").options.lock, undefined);
  assert.equal(parse("--unsafe-no-lock", "p").options.lock, "off");
  assert.throws(() => parse("--no-lock", "p"), UsageError);
});

test("a policy file is what Sandbox.create takes; options win; its paths are relative to it", () => {
  mkdirSync(join(home, "p"));
  const file = join(home, "p", "policy.json");
  const policy = {
    mounts: { "/d": { host: "data", readOnly: true }, "/e": "e", "/t": { tmpfs: "1m" } },
    env: { A: "1", B: "1" },
    limits: { memory: "64m", timeout: "1s" },
    cwd: "/d",
    readOnly: true,
  };
  writeFileSync(file, JSON.stringify(policy));
  const { options } = parse("--policy", file, "-e", "B=2", "-m", "1g", "-w", "/e", "p");
  assert.deepEqual(options, {
    mounts: {
      "/d": { host: join(home, "p", "data"), readOnly: true },
      "/e": join(home, "p", "e"),
      "/t": { tmpfs: "1m" },
    },
    env: { A: "1", B: "2" },
    limits: { output: Infinity, memory: "1g", timeout: "1s" },
    cwd: "/e",
    readOnly: true,
  });
  writeFileSync(file, "{");
  assert.throws(() => parse("--policy", file, "p"), /is no JSON/);
  writeFileSync(file, "[]");
  assert.throws(() => parse("--policy", file, "p"), /expected an object/);
});

test("a policy file with a wrong value is named, and the value", () => {
  const file = join(home, "wrong.json");
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ limts: {} }, /limts: expected one of mounts, env, .*got "limts"$/],
    [{ mounts: [] }, /mounts: expected an object, got a list$/],
    [{ limits: [] }, /limits: expected an object, got a list$/],
    [{ limits: { memory: true } }, /limits\.memory: expected a size .*got true$/],
    [{ image: 7 }, /image: expected a name, .*got 7$/],
    [{ env: { A: 1 } }, /env\.A: expected a string, got 1$/],
    [{ mounts: { "/x": { host: ".", allow: ["git-hooks", "nope"] } } }, /mounts\["\/x"\]\.allow: .*got "nope"$/],
  ];
  for (const [policy, says] of cases) {
    writeFileSync(file, JSON.stringify(policy));
    assert.throws(
      () => parse("--policy", file, "p"),
      (error) =>
        error instanceof UsageError && error.message.startsWith(`--policy ${file}: `) && says.test(error.message),
      JSON.stringify(policy),
    );
  }
});

test("wrong words say so", () => {
  assert.throws(() => parse(), /which PROGRAM/);
  assert.throws(() => parse("--frob", "p"), /Unknown option '--frob'/);
  assert.throws(
    () => parse("--memroy", "1g", "p"),
    /^UsageError: Unknown option '--memroy'; did you mean "--memory"\?$/,
  );
  assert.throws(() => parse("-m"), /^UsageError: --memory: its value is missing$/);
  assert.throws(
    () => parse("--memory", "-1", "p"),
    /^UsageError: --memory: its value is missing, or begins with "-": [^\n]+$/,
  );
  for (const twice of [
    ["-v", "a:/x", "-v", "b:/x"],
    ["-v", "a:/x", "--tmpfs", "/x"],
  ]) {
    assert.throws(() => parse(...twice, "p"), /\/x: two mounts here/);
  }
  const file = join(home, "wrong.env");
  writeFileSync(file, "A=1\n# a comment\n=x\n");
  assert.throws(() => parse("--env-file", file, "p"), /--env-file .*wrong\.env, line 3: expected NAME=VALUE/);
  assert.equal(parseRun(["--help"], {}), "help");
  assert.equal(parseRun(["-v", "a:/b", "-h", "p"], {}), "help");
});
