/** What takes more than one process or thread, in Linux programs: fork, exec, spawn, pipes, signals, mutexes. */
import { Sandbox } from "linden";
import { compileForLinux, compileNative, NO_COMPILER } from "../compile.ts";
import type { Bench, Group } from "../group.ts";
import { figure, figures, guest, inTurn, lay, native, say } from "../sides.ts";
import type { Goal, Row } from "../table.ts";

interface Timed {
  readonly what: string;
  readonly unit: "ns" | "µs";
  /** What the guest calls it; how many rounds of it make a batch. */
  readonly name: string;
  readonly rounds: number;
  readonly goal?: Goal;
}

const PROCESSES: readonly Timed[] = [
  { what: "fork + exit + wait, 1 MB", unit: "µs", name: "fork-1", rounds: 200, goal: { ratio: 3 } },
  { what: "fork + exit + wait, 16 MB", unit: "µs", name: "fork-16", rounds: 50, goal: { ratio: 3 } },
  { what: "fork + exec + wait", unit: "µs", name: "fork-exec", rounds: 100 },
  { what: "posix_spawn + wait", unit: "µs", name: "spawn", rounds: 100, goal: { ratio: 0.5 } },
  { what: "pipe, there and back", unit: "µs", name: "pipe", rounds: 20_000, goal: { ratio: 0.05 } },
  { what: "signal to a handler", unit: "ns", name: "signal", rounds: 20_000 },
];
const MUTEX: Timed = { what: "mutex and condition, there and back", unit: "µs", name: "mutex", rounds: 5000 };

/** Where the sandbox has the program that exec and spawn start. */
const NOTHING = "/bin/nothing";

function row({ what, unit, goal }: Timed, ofNative: number | undefined, ours: number | undefined): Row {
  const scale = unit === "µs" ? 1000 : 1;
  const each = (value: number | undefined) => (value === undefined ? undefined : value / scale);
  const missing = ours === undefined ? { missing: NO_COMPILER } : {};
  return { what, unit, native: each(ofNative), linden: each(ours), ...(goal && { goal }), ...missing };
}

async function processes({ scratch, wants }: Bench): Promise<Row[]> {
  const wanted = PROCESSES.filter(({ what }) => wants(what));
  const program = compileNative("processes", scratch);
  const nothing = compileNative("nothing", scratch);
  const wasm = compileForLinux("processes", scratch);
  const nothingWasm = compileForLinux("nothing", scratch);
  if (wasm === undefined || nothingWasm === undefined) return wanted.map((one) => row(one, undefined, undefined));
  await using box = await Sandbox.create();
  await lay(box, nothingWasm, NOTHING);
  const rows: Row[] = [];
  for (const one of wanted) {
    say(one.what);
    const [ofNative, ours] = await inTurn([
      async () => figures(native(program, [one.name, `${one.rounds}`, nothing])),
      async () => figures(await guest(box, wasm, [one.name, `${one.rounds}`, NOTHING])),
    ]);
    rows.push(row(one, figure(ofNative, one.name), figure(ours, one.name)));
  }
  return rows;
}

async function threads({ scratch }: Bench): Promise<Row[]> {
  say(MUTEX.what);
  const program = compileNative("threads", scratch);
  const wasm = compileForLinux("threads", scratch, ["-pthread"]);
  if (wasm === undefined) return [row(MUTEX, undefined, undefined)];
  await using box = await Sandbox.create();
  const [ofNative, ours] = await inTurn([
    async () => figures(native(program, [`${MUTEX.rounds}`])),
    async () => figures(await guest(box, wasm, [`${MUTEX.rounds}`])),
  ]);
  return [row(MUTEX, figure(ofNative, MUTEX.name), figure(ours, MUTEX.name))];
}

export const PROCESS_GROUPS: readonly Group[] = [
  { name: "processes", rows: PROCESSES.map(({ what }) => what), measure: processes },
  { name: "threads", rows: [MUTEX.what], measure: threads },
];
