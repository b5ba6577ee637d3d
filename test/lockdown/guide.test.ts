/** Every program of docs/lockdown.md is run as its reader would run it, and prints what the guide says. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { home } from "./locked.ts";

const HOOKED = "node --import linden/lockdown/boot app.ts";

test("the guide's programs", async (t) => {
  const guide = readFileSync(join(home, "docs/lockdown.md"), "utf8");
  const blocks = [...guide.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language = "", text = ""]) => ({
    language,
    text,
  }));
  const scratch = mkdtempSync(join(tmpdir(), "linden-guide-"));
  try {
    mkdirSync(join(scratch, "node_modules"));
    symlinkSync(home, join(scratch, "node_modules/linden"));
    writeFileSync(join(scratch, "package.json"), '{"type":"module"}');
    let command = HOOKED;
    let program = "";
    for (const { language, text } of blocks) {
      const file = /^\/\/ (\w+\.ts)\n/.exec(text)?.[1];
      if (language === "ts" && file !== undefined) writeFileSync(join(scratch, file), text);
      else if (language === "ts") program = text;
      else if (language === "json") writeFileSync(join(scratch, "policy.json"), text);
      else if (language === "sh") command = text.trim();
      else {
        assert.equal(language, "text", "a block of the guide that this test does not know");
        await t.test(
          program.split("\n").find((line) => line.includes("new SafetyContext")) ?? (program.slice(0, 60) || command),
          () => {
            writeFileSync(join(scratch, "app.ts"), program);
            const { status, stdout, stderr } = spawnSync("sh", ["-c", command], {
              cwd: scratch,
              encoding: "utf8",
              timeout: 20_000,
              env: {
                PATH: [dirname(process.execPath), home, process.env.PATH].join(delimiter),
                NODE_OPTIONS: "--conditions=linden-source --disable-warning=ExperimentalWarning",
              },
            });
            assert.equal(status, 0, stderr);
            assert.equal(stdout, text);
          },
        );
        command = HOOKED;
        program = "";
      }
    }
    assert.equal(program, "", "the last program of the guide says nothing of what it prints");
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
