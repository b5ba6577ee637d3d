/** What is no program, or no image: one clear message and 126 or 127. dist/ must be built (./linden test does that). */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { WALI_MODULE } from "../../src/abi/calls.ts";
import { PYTHON } from "../engine/programs.ts";
import { code, WasmBuilder } from "../engine/wasm-builder.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.cjs", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "linden-bad-"));
after(() => rmSync(home, { recursive: true, force: true }));

function linden(...args: string[]) {
  return spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", CLI, ...args], {
    cwd: home,
    input: "",
    encoding: "utf8",
    timeout: 30_000,
  });
}

const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const python = readFileSync(PYTHON);

function importing(module: string, name: string, signature: string): Uint8Array {
  const builder = new WasmBuilder();
  builder.import(module, name, signature);
  builder.func(">", [], "_start");
  return builder.memory(1).export("memory", 2, 0).build();
}

/** The file's bytes, and what the message must say. */
const FILES: readonly (readonly [name: string, bytes: Uint8Array | string, says: RegExp])[] = [
  ["empty", "", /WebAssembly/],
  ["text", "#!/bin/sh\necho hello\n", /WebAssembly.*a script: run its interpreter/],
  ["an ELF file", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0), /WebAssembly.*linden cc.*linden jail/],
  ["wrong magic", Uint8Array.from([0x00, 0x61, 0x73, 0x6e, ...HEADER.slice(4)]), /WebAssembly/],
  ["a later version", Uint8Array.from([...HEADER.slice(0, 4), 2, 0, 0, 0]), /version/],
  ["a component", Uint8Array.from([...HEADER.slice(0, 4), 0x0d, 0, 1, 0]), /component/],
  ["a module cut in its header", Uint8Array.from(HEADER.slice(0, 6)), /WebAssembly/],
  ["a module cut in a section", python.subarray(0, 100_000), /truncated/],
  ["a module that is none behind its header", Uint8Array.from([...HEADER, 99, 1, 1]), /section 99/],
  ["a module without anything", Uint8Array.from(HEADER), /_start/],
  ["a library", new WasmBuilder().memory(1).export("memory", 2, 0).build(), /_start/],
  ["an import from a module nobody has", importing("nobody", "has", ">"), /"nobody" "has"/],
  ["an import of a call nobody has", importing(WALI_MODULE, "SYS_nobody", "i>I"), /"SYS_nobody"/],
  ["an import of another type", importing(WALI_MODULE, "SYS_getpid", "ff>I"), /SYS_getpid/],
  [
    "invalid code",
    (() => {
      const builder = new WasmBuilder().memory(1).export("memory", 2, 0);
      builder.func(">", [code.add], "_start");
      return builder.build();
    })(),
    /_start|type|stack|valid/i,
  ],
];

/** One message: a line of ours, and nothing of a stack. */
function isOneMessage(stderr: string, says: RegExp): void {
  assert.match(stderr, /^linden: [^\n]+\n$/);
  assert.match(stderr, says);
  assert.doesNotMatch(stderr, /\bat [^ ]+ \(|node:internal|\.ts:\d+/);
}

describe("linden run", () => {
  for (const [name, bytes, says] of FILES) {
    test(`says in one line what is wrong with ${name}, and exits with 126`, { timeout: 60_000 }, () => {
      const file = join(home, `${name.replaceAll(" ", "-")}.wasm`);
      writeFileSync(file, bytes);
      const { status, stdout, stderr } = linden("run", file);
      isOneMessage(stderr, says);
      assert.deepEqual([status, stdout], [126, ""]);
    });
  }

  test("says in one line what it did not find, and exits with 127; with 126 what it may not run", () => {
    for (const [program, says] of [
      ["./none.wasm", /none\.wasm/],
      ["none/at/all.wasm", /all\.wasm/],
      ["nobody-has-this", /nobody-has-this/],
    ] as const) {
      const { status, stdout, stderr } = linden("run", program);
      isOneMessage(stderr, says);
      assert.deepEqual([status, stdout], [127, ""], program);
    }
    writeFileSync(join(home, "script.py"), "print(1)\n");
    isOneMessage(linden("run", "script.py").stderr, /did you mean "\.\/script\.py"\?/);
    isOneMessage(linden("run", "./script.py").stderr, /a script: run its interpreter, with the script mounted/);
    mkdirSync(join(home, "directory.wasm"));
    const { status, stderr } = linden("run", "./directory.wasm");
    isOneMessage(stderr, /directory/);
    assert.equal(status, 126);
  });
});

describe("an image", () => {
  const image = (name: string): string => {
    const directory = join(home, name);
    mkdirSync(join(directory, "bin"), { recursive: true });
    return directory;
  };

  test("whose program was cut or is none gives one line and 126", { timeout: 60_000 }, () => {
    for (const [name, bytes] of [
      ["cut", python.subarray(0, 50_000)],
      ["other", "not a program"],
    ] as const) {
      const directory = image(name);
      writeFileSync(join(directory, "bin/tool"), bytes);
      chmodSync(join(directory, "bin/tool"), 0o755);
      const { status, stdout, stderr } = linden("run", "--image", directory, "tool");
      isOneMessage(stderr, /tool|truncated/);
      assert.deepEqual([status, stdout], [126, ""], name);
    }
  });

  test("without the program gives one line and 127", () => {
    const { status, stderr } = linden("run", "--image", image("bare"), "tool");
    isOneMessage(stderr, /tool: .*the image has no such program/);
    assert.equal(status, 127);
    isOneMessage(linden("run", "--image", image("bare"), "/bin/tool").stderr, /\/bin\/tool: .*no program of the image/);
  });

  test("packed and then cut, or no archive at all, is refused in one line before anything runs", () => {
    for (const [name, bytes] of [
      ["cut.tar.gz", Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1)],
      ["text.tar.gz", "not an archive"],
    ] as const) {
      writeFileSync(join(home, name), bytes);
      const { status, stdout, stderr } = linden("run", "--image", `./${name}`, "sh", "-c", "echo ran");
      isOneMessage(stderr, new RegExp(name.replaceAll(".", "\\.")));
      assert.deepEqual([status, stdout], [126, ""], name);
    }
  });
});

test("what linden cc says holds nothing that a terminal acts on, whatever names it is given", () => {
  const name = "\x1b]0;title\x07\u202e";
  const env = { ...process.env, LINDEN_LLVM: name };
  const argv = ["--disable-warning=ExperimentalWarning", CLI, "cc", "a.c"];
  const { stderr, status } = spawnSync(process.execPath, argv, { cwd: home, env, encoding: "utf8", timeout: 30_000 });
  assert.equal(stderr, "LINDEN_LLVM is \\x1b]0;title\\x07\\u{202e}: native or wasm\n");
  assert.notEqual(status, 0);
});
