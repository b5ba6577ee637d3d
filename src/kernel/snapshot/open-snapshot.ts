/**
 * Layer: kernel. What a snapshot holds of all that processes have open, and where they stand: descriptions, pipes, streams, terminals,
 * shared files, locks; places by mount and inode. It must not know processes.
 */
import type { Inode } from "../../vfs/contracts.ts";
import { type Location, sameInode } from "../../vfs/mounts.ts";
import { BytesFile } from "../bytes-file.ts";
import type { OpenDescription } from "../descriptors.ts";
import { type EventFileState, eventState } from "../events/state.ts";
import { type InotifyEvent, InotifyFile } from "../inotify.ts";
import { type PosixQueueState, type PosixQueues, QueueFile } from "../ipc/posix-queues.ts";
import type { SystemVState } from "../ipc/system-v.ts";
import type { Kernel } from "../kernel.ts";
import type { Lock, LockKind } from "../locks.ts";
import { type Pipe, PipeBothEnds, PipeReadEnd, PipeWriteEnd } from "../pipe.ts";
import { StreamInode } from "../pipefs.ts";
import { MasterFile } from "../pseudo-terminal.ts";
import type { FileRange, SharedFile } from "../shared-file.ts";
import { InputStream, OutputStream } from "../streams.ts";
import { type Terminal, TerminalFile, type TerminalState } from "../terminal.ts";
import { SnapshotError } from "./snapshot-error.ts";

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

/** A lock: `owner` is a process's number, or for the other kinds that of a description. The description tells the file. */
export interface LockSnapshot {
  readonly kind: LockKind;
  readonly owner: number;
  readonly exclusive: boolean;
  readonly start: number;
  readonly end: number;
  readonly pid: number;
}

export interface HeldLockSnapshot extends LockSnapshot {
  readonly description: number;
}

/** What is shared, each once: numbered in the order it is met. */
export class OpenObjects {
  readonly pipes: PipeSnapshot[] = [];
  readonly streams: StreamSnapshot[] = [];
  readonly terminals: TerminalState[] = [];
  readonly descriptions: DescriptionSnapshot[] = [];
  readonly shared: SharedFileSnapshot[] = [];
  readonly systemV: SystemVState;
  readonly queues: readonly PosixQueueState[];
  /** Monotonic time of the snapshot. */
  readonly now: number;
  readonly #numbers = new Map<object, number>();
  readonly #queues: PosixQueues;

  constructor(kernel: Kernel) {
    this.#queues = kernel.queues;
    this.now = kernel.host.clock.monotonicNs();
    kernel.mounts.list().forEach((mount, index) => {
      this.#numbers.set(mount, index);
    });
    if (kernel.shared.mount !== undefined) this.#numbers.set(kernel.shared.mount, HIDDEN_MOUNT);
    for (const file of kernel.shared.files()) this.sharedFile(file);
    this.systemV = kernel.systemV.state((description) => this.description(description));
    this.queues = kernel.queues.state((description) => this.description(description));
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
    return { ...this.lockOf(lock), description: this.description(open) };
  }

  lockOf({ kind, owner, exclusive, start, end, pid }: Lock): LockSnapshot {
    return { kind, owner: "threads" in owner ? owner.pid : this.description(owner), exclusive, start, end, pid };
  }

  description(description: OpenDescription): number {
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
    if (location !== undefined) return { kind: "place", place: this.place(location) };
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
        place: this.place(place),
      }));
      return { kind: "inotify", nextWd, watches, events: [...events] };
    }
    if (file instanceof QueueFile) return { kind: "queue", index: this.#queues.indexOf(file.queue) };
    const state = eventState(file, this.now, (one) => this.description(one));
    if (state !== undefined) return { kind: "event", state };
    if (file instanceof BytesFile) return { kind: "bytes", content: file.content.slice() };
    throw new SnapshotError(`An open ${file.inode.fs.type} file without a place cannot be written out.`);
  }

  sharedFile(file: SharedFile): number {
    const known = this.#numbers.get(file);
    if (known !== undefined) return known;
    const flat = (ranges: readonly FileRange[]): number[] => ranges.flatMap(({ start, end }) => [start, end]);
    const number =
      this.shared.push({
        content: this.description(file.content),
        origin: file.origin === undefined ? -1 : this.description(file.origin),
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
        place: location === undefined ? undefined : this.place(location),
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

  place(location: Location): PlaceSnapshot {
    const mount = this.#numbers.get(location.mount);
    if (mount === undefined) throw new SnapshotError("A process stands on a mount its kernel does not know.");
    const { inode, directory, name } = location;
    return directory === undefined || name === undefined
      ? { mount, ino: inode.ino }
      : { mount, ino: inode.ino, directory: directory.ino, name };
  }
}

function describeInode({ ino, mode, uid, gid, atime, mtime, ctime }: StreamInode): StreamInodeSnapshot {
  const times = [atime, mtime, ctime].flatMap(({ seconds, nanoseconds }) => [seconds, nanoseconds]);
  return { ino, mode, uid, gid, times };
}
