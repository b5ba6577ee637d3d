/** What a launched process writes where nobody expects much, its standard error: kept short, and read no faster than is needed. */
import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { test } from "node:test";
import { pipe } from "../../src/host/descriptors.unsafe.ts";
import { spawnProcess } from "../../src/host/spawn.unsafe.ts";
import { LaunchedProcess } from "../../src/lockdown/launch/launched-process.ts";

/** A shell in a cell's place. */
function launched(script: string): LaunchedProcess {
  const ends = [pipe(), pipe(), pipe()].map((made) => (typeof made === "object" ? made : assert.fail(`${made}`)));
  const [down, up, crash] = ends;
  assert.ok(down !== undefined && up !== undefined && crash !== undefined);
  const theirs = [down.first, up.second, crash.second];
  const program = { file: "/bin/sh", argv: ["sh", "-c", script], env: [], directory: "/", realUser: false };
  const pid = spawnProcess({ ...program, descriptors: theirs });
  for (const descriptor of theirs) closeSync(descriptor);
  assert.ok(pid > 0, `${pid}`);
  return new LaunchedProcess({
    pid,
    descriptors: [down.second, up.first, crash.first],
    verify: () => Promise.resolve(undefined),
  });
}

test("a flood of crash text costs its reader next to nothing", { timeout: 20_000 }, async () => {
  const flood = launched("exec cat /dev/zero >&2");
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const { user, system } = process.cpuUsage(before);
  flood.kill();
  assert.deepEqual(await flood.exited, { code: null, signal: "SIGKILL" });
  assert.equal(flood.crashText().length, 64 * 1024);
  assert.ok(user + system < 150_000, `${(user + system) / 1000} ms of a second`);
});

test("what a process says last, after a flood, is there when it has ended", { timeout: 20_000 }, async () => {
  const flood = launched("head -c 6000000 /dev/zero >&2; echo the end >&2");
  assert.deepEqual(await flood.exited, { code: 0, signal: null });
  assert.match(flood.crashText().toString("latin1"), /\0the end\n$/);
});

test("a process that closes its standard error and goes on is still killed, and told as such", {
  timeout: 20_000,
}, async () => {
  const quiet = launched("exec 2>&-; exec cat /dev/zero >/dev/null");
  await new Promise((resolve) => setTimeout(resolve, 200));
  quiet.kill();
  assert.deepEqual(await quiet.exited, { code: null, signal: "SIGKILL" });
});
