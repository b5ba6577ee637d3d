/**
 * Layer: fs/procfs. What there is below /proc, and the numbers by which each is known: a number says which process or thread,
 * which entry, which descriptor, so that an inode is found again by its number alone. It must not know what files say.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { S_IFDIR, S_IFLNK, S_IFREG } from "../../abi/stat.ts";
import { MACHINE_FILES } from "./machine-files.ts";

/** Entries of a process's directory: name, type, permission bits, and whether only who may inspect the process gets in. */
export interface ProcessEntry {
  readonly name: string;
  readonly type: number;
  readonly mode: number;
  readonly inspected: boolean;
  /** Not in the directories of task/. */
  readonly whole: boolean;
}

function entry(name: string, type: number, mode: number, inspected = false, whole = false): ProcessEntry {
  return { name, type, mode, inspected, whole };
}

/** The first is the directory itself. Their order is part of the numbers. */
export const PROCESS_ENTRIES: readonly ProcessEntry[] = [
  entry("", S_IFDIR, 0o555),
  entry("task", S_IFDIR, 0o555, false, true),
  entry("fd", S_IFDIR, 0o500, true),
  entry("fdinfo", S_IFDIR, 0o555, true),
  entry("cwd", S_IFLNK, 0o777, true),
  entry("root", S_IFLNK, 0o777, true),
  entry("exe", S_IFLNK, 0o777, true),
  entry("stat", S_IFREG, 0o444),
  entry("statm", S_IFREG, 0o444),
  entry("status", S_IFREG, 0o444),
  entry("comm", S_IFREG, 0o644),
  entry("cmdline", S_IFREG, 0o444),
  entry("environ", S_IFREG, 0o400, true),
  entry("maps", S_IFREG, 0o444, true),
  entry("limits", S_IFREG, 0o444),
  entry("mounts", S_IFREG, 0o444),
  entry("mountinfo", S_IFREG, 0o444),
  entry("uid_map", S_IFREG, 0o444),
  entry("gid_map", S_IFREG, 0o444),
  entry("cgroup", S_IFREG, 0o444),
  entry("smaps", S_IFREG, 0o444, true),
  entry("smaps_rollup", S_IFREG, 0o444, true),
  entry("oom_score", S_IFREG, 0o444),
  entry("oom_score_adj", S_IFREG, 0o644),
  entry("ns", S_IFDIR, 0o511, true),
  entry("setgroups", S_IFREG, 0o644),
  entry("personality", S_IFREG, 0o400, true),
  entry("wchan", S_IFREG, 0o444),
  entry("schedstat", S_IFREG, 0o444),
];

const ENTRY_NUMBERS: ReadonlyMap<string, number> = new Map(PROCESS_ENTRIES.map(({ name }, index) => [name, index]));

export function processEntry(name: string): number | undefined {
  return name === "" ? undefined : ENTRY_NUMBERS.get(name);
}

/** Links in ns, and the numbers of the namespaces every process is in (include/linux/proc_ns.h; of mnt and net what they have at boot). */
export const NAMESPACES: readonly (readonly [name: string, kind: string, number: number])[] = [
  ["cgroup", "cgroup", 4_026_531_835],
  ["ipc", "ipc", 4_026_531_839],
  ["mnt", "mnt", 4_026_531_841],
  ["net", "net", 4_026_531_840],
  ["pid", "pid", 4_026_531_836],
  ["pid_for_children", "pid", 4_026_531_836],
  ["time", "time", 4_026_531_834],
  ["time_for_children", "time", 4_026_531_834],
  ["user", "user", 4_026_531_837],
  ["uts", "uts", 4_026_531_838],
];

/** Beyond PROCESS_ENTRIES: what stands in ns, fd and fdinfo. */
export const NS_LINK = 61;
export const FD_LINK = 62;
export const FD_INFO = 63;

/** A file or directory of the machine. */
export interface MachineNode {
  readonly path: string;
  readonly name: ByteString;
  /** Index of the directory it is in; 0 is /proc itself. */
  readonly parent: number;
  readonly directory: boolean;
}

export const MACHINE_NODES: readonly MachineNode[] = machineNodes();

function machineNodes(): MachineNode[] {
  const nodes: MachineNode[] = [{ path: "", name: "" as ByteString, parent: 0, directory: true }];
  const known = new Map([["", 0]]);
  for (const path of MACHINE_FILES.keys()) {
    const names = path.split("/");
    let above = 0;
    names.forEach((name, depth) => {
      const here = names.slice(0, depth + 1).join("/");
      const found = known.get(here);
      if (found === undefined) {
        nodes.push({ path: here, name: name as ByteString, parent: above, directory: depth < names.length - 1 });
        known.set(here, nodes.length - 1);
      }
      above = found ?? nodes.length - 1;
    });
  }
  return nodes;
}

/** Links in /proc itself. */
export const ROOT_LINKS = ["self", "thread-self", "mounts"] as const;

/** What a number says. */
export type Node =
  | { readonly kind: "machine"; readonly index: number }
  | { readonly kind: "link"; readonly index: number }
  /** `id` is a process's number, or with `task` a thread's; `fd` counts for FD_LINK and FD_INFO, and is an index for NS_LINK. */
  | {
      readonly kind: "process";
      readonly id: number;
      readonly task: boolean;
      readonly entry: number;
      readonly fd: number;
    };

export type ProcessNode = Extract<Node, { kind: "process" }>;

const ENTRIES = 64;
const NUMBERS = 2 ** 20;
/** Links of the root stand behind the machine's files. */
const FIRST_LINK = 2 ** 16;

export function numberOf(node: Node): number {
  if (node.kind === "machine") return 1 + node.index;
  if (node.kind === "link") return 1 + FIRST_LINK + node.index;
  return 1 + ((node.id * 2 + (node.task ? 1 : 0)) * ENTRIES + node.entry) * NUMBERS + node.fd;
}

/** The node of a number; undefined where a number says nothing. */
export function nodeOf(ino: number): Node | undefined {
  if (!Number.isSafeInteger(ino) || ino < 1) return undefined;
  const number = ino - 1;
  const fd = number % NUMBERS;
  const rest = Math.floor(number / NUMBERS);
  const entry = rest % ENTRIES;
  const who = Math.floor(rest / ENTRIES);
  const id = Math.floor(who / 2);
  if (id === 0) {
    if (who !== 0 || entry !== 0) return undefined;
    if (fd < MACHINE_NODES.length) return { kind: "machine", index: fd };
    return fd >= FIRST_LINK && fd < FIRST_LINK + ROOT_LINKS.length
      ? { kind: "link", index: fd - FIRST_LINK }
      : undefined;
  }
  if (entry >= PROCESS_ENTRIES.length && entry < NS_LINK) return undefined;
  if (entry === NS_LINK && fd >= NAMESPACES.length) return undefined;
  return { kind: "process", id, task: who % 2 === 1, entry, fd };
}
