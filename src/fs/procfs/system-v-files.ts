/**
 * Layer: fs/procfs. /proc/sysvipc: a table for each kind of System V's objects, in the columns of Linux's ipc/shm.c, sem.c and
 * msg.c (proc_sysvipc(5)). It must not know what the objects are for.
 */
import type { IpcFacts, KernelFacts, MessageQueueFacts, SegmentFacts, SemaphoreSetFacts } from "./facts.ts";

/** Columns, each a number of this many places at least. */
type Column = readonly [value: number, width: number];

const OWNER_WIDTH = 5;
const TIME_WIDTH = 10;
/** Of a size in bytes, where a pointer has 64 bits. */
const SIZE_WIDTH = 21;

function line({ key, id, mode }: IpcFacts, columns: readonly Column[]): string {
  const head = `${String(key).padStart(10)} ${String(id).padStart(10)}  ${mode.toString(8).padStart(4)}`;
  return `${[head, ...columns.map(([value, width]) => String(value).padStart(width))].join(" ")}\n`;
}

function owners({ uid, gid, cuid, cgid }: IpcFacts): readonly Column[] {
  return [uid, gid, cuid, cgid].map((id) => [id, OWNER_WIDTH] as const);
}

function times(...seconds: readonly number[]): readonly Column[] {
  return seconds.map((time) => [time, TIME_WIDTH] as const);
}

function segmentLine(one: SegmentFacts): string {
  const { size, cpid, lpid, attachments, atime, dtime, ctime, resident } = one;
  const users: readonly Column[] = [
    [cpid, OWNER_WIDTH],
    [lpid, OWNER_WIDTH],
    [attachments, OWNER_WIDTH + 1],
  ];
  const memory: readonly Column[] = [
    [resident, SIZE_WIDTH],
    [0, SIZE_WIDTH],
  ];
  return line(one, [[size, SIZE_WIDTH], ...users, ...owners(one), ...times(atime, dtime, ctime), ...memory]);
}

function setLine(one: SemaphoreSetFacts): string {
  return line(one, [[one.semaphores, 10], ...owners(one), ...times(one.otime, one.ctime)]);
}

/** A blank more than the others have between permissions and numbers. */
function queueLine(one: MessageQueueFacts): string {
  const { bytes, messages, lspid, lrpid, stime, rtime, ctime } = one;
  const users: readonly Column[] = [
    [lspid, OWNER_WIDTH],
    [lrpid, OWNER_WIDTH],
  ];
  return line(one, [[bytes, 11], [messages, 10], ...users, ...owners(one), ...times(stime, rtime, ctime)]);
}

/** A heading, its words at the right of their columns. */
function heading(id: string, widths: readonly (readonly [name: string, width: number])[]): string {
  const words = widths.map(([name, width]) => name.padStart(width));
  return `${["       key", id.padStart(10), "perms", ...words].join(" ")}\n`;
}

const OWNERS = ["uid", "gid", "cuid", "cgid"].map((name) => [name, OWNER_WIDTH] as const);

function timeNames(...names: readonly string[]) {
  return names.map((name) => [name, TIME_WIDTH] as const);
}

const SEGMENTS = heading("shmid", [
  ["size", SIZE_WIDTH],
  ["cpid", OWNER_WIDTH],
  ["lpid", OWNER_WIDTH],
  ["nattch", OWNER_WIDTH + 1],
  ...OWNERS,
  ...timeNames("atime", "dtime", "ctime"),
  ["rss", SIZE_WIDTH],
  ["swap", SIZE_WIDTH],
]);
const SETS = heading("semid", [["nsems", 10], ...OWNERS, ...timeNames("otime", "ctime")]);
const QUEUES = heading("msqid", [
  ["cbytes", 11],
  ["qnum", 10],
  ["lspid", OWNER_WIDTH],
  ["lrpid", OWNER_WIDTH],
  ...OWNERS,
  ...timeNames("stime", "rtime", "ctime"),
]);

export const SYSTEM_V_FILES: readonly (readonly [path: string, text: (facts: KernelFacts) => string])[] = [
  ["sysvipc/msg", ({ messageQueues }) => QUEUES + messageQueues.map(queueLine).join("")],
  ["sysvipc/sem", ({ semaphoreSets }) => SETS + semaphoreSets.map(setLine).join("")],
  ["sysvipc/shm", ({ segments }) => SEGMENTS + segments.map(segmentLine).join("")],
];
