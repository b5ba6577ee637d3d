/** Cells as a whole: starts from the shell, runs in a living sandbox, warm cells of a pool, resident memory. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Sandbox, SandboxPool } from "linden";
import { compileForWasi, compileNative } from "../compile.ts";
import type { Bench, Group } from "../group.ts";
import { guest, LINDEN, native, ROUNDS, say, timed } from "../sides.ts";
import { median, type Row } from "../table.ts";

const PRINT = ["-c", "print(1)"] as const;
const COLD_HELLO = "linden run hello (native: node -e 0)";
const COLD_PYTHON = "linden run python -c, cold";
const LIVING_HELLO = "run hello in a living sandbox";
const LIVING_PYTHON = "python -c in a living sandbox";
const HANDED_OUT = "hand out a warm cell";
const FIRST_PYTHON = "python -c, first in a warm cell";
const IDLE = "resident, idle cell (native: node)";
const USED = "resident, cell after python -c";

async function starts({ scratch }: Bench): Promise<Row[]> {
  say("starts");
  const hello = compileForWasi("hello", scratch);
  native(LINDEN, ["run", hello]); // into the cache
  native(LINDEN, ["run", "python", ...PRINT]);
  const node: number[] = [];
  const cold: number[] = [];
  const python: number[] = [];
  for (let round = 0; round < 2 * ROUNDS; round++) {
    node.push(await timed(() => native(process.execPath, ["-e", "0"])));
    cold.push(await timed(() => native(LINDEN, ["run", hello])));
    python.push(await timed(() => native(LINDEN, ["run", "python", ...PRINT])));
  }
  return [
    { what: COLD_HELLO, unit: "ms", native: median(node), linden: median(cold), goal: { ratio: 4 } },
    { what: COLD_PYTHON, unit: "ms", native: undefined, linden: median(python), goal: { atMost: 400 } },
  ];
}

async function living({ scratch }: Bench): Promise<Row[]> {
  say("runs in a living sandbox");
  const program = compileNative("hello", scratch);
  const hello = compileForWasi("hello", scratch);
  await using box = await Sandbox.create();
  const spawned: number[] = [];
  const warm: number[] = [];
  const python: number[] = [];
  for (let round = 0; round < 4 * ROUNDS; round++) {
    spawned.push(await timed(() => native(program, [])));
    warm.push(await timed(() => guest(box, hello, [])));
    python.push(await timed(() => guest(box, "python", PRINT)));
  }
  return [
    { what: LIVING_HELLO, unit: "ms", native: median(spawned), linden: median(warm) },
    { what: LIVING_PYTHON, unit: "ms", native: undefined, linden: median(python), goal: { atMost: 80 } },
  ];
}

async function handOut(): Promise<Row[]> {
  say("warm cells");
  await using pool = await SandboxPool.create({ size: 2, programs: ["python"] });
  const taken: number[] = [];
  const first: number[] = [];
  for (let round = 0; round < 2 * ROUNDS; round++) {
    while (pool.ready < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    const start = performance.now();
    await using box = await pool.take();
    taken.push(performance.now() - start);
    first.push(await timed(() => guest(box, "python", PRINT)));
  }
  return [
    { what: HANDED_OUT, unit: "ms", native: undefined, linden: median(taken), goal: { atMost: 2 } },
    { what: FIRST_PYTHON, unit: "ms", native: undefined, linden: median(first) },
  ];
}

/** Resident MB of this process's children, from /proc. */
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

async function memory(): Promise<Row[]> {
  say("memory");
  const node = spawnSync(process.execPath, ["-e", "console.log(process.memoryUsage.rss() / 1024 / 1024)"], {
    encoding: "utf8",
  });
  await using box = await Sandbox.create();
  const idle = Math.max(...residentOfChildren());
  await guest(box, "python", PRINT);
  const used = Math.max(...residentOfChildren());
  return [
    { what: IDLE, unit: "MB", native: Number(node.stdout), linden: idle },
    { what: USED, unit: "MB", native: undefined, linden: used },
  ];
}

export const CELL_GROUPS: readonly Group[] = [
  { name: "starts", rows: [COLD_HELLO, COLD_PYTHON], measure: starts },
  { name: "living", rows: [LIVING_HELLO, LIVING_PYTHON], measure: living },
  { name: "pool", rows: [HANDED_OUT, FIRST_PYTHON], measure: handOut },
  { name: "memory", rows: [IDLE, USED], measure: memory },
];
