/**
 * Layer: fs/procfs. What the files of a process say, byte for byte in the formats of Linux's fs/proc/array.c, task_mmu.c and
 * base.c (proc_pid_stat(5) and its kin). It must not know how they are read.
 */

import type { Mount } from "../../vfs/mounts.ts";
import type { Identities, MappingFacts, ProcessFacts, TaskFacts, WatchFacts } from "./facts.ts";
import { hex, kibibytes, lockLine, oldSignalWord, signalWord, ticks } from "./lines.ts";
import { mountNumber } from "./mount-files.ts";

const PAGE = 4096;
const NO_SIGNALS = { low: 0, high: 0 };
/** What RLIM_INFINITY prints as in /proc/<pid>/stat. */
const INFINITE = "18446744073709551615";

/** The one whose directory this is: a thread of task/, or the process's first. */
export function taskOf(process: ProcessFacts, tid: number): TaskFacts {
  const found = process.tasks.find((task) => task.tid === tid);
  if (found !== undefined) return found;
  const { name, state } = process;
  return { tid, name, state, pending: NO_SIGNALS, blocked: NO_SIGNALS };
}

/** /proc/<pid>/stat: 52 fields. Those of one address space nobody knows in a linear memory are 0, as for a kernel thread. */
export function statText(process: ProcessFacts, tid: number): string {
  const task = taskOf(process, tid);
  const pages = Math.ceil(process.memory / PAGE);
  const fields = [
    tid,
    `(${task.name})`,
    task.state,
    process.parent,
    process.group,
    process.session,
    process.terminal,
    process.foreground,
    // flags: PF_RANDOMIZE, or PF_EXITING of one that ended.
    process.state === "Z" ? 4_228_108 : 4_194_304,
    // Page faults: nothing is paged.
    ...[0, 0, 0, 0],
    ticks(process.cpuNs),
    0,
    ticks(process.childrenCpuNs),
    0,
    // Priority, nice, threads, itrealvalue.
    ...[20 + process.nice, process.nice, Math.max(1, process.tasks.length), 0],
    ticks(process.startNs),
    pages * PAGE,
    pages,
    INFINITE,
    // Addresses of code and stack, and the two registers.
    ...[0, 0, 0, 0, 0],
    oldSignalWord(task.pending),
    oldSignalWord(task.blocked),
    oldSignalWord(process.ignored),
    oldSignalWord(process.caught),
    // wchan, swap; the signal of the end (SIGCHLD), processor, real-time priority, policy.
    ...[0, 0, 0, 17, 0, 0, 0],
    // Delays and guest time; addresses of data, heap, arguments and environment.
    ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    process.exitStatus,
  ];
  return `${fields.join(" ")}\n`;
}

export function statmText({ memory }: ProcessFacts): string {
  const pages = Math.ceil(memory / PAGE);
  return `${pages} ${pages} 0 0 0 ${pages} 0\n`;
}

const STATE_WORDS = { R: "R (running)", S: "S (sleeping)", T: "T (stopped)", Z: "Z (zombie)" } as const;

function fourOf(name: string, numbers: Identities): string {
  return `${name}:\t${numbers.join("\t")}\n`;
}

function memoryLine(name: string, bytes: number): string {
  return `${name}:\t${String(kibibytes(bytes)).padStart(8)} kB\n`;
}

/** CapInh to CapAmb: everything for an effective user 0, nothing for others. */
function capabilityLines([, user]: Identities): string {
  const all = "000001ffffffffff";
  const none = "0".repeat(16);
  const held = user === 0 ? all : none;
  return `CapInh:\t${none}\nCapPrm:\t${held}\nCapEff:\t${held}\nCapBnd:\t${all}\nCapAmb:\t${none}\n`;
}

export function statusText(process: ProcessFacts, tid: number): string {
  const task = taskOf(process, tid);
  const { memory, peakMemory } = process;
  const sizes =
    process.state === "Z"
      ? ""
      : memoryLine("VmPeak", peakMemory) +
        memoryLine("VmSize", memory) +
        memoryLine("VmLck", 0) +
        memoryLine("VmPin", 0) +
        memoryLine("VmHWM", peakMemory) +
        memoryLine("VmRSS", memory) +
        memoryLine("RssAnon", memory) +
        memoryLine("RssFile", 0) +
        memoryLine("RssShmem", 0) +
        memoryLine("VmData", memory) +
        memoryLine("VmStk", 0) +
        memoryLine("VmExe", 0) +
        memoryLine("VmLib", 0) +
        memoryLine("VmPTE", 0) +
        memoryLine("VmSwap", 0);
  return [
    `Name:\t${escapedName(task.name)}\n`,
    `Umask:\t${process.umask.toString(8).padStart(4, "0")}\n`,
    `State:\t${STATE_WORDS[task.state]}\n`,
    `Tgid:\t${process.pid}\nNgid:\t0\nPid:\t${tid}\nPPid:\t${process.parent}\nTracerPid:\t0\n`,
    fourOf("Uid", process.users),
    fourOf("Gid", process.groups),
    `FDSize:\t${process.descriptorSlots}\n`,
    `Groups:\t${process.supplementary.map((group) => `${group} `).join("") || " "}\n`,
    `NStgid:\t${process.pid}\nNSpid:\t${tid}\nNSpgid:\t${process.group}\nNSsid:\t${process.session}\nKthread:\t0\n`,
    sizes,
    `Threads:\t${Math.max(1, process.tasks.length)}\n`,
    `SigQ:\t${process.queued}/${process.limit(RLIMIT_SIGPENDING)[0]}\n`,
    `SigPnd:\t${signalWord(task.pending)}\nShdPnd:\t${signalWord(process.pending)}\n`,
    `SigBlk:\t${signalWord(task.blocked)}\nSigIgn:\t${signalWord(process.ignored)}\n`,
    `SigCgt:\t${signalWord(process.caught)}\n`,
    capabilityLines(process.users),
    "NoNewPrivs:\t1\nSeccomp:\t0\nSeccomp_filters:\t0\n",
    "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\nMems_allowed_list:\t0\n",
    "voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n",
  ].join("");
}

/** Newlines and backslashes of a name would make lines of their own. */
function escapedName(name: string): string {
  return name.replace(/\\/g, "\\\\").replace(/\n/g, "\\n");
}

/** Strings one after the other, each with its NUL. */
export function stringsText(strings: readonly string[]): string {
  return strings.map((one) => `${one}\0`).join("");
}

/** What maps says of one mapping. */
export function mapLine(one: MappingFacts): string {
  const { protection, inode } = one;
  const bits = `${protection & 1 ? "r" : "-"}${protection & 2 ? "w" : "-"}${protection & 4 ? "x" : "-"}`;
  const device = inode === undefined ? "00:00" : `00:${hex(inode.fs.dev, 2)}`;
  const head = `${hex(one.start, 8)}-${hex(one.end, 8)} ${bits}${one.shared ? "s" : "p"} ${hex(one.offset, 8)} ${device}`;
  const line = `${head} ${inode?.ino ?? 0} `;
  return one.label === "" ? `${line}\n` : `${line.padEnd(73)}${one.label.replace(/\n/g, "\\012")}\n`;
}

/** include/uapi/asm-generic/resource.h */
const RLIMIT_SIGPENDING = 11;
const LIMITS: readonly (readonly [name: string, resource: number, unit: string])[] = [
  ["Max cpu time", 0, "seconds"],
  ["Max file size", 1, "bytes"],
  ["Max data size", 2, "bytes"],
  ["Max stack size", 3, "bytes"],
  ["Max core file size", 4, "bytes"],
  ["Max resident set", 5, "bytes"],
  ["Max processes", 6, "processes"],
  ["Max open files", 7, "files"],
  ["Max locked memory", 8, "bytes"],
  ["Max address space", 9, "bytes"],
  ["Max file locks", 10, "locks"],
  ["Max pending signals", RLIMIT_SIGPENDING, "signals"],
  ["Max msgqueue size", 12, "bytes"],
  ["Max nice priority", 13, ""],
  ["Max realtime priority", 14, ""],
  ["Max realtime timeout", 15, "us"],
];

export function limitsText(process: ProcessFacts): string {
  const row = (name: string, soft: string, hard: string, unit: string): string =>
    `${name.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} ${unit.padEnd(10)}\n`;
  const words = (limit: number): string => (limit === Infinity ? "unlimited" : String(limit));
  const rows = LIMITS.map(([name, resource, unit]) => {
    const [soft, hard] = process.limit(resource);
    return row(name, words(soft), words(hard), unit);
  });
  return row("Limit", "Soft Limit", "Hard Limit", "Units") + rows.join("");
}

/** uid_map and gid_map: one user namespace, the first, so everything maps to itself. */
export function idMapText(): string {
  return "         0          0 4294967295\n";
}

/** As Linux writes it where a file has no handle (proc_pid_fdinfo(5)). */
function watchLine({ wd, dev, ino, mask }: WatchFacts): string {
  return `inotify wd:${hex(wd, 1)} ino:${hex(ino, 1)} sdev:${hex(dev, 1)} mask:${hex(mask >>> 0, 1)} ignored_mask:0 \n`;
}

/** /proc/<pid>/fdinfo/<n>; undefined when it is closed. */
export function fdinfoText(process: ProcessFacts, fd: number, mounts: readonly Mount[]): string | undefined {
  const one = process.descriptor(fd);
  if (one === undefined) return undefined;
  const { mount, inode } = one.place;
  const flags = one.flags.toString(8);
  const locks = one.locks.map((lock, i) => `lock:\t${i + 1}: ${lockLine(lock)}`).join("");
  const watches = one.watches.map(watchLine).join("");
  return `pos:\t${one.offset}\nflags:\t0${flags}\nmnt_id:\t${mountNumber(mounts, mount)}\nino:\t${inode.ino}\n${locks}${watches}`;
}
