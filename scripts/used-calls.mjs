/**
 * Writes policies/used.json: which calls Linden's locked processes made while the tests ran, seen by strace. Run it after a
 * change of the engine or of a host policy: ./linden node scripts/used-calls.mjs [TEST…]. It takes some minutes.
 */
import { spawn, spawnSync } from "node:child_process";
import { globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
/** Where sandboxes do what people do with them. */
const ROUNDS = ["test/sandbox/*.test.ts", "test/security/*.test.ts", "test/cli/*.test.ts", "test/engine/ruby.test.ts"];
const given = process.argv.slice(2);
const tests = given.length > 0 ? given : ROUNDS.flatMap((each) => globSync(each, { cwd: home })).sort();
if (spawnSync("strace", ["-V"]).status !== 0) throw new Error("strace is needed: apt-get install strace");

const runner = [
  "--conditions=linden-source",
  "--disable-warning=ExperimentalWarning",
  "--test",
  "--test-concurrency=1",
];
const child = spawn("strace", ["-f", "-s", "0", "-o", "|cat >&3", "--", process.execPath, ...runner, ...tests], {
  cwd: home,
  stdio: ["ignore", "ignore", "inherit", "pipe"],
});

/** Threads to their process; processes that made the filter theirs, by role; what a thread's unfinished call says. */
const processOf = new Map();
const limits = new Map();
const roles = new Map();
const unfinished = new Map();
const counts = { cell: new Map(), "file-server": new Map() };

function finished(task, name, args, result) {
  const process = processOf.get(task) ?? task;
  if ((name === "clone" || name === "clone3") && result > 0) {
    if (args.includes("CLONE_THREAD")) processOf.set(result, process);
    else processOf.delete(result);
  }
  // The lock's last limit tells the two apart: src/lockdown/lock.ts.
  const limit = /RLIMIT_NOFILE, \{rlim_cur=(\d+)/.exec(args);
  if (name === "prlimit64" && limit !== null) limits.set(process, limit[1] === "64" ? "cell" : "file-server");
  if (name === "seccomp" && args.includes("FILTER_FLAG_TSYNC") && result === 0 && limits.has(process)) {
    roles.set(process, limits.get(process));
  }
  if (name === "execve" && result === 0) {
    roles.delete(process);
    limits.delete(process);
  }
}

for await (const line of createInterface({ input: child.stdio[3] })) {
  const [, tid, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
  if (rest === undefined) continue;
  const task = Number(tid);
  const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest);
  const begun = /^(\w+)\((.*)$/.exec(rest);
  if (begun !== null) {
    const counted = counts[roles.get(processOf.get(task) ?? task)];
    counted?.set(begun[1], (counted.get(begun[1]) ?? 0) + 1);
  }
  const [, name, text] = resumed ?? begun ?? [];
  if (name === undefined) continue;
  const args = resumed === null ? text : `${unfinished.get(task) ?? ""}${text}`;
  if (text.endsWith("<unfinished ...>")) unfinished.set(task, text);
  else finished(task, name, args, Number(/= (-?\d+)[^=]*$/.exec(text)?.[1] ?? Number.NaN));
}

const sorted = (map) => Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
const data = {
  about: "How often locked processes made each call while Linden's tests ran, seen by strace (scripts/used-calls.mjs).",
  cell: sorted(counts.cell),
  "file-server": sorted(counts["file-server"]),
};
writeFileSync(join(home, "policies/used.json"), `${JSON.stringify(data, null, 2)}\n`);
