/** Bulk reads and a tree walk through a mounted host directory. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "linden";
import { compileForWasi, compileNative } from "../compile.ts";
import type { Bench, Group } from "../group.ts";
import { figure, guest, inTurn, native, say } from "../sides.ts";
import type { Row } from "../table.ts";

const BULK_BYTES = 50 * 1024 * 1024;
const DIRECTORIES = 100;
const FILES_EACH = 100;
const READ = "read 50 MB, mounted";
const LIST = "list and stat 10,000 files, mounted";

async function measure({ scratch }: Bench): Promise<Row[]> {
  say("a 50 MB file and a tree of 10,000 files through a mount");
  const host = join(scratch, "mounts");
  const tree = join(host, "tree");
  for (let directory = 0; directory < DIRECTORIES; directory++) {
    const path = join(tree, `${directory}`);
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < FILES_EACH; file++) writeFileSync(join(path, `${file}`), `${file}`);
  }
  writeFileSync(join(host, "bulk"), Buffer.alloc(BULK_BYTES, "linden"));
  const program = compileNative("tree", scratch);
  const wasm = compileForWasi("tree", scratch);
  await using box = await Sandbox.create({ mounts: { "/host": { host, readOnly: true } } });
  const [ofNative, ours] = await inTurn([
    async () =>
      new Map([
        [READ, Number.parseFloat(native(program, ["read", join(host, "bulk")]))],
        [LIST, Number.parseFloat(native(program, ["list", tree]))],
      ]),
    async () =>
      new Map([
        [READ, Number.parseFloat(await guest(box, wasm, ["read", "/host/bulk"]))],
        [LIST, Number.parseFloat(await guest(box, wasm, ["list", "/host/tree"]))],
      ]),
  ]);
  const both = (what: string) => ({ what, native: figure(ofNative, what), linden: figure(ours, what) });
  return [
    { ...both(READ), unit: "ms", goal: { ratio: 1 / 0.3 } },
    { ...both(LIST), unit: "ms" },
  ];
}

export const MOUNT_GROUPS: readonly Group[] = [{ name: "mounts", rows: [READ, LIST], measure }];
