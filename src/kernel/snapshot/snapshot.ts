/**
 * Layer: kernel. All lasting state of a kernel as plain data: processes, descriptor tables, pipes, blocked calls. What
 * file systems, programs and the host keep is written out by those; the ties are mount and inode numbers. It must not
 * know where the data goes.
 */

import type { ExitStatus } from "../contracts.ts";
import type { PosixQueueState } from "../ipc/posix-queues.ts";
import type { SystemVState } from "../ipc/system-v.ts";
import type { Kernel } from "../kernel.ts";
import type { AlternateStack, Identity, Process } from "../process.ts";
import type { PendingSignalState, SignalAction } from "../signals.ts";
import type { TerminalState } from "../terminal.ts";
import { signalWaits, type Timer } from "../timers.ts";
import {
  type DescriptionSnapshot,
  type DescriptorSnapshot,
  type HeldLockSnapshot,
  OpenObjects,
  type PipeSnapshot,
  type PlaceSnapshot,
  type SharedFileSnapshot,
  type StreamSnapshot,
} from "./open-snapshot.ts";
import { type PendingSnapshot, type SignalWords, snapshotOfPending, wordsOf } from "./pending-snapshot.ts";

export interface ThreadSnapshot {
  readonly tid: number;
  readonly name: string;
  readonly pending: PendingSnapshot | undefined;
  readonly mask: SignalWords;
  readonly savedMask: SignalWords | undefined;
  readonly argument: number | undefined;
  readonly clearAddress: number;
  readonly alternate: AlternateStack | undefined;
  readonly robustList: number;
  readonly cpuNs: number;
  readonly signals: readonly PendingSignalState[];
}

/** `thread` by number; `remainingNs` undefined where it is not armed. */
export interface TimerSnapshot {
  readonly signal: number;
  readonly value: number;
  readonly thread: number | undefined;
  readonly remainingNs: number | undefined;
  readonly intervalNs: number;
  readonly overrun: number;
  /** Its signal waits to be taken. */
  readonly waits: boolean;
}

export interface ProcessSnapshot {
  readonly pid: number;
  readonly parent: number | undefined;
  readonly parentPid: number;
  readonly group: number;
  readonly session: number;
  readonly executed: boolean;
  /** ProgramImage.name; the file it was read from, where it was. */
  readonly image: string;
  readonly executable: PlaceSnapshot | undefined;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly root: PlaceSnapshot;
  readonly cwd: PlaceSnapshot;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly userIdentity: Identity;
  readonly groupIdentity: Identity;
  /** How long ago it was made, and what it and its children computed. */
  readonly ageNs: number;
  readonly lastName: string;
  readonly nice: number;
  readonly cpuNs: number;
  readonly childrenCpuNs: number;
  readonly umask: number;
  readonly parentDeathSignal: number;
  readonly subreaper: boolean;
  readonly exitSignal: number;
  readonly dumpable: boolean;
  readonly oomAdjustment: number;
  readonly leastOomAdjustment: number;
  readonly dispositions: readonly number[];
  readonly actions: readonly { readonly signal: number; readonly action: SignalAction }[];
  readonly childFlags: number;
  readonly signals: readonly PendingSignalState[];
  /** AddressSpace.state() */
  readonly space: readonly number[];
  /** Those it set, by resource; -1 for none. */
  readonly limits: readonly { readonly resource: number; readonly soft: number; readonly hard: number }[];
  /** What it takes back of semaphores at its end, by set. */
  readonly semaphoreUndo: readonly { readonly set: number; readonly adjustments: readonly number[] }[];
  /** The version it has seen of each shared file. */
  readonly shares: readonly { readonly file: number; readonly seen: number }[];
  readonly offersEnvironment: boolean;
  readonly stopped: number;
  readonly news: "stopped" | "continued" | undefined;
  readonly peakMemory: number;
  readonly childrenPeakMemory: number;
  /** setitimer's three, and timer_create's by number. */
  readonly intervals: readonly (TimerSnapshot | undefined)[];
  readonly timers: readonly (TimerSnapshot | undefined)[];
  readonly entered: boolean;
  readonly ending: ExitStatus | undefined;
  readonly status: ExitStatus | undefined;
  readonly calls: number;
  readonly descriptors: readonly DescriptorSnapshot[];
  readonly threads: readonly ThreadSnapshot[];
}

export interface KernelSnapshot {
  readonly version: 1;
  readonly nextPid: number;
  readonly nextIno: number;
  readonly pipes: readonly PipeSnapshot[];
  readonly streams: readonly StreamSnapshot[];
  readonly terminals: readonly TerminalState[];
  readonly descriptions: readonly DescriptionSnapshot[];
  readonly shared: readonly SharedFileSnapshot[];
  readonly systemV: SystemVState;
  readonly queues: readonly PosixQueueState[];
  readonly processes: readonly ProcessSnapshot[];
  readonly locks: readonly HeldLockSnapshot[];
}

/** Copy everything. No guest may be running: take it between dispatches. The kernel may go on afterwards. */
export function takeSnapshot(kernel: Kernel): KernelSnapshot {
  const open = new OpenObjects(kernel);
  const processes = kernel.processes.map((process) => snapshotOfProcess(process, open));
  for (const terminal of kernel.terminals.values()) open.terminal(terminal);
  const locks = [...kernel.locks].map(({ inode, lock }) => open.lock(inode, lock));
  const { pipes, streams, terminals, descriptions, shared, systemV, queues } = open;
  return {
    version: 1,
    nextPid: kernel.nextPid,
    nextIno: kernel.pipes.nextIno,
    pipes,
    streams,
    terminals,
    descriptions,
    shared,
    systemV,
    queues,
    processes,
    locks,
  };
}

function snapshotOfProcess(process: Process, open: OpenObjects): ProcessSnapshot {
  const { credentials } = process;
  return {
    pid: process.pid,
    parent: process.parent?.pid,
    parentPid: process.parentPid,
    group: process.group,
    session: process.session,
    executed: process.executed,
    image: process.image.name,
    executable: process.executable === undefined ? undefined : open.place(process.executable),
    argv: [...process.argv],
    env: [...process.env],
    root: open.place(process.root),
    cwd: open.place(process.cwd),
    uid: credentials.uid,
    gid: credentials.gid,
    groups: [...credentials.groups],
    userIdentity: { ...process.userIdentity },
    groupIdentity: { ...process.groupIdentity },
    ageNs: open.now - process.startNs,
    lastName: process.lastName,
    cpuNs: process.cpuNs,
    childrenCpuNs: process.childrenCpuNs,
    umask: process.umask,
    nice: process.nice,
    parentDeathSignal: process.parentDeathSignal,
    subreaper: process.subreaper,
    dumpable: process.dumpable,
    exitSignal: process.exitSignal,
    oomAdjustment: process.oomAdjustment,
    leastOomAdjustment: process.leastOomAdjustment,
    dispositions: [...process.dispositions],
    actions: process.actions.flatMap((action, signal) => (action === undefined ? [] : [{ signal, action }])),
    childFlags: process.childFlags,
    signals: process.signals.state(),
    space: process.space.state((file) => open.sharedFile(file)),
    limits: process.limits.flatMap((limit, resource) => {
      if (limit === undefined) return [];
      const [soft = -1, hard = -1] = [limit.soft, limit.hard].map((one) => (one === Infinity ? -1 : one));
      return [{ resource, soft, hard }];
    }),
    semaphoreUndo: process.semaphoreUndo
      .filter(({ set }) => !set.removed)
      .map(({ set, adjustments }) => ({ set: set.owner.id, adjustments: [...adjustments] })),
    shares: process.shares.map(({ file, seen }) => ({ file: open.sharedFile(file), seen })),
    offersEnvironment: process.offersEnvironment,
    stopped: process.stopped,
    news: process.news,
    peakMemory: process.peakMemory,
    childrenPeakMemory: process.childrenPeakMemory,
    intervals: process.timers.intervals.map((timer) => snapshotOfTimer(timer, open.now)),
    timers: process.timers.created.map((timer) => snapshotOfTimer(timer, open.now)),
    entered: process.entered,
    ending: process.ending,
    status: process.status,
    calls: process.calls,
    descriptors: [...process.descriptors].map(([fd, entry]) => ({
      fd,
      description: open.description(entry.description),
      closeOnExec: entry.closeOnExec,
      rights: entry.rights,
      inheriting: entry.inheriting,
      preopen: entry.preopen,
    })),
    threads: process.threads.map(({ pending, mask, savedMask, signals, ...thread }) => ({
      tid: thread.tid,
      name: thread.name,
      pending: pending === undefined ? undefined : snapshotOfPending(pending, open),
      mask: wordsOf(mask),
      savedMask: savedMask === undefined ? undefined : wordsOf(savedMask),
      argument: thread.argument,
      clearAddress: thread.clearAddress,
      alternate: thread.alternate === undefined ? undefined : { ...thread.alternate },
      robustList: thread.robustList,
      cpuNs: thread.cpuNs,
      signals: signals.state(),
    })),
  };
}

function snapshotOfTimer(timer: Timer | undefined, now: number): TimerSnapshot | undefined {
  if (timer === undefined) return undefined;
  const { signal, value, thread, intervalNs, overrun, deadlineNs } = timer;
  const waits = signalWaits(timer);
  const remainingNs = deadlineNs === Infinity ? undefined : Math.max(0, deadlineNs - now);
  return { signal, value, thread: thread?.tid, remainingNs, intervalNs, overrun, waits };
}
