/**
 * The caller that host-calls.test.ts traces: what sandboxes do all day, and what ends them. Prints the process numbers of
 * its cells as JSON. `mounts` as its argument adds host directories.
 */
import { once } from "node:events";
import { closeSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Launcher } from "../../src/lockdown/launch/index.ts";
import { Sandbox, type SandboxOptions } from "../../src/sandbox/index.ts";
import { code } from "../engine/wasm-builder.ts";
import { childrenOf, command, Guests, HOME } from "./world.ts";

const WORK = `
import os, sys, time, json, random, select
print(sys.stdin.read().upper())
base = sys.argv[1]
os.makedirs(base + "/a/b", exist_ok=True)
with open(base + "/a/b/big", "wb") as f: f.write(os.urandom(3_000_000))
with open(base + "/a/b/big", "rb") as f: assert len(f.read()) == 3_000_000
for name in range(50): open(f"{base}/a/{name}", "w").write(str(name))
assert sum(len(files) for _, _, files in os.walk(base)) >= 51
os.rename(base + "/a/1", base + "/a/one"); os.remove(base + "/a/2"); os.stat(base + "/a/one"); os.utime(base + "/a/one", (1, 1))
os.symlink("one", base + "/a/link"); assert open(base + "/a/link").read() == "1"
big = bytearray(60_000_000); del big
time.sleep(0.05)
sys.stderr.write("x" * 200_000)
`;

const guests = new Guests();
const cells: number[] = [];
const directory = mkdtempSync(join(tmpdir(), "linden-traced-"));
writeFileSync(join(directory, "given"), "g".repeat(400_000));

/** A cell that is stopped and continued, and whose caller then goes away in peace. */
async function endings(): Promise<void> {
  const launcher = await Launcher.start({
    lock: "required",
    cellBundle: join(HOME, "dist/cell.cjs"),
    fileServerBundle: join(HOME, "dist/fileserver.cjs"),
  });
  const { process: cell, line } = await launcher.launchCell();
  cells.push(cell.pid);
  await once(cell.stdout, "data");
  for (let turn = 0; turn < 3; turn++) {
    process.kill(cell.pid, "SIGSTOP");
    await setTimeout(30);
    process.kill(cell.pid, "SIGCONT");
    await setTimeout(30);
  }
  cell.stdin.end();
  const exit = await cell.exited;
  if (exit.code !== 0) throw new Error(`the cell ended with ${JSON.stringify(exit)}`);
  closeSync(line);
  await launcher.close();
}

async function create(options: SandboxOptions): Promise<Sandbox> {
  const before = childrenOf(process.pid);
  const box = await Sandbox.create(options);
  const started = childrenOf(process.pid).filter((pid) => !before.includes(pid));
  cells.push(...started);
  return box;
}

try {
  const mounted = process.argv[2] === "mounts";
  const box = await create(
    mounted ? { mounts: { "/data": directory, "/ro": { host: directory, readOnly: true } } } : {},
  );
  const base = mounted ? "/data/work" : "/work";
  const done = await box.run("python", ["-c", WORK, base], { stdin: "y".repeat(100_000) });
  if (done.exitCode !== 0) throw new Error(done.stderr.slice(-2000));
  if (mounted) {
    const read = await box.run("python", ["-c", "print(len(open('/ro/given').read()))"]);
    if (read.stdout !== "400000\n") throw new Error(`${read.stdout}${read.stderr}`);
  }
  await box.files.write("/tmp/f", "text");
  await box.files.read("/tmp/f");
  await box.files.remove("/tmp/f");
  // A trap, a memory fault, endless recursion and a limit are the engine's business, not the host's.
  await box.run("python", ["-c", "def f(n): return f(n + 1)\nf(0)"]);
  const faulty = await guests.run(box, command({}, () => [code.i32(-4), code.load(), code.drop]).build());
  if (faulty.signal !== "SIGSEGV") throw new Error(`a memory fault ended as ${faulty.signal}`);
  const asleep = await box.run("python", ["-c", "import time; time.sleep(30)"], { timeout: 300 });
  if (!asleep.timedOut) throw new Error("it did not time out");
  const spinning = await box.run("python", ["-c", "while True: pass"], { timeout: 1500 });
  if (!spinning.timedOut) throw new Error("it did not time out");
  await box.close();
  await endings();
  console.log(JSON.stringify(cells));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
