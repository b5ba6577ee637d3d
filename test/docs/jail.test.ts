/** docs/jail.md: its examples print what it says, and no option is missing from the table beside minijail0. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { OPTIONS, optionText } from "../../src/lockdown/jail/options.ts";
import { rootSkip } from "../lockdown/jailed.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string): string => readFileSync(join(home, file), "utf8");

/** minijail0's own options: its optstring and long names (minijail0(1), minijail0 --help). */
const MINIJAIL = [
  ..."abcdefghiklmnprstuvwyzBCGHIKLMNPRSTUVY",
  ...[
    "add-suppl-group",
    "allow-speculative-execution",
    "ambient",
    "config",
    "enable-profile-fs-restrictions",
    "env-add",
  ],
  ...["env-reset", "fs-default-paths", "fs-path-advanced-rw", "fs-path-ro", "fs-path-rw", "fs-path-rx", "gen-config"],
  ...["landlock-abi", "logging", "no-default-runtime-environment", "no-fs-restrictions", "no-new-sessions"],
  ...["preload-library", "preserve-fd", "profile", "seccomp-bpf-binary", "uts"],
];
const OURS = ["loader-calls", "policy"];

test("the parser knows every option of minijail0, and two of its own", () => {
  assert.deepEqual(OPTIONS.map(({ name }) => name).sort(), [...MINIJAIL, ...OURS].sort());
});

test("the table beside minijail0 has each option of the parser, as it is written, and no other", () => {
  const [, section = ""] = read("docs/lockdown-table.md").split("## minijail0, option by option");
  const rows = [...section.matchAll(/^\| `(-[^`]+)` \| (done|done differently|not possible) \| (.*) \|$/gm)];
  const expected = OPTIONS.filter(({ name }) => !OURS.includes(name)).map(optionText);
  assert.deepEqual(rows.map(([, name]) => name).sort(), expected.sort());
  for (const [row, , verdict, why = ""] of rows) assert.ok(verdict === "done" || why.trim() !== "", `${row}: why?`);
  for (const name of OURS) assert.ok(section.includes(`\`--${name}`), name);
});

const skip = rootSkip();
test("the examples print what the page says", { skip, timeout: 120_000 }, async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), "linden-jail-guide-"));
  try {
    chmodSync(scratch, 0o755);
    mkdirSync(join(scratch, "bin"));
    const main = join(home, "src/cli/main.ts");
    const options = "--conditions=linden-source --disable-warning=ExperimentalWarning";
    writeFileSync(join(scratch, "bin/linden"), `#!/bin/sh\nexec "${process.execPath}" ${options} "${main}" "$@"\n`, {
      mode: 0o755,
    });
    const blocks = [...read("docs/jail.md").matchAll(/```(sh|text)\n([\s\S]*?)```/g)];
    assert.ok(blocks.length >= 18 && blocks.length % 2 === 0);
    for (let at = 0; at < blocks.length; at += 2) {
      const [, first, script = ""] = blocks[at] ?? [];
      const [, second, text = ""] = blocks[at + 1] ?? [];
      const expected = process.arch === "arm64" ? text.replaceAll("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64") : text;
      assert.deepEqual([first, second], ["sh", "text"]);
      await t.test(script.trim().split("\n").at(-1)?.slice(0, 60) ?? "", () => {
        const env = { PATH: `${join(scratch, "bin")}${delimiter}${process.env.PATH}`, LC_ALL: "C" };
        const { stdout } = spawnSync("sh", ["-c", `exec 2>&1\n${script}`], {
          cwd: scratch,
          env,
          encoding: "utf8",
          timeout: 30_000,
        });
        assert.equal(stdout, expected);
      });
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
