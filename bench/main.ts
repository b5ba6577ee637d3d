/**
 * `./linden bench`: one table, native and Linden in turn in the same run, with ratios. Figures are medians; on a shared
 * machine trust the ratios.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Sandbox, SandboxPool } from "linden";
import { type Built, compile, compileForLinux } from "./compile.ts";
import { format, median, type Row } from "./table.ts";

const ROUNDS = 5;
const BULK_BYTES = 50 * 1024 * 1024;
const TREE_FILES = 10_000;
const linden = fileURLToPath(new URL("../linden", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "linden-bench-"));
const rows: Row[] = [];

function say(what: string): void {
  process.stderr.write(`bench: ${what}\n`);
}

function native(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}

async function guest(box: Sandbox, built: Built, args: readonly string[]): Promise<string> {
  const run = await box.run(built.wasm, args);
  if (run.exitCode !== 0) throw new Error(`${built.wasm}: exit ${run.exitCode} ${run.message}\n${run.stderr}`);
  return run.stdout;
}

function figures(output: string): Map<string, number> {
  return new Map(
    output
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([name = "", value]) => [name, Number(value)]),
  );
}

/** Medians over runs in turn: native, then each sandbox. */
async function inTurn(runs: readonly (() => Promise<Map<string, number>>)[]): Promise<Map<string, number>[]> {
  const seen: Map<string, number>[][] = runs.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, run] of runs.entries()) seen[at]?.push(await run());
  }
  return seen.map((maps) => {
    const names = [...(maps[0]?.keys() ?? [])];
    return new Map(names.map((name) => [name, median(maps.map((map) => map.get(name) ?? Number.NaN))]));
  });
}

async function calls(host: string): Promise<void> {
  say("calls");
  const built = compile("calls", scratch);
  await using memory = await Sandbox.create();
  await using mounted = await Sandbox.create({ mounts: { "/host": host } });
  const [native_, memfs, hostfs] = await inTurn([
    async () => figures(native(built.native, [host, "50000"])),
    async () => figures(await guest(memory, built, ["/tmp", "50000"])),
    async () => figures(await guest(mounted, built, ["/host", "2000"])),
  ]);
  for (const [name, value] of native_ ?? []) {
    // A call that WASI does not have is timed in the Linux program only.
    if (memfs?.has(name) !== true) continue;
    const goal = name === "clock_gettime" ? {} : { goal: { ratio: 1 } };
    rows.push({ what: name, unit: "ns", native: value, linden: memfs?.get(name) ?? Number.NaN, ...goal });
  }
  for (const name of ["pread-1", "pread-4k", "pwrite-4k", "open-close", "stat"]) {
    rows.push({
      what: `${name}, mounted`,
      unit: "ns",
      native: native_?.get(name),
      linden: hostfs?.get(name) ?? Number.NaN,
    });
  }
}

/** The calls of a Linux program, through the interface linden cc compiles for. */
async function linuxCalls(): Promise<void> {
  say("calls of a Linux program");
  const { native: program } = compile("calls", scratch);
  const wasm = compileForLinux("calls", scratch);
  if (wasm === undefined) {
    say("left out: linden cc cannot compile here (it says why)");
    return;
  }
  await using box = await Sandbox.create();
  const [native_, ours] = await inTurn([
    async () => figures(native(program, [scratch, "200000"])),
    async () => figures(await guest(box, { wasm, native: program }, ["/tmp", "200000"])),
  ]);
  for (const name of ["getppid", "pread-1", "pread-4k", "pwrite-1", "open-close", "stat"]) {
    const figure = { native: native_?.get(name), linden: ours?.get(name) ?? Number.NaN };
    rows.push({ what: `${name}, Linux program`, unit: "ns", ...figure, goal: { ratio: 0.5 } });
  }
}

async function mounts(host: string): Promise<void> {
  say("a 50 MB file and a tree of 10,000 files through a mount");
  const built = compile("tree", scratch);
  writeFileSync(join(host, "bulk"), Buffer.alloc(BULK_BYTES, "linden"));
  const tree = join(host, "tree");
  for (let directory = 0; directory < 100; directory++) {
    const path = join(tree, `${directory}`);
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < TREE_FILES / 100; file++) writeFileSync(join(path, `${file}`), `${file}`);
  }
  await using box = await Sandbox.create({ mounts: { "/host": { host, readOnly: true } } });
  const [native_, ours] = await inTurn([
    async () =>
      new Map([
        ["read", Number.parseFloat(native(built.native, ["read", join(host, "bulk")]))],
        ["list", Number.parseFloat(native(built.native, ["list", tree]))],
      ]),
    async () =>
      new Map([
        ["read", Number.parseFloat(await guest(box, built, ["read", "/host/bulk"]))],
        ["list", Number.parseFloat(await guest(box, built, ["list", "/host/tree"]))],
      ]),
  ]);
  const figure = (map: Map<string, number> | undefined, name: string) => map?.get(name) ?? Number.NaN;
  rows.push(
    {
      what: "read 50 MB, mounted",
      unit: "ms",
      native: figure(native_, "read"),
      linden: figure(ours, "read"),
      goal: { ratio: 1 / 0.3 },
    },
    {
      what: "list and stat 10,000 files, mounted",
      unit: "ms",
      native: figure(native_, "list"),
      linden: figure(ours, "list"),
    },
  );
}

function timed(command: string, args: readonly string[]): number {
  const start = performance.now();
  native(command, args);
  return performance.now() - start;
}

async function starts(): Promise<void> {
  say("starts");
  const hello = compile("hello", scratch);
  native(linden, ["run", hello.wasm]); // into the cache
  native(linden, ["run", "python", "-c", "print(1)"]);
  const node: number[] = [];
  const cold: number[] = [];
  const python: number[] = [];
  for (let round = 0; round < 2 * ROUNDS; round++) {
    node.push(timed(process.execPath, ["-e", "0"]));
    cold.push(timed(linden, ["run", hello.wasm]));
    python.push(timed(linden, ["run", "python", "-c", "print(1)"]));
  }
  rows.push(
    {
      what: "linden run hello (native: node -e 0)",
      unit: "ms",
      native: median(node),
      linden: median(cold),
      goal: { ratio: 4 },
    },
    {
      what: "linden run python -c, cold",
      unit: "ms",
      native: undefined,
      linden: median(python),
      goal: { atMost: 400 },
    },
  );

  await using box = await Sandbox.create();
  const warm: number[] = [];
  const warmPython: number[] = [];
  const spawned: number[] = [];
  for (let round = 0; round < 4 * ROUNDS; round++) {
    spawned.push(timed(hello.native, []));
    let start = performance.now();
    await guest(box, hello, []);
    warm.push(performance.now() - start);
    start = performance.now();
    await box.run("python", ["-c", "print(1)"]);
    warmPython.push(performance.now() - start);
  }
  rows.push(
    { what: "run hello in a living sandbox", unit: "ms", native: median(spawned), linden: median(warm) },
    {
      what: "python -c in a living sandbox",
      unit: "ms",
      native: undefined,
      linden: median(warmPython),
      goal: { atMost: 80 },
    },
  );
}

async function handOut(): Promise<void> {
  say("warm cells");
  await using pool = await SandboxPool.create({ size: 2, programs: ["python"] });
  const taken: number[] = [];
  const first: number[] = [];
  for (let round = 0; round < 2 * ROUNDS; round++) {
    while (pool.ready < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    const start = performance.now();
    await using box = await pool.take();
    taken.push(performance.now() - start);
    const running = performance.now();
    await box.run("python", ["-c", "print(1)"]);
    first.push(performance.now() - running);
  }
  rows.push(
    { what: "hand out a warm cell", unit: "ms", native: undefined, linden: median(taken), goal: { atMost: 2 } },
    { what: "python -c, first in a warm cell", unit: "ms", native: undefined, linden: median(first) },
  );
}

/** Resident bytes of this process's children, from /proc. */
function residentOfChildren(): number[] {
  const self = `${process.pid}`;
  const tasks = native("sh", ["-c", `cat /proc/${self}/task/*/children`])
    .trim()
    .split(/\s+/);
  return tasks.flatMap((pid) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      return /Name:\s+(linden|node)/.test(status) ? [Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024] : [];
    } catch {
      return [];
    }
  });
}

async function memory(): Promise<void> {
  say("memory");
  const node = spawnSync(process.execPath, ["-e", "console.log(process.memoryUsage.rss() / 1024 / 1024)"], {
    encoding: "utf8",
  });
  await using box = await Sandbox.create();
  const idle = Math.max(...residentOfChildren());
  await box.run("python", ["-c", "print(1)"]);
  const used = Math.max(...residentOfChildren());
  rows.push(
    { what: "resident, idle cell (native: node)", unit: "MB", native: Number(node.stdout), linden: idle },
    { what: "resident, cell after python -c", unit: "MB", native: undefined, linden: used },
  );
}

try {
  const host = join(scratch, "host");
  mkdirSync(host);
  await calls(host);
  await linuxCalls();
  await mounts(host);
  await starts();
  await handOut();
  await memory();
  process.stdout.write(`${format(rows)}\n`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
