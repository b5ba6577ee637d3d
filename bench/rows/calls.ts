/** One call each: of a WASI program over files in memory and over a mount, and of a Linux program. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "linden";
import { compileForLinux, compileForWasi, compileNative, NO_COMPILER } from "../compile.ts";
import type { Bench, Group } from "../group.ts";
import { figure, figures, guest, inTurn, native, say } from "../sides.ts";
import type { Row } from "../table.ts";

const CALLS = ["clock_gettime", "pread-1", "pread-4k", "pwrite-1", "pwrite-4k", "open-close", "stat"];
const MOUNTED = ["pread-1", "pread-4k", "pwrite-4k", "open-close", "stat"];
const LINUX = ["getppid", "pread-1", "pread-4k", "pwrite-1", "pwrite-4k", "open-close", "stat"];
const mounted = (name: string): string => `${name}, mounted`;
const linux = (name: string): string => `${name}, Linux program`;

async function wasi({ scratch }: Bench): Promise<Row[]> {
  say("calls");
  const host = join(scratch, "mounted");
  mkdirSync(host);
  const program = compileNative("calls", scratch);
  const wasm = compileForWasi("calls", scratch);
  await using inMemory = await Sandbox.create();
  await using onMount = await Sandbox.create({ mounts: { "/host": host } });
  const [ofNative, memfs, hostfs] = await inTurn([
    async () => figures(native(program, [host, "50000"])),
    async () => figures(await guest(inMemory, wasm, ["/tmp", "50000"])),
    async () => figures(await guest(onMount, wasm, ["/host", "2000"])),
  ]);
  return [
    ...CALLS.map((name): Row => {
      const goal = name === "clock_gettime" ? {} : { goal: { ratio: 1 } };
      return { what: name, unit: "ns", native: figure(ofNative, name), linden: figure(memfs, name), ...goal };
    }),
    ...MOUNTED.map(
      (name): Row => ({
        what: mounted(name),
        unit: "ns",
        native: figure(ofNative, name),
        linden: figure(hostfs, name),
      }),
    ),
  ];
}

async function posix({ scratch }: Bench): Promise<Row[]> {
  say("calls of a Linux program");
  const program = compileNative("calls", scratch);
  const wasm = compileForLinux("calls", scratch);
  const row = (name: string) => ({ what: linux(name), unit: "ns", goal: { ratio: 0.5 } }) as const;
  if (wasm === undefined) {
    return LINUX.map((name) => ({ ...row(name), native: undefined, linden: undefined, missing: NO_COMPILER }));
  }
  await using box = await Sandbox.create();
  const [ofNative, ours] = await inTurn([
    async () => figures(native(program, [scratch, "200000"])),
    async () => figures(await guest(box, wasm, ["/tmp", "200000"])),
  ]);
  return LINUX.map((name) => ({ ...row(name), native: figure(ofNative, name), linden: figure(ours, name) }));
}

export const CALL_GROUPS: readonly Group[] = [
  { name: "calls", rows: [...CALLS, ...MOUNTED.map(mounted)], measure: wasi },
  { name: "linux-calls", rows: LINUX.map(linux), measure: posix },
];
