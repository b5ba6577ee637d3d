/**
 * Layer: kernel. All lasting state of a kernel as plain data: processes, descriptor tables, pipes, blocked calls. What
 * file systems, programs and the host keep is written out by those; the ties are mount and inode numbers. It must not
 * know where the data goes.
 */

import type { Inode } from "../vfs/contracts.ts";
import { type Location, sameInode } from "../vfs/mounts.ts";
import { BytesFile } from "./bytes-file.ts";
import type { ExitStatus } from "./contracts.ts";
import type { OpenDescription } from "./descriptors.ts";
import { type EventFileState, eventState } from "./events/state.ts";
import type { FutexWaiter } from "./futexes.ts";
import { type InotifyEvent, InotifyFile } from "./inotify.ts";
import { type PosixQueueState, type PosixQueues, QueueFile } from "./ipc/posix-queues.ts";
import type { SystemVState } from "./ipc/system-v.ts";
import type { Kernel } from "./kernel.ts";
import type { Lock } from "./locks.ts";
import type { Pending } from "./pending.ts";
import type {
  FutexWaiterSnapshot,
  HeldLockSnapshot,
  LockSnapshot,
  PendingSnapshot,
  SignalWords,
} from "./pending-snapshot.ts";
import { type Pipe, PipeBothEnds, PipeReadEnd, PipeWriteEnd } from "./pipe.ts";
import { StreamInode } from "./pipefs.ts";
import type { AlternateStack, Identity, Process } from "./process.ts";
import { MasterFile } from "./pseudo-terminal.ts";
import type { FileRange, SharedFile } from "./shared-file.ts";
import type { SignalSet } from "./signal-set.ts";
import type { PendingSignalState, SignalAction } from "./signals.ts";
import { InputStream, OutputStream } from "./streams.ts";
import { type Terminal, TerminalFile, type TerminalState } from "./terminal.ts";
import { signalWaits, type Timer } from "./timers.ts";

/** The mount of shared memory without a file, which is in no table. */
export const HIDDEN_MOUNT = -1;

/** An inode of the mount of this index in MountTable.list(), or of HIDDEN_MOUNT. */
export interface PlaceSnapshot {
  readonly mount: number;
  readonly ino: number;
  /** Of what is no directory: where it was found, and its name there. */
  readonly directory?: number;
  readonly name?: string;
}

/** What an inode of no file system on disk is. */
export interface StreamInodeSnapshot {
  readonly ino: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** atime, mtime, ctime: seconds and nanoseconds of each. */
  readonly times: readonly number[];
}

export interface PipeSnapshot {
  /** A FIFO's place, or the inode of a pipe without a name. */
  readonly place: PlaceSnapshot | undefined;
  readonly inode: StreamInodeSnapshot | undefined;
  readonly capacity: number;
  readonly readersSeen: number;
  readonly writersSeen: number;
  readonly contents: Uint8Array;
}

/** A standard stream: its other end is the host's, which makes it anew. */
export interface StreamSnapshot {
  readonly ino: number;
  readonly direction: "in" | "out";
  readonly terminal: boolean;
  /** Of input: what was fed and not read, and whether there is an end after it. */
  readonly held: Uint8Array;
  readonly ended: boolean;
}

/** `content` and `origin` are descriptions; -1 for no origin. Ranges as start and end, one after the other. */
export interface SharedFileSnapshot {
  readonly content: number;
  readonly origin: number;
  readonly loaded: readonly number[];
  readonly dirty: readonly number[];
  readonly version: number;
  /** The process whose memory may be newer. */
  readonly holder: number | undefined;
}

/** What a description opens: a pipe's end and a stream by index, or the inode of its place. */
export type FileSnapshot =
  | { readonly kind: "pipe"; readonly index: number; readonly end: "read" | "write" | "both"; readonly since: number }
  | { readonly kind: "stream"; readonly index: number }
  | { readonly kind: "terminal"; readonly index: number; readonly master: boolean }
  | {
      readonly kind: "inotify";
      readonly nextWd: number;
      readonly watches: readonly { readonly wd: number; readonly mask: number; readonly place: PlaceSnapshot }[];
      readonly events: readonly InotifyEvent[];
    }
  | { readonly kind: "bytes"; readonly content: Uint8Array }
  | { readonly kind: "event"; readonly state: EventFileState }
  | { readonly kind: "queue"; readonly index: number }
  | { readonly kind: "place"; readonly place: PlaceSnapshot };

export interface DescriptionSnapshot {
  readonly file: FileSnapshot;
  readonly flags: number;
  readonly offset: number;
}

/** `description` numbers are indices into KernelSnapshot.descriptions. */
export interface DescriptorSnapshot {
  readonly fd: number;
  readonly description: number;
  readonly closeOnExec: boolean;
  readonly rights: number;
  readonly inheriting: number;
  readonly preopen: string | undefined;
}

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
  const taker = new Taker(kernel);
  const processes = kernel.processes.map((process) => taker.process(process));
  for (const terminal of kernel.terminals.values()) taker.terminal(terminal);
  const locks = [...kernel.locks].map(({ inode, lock }) => taker.lock(inode, lock));
  const { pipes, streams, terminals, descriptions, shared } = taker;
  return {
    version: 1,
    nextPid: kernel.nextPid,
    nextIno: kernel.pipes.nextIno,
    pipes,
    streams,
    terminals,
    descriptions,
    shared,
    systemV: taker.systemV,
    queues: taker.queues,
    processes,
    locks,
  };
}

/** Numbers what is shared, in the order it is met. */
class Taker {
  readonly pipes: PipeSnapshot[] = [];
  readonly streams: StreamSnapshot[] = [];
  readonly terminals: TerminalState[] = [];
  readonly descriptions: DescriptionSnapshot[] = [];
  readonly shared: SharedFileSnapshot[] = [];
  readonly systemV: SystemVState;
  readonly queues: readonly PosixQueueState[];
  readonly #numbers = new Map<object, number>();
  readonly #queues: PosixQueues;
  readonly #now: number;

  constructor(kernel: Kernel) {
    this.#queues = kernel.queues;
    this.#now = kernel.host.clock.monotonicNs();
    kernel.mounts.list().forEach((mount, index) => {
      this.#numbers.set(mount, index);
    });
    if (kernel.shared.mount !== undefined) this.#numbers.set(kernel.shared.mount, HIDDEN_MOUNT);
    for (const file of kernel.shared.files()) this.#sharedFile(file);
    this.systemV = kernel.systemV.state((description) => this.#description(description));
    this.queues = kernel.queues.state((description) => this.#description(description));
  }

  process(process: Process): ProcessSnapshot {
    const { credentials } = process;
    return {
      pid: process.pid,
      parent: process.parent?.pid,
      parentPid: process.parentPid,
      group: process.group,
      session: process.session,
      executed: process.executed,
      image: process.image.name,
      executable: process.executable === undefined ? undefined : this.#place(process.executable),
      argv: [...process.argv],
      env: [...process.env],
      root: this.#place(process.root),
      cwd: this.#place(process.cwd),
      uid: credentials.uid,
      gid: credentials.gid,
      groups: [...credentials.groups],
      userIdentity: { ...process.userIdentity },
      groupIdentity: { ...process.groupIdentity },
      ageNs: this.#now - process.startNs,
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
      space: process.space.state((file) => this.#sharedFile(file)),
      limits: process.limits.flatMap((limit, resource) => {
        if (limit === undefined) return [];
        const [soft = -1, hard = -1] = [limit.soft, limit.hard].map((one) => (one === Infinity ? -1 : one));
        return [{ resource, soft, hard }];
      }),
      semaphoreUndo: process.semaphoreUndo
        .filter(({ set }) => !set.removed)
        .map(({ set, adjustments }) => ({ set: set.owner.id, adjustments: [...adjustments] })),
      shares: process.shares.map(({ file, seen }) => ({ file: this.#sharedFile(file), seen })),
      offersEnvironment: process.offersEnvironment,
      stopped: process.stopped,
      news: process.news,
      peakMemory: process.peakMemory,
      childrenPeakMemory: process.childrenPeakMemory,
      intervals: process.timers.intervals.map((timer) => this.#timer(timer)),
      timers: process.timers.created.map((timer) => this.#timer(timer)),
      entered: process.entered,
      ending: process.ending,
      status: process.status,
      calls: process.calls,
      descriptors: [...process.descriptors].map(([fd, entry]) => ({
        fd,
        description: this.#description(entry.description),
        closeOnExec: entry.closeOnExec,
        rights: entry.rights,
        inheriting: entry.inheriting,
        preopen: entry.preopen,
      })),
      threads: process.threads.map(({ pending, mask, savedMask, signals, ...thread }) => ({
        tid: thread.tid,
        name: thread.name,
        pending: pending === undefined ? undefined : this.#pending(pending),
        mask: wordsOf(mask),
        savedMask: savedMask === undefined ? undefined : wordsOf(savedMask),
        argument: thread.argument,
        clearAddress: thread.clearAddress,
        alternate: thread.alternate === undefined ? undefined : { ...thread.alternate },
        robustList: thread.robustList,
        signals: signals.state(),
      })),
    };
  }

  #timer(timer: Timer | undefined): TimerSnapshot | undefined {
    if (timer === undefined) return undefined;
    const { signal, value, thread, intervalNs, overrun, deadlineNs } = timer;
    const waits = signalWaits(timer);
    const remainingNs = deadlineNs === Infinity ? undefined : Math.max(0, deadlineNs - this.#now);
    return { signal, value, thread: thread?.tid, remainingNs, intervalNs, overrun, waits };
  }

  #futexWaiter({ file, address, bits, released }: FutexWaiter): FutexWaiterSnapshot {
    return { file: file === undefined ? -1 : this.#sharedFile(file), address, bits, released };
  }

  #pending(pending: Pending): PendingSnapshot {
    const left = pending.deadlineNs - this.#now;
    const remainingNs = left === Infinity ? undefined : Math.max(0, left);
    switch (pending.kind) {
      case "again": {
        const { kind, description, events } = pending;
        return { kind, description: this.#description(description), events };
      }
      case "lock": {
        const { kind, description, lock } = pending;
        return { kind, description: this.#description(description), lock: this.#lock(lock) };
      }
      case "open": {
        const { kind, closeOnExec, seen } = pending;
        return { kind, description: this.#description(pending.description), closeOnExec, seen };
      }
      case "read": {
        const { kind, addresses, lengths } = pending;
        const description = this.#description(pending.description);
        return { kind, description, addresses: [...addresses], lengths: [...lengths], remainingNs };
      }
      case "write": {
        const { kind, bytes, sent, before } = pending;
        const description = this.#description(pending.description);
        return { kind, description, bytes: bytes.slice(sent), before: before + sent };
      }
      case "poll": {
        const items = pending.items.map((item) => ({ ...item }));
        const descriptions = pending.descriptions.map((one) => (one === undefined ? -1 : this.#description(one)));
        return { kind: "poll", items, descriptions, remainingNs };
      }
      case "sleep":
        return { kind: "sleep", remainingNs };
      case "yield":
        return { kind: "yield", outcome: pending.outcome, busy: pending.busy };
      case "random": {
        const { kind, address, length, filled } = pending;
        return { kind, address, length, filled };
      }
      case "fill": {
        const { kind, address, length, done, position, from, copied, result } = pending;
        const description = pending.description === undefined ? -1 : this.#description(pending.description);
        return { kind, address, length, done, description, position, from, copied, result };
      }
      case "wait":
        return { kind: "wait", selection: { ...pending.selection } };
      case "signal wait":
        return { kind: "signal wait", set: wordsOf(pending.set), remainingNs };
      case "pause":
        return { kind: "pause" };
      case "futex": {
        const { kind, absolute } = pending;
        return { kind, words: pending.words.map((word) => this.#futexWaiter(word)), absolute, remainingNs };
      }
      case "owned futex": {
        const { kind, at, granted, futex, target } = pending;
        const file = target.file === undefined ? -1 : this.#sharedFile(target.file);
        const owner = futex === undefined ? undefined : (futex.owner?.tid ?? 0);
        const word = pending.word === undefined ? undefined : this.#futexWaiter(pending.word);
        return { kind, file, address: target.address, at, owner, granted, word, remainingNs };
      }
      case "semaphores": {
        const { kind, set, operations, blockedBy } = pending;
        return { kind, set: set.owner.id, operations: operations.map((one) => ({ ...one })), blockedBy, remainingNs };
      }
      case "send message": {
        const { kind, queue, message } = pending;
        return { kind, queue: queue.owner.id, message: { type: message.type, bytes: message.bytes.slice() } };
      }
      case "receive message": {
        const { kind, queue, wish, address } = pending;
        return { kind, queue: queue.owner.id, wish: { ...wish }, address };
      }
      case "queue send": {
        const { kind, message, sent } = pending;
        return { kind, description: this.#description(pending.description), message, sent, remainingNs };
      }
      case "queue receive": {
        const { kind, address, priorityAt, message } = pending;
        const description = this.#description(pending.description);
        return { kind, description, address, priorityAt, message, remainingNs };
      }
      case "epoll": {
        const { kind, most } = pending;
        return { kind, description: this.#description(pending.description), most, remainingNs };
      }
      case "fork":
        return { kind: "fork", wish: { ...pending.wish } };
    }
  }

  /** What somebody has open on a locked file: its owner, or a process that holds records. */
  lock(inode: Inode, lock: Lock): HeldLockSnapshot {
    const { owner } = lock;
    const open =
      "threads" in owner
        ? [...owner.descriptors].find(([, { description }]) => sameInode(description.file.inode, inode))?.[1]
            .description
        : owner;
    if (open === undefined) throw new SnapshotError("A lock is held on a file its owner has not open.");
    return { ...this.#lock(lock), description: this.#description(open) };
  }

  #lock({ kind, owner, exclusive, start, end, pid }: Lock): LockSnapshot {
    return { kind, owner: "threads" in owner ? owner.pid : this.#description(owner), exclusive, start, end, pid };
  }

  #description(description: OpenDescription): number {
    const known = this.#numbers.get(description);
    if (known !== undefined) return known;
    const file = this.#file(description);
    const number = this.descriptions.push({ file, flags: description.flags, offset: description.offset }) - 1;
    this.#numbers.set(description, number);
    return number;
  }

  #file({ file, location }: OpenDescription): FileSnapshot {
    if (file instanceof PipeReadEnd) {
      return { kind: "pipe", index: this.#pipe(file.pipe, location), end: "read", since: file.since };
    }
    if (file instanceof PipeWriteEnd || file instanceof PipeBothEnds) {
      const end = file instanceof PipeWriteEnd ? "write" : "both";
      return { kind: "pipe", index: this.#pipe(file.pipe, location), end, since: -1 };
    }
    if (location !== undefined) return { kind: "place", place: this.#place(location) };
    if (file instanceof InputStream || file instanceof OutputStream) {
      return { kind: "stream", index: this.#stream(file) };
    }
    if (file instanceof TerminalFile) return { kind: "terminal", index: this.terminal(file.terminal), master: false };
    if (file instanceof MasterFile) return { kind: "terminal", index: this.terminal(file.pair.terminal), master: true };
    if (file instanceof InotifyFile) {
      const { nextWd, events } = file;
      const watches = [...file.watches.values()].map(({ wd, mask, place }) => ({
        wd,
        mask,
        place: this.#place(place),
      }));
      return { kind: "inotify", nextWd, watches, events: [...events] };
    }
    if (file instanceof QueueFile) return { kind: "queue", index: this.#queues.indexOf(file.queue) };
    const state = eventState(file, this.#now, (one) => this.#description(one));
    if (state !== undefined) return { kind: "event", state };
    if (file instanceof BytesFile) return { kind: "bytes", content: file.content.slice() };
    throw new SnapshotError(`An open ${file.inode.fs.type} file without a place cannot be written out.`);
  }

  #sharedFile(file: SharedFile): number {
    const known = this.#numbers.get(file);
    if (known !== undefined) return known;
    const flat = (ranges: readonly FileRange[]): number[] => ranges.flatMap(({ start, end }) => [start, end]);
    const number =
      this.shared.push({
        content: this.#description(file.content),
        origin: file.origin === undefined ? -1 : this.#description(file.origin),
        loaded: flat(file.loaded),
        dirty: flat(file.dirty),
        version: file.version,
        holder: file.holder?.pid,
      }) - 1;
    this.#numbers.set(file, number);
    return number;
  }

  #pipe(pipe: Pipe, location: Location | undefined): number {
    const known = this.#numbers.get(pipe);
    if (known !== undefined) return known;
    const { inode, ring, readersSeen, writersSeen } = pipe;
    const number =
      this.pipes.push({
        place: location === undefined ? undefined : this.#place(location),
        inode: inode instanceof StreamInode ? describeInode(inode) : undefined,
        capacity: ring.capacity,
        readersSeen,
        writersSeen,
        contents: ring.contents(),
      }) - 1;
    this.#numbers.set(pipe, number);
    return number;
  }

  #stream(stream: InputStream | OutputStream): number {
    const known = this.#numbers.get(stream);
    if (known !== undefined) return known;
    const { ino } = stream.inode;
    const input = stream instanceof InputStream;
    const number =
      this.streams.push({
        ino,
        direction: input ? "in" : "out",
        terminal: stream.terminal,
        held: input ? stream.held() : new Uint8Array(0),
        ended: input && stream.ended,
      }) - 1;
    this.#numbers.set(stream, number);
    return number;
  }

  terminal(terminal: Terminal): number {
    const known = this.#numbers.get(terminal);
    if (known !== undefined) return known;
    const number = this.terminals.push(terminal.state()) - 1;
    this.#numbers.set(terminal, number);
    return number;
  }

  #place(location: Location): PlaceSnapshot {
    const mount = this.#numbers.get(location.mount);
    if (mount === undefined) throw new SnapshotError("A process stands on a mount its kernel does not know.");
    const { inode, directory, name } = location;
    return directory === undefined || name === undefined
      ? { mount, ino: inode.ino }
      : { mount, ino: inode.ino, directory: directory.ino, name };
  }
}

/** The caller's data or state cannot become a snapshot, or a kernel. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

function wordsOf({ low, high }: SignalSet): SignalWords {
  return [low, high];
}

function describeInode({ ino, mode, uid, gid, atime, mtime, ctime }: StreamInode): StreamInodeSnapshot {
  const times = [atime, mtime, ctime].flatMap(({ seconds, nanoseconds }) => [seconds, nanoseconds]);
  return { ino, mode, uid, gid, times };
}
