/**
 * Layer: kernel. A kernel from a snapshot. Every blocked call is tried again at the first dispatch: to be woken in vain
 * is allowed, to miss a wake is not. It must not know where the data came from; what does not fit together is refused.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { O_PATH } from "../abi/fcntl.ts";
import type { Inode, OpenFile } from "../vfs/contracts.ts";
import type { Location, Mount } from "../vfs/mounts.ts";
import { BytesFile } from "./bytes-file.ts";
import type { ProgramImage } from "./contracts.ts";
import { settleAll } from "./delivery.ts";
import { OpenDescription } from "./descriptors.ts";
import { EpollFile } from "./events/epoll-file.ts";
import { restoreEvent, restoreWatches } from "./events/state.ts";
import { type FutexWord, standAt } from "./futexes.ts";
import { InotifyFile } from "./inotify.ts";
import type { MessageQueue } from "./ipc/messages.ts";
import type { Ownership } from "./ipc/objects.ts";
import { type PosixQueue, QueueFile } from "./ipc/posix-queues.ts";
import type { SemaphoreSet } from "./ipc/semaphores.ts";
import { Kernel, type KernelOptions } from "./kernel.ts";
import { type Lock, remember } from "./locks.ts";
import { OwnedFutex, ownedAt, standAtOwned } from "./owned-futexes.ts";
import { PathFile } from "./path-file.ts";
import { type Pending, type PendingOwnedFutex, parked } from "./pending.ts";
import type { HeldLockSnapshot, LockSnapshot, PendingSnapshot } from "./pending-snapshot.ts";
import { Pipe, PipeBothEnds, PipeReadEnd, PipeWriteEnd } from "./pipe.ts";
import { StreamInode } from "./pipefs.ts";
import { Process, Thread } from "./process.ts";
import { isResource, setResourceLimit } from "./resource-limits.ts";
import { check, rangesOf, streamInode } from "./restored-parts.ts";
import { bytesOf } from "./scheduler.ts";
import type { SharedFile } from "./shared-file.ts";
import { SignalSet } from "./signal-set.ts";
import { type PendingSignalState, type PendingSignals, SIGNALS } from "./signals.ts";
import type { DescriptionSnapshot, KernelSnapshot, PlaceSnapshot, ProcessSnapshot } from "./snapshot.ts";
import {
  HIDDEN_MOUNT,
  type PipeSnapshot,
  type SharedFileSnapshot,
  type StreamSnapshot,
  type TimerSnapshot,
} from "./snapshot.ts";
import type { Terminal, TerminalState } from "./terminal.ts";
import { type Timer, waitingSignal } from "./timers.ts";

/** What the snapshot only names. */
export interface RestorationOptions extends KernelOptions {
  /** The inode of this number of a file system that was itself restored; undefined if there is none. */
  inode(mount: Mount, ino: number): Inode | undefined;
  /** A standard stream made anew over the host's end; what was held is to be fed again. Called once for each. */
  stream(kernel: Kernel, stream: StreamSnapshot): OpenFile;
  /** A terminal made anew over the host's ends; what was held is put back into it. Called once for each. */
  terminal?(kernel: Kernel, terminal: TerminalState): Terminal;
  image(name: string): ProgramImage | undefined;
}

/** Build the kernel a snapshot describes. Throws SnapshotError when it describes none, or when files or programs are gone. */
export function restoreSnapshot(snapshot: KernelSnapshot, options: RestorationOptions): Kernel {
  check(snapshot.version === 1, "is of an unknown version");
  const kernel = new Kernel(options);
  const restorer = new Restorer(kernel, options, snapshot);
  for (const described of snapshot.processes) restorer.process(described);
  restorer.restoreHolders(snapshot);
  restorer.restoreOwners();
  restorer.restoreWatches(snapshot);
  for (const lock of snapshot.locks) restorer.lock(lock);
  kernel.nextPid = snapshot.nextPid;
  kernel.pipes.nextIno = Math.max(snapshot.nextIno, kernel.pipes.nextIno);
  return kernel;
}

/** What descriptions open, by the numbers in them. */
interface RestoredFiles {
  readonly pipes: readonly Pipe[];
  /** Of FIFOs. */
  readonly pipePlaces: readonly (PlaceSnapshot | undefined)[];
  readonly streams: readonly OpenFile[];
  readonly terminals: readonly Terminal[];
}

class Restorer {
  readonly #kernel: Kernel;
  readonly #options: RestorationOptions;
  readonly #mounts: readonly Mount[];
  readonly #descriptions: readonly OpenDescription[];
  readonly #shared: readonly SharedFile[];
  /** How often ends were opened. */
  readonly #seen = new Map<Pipe, readonly [readers: number, writers: number]>();
  /** Numbers of the threads that own futexes. */
  readonly #owners = new Map<OwnedFutex, number>();
  readonly #now: number;

  constructor(kernel: Kernel, options: RestorationOptions, snapshot: KernelSnapshot) {
    this.#kernel = kernel;
    this.#options = options;
    this.#mounts = kernel.mounts.list();
    this.#now = kernel.host.clock.monotonicNs();
    check(kernel.queues.restore(snapshot.queues), "has queues that cannot be");
    const pipes = snapshot.pipes.map((pipe) => this.#pipe(pipe));
    const streams = snapshot.streams.map((stream) => options.stream(kernel, stream));
    const terminals = snapshot.terminals.map((state) => this.#terminal(state));
    const files = { pipes, pipePlaces: snapshot.pipes.map(({ place }) => place), streams, terminals };
    this.#descriptions = snapshot.descriptions.map((described) => this.#description(described, files));
    const { systemV } = kernel;
    check(
      systemV.restore(snapshot.systemV, (index) => this.#numbered(index)),
      "has two objects of one number",
    );
    const told = kernel.queues.restoreWishes(snapshot.queues, (index) => this.#numbered(index));
    check(told, "tells of messages where nothing counts them");
    this.#shared = snapshot.shared.map((described) => this.#sharedFile(described));
    for (const [pipe, [readers, writers]] of this.#seen) {
      pipe.readersSeen = readers;
      pipe.writersSeen = writers;
    }
  }

  process(described: ProcessSnapshot): void {
    const kernel = this.#kernel;
    const { pid, uid, gid, groups, umask } = described;
    check(Number.isSafeInteger(pid) && kernel.process(pid) === undefined, "has two processes of one number");
    const parent = described.parent === undefined ? undefined : kernel.process(described.parent);
    check(described.parent === undefined || parent !== undefined, "has a child before its parent");
    const executable = described.executable === undefined ? undefined : this.#location(described.executable);
    const image = executable === undefined ? this.#options.image(described.image) : this.#program(executable);
    check(image !== undefined, `runs ${described.image}, which is not here`);
    const process = new Process(kernel, {
      pid,
      parent,
      image,
      argv: described.argv as readonly ByteString[],
      env: described.env as readonly ByteString[],
      mounts: kernel.mounts,
      root: this.#location(described.root),
      cwd: this.#location(described.cwd),
      credentials: { uid, gid, groups: [...groups] },
      umask,
      descriptors: kernel.limits.descriptors,
    });
    check(described.dispositions.length === process.dispositions.length, "knows other signals");
    process.dispositions.set(described.dispositions);
    process.executable = executable;
    const { userIdentity, groupIdentity, ageNs, cpuNs, childrenCpuNs, lastName, nice } = described;
    const identities = [userIdentity, groupIdentity].flatMap(({ real, effective, saved }) => [real, effective, saved]);
    check([...identities, ageNs, cpuNs, childrenCpuNs, nice].every(Number.isFinite), "has nobody's process");
    Object.assign(process, { userIdentity: { ...userIdentity }, groupIdentity: { ...groupIdentity } });
    const { oomAdjustment, leastOomAdjustment, parentDeathSignal, subreaper, dumpable, exitSignal } = described;
    const told = parentDeathSignal >= 0 && parentDeathSignal <= SIGNALS;
    check(told && [oomAdjustment, leastOomAdjustment, exitSignal].every(Number.isSafeInteger), "has nobody's process");
    Object.assign(process, { oomAdjustment, leastOomAdjustment, parentDeathSignal, subreaper, dumpable, exitSignal });
    Object.assign(process, { startNs: this.#now - ageNs, cpuNs, childrenCpuNs, lastName, nice });
    this.#restoreKin(process, described);
    this.#restoreSignals(process, described);
    check(process.space.restore(described.space, this.#shared), "shares a file it does not have");
    for (const { resource, soft, hard } of described.limits) {
      check(isResource(resource), "limits no resource");
      const [most = 0, ever = 0] = [soft, hard].map((one) => (one < 0 ? Infinity : one));
      check(setResourceLimit(process, process, resource, { soft: most, hard: ever }) === 0, "has limits too high");
    }
    process.semaphoreUndo = described.semaphoreUndo.map(({ set, adjustments }) => {
      const found = kernel.systemV.sets.get(set);
      check(found !== undefined && adjustments.length === found.values.length, "takes back what nobody did");
      return { set: found, adjustments: [...adjustments] };
    });
    process.shares = described.shares.map(({ file, seen }) => ({ file: this.#sharedNumbered(file), seen }));
    for (const share of process.shares) share.file.sharers.set(process, share);
    process.offersEnvironment = described.offersEnvironment;
    process.calls = described.calls;
    process.entered = described.entered;
    process.ending = described.ending;
    process.status = described.status;
    this.#fillTable(process, described);
    kernel.adopt(process);
    if (process.status === undefined)
      check(kernel.load(process) === 0, `runs ${described.image}, which cannot be loaded`);
    for (const { tid, name, pending, mask, savedMask, signals, ...rest } of described.threads) {
      const thread = new Thread(process, tid);
      thread.name = name as ByteString;
      thread.argument = rest.argument;
      thread.clearAddress = rest.clearAddress;
      thread.alternate = rest.alternate;
      thread.robustList = rest.robustList;
      thread.killed = process.ending !== undefined;
      thread.mask.setMask(...mask);
      if (savedMask !== undefined) thread.savedMask = new SignalSet(...savedMask);
      this.#restoreWaiting(thread.signals, process, signals);
      if (pending !== undefined) this.#park(thread, pending);
      if (rest.argument !== undefined && !thread.killed) {
        check(process.program?.prepareThread?.(thread) === 0, "has a thread that cannot be made");
        kernel.scheduler.startThread(thread);
      }
    }
    if (process.status !== undefined) return;
    this.#restoreTimers(process, described);
    settleAll(process);
    if (process.ending !== undefined) kernel.scheduler.end(process);
    else if (!process.entered) kernel.scheduler.start(process);
  }

  #restoreKin(process: Process, described: ProcessSnapshot): void {
    const { parentPid, group, session, executed, peakMemory, childrenPeakMemory } = described;
    check(
      [parentPid, group, session, peakMemory, childrenPeakMemory].every(Number.isSafeInteger),
      "has kin without a number",
    );
    Object.assign(process, { parentPid, group, session, executed, peakMemory, childrenPeakMemory });
  }

  #restoreWaiting(signals: PendingSignals, process: Process, states: readonly PendingSignalState[]): void {
    check(signals.restore(states, this.#kernel.signalAccounts.of(process)), "has signals that are none");
  }

  #restoreSignals(process: Process, described: ProcessSnapshot): void {
    for (const { signal, action } of described.actions) {
      check(signal >= 1 && signal <= SIGNALS, "has a handler for no signal");
      process.actions[signal] = { ...action };
    }
    process.childFlags = described.childFlags;
    this.#restoreWaiting(process.signals, process, described.signals);
    process.stopped = described.stopped;
    process.news = described.news;
  }

  #restoreTimers(process: Process, described: ProcessSnapshot): void {
    const make = (one: TimerSnapshot | undefined, interval: number): Timer | undefined => {
      if (one === undefined) return undefined;
      const thread = process.threads.find(({ tid }) => tid === one.thread);
      const timer = process.timers.make(one.signal, one.value, thread, interval);
      timer.intervalNs = one.intervalNs;
      timer.overrun = one.overrun;
      if (one.waits) timer.sent = waitingSignal(timer);
      this.#kernel.scheduler.arm(timer, this.#deadline(one.remainingNs));
      return timer;
    };
    process.timers.intervals.push(...described.intervals.map((one, i) => make(one, i + 1)));
    process.timers.created.push(...described.timers.map((one) => make(one, 0)));
  }

  #program(executable: Location): ProgramImage | undefined {
    const image = this.#kernel.programs.image(executable);
    return typeof image === "number" ? undefined : image;
  }

  #fillTable(process: Process, described: ProcessSnapshot): void {
    for (const { fd, description, closeOnExec, rights, inheriting, preopen } of described.descriptors) {
      const placed = process.descriptors.place(fd, this.#numbered(description), closeOnExec);
      const entry = process.descriptors.get(placed);
      check(entry !== undefined, "has a descriptor above the limit");
      entry.rights = rights;
      entry.inheriting = inheriting;
      entry.preopen = preopen as ByteString | undefined;
    }
  }

  #park(thread: Thread, described: PendingSnapshot): void {
    check(!thread.killed, "has a blocked call in a process that ends");
    const pending = this.#pending(thread, described);
    thread.pending = pending;
    if ("description" in pending) pending.description?.acquire();
    if (pending.kind === "poll") for (const description of pending.descriptions) description?.acquire();
    // Whoever is continued before may wake it.
    if (pending.kind === "futex") standAt(pending);
    else if (pending.kind === "owned futex") standAtOwned(pending);
    else if (pending.kind === "queue send" && !pending.sent) pending.queue.senders.add(pending);
    else if (pending.kind === "queue receive" && !pending.message) pending.queue.receivers.add(pending);
    this.#kernel.scheduler.waitingBytes += bytesOf(pending);
    this.#kernel.scheduler.wake(pending);
  }

  #pending(thread: Thread, described: PendingSnapshot): Pending {
    switch (described.kind) {
      case "again": {
        const { kind, events } = described;
        return { ...parked(thread), kind, description: this.#numbered(described.description), events };
      }
      case "lock": {
        const { kind, lock } = described;
        const description = this.#numbered(described.description);
        return { ...parked(thread), kind, description, lock: this.#lock(lock, thread.process) };
      }
      case "open": {
        const { kind, closeOnExec, seen } = described;
        return { ...parked(thread), kind, description: this.#numbered(described.description), closeOnExec, seen };
      }
      case "read": {
        const { kind, addresses, lengths } = described;
        check(addresses.length === lengths.length, "has a read of half a range");
        const description = this.#numbered(described.description);
        return {
          ...parked(thread, this.#deadline(described.remainingNs)),
          kind,
          description,
          addresses: addresses.map((address) => address >>> 0),
          lengths: lengths.map((length) => length >>> 0),
        };
      }
      case "write": {
        const { kind, bytes, before } = described;
        const description = this.#numbered(described.description);
        return { ...parked(thread), kind, description, bytes: bytes.slice(), sent: 0, before };
      }
      case "poll": {
        const items = described.items.map((item) => ({ ...item }));
        const descriptions = described.descriptions.map((one) => (one < 0 ? undefined : this.#numbered(one)));
        check(items.length === descriptions.length, "has a poll of half an item");
        return { ...parked(thread, this.#deadline(described.remainingNs)), kind: "poll", items, descriptions };
      }
      case "sleep":
        return { ...parked(thread, this.#deadline(described.remainingNs)), kind: "sleep" };
      case "yield":
        return { ...parked(thread), kind: "yield", outcome: described.outcome, busy: described.busy };
      case "random": {
        const { kind, address, length, filled } = described;
        check(filled >= 0 && filled <= length, "has filled more than it was asked to");
        return { ...parked(thread), kind, address, length, filled };
      }
      case "fill": {
        const { kind, address, length, done, position, from, copied, result } = described;
        check(done >= 0 && done <= length, "has filled more than it was asked to");
        const description = described.description < 0 ? undefined : this.#numbered(described.description);
        return { ...parked(thread), kind, address, length, done, description, position, from, copied, result };
      }
      case "wait":
        return { ...parked(thread), kind: "wait", selection: { ...described.selection } };
      case "signal wait": {
        const set = new SignalSet(...described.set);
        return { ...parked(thread, this.#deadline(described.remainingNs)), kind: "signal wait", set };
      }
      case "pause":
        return { ...parked(thread), kind: "pause" };
      case "futex": {
        const { kind, absolute } = described;
        const call: Pending = { ...parked(thread, this.#deadline(described.remainingNs)), kind, absolute, words: [] };
        for (const word of described.words) call.words.push({ ...word, ...this.#futexWord(word), call });
        return call;
      }
      case "owned futex": {
        const { kind, at, granted, owner } = described;
        const target = this.#futexWord(described);
        let futex: OwnedFutex | undefined;
        if (owner !== undefined) {
          futex = ownedAt(thread.process, target) ?? new OwnedFutex(target.file ?? thread.process, target.address);
          this.#owners.set(futex, owner);
        }
        const start = parked(thread, this.#deadline(described.remainingNs));
        const call: PendingOwnedFutex = { ...start, kind, futex, word: undefined, target, at, granted };
        const { word } = described;
        if (word !== undefined) call.word = { ...word, ...this.#futexWord(word), call };
        return call;
      }
      case "semaphores": {
        const { kind, operations, blockedBy } = described;
        const set = this.#kernel.systemV.sets.get(described.set) ?? this.#removedSet();
        const copies = operations.map((one) => ({ ...one }));
        return { ...parked(thread, this.#deadline(described.remainingNs)), kind, set, operations: copies, blockedBy };
      }
      case "send message": {
        const { kind, message } = described;
        const copy = { type: message.type, bytes: message.bytes.slice() };
        return { ...parked(thread), kind, queue: this.#queue(described.queue), message: copy };
      }
      case "receive message": {
        const { kind, wish, address } = described;
        return { ...parked(thread), kind, queue: this.#queue(described.queue), wish: { ...wish }, address };
      }
      case "queue send": {
        const { kind, message, sent } = described;
        const description = this.#numbered(described.description);
        const queue = openedQueue(description);
        return { ...parked(thread, this.#deadline(described.remainingNs)), kind, description, queue, message, sent };
      }
      case "queue receive": {
        const { remainingNs, ...rest } = described;
        const description = this.#numbered(rest.description);
        return {
          ...parked(thread, this.#deadline(remainingNs)),
          ...rest,
          description,
          queue: openedQueue(description),
        };
      }
      case "epoll": {
        const { kind, most } = described;
        const description = this.#numbered(described.description);
        const epoll = description.file;
        check(epoll instanceof EpollFile, "waits for events of what has none");
        return { ...parked(thread, this.#deadline(described.remainingNs)), kind, description, epoll, most };
      }
      case "fork":
        return { ...parked(thread), kind: "fork", wish: { ...described.wish }, unwound: true };
    }
  }

  #futexWord({ file, address }: { readonly file: number; readonly address: number }): FutexWord {
    return { file: file < 0 ? undefined : this.#sharedNumbered(file), address };
  }

  /** Put a lock back that somebody holds. */
  lock(described: HeldLockSnapshot): void {
    const { locks } = this.#kernel;
    const process = described.kind === "process" ? this.#kernel.process(described.owner) : undefined;
    check(described.kind !== "process" || process !== undefined, "has a lock of nobody");
    const lock = this.#lock(described, process);
    const { inode } = this.#numbered(described.description).file;
    check(locks.take(inode, lock) === 0, "has locks that stand in each other's way");
    remember(locks, lock);
  }

  #lock({ kind, owner, exclusive, start, end, pid }: LockSnapshot, process: Process | undefined): Lock {
    check(start >= 0 && end > start, "has a lock on nothing");
    const holder = kind === "process" ? process : this.#numbered(owner);
    check(holder !== undefined, "has a lock of nobody");
    return { kind, owner: holder, exclusive, start, end, pid };
  }

  /** Its number means nothing any more: who waits for it is about to learn that. */
  #removedSet(): SemaphoreSet {
    const set = this.#kernel.systemV.set(REMOVED, 0);
    set.removed = true;
    return set;
  }

  #queue(id: number): MessageQueue {
    const found = this.#kernel.systemV.queues.get(id);
    if (found !== undefined) return found;
    const removed = this.#kernel.systemV.queue(REMOVED);
    removed.removed = true;
    return removed;
  }

  #deadline(remainingNs: number | undefined): number {
    return remainingNs === undefined ? Infinity : this.#now + remainingNs;
  }

  /** Once all processes are there. */
  restoreOwners(): void {
    for (const [futex, tid] of this.#owners) {
      const owner = this.#kernel.thread(tid);
      check(owner !== undefined, "has a lock of nobody");
      futex.setOwner(owner);
    }
  }

  /** Once all processes are there. */
  restoreWatches(snapshot: KernelSnapshot): void {
    snapshot.descriptions.forEach(({ file }, index) => {
      if (file.kind !== "event") return;
      const epoll = this.#numbered(index).file;
      const watched = restoreWatches(this.#kernel, epoll, file.state, (number) => this.#numbered(number));
      check(watched, "watches what cannot be watched");
    });
  }

  /** Once all processes are there. */
  restoreHolders(snapshot: KernelSnapshot): void {
    snapshot.shared.forEach(({ holder }, index) => {
      const file = this.#sharedNumbered(index);
      file.holder = holder === undefined ? undefined : this.#kernel.process(holder);
      check(file.holder === undefined || file.sharers.has(file.holder), "has memory held by a stranger");
      this.#kernel.shared.forget(file);
    });
  }

  #sharedFile(described: SharedFileSnapshot): SharedFile {
    const content = this.#numbered(described.content);
    const origin = described.origin < 0 ? undefined : this.#numbered(described.origin);
    const file = this.#kernel.shared.adopt((origin ?? content).file.inode, content);
    file.version = described.version;
    if (origin !== undefined) file.follow(origin);
    file.loaded.push(...rangesOf(described.loaded));
    file.dirty.push(...rangesOf(described.dirty));
    return file;
  }

  #sharedNumbered(index: number): SharedFile {
    const file = this.#shared[index];
    check(file !== undefined, "shares a file it does not have");
    return file;
  }

  #numbered(index: number): OpenDescription {
    const description = this.#descriptions[index];
    check(description !== undefined, "refers to an open file it does not have");
    return description;
  }

  #description(
    { file: described, flags, offset }: DescriptionSnapshot,
    { pipes, pipePlaces, streams, terminals }: RestoredFiles,
  ): OpenDescription {
    if (described.kind === "pipe") {
      const pipe = pipes[described.index];
      check(pipe !== undefined, "has an open end of no pipe");
      return this.#pipeEnd(pipe, described, flags, pipePlaces[described.index]);
    }
    const location = described.kind === "place" ? this.#location(described.place) : undefined;
    let file: OpenFile | number | undefined;
    if (location !== undefined && (flags & O_PATH) !== 0) file = new PathFile(location.inode);
    else if (location !== undefined) file = location.inode.fs.open(location.inode, flags);
    else if (described.kind === "stream") file = streams[described.index];
    else if (described.kind === "terminal") file = openedTerminal(terminals[described.index], described.master);
    else if (described.kind === "event") file = restoreEvent(this.#kernel, described.state, this.#now);
    else if (described.kind === "inotify") file = this.#inotify(described);
    else if (described.kind === "queue") file = this.#queueFile(described.index);
    else if (described.kind === "bytes") file = new BytesFile(this.#kernel, described.content.slice());
    check(typeof file === "object", "has an open file that cannot be opened again");
    const description = new OpenDescription(file, location, flags);
    if (file instanceof EpollFile) file.descriptions.push(description);
    description.offset = offset;
    return description;
  }

  #queueFile(index: number): QueueFile {
    const { queues } = this.#kernel;
    const queue = queues.at(index);
    check(queue !== undefined, "has an open queue of no messages");
    return new QueueFile(queues, queue);
  }

  #inotify(described: Extract<DescriptionSnapshot["file"], { kind: "inotify" }>): InotifyFile {
    const instance = new InotifyFile(this.#kernel);
    instance.nextWd = described.nextWd;
    for (const event of described.events) instance.restoreEvent({ ...event });
    for (const { wd, mask, place } of described.watches) {
      check(!instance.watches.has(wd), "has two watches of one number");
      this.#kernel.inotify.enlist({ instance, wd, mask, place: this.#location(place) });
    }
    return instance;
  }

  #pipeEnd(
    pipe: Pipe,
    { end, since }: Extract<DescriptionSnapshot["file"], { kind: "pipe" }>,
    flags: number,
    place: PlaceSnapshot | undefined,
  ): OpenDescription {
    const location = place === undefined ? undefined : this.#location(place);
    const held = location?.inode.fs.open(location.inode, flags);
    check(typeof held !== "number", "has a FIFO that cannot be opened again");
    if (end === "read") return new OpenDescription(new PipeReadEnd(pipe, held, since), location, flags);
    const file = end === "write" ? new PipeWriteEnd(pipe, held) : new PipeBothEnds(pipe, held);
    return new OpenDescription(file, location, flags);
  }

  #pipe({ place, inode: described, capacity, readersSeen, writersSeen, contents }: PipeSnapshot): Pipe {
    const fs = this.#kernel.pipes;
    const inode = place === undefined ? undefined : this.#location(place).inode;
    check((inode === undefined) === (described !== undefined), "has a pipe that is nowhere, or in two places");
    const pipe = new Pipe(fs, inode ?? streamInode(fs, described));
    if (inode !== undefined) fs.fifos.set(inode, pipe);
    else if (pipe.inode instanceof StreamInode) pipe.inode.source = pipe;
    check(pipe.resize(capacity) === capacity, "has a pipe of a size that cannot be");
    check(pipe.ring.write(contents, 0, contents.length) === contents.length, "has a pipe that holds too much");
    check([readersSeen, writersSeen].every(Number.isSafeInteger), "has a pipe opened no number of times");
    // The ends that are restored now were counted before.
    this.#seen.set(pipe, [readersSeen, writersSeen]);
    return pipe;
  }

  #terminal(state: TerminalState): Terminal {
    const { pseudoTerminals } = this.#kernel;
    const terminal =
      state.pair === undefined ? this.#options.terminal?.(this.#kernel, state) : pseudoTerminals.restore(state);
    check(terminal !== undefined, "has a terminal, for which there is no host");
    check(terminal.restore(state), "has a terminal that is none");
    return terminal;
  }

  #location({ mount: index, ino, directory: above, name }: PlaceSnapshot): Location {
    const mount = index === HIDDEN_MOUNT ? this.#kernel.shared.mount : this.#mounts[index];
    check(mount !== undefined, "needs a mount that is not here");
    const inode = this.#options.inode(mount, ino);
    check(inode !== undefined, `needs inode ${ino} of a ${mount.fs.type}, which is not there`);
    const directory = above === undefined ? undefined : this.#options.inode(mount, above);
    return directory === undefined || name === undefined
      ? { mount, inode }
      : { mount, inode, directory, name: name as ByteString };
  }
}

const REMOVED: Ownership = { id: -1, key: 0, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0, ctime: 0 };

function openedQueue({ file }: OpenDescription): PosixQueue {
  check(file instanceof QueueFile, "waits for messages of what has none");
  return file.queue;
}

function openedTerminal(terminal: Terminal | undefined, master: boolean): OpenFile | undefined {
  return master ? terminal?.pair?.master : terminal?.file.opened();
}
