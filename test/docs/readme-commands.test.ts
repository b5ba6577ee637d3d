/** Every command of the README's shell blocks is run, and ends as its comment or the exit status table says. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { builtImage } from "../../src/store/index.ts";
import { DEFAULT_IMAGE } from "../../src/toolchain/index.ts";
import { whyNoCompiler } from "../toolchain/compiler.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

const noImage = (await builtImage(DEFAULT_IMAGE)) === undefined && "the image is not built: ./linden image build";

/** What each documented command prints and how it ends. A command that is missing here, or there, is a failure. */
const EXPECTED: Record<string, { status: number; stdout: RegExp; skip?: string | false }> = {
  "./linden run python -c 'print(sum(range(10)))'": { status: 0, stdout: /^45\n$/ },
  "./linden run python -c 'import sys; sys.exit(7)'": { status: 7, stdout: /^$/ },
  "echo '3 4' | ./linden run python -c 'print(sum(map(int, input().split())))'": { status: 0, stdout: /^7\n$/ },
  "./linden run -v ./data:/data:ro python -c 'print(open(\"/data/in.txt\").read())'": {
    status: 0,
    stdout: /^from the host\n/,
  },
  "./linden run -v .:/work:ro -w /work python script.py": { status: 0, stdout: /^\/work\n$/ },
  "./linden run --timeout 2s -m 256m python -c 'while True: pass'": { status: 124, stdout: /^$/ },
  "./linden run ruby -e 'puts $stdin.read.upcase' < notes.txt": { status: 0, stdout: /^NOTES\n$/ },
  "./linden run ./program.wasm --its-own-flags": { status: 3, stdout: /^$/ },
  "./linden doctor": { status: 0, stdout: /seccomp/ },
  "./linden explain": { status: 0, stdout: /futex/ },
  "./linden cc -O2 hello.c -o hello.wasm && ./linden run ./hello.wasm": {
    status: 0,
    stdout: /^hello from C\n$/,
    skip: whyNoCompiler(),
  },
  // Its input ends at once.
  "./linden shell": { status: 0, stdout: /^$/, skip: noImage },
  "./linden run sh -c 'seq 1 1000 | sort -rn | head -3'": { status: 0, stdout: /^1000\n999\n998\n$/, skip: noImage },
};
/** README's own test command would start itself. */
const NOT_HERE = new Set(["./linden test"]);

/** (module (func (export "_start") (call $proc_exit (i32.const 3)))), by hand. */
const EXIT_3 = Buffer.from(
  "0061736d0100000001080260017f0060000002240116776173695f736e617073686f745f70726576696577310970726f635f65786974000003" +
    "0201010503010001071302065f73746172740001066d656d6f727902000a08010600410310000b",
  "hex",
);

test("the README's commands", async (t) => {
  const readme = readFileSync(join(home, "README.md"), "utf8");
  const documented = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap(([, block = ""]) => block.split("\n"))
    .map((line) => line.replace(/\s+# .*$/, "").trim())
    .filter((line) => line !== "" && !NOT_HERE.has(line));
  assert.deepEqual(new Set(documented), new Set(Object.keys(EXPECTED)));

  const scratch = mkdtempSync(join(tmpdir(), "linden-readme-"));
  try {
    mkdirSync(join(scratch, "data"));
    writeFileSync(join(scratch, "data/in.txt"), "from the host\n");
    writeFileSync(join(scratch, "script.py"), "import os; print(os.getcwd())\n");
    writeFileSync(join(scratch, "notes.txt"), "notes\n");
    writeFileSync(join(scratch, "program.wasm"), EXIT_3);
    writeFileSync(join(scratch, "hello.c"), '#include <stdio.h>\nint main(void) { puts("hello from C"); }\n');
    for (const command of documented) {
      await t.test(command, { skip: EXPECTED[command]?.skip ?? false }, () => {
        const there = command.replaceAll("./linden ", `${home}linden `);
        const { status, stdout, stderr } = spawnSync("sh", ["-c", there], {
          cwd: scratch,
          input: "",
          encoding: "utf8",
          timeout: 120_000,
        });
        const expected = EXPECTED[command];
        assert.equal(status, expected?.status, stderr);
        assert.match(stdout, expected?.stdout ?? /^$/);
      });
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
});
