/**
 * Layer: kernel. One process as /proc shows it: every fact read from the process when it is asked for. The shape is that of the
 * interface in fs/procfs, which this room does not know. It must not know formats.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EACCES, EINVAL } from "../abi/errno.ts";
import { O_CLOEXEC, O_LARGEFILE } from "../abi/fcntl.ts";
import { S_IFCHR, S_IFIFO, S_IFSOCK } from "../abi/stat.ts";
import type { Inode } from "../vfs/contracts.ts";
import type { Location } from "../vfs/mounts.ts";
import { describePlace } from "../vfs/path-of.ts";
import type { OpenDescription } from "./descriptors.ts";
import { InotifyFile } from "./inotify.ts";
import { StreamInode } from "./pipefs.ts";
import type { Process, Thread } from "./process.ts";
import { resourceLimit } from "./resource-limits.ts";
import { SignalSet } from "./signal-set.ts";
import { DISPOSITION_HANDLER, DISPOSITION_IGNORE, SIGNALS } from "./signals.ts";

/** OOM_SCORE_ADJ_MAX of include/uapi/linux/oom.h. */
const OOM_MOST = 1000;

type State = "R" | "S" | "T" | "Z";

export class ProcessView {
  readonly #process: Process;
  /** Who asks: it runs, whatever its record says. */
  readonly #running: Thread | undefined;

  constructor(process: Process, running: Thread | undefined) {
    this.#process = process;
    this.#running = running;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get parent(): number {
    return this.#process.parentPid;
  }

  get group(): number {
    return this.#process.group;
  }

  get session(): number {
    return this.#process.session;
  }

  get terminal(): number {
    const inode = this.#terminal?.file.inode;
    return inode instanceof StreamInode ? inode.rdev : 0;
  }

  get foreground(): number {
    return this.#terminal?.foreground ?? -1;
  }

  get tasks() {
    if (this.#ended) return [];
    return this.#process.threads.map((thread) => ({
      tid: thread.tid,
      name: thread.name,
      state: this.#stateOf(thread),
      pending: thread.signals.set,
      blocked: thread.mask,
    }));
  }

  get nice(): number {
    return this.#process.nice;
  }

  get name(): ByteString {
    return this.#process.threads[0]?.name ?? this.#process.lastName;
  }

  get state(): State {
    if (this.#ended) return "Z";
    const [first] = this.#process.threads;
    return first === undefined ? "S" : this.#stateOf(first);
  }

  get users(): readonly [number, number, number, number] {
    const { real, effective, saved } = this.#process.userIdentity;
    return [real, effective, saved, this.#process.credentials.uid];
  }

  get groups(): readonly [number, number, number, number] {
    const { real, effective, saved } = this.#process.groupIdentity;
    return [real, effective, saved, this.#process.credentials.gid];
  }

  get supplementary(): readonly number[] {
    return this.#process.credentials.groups;
  }

  get umask(): number {
    return this.#process.umask;
  }

  get argv(): readonly ByteString[] {
    return this.#ended ? [] : this.#process.argv;
  }

  get env(): readonly ByteString[] {
    return this.#ended ? [] : this.#process.env;
  }

  get startNs(): number {
    return this.#process.startNs;
  }

  get cpuNs(): number {
    return this.#process.cpuNs;
  }

  get childrenCpuNs(): number {
    return this.#process.childrenCpuNs;
  }

  get memory(): number {
    return this.#ended ? 0 : this.#process.memory.byteLength;
  }

  get peakMemory(): number {
    return Math.max(this.#process.peakMemory, this.#process.program?.peakMemory ?? 0);
  }

  /** The program's own data first, then what brk(2) and mmap(2) gave out. */
  get mappings() {
    const { space, executable, image } = this.#process;
    if (this.#ended) return [];
    const own = space.mappings[0]?.start ?? this.memory;
    const label = executable === undefined ? (image.name as ByteString) : this.describe(executable);
    const told = new Map<OpenDescription, ByteString>();
    const alone = { shared: false, sharers: 1 };
    const program = { ...alone, start: 0, end: own, protection: 3, offset: 0, label, inode: executable?.inode };
    const rest = space.mappings.map(({ start, end, protection, view }) => {
      const heap = start < space.breakEnd && end > space.breakStart;
      const origin = view?.file.origin;
      const label =
        origin === undefined ? ((heap ? "[heap]" : "") as ByteString) : (told.get(origin) ?? this.#textOf(origin));
      if (origin !== undefined) told.set(origin, label);
      const inode = origin?.file.inode;
      const of = view === undefined ? alone : { shared: true, sharers: view.file.sharers.size };
      return { ...of, start, end, protection, offset: view?.offset ?? 0, label, inode };
    });
    return own > 0 ? [program, ...rest] : rest;
  }

  get pending() {
    return this.#process.signals.set;
  }

  get ignored() {
    return this.#disposed(DISPOSITION_IGNORE);
  }

  get caught() {
    return this.#disposed(DISPOSITION_HANDLER);
  }

  get queued(): number {
    return this.#process.kernel.signalAccounts.of(this.#process).queued;
  }

  get exitStatus(): number {
    const { status } = this.#process;
    return status === undefined ? 0 : status.signal === 0 ? status.code << 8 : status.signal;
  }

  get descriptors(): readonly number[] {
    return [...this.#process.descriptors].map(([fd]) => fd);
  }

  /** As Linux: a power of two, 64 at least. */
  get descriptorSlots(): number {
    return 2 ** Math.ceil(Math.log2(Math.max(64, this.#process.descriptors.length)));
  }

  descriptor(fd: number) {
    const entry = this.#process.descriptors.get(fd);
    if (entry === undefined) return undefined;
    const { description, closeOnExec } = entry;
    const textOf = () => this.#textOf(description);
    const locksOf = () => this.#locksOf(description);
    return {
      place: this.#placeOf(description),
      // A path is climbed for only when it is read.
      get text() {
        return textOf();
      },
      offset: description.offset,
      flags: description.flags | (closeOnExec ? O_CLOEXEC : 0) | (description.location === undefined ? 0 : O_LARGEFILE),
      get locks() {
        return locksOf();
      },
      get watches() {
        return watchesOf(description);
      },
      readable: description.readable,
      writable: description.writable,
    };
  }

  /** What it holds on a descriptor's file, as fdinfo tells. */
  #locksOf(description: OpenDescription) {
    const process = this.#process;
    const { inode } = description.file;
    const of = process.kernel.locks.of(inode);
    if (of === undefined) return [];
    return [...of.ownedBy(process), ...of.ownedBy(description)]
      .sort((a, b) => a.start - b.start)
      .map((lock) => ({ ...lock, dev: inode.fs.dev, ino: inode.ino }));
  }

  get cwd(): Location {
    return this.#process.cwd;
  }

  get root(): Location {
    return this.#process.root;
  }

  get executable(): Location | undefined {
    return this.#process.executable;
  }

  limit(resource: number): readonly [number, number] {
    const { soft, hard } = resourceLimit(this.#process, resource);
    return [soft, hard];
  }

  describe(place: Location): ByteString {
    return describePlace(this.#process.root, place);
  }

  get oomAdjustment(): number {
    return this.#process.oomAdjustment;
  }

  /** 0; -EINVAL, -EACCES. */
  adjustOom(value: number): number {
    if (!(value >= -OOM_MOST && value <= OOM_MOST)) return -EINVAL;
    const process = this.#process;
    const superuser = this.#running?.process.userIdentity.effective === 0;
    if (value < process.leastOomAdjustment && !superuser) return -EACCES;
    process.oomAdjustment = value;
    if (superuser) process.leastOomAdjustment = value;
    return 0;
  }

  /** 0; -EINVAL: a process names its own threads alone. */
  rename(tid: number, name: ByteString): number {
    if (this.#running?.process !== this.#process) return -EINVAL;
    for (const thread of this.#process.threads) if (thread.tid === tid) thread.name = name;
    return 0;
  }

  get #ended(): boolean {
    return this.#process.status !== undefined;
  }

  get #terminal() {
    return this.#process.kernel.terminals.get(this.#process.session);
  }

  #stateOf(thread: Thread): State {
    if (this.#process.stopped !== 0) return "T";
    if (thread === this.#running) return "R";
    const kind = thread.pending?.kind;
    return kind === undefined || kind === "yield" || kind === "random" || kind === "fill" ? "R" : "S";
  }

  #disposed(disposition: number): SignalSet {
    const set = new SignalSet();
    for (let signal = 1; signal <= SIGNALS; signal++) {
      if (this.#process.dispositions[signal] === disposition) set.add(signal);
    }
    return set;
  }

  #placeOf({ location, file }: OpenDescription): Location {
    return location ?? { mount: this.#process.kernel.pipes.mount, inode: file.inode };
  }

  #textOf({ location, file }: OpenDescription): ByteString {
    if (location !== undefined) return this.describe(location);
    return nameless(file.inode) as ByteString;
  }
}

/** What an inotify instance watches, the newest first as Linux keeps them. */
function watchesOf({ file }: OpenDescription) {
  if (!(file instanceof InotifyFile)) return [];
  return [...file.watches.values()]
    .map(({ wd, place: { inode }, mask }) => ({ wd, dev: inode.fs.dev, ino: inode.ino, mask }))
    .reverse();
}

/** What a link to an open file without a path says (proc_pid_fd(5)). */
function nameless(inode: Inode): string {
  if (inode instanceof StreamInode && inode.label !== undefined) return inode.label;
  switch (inode.type) {
    case S_IFIFO:
      return `pipe:[${inode.ino}]`;
    case S_IFSOCK:
      return `socket:[${inode.ino}]`;
    case S_IFCHR:
      return "/dev/tty";
    default:
      return "anon_inode:[file]";
  }
}
