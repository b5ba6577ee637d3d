/**
 * Layer: kernel. What a snapshot holds of all that was open becomes objects again. It must not know where the data came from; what does
 * not fit together is refused.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { O_PATH } from "../../abi/fcntl.ts";
import { S_IFIFO } from "../../abi/stat.ts";
import type { Inode, OpenFile } from "../../vfs/contracts.ts";
import type { Location, Mount } from "../../vfs/mounts.ts";
import { BytesFile } from "../bytes-file.ts";
import { OpenDescription } from "../descriptors.ts";
import { EpollFile } from "../events/epoll-file.ts";
import { restoreEvent, restoreWatches } from "../events/state.ts";
import { InotifyFile } from "../inotify.ts";
import { QueueFile } from "../ipc/posix-queues.ts";
import type { Kernel } from "../kernel.ts";
import { type Lock, remember } from "../locks.ts";
import { PathFile } from "../path-file.ts";
import { Pipe, PipeBothEnds, PipeReadEnd, PipeWriteEnd } from "../pipe.ts";
import { type PipeFileSystem, StreamInode } from "../pipefs.ts";
import type { Process } from "../process.ts";
import type { FileRange, SharedFile } from "../shared-file.ts";
import type { Terminal, TerminalState } from "../terminal.ts";
import {
  type DescriptionSnapshot,
  type HeldLockSnapshot,
  HIDDEN_MOUNT,
  type LockSnapshot,
  type PipeSnapshot,
  type PlaceSnapshot,
  type SharedFileSnapshot,
  type StreamInodeSnapshot,
  type StreamSnapshot,
} from "./open-snapshot.ts";
import type { KernelSnapshot } from "./snapshot.ts";
import { check } from "./snapshot-error.ts";

/** Whatever of the host's and the file systems' a snapshot only names. */
export interface OpenSources {
  /** The inode of this number of a file system that was itself restored; undefined if there is none. */
  inode(mount: Mount, ino: number): Inode | undefined;
  /** A standard stream made anew over the host's end; what was held is to be fed again. Called once for each. */
  stream(kernel: Kernel, stream: StreamSnapshot): OpenFile;
  /** A terminal made anew over the host's ends; what was held is put back into it. Called once for each. */
  terminal?(kernel: Kernel, terminal: TerminalState): Terminal;
}

/** What descriptions open, by the numbers in them. */
interface RestoredFiles {
  readonly pipes: readonly Pipe[];
  /** Of FIFOs. */
  readonly pipePlaces: readonly (PlaceSnapshot | undefined)[];
  readonly streams: readonly OpenFile[];
  readonly terminals: readonly Terminal[];
}

export class RestoredObjects {
  readonly #kernel: Kernel;
  readonly #options: OpenSources;
  readonly #mounts: readonly Mount[];
  readonly #descriptions: readonly OpenDescription[];
  readonly #shared: readonly SharedFile[];
  /** How often ends were opened. */
  readonly #seen = new Map<Pipe, readonly [readers: number, writers: number]>();
  /** Monotonic time from which the snapshot's goes on. */
  readonly now: number;

  constructor(kernel: Kernel, options: OpenSources, snapshot: KernelSnapshot) {
    this.#kernel = kernel;
    this.#options = options;
    this.#mounts = kernel.mounts.list();
    this.now = kernel.host.clock.monotonicNs();
    check(kernel.queues.restore(snapshot.queues), "has queues that cannot be");
    const pipes = snapshot.pipes.map((pipe) => this.#pipe(pipe));
    const streams = snapshot.streams.map((stream) => options.stream(kernel, stream));
    const terminals = snapshot.terminals.map((state) => this.#terminal(state));
    const files = { pipes, pipePlaces: snapshot.pipes.map(({ place }) => place), streams, terminals };
    this.#descriptions = snapshot.descriptions.map((described) => this.#description(described, files));
    const { systemV } = kernel;
    check(
      systemV.restore(snapshot.systemV, (index) => this.numbered(index)),
      "has two objects of one number",
    );
    const told = kernel.queues.restoreWishes(snapshot.queues, (index) => this.numbered(index));
    check(told, "tells of messages where nothing counts them");
    this.#shared = snapshot.shared.map((described) => this.#sharedFile(described));
    for (const [pipe, [readers, writers]] of this.#seen) {
      pipe.readersSeen = readers;
      pipe.writersSeen = writers;
    }
  }

  /** Those that processes share, by number. */
  get shared(): readonly SharedFile[] {
    return this.#shared;
  }

  /** When a wait of so many nanoseconds more is over; undefined for one without end. */
  deadline(remainingNs: number | undefined): number {
    return remainingNs === undefined ? Infinity : this.now + remainingNs;
  }

  /** Put a lock back that somebody holds. */
  lock(described: HeldLockSnapshot): void {
    const { locks } = this.#kernel;
    const process = described.kind === "process" ? this.#kernel.process(described.owner) : undefined;
    check(described.kind !== "process" || process !== undefined, "has a lock of nobody");
    const lock = this.lockOf(described, process);
    const { inode } = this.numbered(described.description).file;
    check(locks.take(inode, lock) === 0, "has locks that stand in each other's way");
    remember(locks, lock);
  }

  lockOf({ kind, owner, exclusive, start, end, pid }: LockSnapshot, process: Process | undefined): Lock {
    check(start >= 0 && end > start, "has a lock on nothing");
    const holder = kind === "process" ? process : this.numbered(owner);
    check(holder !== undefined, "has a lock of nobody");
    return { kind, owner: holder, exclusive, start, end, pid };
  }

  /** Once all processes are there. */
  restoreWatches(snapshot: KernelSnapshot): void {
    snapshot.descriptions.forEach(({ file }, index) => {
      if (file.kind !== "event") return;
      const epoll = this.numbered(index).file;
      const watched = restoreWatches(this.#kernel, epoll, file.state, (number) => this.numbered(number));
      check(watched, "watches what cannot be watched");
    });
  }

  /** Once all processes are there. */
  restoreHolders(snapshot: KernelSnapshot): void {
    snapshot.shared.forEach(({ holder }, index) => {
      const file = this.sharedNumbered(index);
      file.holder = holder === undefined ? undefined : this.#kernel.process(holder);
      check(file.holder === undefined || file.sharers.has(file.holder), "has memory held by a stranger");
      this.#kernel.shared.forget(file);
    });
  }

  #sharedFile(described: SharedFileSnapshot): SharedFile {
    const content = this.numbered(described.content);
    const origin = described.origin < 0 ? undefined : this.numbered(described.origin);
    const file = this.#kernel.shared.adopt((origin ?? content).file.inode, content);
    file.version = described.version;
    if (origin !== undefined) file.follow(origin);
    file.loaded.push(...rangesOf(described.loaded));
    file.dirty.push(...rangesOf(described.dirty));
    return file;
  }

  sharedNumbered(index: number): SharedFile {
    const file = this.#shared[index];
    check(file !== undefined, "shares a file it does not have");
    return file;
  }

  numbered(index: number): OpenDescription {
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
    const location = described.kind === "place" ? this.location(described.place) : undefined;
    let file: OpenFile | number | undefined;
    if (location !== undefined && (flags & O_PATH) !== 0) file = new PathFile(location.inode);
    else if (location !== undefined) file = location.inode.fs.open(location.inode, flags);
    else if (described.kind === "stream") file = streams[described.index];
    else if (described.kind === "terminal") file = openedTerminal(terminals[described.index], described.master);
    else if (described.kind === "event") file = restoreEvent(this.#kernel, described.state, this.now);
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
      this.#kernel.inotify.enlist({ instance, wd, mask, place: this.location(place) });
    }
    return instance;
  }

  #pipeEnd(
    pipe: Pipe,
    { end, since }: Extract<DescriptionSnapshot["file"], { kind: "pipe" }>,
    flags: number,
    place: PlaceSnapshot | undefined,
  ): OpenDescription {
    const location = place === undefined ? undefined : this.location(place);
    const held = location?.inode.fs.open(location.inode, flags);
    check(typeof held !== "number", "has a FIFO that cannot be opened again");
    if (end === "read") return new OpenDescription(new PipeReadEnd(pipe, held, since), location, flags);
    const file = end === "write" ? new PipeWriteEnd(pipe, held) : new PipeBothEnds(pipe, held);
    return new OpenDescription(file, location, flags);
  }

  #pipe({ place, inode: described, capacity, readersSeen, writersSeen, contents }: PipeSnapshot): Pipe {
    const fs = this.#kernel.pipes;
    const inode = place === undefined ? undefined : this.location(place).inode;
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

  location({ mount: index, ino, directory: above, name }: PlaceSnapshot): Location {
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

function openedTerminal(terminal: Terminal | undefined, master: boolean): OpenFile | undefined {
  return master ? terminal?.pair?.master : terminal?.file.opened();
}

/** Ranges from their starts and ends, one after the other. */
function rangesOf(flat: readonly number[]): FileRange[] {
  const ranges: FileRange[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) ranges.push({ start: flat[i] ?? 0, end: flat[i + 1] ?? 0 });
  return ranges;
}

/** The inode of a pipe without a name. */
function streamInode(fs: PipeFileSystem, described: StreamInodeSnapshot | undefined): StreamInode {
  check(described !== undefined, "has a pipe that is nowhere");
  const { ino, mode, uid, gid, times } = described;
  const inode = new StreamInode(fs, ino, S_IFIFO, mode, 0, { uid, gid });
  const [a = 0, aNs = 0, m = 0, mNs = 0, c = 0, cNs = 0] = times;
  inode.atime = { seconds: a, nanoseconds: aNs };
  inode.mtime = { seconds: m, nanoseconds: mNs };
  inode.ctime = { seconds: c, nanoseconds: cNs };
  return inode;
}
