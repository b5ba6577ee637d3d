import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { NotRunnable, OptionError, ProgramNotFound } from "../../src/sandbox/errors.ts";
import { contentsOf } from "../../src/sandbox/host-mounts.ts";
import { openImage } from "../../src/sandbox/image.ts";
import { ModuleCache } from "../../src/sandbox/module-cache.ts";
import { loadModule } from "../../src/sandbox/modules.ts";
import { argumentsOf, findProgram, installedGuests } from "../../src/sandbox/programs.ts";

const home = mkdtempSync(join(tmpdir(), "linden-test-"));
after(() => rmSync(home, { recursive: true, force: true }));
const WASM = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);

/** A project whose dependencies are the given packages. */
function project(name: string, packages: Record<string, object>): string {
  const root = join(home, name);
  for (const [packageName, manifest] of Object.entries(packages)) {
    const directory = join(root, "node_modules", packageName);
    mkdirSync(join(directory, "dist"), { recursive: true });
    writeFileSync(join(directory, "package.json"), JSON.stringify(manifest));
    writeFileSync(join(directory, "dist", "x.wasm"), WASM);
  }
  const dependencies = Object.fromEntries(Object.keys(packages).map((each) => [each, "1"]));
  writeFileSync(join(root, "package.json"), JSON.stringify({ dependencies }));
  return root;
}

const guest = (declaration: object) => ({ version: "1.2.3", linden: { guests: { tool: declaration } } });

test("an absolute path is the image's program where it has one there, else the host's; other paths are the host's", async () => {
  const image = join(home, "image");
  mkdirSync(join(image, "bin"), { recursive: true });
  writeFileSync(join(image, "bin/tool"), WASM, { mode: 0o755 });
  const opened = await openImage([image]);
  const own = join(home, "own.wasm");
  writeFileSync(own, WASM);
  assert.equal((await findProgram("/bin/tool", home, opened)).path, join(realpathSync(image), "bin/tool"));
  assert.equal((await findProgram(own, home, opened)).path, own);
  assert.equal((await findProgram("image/bin/tool", home, opened)).path, join(image, "bin/tool"));
  await assert.rejects(findProgram("/bin/tool", home), ProgramNotFound);
  await assert.rejects(findProgram("./bin/tool", home, opened), ProgramNotFound);
});

test("for a misspelled program of the image the nearest is named, and nothing for what is like none", async () => {
  const image = join(home, "tools");
  mkdirSync(join(image, "usr/bin"), { recursive: true });
  writeFileSync(join(image, "usr/bin/grep"), WASM, { mode: 0o755 });
  writeFileSync(join(image, "usr/bin/gripe"), "no program", { mode: 0o755 });
  const opened = await openImage([image]);
  const told = (name: string) => findProgram(name, home, opened).catch((error: Error) => error.message);
  assert.match(String(await told("grpe")), /the image has no such program, .*; did you mean "grep"\?$/);
  assert.match(String(await told("/usr/bin/grpe")), /no program of the image; did you mean "\/usr\/bin\/grep"\?$/);
  assert.match(String(await told("something")), /no path of a \.wasm file$/);
  assert.match(String(await told("/usr/bin/something")), /no program of the image$/);
});

test("a named pipe is refused at once", { timeout: 5000 }, async () => {
  const path = join(home, "pipe.wasm");
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  await assert.rejects(findProgram(path, home), NotRunnable);
});

test("what took a program's place after it was found is not read: pipes, devices, files longer than they say", {
  timeout: 10_000,
}, async () => {
  const path = join(home, "swapped.wasm");
  writeFileSync(path, WASM);
  const program = await findProgram(path, home);
  const cache = new ModuleCache("/dev/null/cache");
  const load = () => loadModule(program, cache, "build", 2 ** 20);
  assert.deepEqual(new Uint8Array((await load()).bytes), WASM);
  const pipe = join(home, "swapped.pipe");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  // A file of /proc says that it has no bytes, and has many.
  for (const instead of [pipe, "/dev/zero", home, "/proc/self/environ"]) {
    rmSync(path);
    symlinkSync(instead, path);
    await assert.rejects(load(), NotRunnable, instead);
  }
});

test("what took a mounted file's place after it was looked at is not read", { timeout: 10_000 }, async () => {
  const path = join(home, "mounted");
  const mounted = (host: string) => ({ kind: "host", at: "/x", host, readOnly: true }) as const;
  writeFileSync(path, "contents");
  assert.deepEqual(await (await contentsOf(mounted(path))).toArray(), [Buffer.from("contents")]);
  rmSync(path);
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  for (const instead of [path, home, "/dev/zero", join(home, "nothing")]) {
    await assert.rejects(contentsOf(mounted(instead)), OptionError, instead);
  }
});

test("the package of docs/guests.md declares a guest", () => {
  const page = readFileSync(new URL("../../docs/guests.md", import.meta.url), "utf8");
  const example: unknown = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? "");
  const root = project("documented", { "my-tool": example as object });
  const guest = installedGuests(root).find(({ name }) => name === "my-tool");
  assert.equal(guest?.path, join(realpathSync(root), "node_modules/my-tool/dist/my-tool.wasm"));
  assert.deepEqual([...(guest?.env ?? [])], [["MY_TOOL_HOME", "/usr/local"]]);
  assert.deepEqual([...(guest?.files ?? [])], [["defaults.ini", "colour = off\n"]]);
  const fields = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, field]) => field);
  const known = ["module", "description", "env", "files", "args", "entry", "script"];
  assert.deepEqual(fields, known);
});

test("a package declares a guest", async () => {
  const root = project("declared", {
    "@scope/tool": guest({ module: "dist/x.wasm", args: ["--quiet"], env: { A: "1" }, files: { "a.txt": "b" } }),
  });
  const program = await findProgram("tool", join(root));
  assert.equal(program.path, join(root, "node_modules/@scope/tool/dist/x.wasm"));
  assert.equal(program.entry, "wasi-command");
  assert.deepEqual([...program.env], [["A", "1"]]);
  assert.deepEqual([...program.files], [["a.txt", "b"]]);
  assert.deepEqual(argumentsOf(program, ["x"], "/"), ["--quiet", "x"]);
  const listed = installedGuests(root).find(({ name }) => name === "tool");
  assert.equal(listed?.package, "@scope/tool");
  assert.equal(listed?.version, "1.2.3");
});

test("declarations that cannot be are the package's mistake, said with its name", async () => {
  const wrong: object[] = [
    { module: 5 },
    { module: "../../../../etc/passwd.wasm" },
    { module: "/etc/passwd" },
    { module: "dist/x.wasm", entry: "reactor" },
    { module: "dist/x.wasm", args: "x" },
    { module: "dist/x.wasm", files: { "../x": "y" } },
    { module: "dist/x.wasm", env: { A: 1 } },
    { module: "dist/x.wasm", wat: 1 },
  ];
  for (const [index, declaration] of wrong.entries()) {
    const root = project(`wrong${index}`, { bad: guest(declaration) });
    await assert.rejects(findProgram("tool", root), (error) => {
      assert.ok(error instanceof OptionError, String(error));
      assert.match(error.message, /bad: linden\.guests\.tool/);
      return true;
    });
  }
});

test("the packages Linden carries declarations for are found from its own place", () => {
  const names = installedGuests("/").map(({ name }) => name);
  assert.ok(names.includes("python"));
  assert.ok(names.includes("ruby"));
});

test("an unknown guest is not found, a known one says what brings it", async () => {
  await assert.rejects(findProgram("nope", home), ProgramNotFound);
  await assert.rejects(findProgram("constructor", home), ProgramNotFound);
  await assert.rejects(findProgram("__proto__", home), ProgramNotFound);
  await assert.rejects(findProgram("", home), OptionError);
});

test("paths: relative to cwd, links followed, other files refused", async () => {
  writeFileSync(join(home, "a.wasm"), WASM);
  symlinkSync("a.wasm", join(home, "link.wasm"));
  writeFileSync(join(home, "short.wasm"), WASM.subarray(0, 4));
  writeFileSync(join(home, "component.wasm"), new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00]));
  mkdirSync(join(home, "dir.wasm"));
  assert.equal((await findProgram("a.wasm", home)).path, join(home, "a.wasm"));
  assert.equal((await findProgram("./link.wasm", home)).name, "./link.wasm");
  for (const name of ["short.wasm", "component.wasm", "dir.wasm", "/dev/null"]) {
    await assert.rejects(findProgram(name, home), NotRunnable, name);
  }
  await assert.rejects(findProgram("a.wasm/b.wasm", home), ProgramNotFound);
});

test("python's script becomes absolute, whatever options stand before it", async () => {
  const python = await findProgram("python", "/");
  const argv = (...args: string[]) => argumentsOf(python, args, "/work");
  const cases: [string[], string[]][] = [
    [
      ["s.py", "a.py"],
      ["/work/s.py", "a.py"],
    ],
    [
      ["-B", "-u", "s.py"],
      ["-B", "-u", "/work/s.py"],
    ],
    [
      ["-W", "ignore", "-Xutf8", "s.py"],
      ["-W", "ignore", "-Xutf8", "/work/s.py"],
    ],
    [
      ["-uW", "ignore", "s.py"],
      ["-uW", "ignore", "/work/s.py"],
    ],
    [
      ["--check-hash-based-pycs", "never", "s.py"],
      ["--check-hash-based-pycs", "never", "/work/s.py"],
    ],
    [["/abs.py"], ["/abs.py"]],
    [
      ["-c", "print(1)", "x"],
      ["-c", "print(1)", "x"],
    ],
    [
      ["-Bc", "print(1)"],
      ["-Bc", "print(1)"],
    ],
    [
      ["-m", "json.tool", "x.json"],
      ["-m", "json.tool", "x.json"],
    ],
    [
      ["-", "x"],
      ["-", "x"],
    ],
    [[], []],
  ];
  for (const [given, expected] of cases) assert.deepEqual(argv(...given), expected);
  assert.deepEqual(argumentsOf(python, ["s.py"], "/"), ["/s.py"]);
});

test("ruby is told its directory by its own option", async () => {
  const ruby = await findProgram("ruby", "/");
  assert.deepEqual(argumentsOf(ruby, ["s.rb"], "/work"), ["-C", "/work", "s.rb"]);
  assert.equal(ruby.entry, "ruby");
});
