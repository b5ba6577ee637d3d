/**
 * Layer: fs/procfs. What the files of the whole machine say, in the formats of Linux's fs/proc/*.c (proc_meminfo(5),
 * proc_stat(5), proc_sys(5) and their kin). It must not know how they are read.
 */
import { SEMOPM } from "../../abi/ipc.ts";
import {
  EPOLL_WATCHES,
  INOTIFY_EVENTS,
  INOTIFY_WATCHES,
  MESSAGE_BYTES,
  MESSAGE_QUEUE_BYTES,
  MESSAGE_QUEUES,
  PIPE_MOST_BYTES,
  POSIX_QUEUES,
  QUEUE_MESSAGE_BYTES,
  QUEUE_MESSAGES,
  SEMAPHORE_SETS,
  SEMAPHORES,
  SHARED_BYTES,
  SHARED_FILES,
} from "../../limits.ts";
import type { KernelFacts, MachineFacts } from "./facts.ts";
import { hundredths, lockLine, sizeLine, ticks } from "./lines.ts";
import { SYSTEM_V_FILES } from "./system-v-files.ts";

function meminfo({ memoryTotal, memoryUsed, fileBytes }: MachineFacts): string {
  const free = Math.max(0, memoryTotal - memoryUsed);
  const lines: readonly (readonly [string, number])[] = [
    ["MemTotal", memoryTotal],
    ["MemFree", free],
    ["MemAvailable", free],
    ["Buffers", 0],
    ["Cached", fileBytes],
    ["SwapCached", 0],
    ["Active", memoryUsed],
    ["Inactive", 0],
    ["SwapTotal", 0],
    ["SwapFree", 0],
    ["Dirty", 0],
    ["Writeback", 0],
    ["AnonPages", Math.max(0, memoryUsed - fileBytes)],
    ["Mapped", 0],
    ["Shmem", fileBytes],
    ["Slab", 0],
    ["SReclaimable", 0],
    ["SUnreclaim", 0],
    ["CommitLimit", memoryTotal],
    ["Committed_AS", memoryUsed],
  ];
  return lines.map(([name, bytes]) => sizeLine(name, bytes)).join("");
}

function stat({ cpuNs, uptimeNs, switches, bootSeconds, made, runnable }: MachineFacts): string {
  const busy = ticks(cpuNs);
  const idle = Math.max(0, ticks(uptimeNs) - busy);
  const times = `${busy} 0 0 ${idle} 0 0 0 0 0 0`;
  return [
    `cpu  ${times}\ncpu0 ${times}\nintr 0\nctxt ${switches}\nbtime ${bootSeconds}\n`,
    `processes ${made}\nprocs_running ${runnable}\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n`,
  ].join("");
}

function cpuinfo(): string {
  const lines = [
    ["processor\t", "0"],
    ["vendor_id\t", "Linden"],
    ["cpu family\t", "0"],
    ["model\t\t", "0"],
    ["model name\t", "WebAssembly"],
    ["stepping\t", "0"],
    ["physical id\t", "0"],
    ["siblings\t", "1"],
    ["core id\t\t", "0"],
    ["cpu cores\t", "1"],
    ["fpu\t\t", "yes"],
    ["flags\t\t", "mvp simd128 bulk-memory exception-handling tail-call sign-ext atomics"],
  ];
  return `${lines.map(([name, value]) => `${name}: ${value}\n`).join("")}\n`;
}

const FILE_SYSTEMS = ["tmpfs", "proc", "devtmpfs", "pipefs", "overlay", "hostfs"];

/** Files by path below /proc, each with what it says. Directories are what their paths pass through. */
export const MACHINE_FILES: ReadonlyMap<string, (facts: KernelFacts) => string> = new Map<
  string,
  (facts: KernelFacts) => string
>([
  ["meminfo", ({ machine }) => meminfo(machine)],
  ["stat", ({ machine }) => stat(machine)],
  ["cpuinfo", () => cpuinfo()],
  [
    "uptime",
    ({ machine: { uptimeNs, cpuNs } }) => `${hundredths(uptimeNs)} ${hundredths(Math.max(0, uptimeNs - cpuNs))}\n`,
  ],
  [
    "loadavg",
    ({ machine: { load, runnable, threads, lastPid } }) =>
      `${load.map((one) => one.toFixed(2)).join(" ")} ${runnable}/${threads} ${lastPid}\n`,
  ],
  ["version", ({ machine: { sysname, release, version } }) => `${sysname} version ${release} (linden) ${version}\n`],
  ["filesystems", () => FILE_SYSTEMS.map((name) => `nodev\t${name}\n`).join("")],
  ["cmdline", () => "\n"],
  ["devices", () => "Character devices:\n  1 mem\n  5 /dev/tty\n136 pts\n\nBlock devices:\n"],
  ["partitions", () => ""],
  ["swaps", () => "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"],
  ["diskstats", () => ""],
  ["locks", ({ locks }) => locks.map((lock, i) => `${i + 1}: ${lockLine(lock)}`).join("")],
  ["sys/kernel/ostype", ({ machine }) => `${machine.sysname}\n`],
  ["sys/kernel/osrelease", ({ machine }) => `${machine.release}\n`],
  ["sys/kernel/version", ({ machine }) => `${machine.version}\n`],
  ["sys/kernel/arch", ({ machine }) => `${machine.machine}\n`],
  ["sys/kernel/hostname", ({ machine }) => `${machine.hostname}\n`],
  ["sys/kernel/domainname", () => "(none)\n"],
  ["sys/kernel/pid_max", () => "4194304\n"],
  ["sys/kernel/threads-max", ({ machine }) => `${machine.processLimit}\n`],
  ["sys/kernel/ngroups_max", () => "65536\n"],
  ["sys/kernel/cap_last_cap", () => "40\n"],
  ["sys/kernel/overflowuid", () => "65534\n"],
  ["sys/kernel/overflowgid", () => "65534\n"],
  ["sys/kernel/msgmax", () => `${MESSAGE_BYTES}\n`],
  ["sys/kernel/msgmnb", () => `${MESSAGE_QUEUE_BYTES}\n`],
  ["sys/kernel/msgmni", () => `${MESSAGE_QUEUES}\n`],
  ["sys/kernel/sem", () => `${SEMAPHORES}\t${SEMAPHORES}\t${SEMOPM}\t${SEMAPHORE_SETS}\n`],
  ["sys/kernel/shmall", () => `${SHARED_BYTES / 4096}\n`],
  ["sys/kernel/shmmax", () => `${SHARED_BYTES}\n`],
  ["sys/kernel/shmmni", () => `${SHARED_FILES}\n`],
  ["sys/kernel/random/boot_id", ({ machine }) => `${machine.bootId}\n`],
  ["sys/kernel/random/uuid", ({ machine }) => `${machine.uuid()}\n`],
  ["sys/kernel/random/entropy_avail", () => "256\n"],
  ["sys/kernel/random/poolsize", () => "256\n"],
  ["sys/fs/file-max", ({ machine }) => `${machine.processLimit * machine.descriptorLimit}\n`],
  ["sys/fs/file-nr", ({ machine }) => `${machine.openFiles}\t0\t${machine.processLimit * machine.descriptorLimit}\n`],
  ["sys/fs/nr_open", ({ machine }) => `${machine.descriptorLimit}\n`],
  ["sys/fs/overflowuid", () => "65534\n"],
  ["sys/fs/overflowgid", () => "65534\n"],
  ["sys/fs/pipe-max-size", () => `${PIPE_MOST_BYTES}\n`],
  ["sys/fs/pipe-user-pages-hard", () => "0\n"],
  ["sys/fs/pipe-user-pages-soft", () => "0\n"],
  ["sys/fs/inotify/max_queued_events", () => `${INOTIFY_EVENTS}\n`],
  ["sys/fs/inotify/max_user_instances", ({ machine }) => `${machine.processLimit * machine.descriptorLimit}\n`],
  ["sys/fs/inotify/max_user_watches", () => `${INOTIFY_WATCHES}\n`],
  ["sys/fs/epoll/max_user_watches", () => `${EPOLL_WATCHES}\n`],
  ["sys/fs/mqueue/queues_max", () => `${POSIX_QUEUES}\n`],
  ["sys/fs/mqueue/msg_default", () => `${QUEUE_MESSAGES}\n`],
  ["sys/fs/mqueue/msg_max", () => `${QUEUE_MESSAGES}\n`],
  ["sys/fs/mqueue/msgsize_default", () => `${QUEUE_MESSAGE_BYTES}\n`],
  ["sys/fs/mqueue/msgsize_max", () => `${QUEUE_MESSAGE_BYTES}\n`],
  ["sys/vm/overcommit_memory", () => "0\n"],
  ...SYSTEM_V_FILES,
]);
