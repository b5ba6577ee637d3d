/** The house rules of docs/architecture.md, held against the code: who may import whom, file sizes, where FFI lives. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("../..", import.meta.url));
const sources = globSync("src/**/*.ts", { cwd: home }).sort();

const INNER = ["abi", "limits", "wait", "mem", "vfs", "fs", "net", "kernel", "syscalls", "wasi", "engine"];
const ENGINE_AND_BELOW = INNER;

/** Room to the rooms it may import, besides itself. "fs" rooms may not import each other. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  abi: [],
  limits: [],
  wait: [],
  mem: ["abi"],
  vfs: ["abi", "mem", "wait", "limits"],
  fs: ["abi", "mem", "wait", "limits", "vfs"],
  net: ["abi", "mem", "wait", "limits", "vfs"],
  kernel: ["abi", "mem", "wait", "limits", "vfs", "net"],
  syscalls: ["abi", "mem", "wait", "limits", "vfs", "net", "kernel"],
  wasi: ["abi", "mem", "kernel", "vfs", "wait", "limits"],
  engine: ["abi", "mem", "wait", "limits", "vfs", "net", "kernel", "syscalls", "wasi"],
  host: ["abi"],
  lockdown: ["abi", "host", "limits", "policies"],
  wire: ["abi", "limits"],
  cell: ["wire", "lockdown", "host", "policies", ...ENGINE_AND_BELOW],
  fileserver: ["wire", "lockdown", "host", "abi", "limits", "policies"],
  store: [],
  sandbox: ["wire", "lockdown", "host", "abi", "limits", "policies", "store"],
  toolchain: ["abi", "store"],
  cli: ["sandbox", "lockdown", "toolchain", "policies", "store"],
};

function roomOf(file: string): string {
  const parts = file.split("/");
  if (parts[0] === "policies") return "policies";
  return (parts[1] ?? "").replace(/\.ts$/, "");
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(home, file), "utf8");
  return [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;'"]*?\bfrom\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']/g),
  ]
    .map((match) => match[1] ?? match[2] ?? "")
    .concat([...text.matchAll(/(?:^|\n)import\s+["']([^"']+)["']/g)].map((match) => match[1] ?? ""));
}

test("every room imports only what the table allows", () => {
  const wrong: string[] = [];
  for (const file of sources) {
    const room = roomOf(file);
    const allowed = MAY_IMPORT[room];
    if (allowed === undefined) {
      wrong.push(`${file}: no such room`);
      continue;
    }
    for (const target of importsOf(file)) {
      if (!target.startsWith(".")) continue;
      const path = normalize(join(dirname(file), target));
      const other = roomOf(path);
      if (other !== room && !allowed.includes(other))
        wrong.push(`${file} imports ${path}: ${room} may not import ${other}`);
      if (room === "fs" && other === "fs" && path.split("/")[2] !== file.split("/")[2]) {
        wrong.push(`${file} imports ${path}: file systems do not know each other`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test("the inner rooms import nothing of Node's and no package", () => {
  const wrong = sources
    .filter((file) => INNER.includes(roomOf(file)))
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => !target.startsWith("."))
        .map((target) => `${file} imports ${target}`),
    );
  assert.deepEqual(wrong, []);
});

test("the other rooms import only Node's own modules", () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((target) => !target.startsWith(".") && !target.startsWith("node:"))
      .map((target) => `${file} imports ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test("FFI lives in *.unsafe.ts of src/host alone", () => {
  const wrong = sources.filter(
    (file) => importsOf(file).includes("node:ffi") && !(file.startsWith("src/host/") && file.endsWith(".unsafe.ts")),
  );
  assert.deepEqual(wrong, []);
});

test("each unsafe call says why it is safe", () => {
  for (const file of sources.filter((name) => name.endsWith(".unsafe.ts"))) {
    assert.match(readFileSync(join(home, file), "utf8"), /SAFETY/, file);
  }
});

test("no file of the house is over 600 lines", () => {
  const everywhere = globSync("{src,test,bench,fuzz,examples,scripts}/**/*.{ts,mjs,js}", { cwd: home });
  assert.ok(everywhere.length > sources.length);
  const long = everywhere
    .map((file) => ({ file, lines: readFileSync(join(home, file), "utf8").split("\n").length }))
    .filter(({ lines }) => lines > 600);
  assert.deepEqual(long, []);
});

test("a file's head says which layer it is", () => {
  const silent = sources.filter(
    (file) => !/^(#!.*\n)?\/\*\*[\s\S]{0,200}Layer: /.test(readFileSync(join(home, file), "utf8")),
  );
  assert.deepEqual(silent, []);
});

test("no drawer without a name: utils, helpers, common, manager", () => {
  assert.deepEqual(
    sources.filter((file) => /(^|[/-])(utils?|helpers?|common|managers?)([/.-]|$)/.test(file)),
    [],
  );
});

test("only the command line prints or exits", () => {
  const speakers = sources.filter((file) => {
    // The last one is the main of an isolate.
    if (["cli", "cell", "fileserver"].includes(roomOf(file)) || file === "src/lockdown/isolate/hook.ts") return false;
    const text = readFileSync(join(home, file), "utf8");
    return /\bconsole\.|process\.exit\(|process\.std(out|err)\.write/.test(text);
  });
  assert.deepEqual(speakers, []);
});
