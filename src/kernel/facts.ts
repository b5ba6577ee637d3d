/**
 * Layer: kernel. What /proc is made of: the kernel's state, read when a file is. The shape is that of the interface in
 * fs/procfs, which this room does not know. It must not know formats.
 */
import { emptyStat, type Inode } from "../vfs/contracts.ts";
import type { Mount } from "../vfs/mounts.ts";
import type { WalkContext } from "../vfs/permissions.ts";
import { attachmentsOfAll } from "./ipc/segments.ts";
import type { Kernel } from "./kernel.ts";
import { LoadAverage } from "./load-average.ts";
import type { Lock } from "./locks.ts";
import { Process } from "./process.ts";
import { ProcessView } from "./process-view.ts";
import { MACHINE, RELEASE, SYSNAME, VERSION } from "./version.ts";

const UUID_BYTES = 16;

export class Facts {
  readonly machine: MachineView;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.machine = new MachineView(kernel);
  }

  get pids(): readonly number[] {
    return this.#kernel.processes.map(({ pid }) => pid);
  }

  process(id: number): ProcessView | undefined {
    const process = this.#kernel.threadOwner(id);
    return process === undefined ? undefined : new ProcessView(process, this.#kernel.caller);
  }

  /** A walk's context is the process itself; whose thread it is, the kernel knows while it makes its call. */
  caller(context: WalkContext): { readonly pid: number; readonly tid: number } | undefined {
    if (!(context instanceof Process)) return undefined;
    const { caller } = this.#kernel;
    return { pid: context.pid, tid: caller?.process === context ? caller.tid : context.pid };
  }

  /**
   * ptrace(2), PTRACE_MODE_READ_FSCREDS: oneself; the superuser; whoever accesses files as the one user and group that the
   * process is in all of its identities, unless it is not dumpable. Who is no process is the sandbox's host.
   */
  mayInspect(caller: WalkContext, pid: number): boolean {
    const target = this.#kernel.process(pid);
    if (target === undefined || target === caller || !(caller instanceof Process)) return true;
    const { uid, gid } = caller.credentials;
    if (uid === 0) return true;
    if (!target.dumpable) return false;
    const { userIdentity: user, groupIdentity: group } = target;
    const users = [user.real, user.effective, user.saved].every((id) => id === uid);
    return users && [group.real, group.effective, group.saved].every((id) => id === gid);
  }

  get mounts(): readonly Mount[] {
    return this.#kernel.mounts.list();
  }

  get locks(): readonly LockView[] {
    return [...this.#kernel.locks].map(({ inode, lock }) => ({ ...lock, dev: inode.fs.dev, ino: inode.ino }));
  }

  get segments() {
    const { systemV, processes } = this.#kernel;
    const attached = systemV.segments.count > 0 ? attachmentsOfAll(processes) : undefined;
    return [...systemV.segments].map(({ owner, size, content, cpid, lpid, atime, dtime }) => {
      const { inode } = content.file;
      const attachments = attached?.get(inode) ?? 0;
      return { ...owner, size, resident: residentBytes(inode), cpid, lpid, attachments, atime, dtime };
    });
  }

  get semaphoreSets() {
    return [...this.#kernel.systemV.sets].map(({ owner, values, otime }) => {
      return { ...owner, semaphores: values.length, otime };
    });
  }

  get messageQueues() {
    return [...this.#kernel.systemV.queues].map(({ owner, bytes, messages, lspid, lrpid, stime, rtime }) => {
      return { ...owner, bytes, messages: messages.length, lspid, lrpid, stime, rtime };
    });
  }
}

/** A file's attributes, until the next one's. */
const stat = emptyStat();
/** st_blocks counts these. */
const STAT_BLOCK = 512;

function residentBytes(inode: Inode): number {
  return inode.fs.stat(inode, stat) === 0 ? stat.blocks * STAT_BLOCK : 0;
}

/** A lock and its file. */
export interface LockView extends Omit<Lock, "owner"> {
  readonly dev: number;
  readonly ino: number;
}

/** The machine as a whole. */
export class MachineView {
  readonly sysname = SYSNAME;
  readonly release = RELEASE;
  readonly version = VERSION;
  readonly machine = MACHINE;
  readonly #kernel: Kernel;
  readonly #load: LoadAverage;
  #bootId: string | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    const { clock } = kernel.host;
    this.#load = new LoadAverage(clock.monotonicNs(), clock.cpuNs());
  }

  get hostname() {
    return this.#kernel.hostname;
  }

  get uptimeNs(): number {
    return this.#kernel.host.clock.monotonicNs();
  }

  get cpuNs(): number {
    return this.#kernel.host.clock.cpuNs();
  }

  get bootSeconds(): number {
    const now = { seconds: 0, nanoseconds: 0 };
    this.#kernel.host.clock.wallTime(now);
    return Math.floor(now.seconds + (now.nanoseconds - this.uptimeNs) / 1e9);
  }

  get load(): readonly [number, number, number] {
    return this.#load.at(this.uptimeNs, this.cpuNs);
  }

  get switches(): number {
    return this.#kernel.scheduler.entered;
  }

  get made(): number {
    return this.#kernel.nextPid - 1;
  }

  get threads(): number {
    return this.#kernel.processes.reduce((sum, { threads }) => sum + Math.max(1, threads.length), 0);
  }

  get runnable(): number {
    const views = this.#kernel.processes.map((process) => new ProcessView(process, this.#kernel.caller));
    return views.reduce((sum, { tasks }) => sum + tasks.filter(({ state }) => state === "R").length, 0);
  }

  get lastPid(): number {
    return this.#kernel.nextPid - 1;
  }

  /** What one process and all files in memory may have together. */
  get memoryTotal(): number {
    return this.#kernel.limits.memoryBytes + this.#fileSum(({ blocks }) => blocks);
  }

  get memoryUsed(): number {
    const programs = this.#kernel.processes.reduce((sum, { memory }) => sum + memory.byteLength, 0);
    return Math.min(this.memoryTotal, programs + this.fileBytes);
  }

  get fileBytes(): number {
    return this.#fileSum(({ blocks, blocksFree }) => blocks - blocksFree);
  }

  get openFiles(): number {
    return this.#kernel.processes.reduce((sum, { descriptors }) => sum + descriptors.open, 0);
  }

  get processLimit(): number {
    return this.#kernel.limits.processes;
  }

  get descriptorLimit(): number {
    return this.#kernel.limits.descriptors;
  }

  get bootId(): string {
    this.#bootId ??= this.uuid();
    return this.#bootId;
  }

  /** A random one (RFC 9562, version 4). */
  uuid(): string {
    const bytes = new Uint8Array(UUID_BYTES);
    this.#kernel.host.random(bytes, 0, UUID_BYTES);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  /** Over all file systems in memory, in bytes. */
  #fileSum(blocksOf: (found: { blocks: number; blocksFree: number }) => number): number {
    let sum = 0;
    for (const { fs } of this.#kernel.mounts.list()) {
      if (fs.type !== "memfs") continue;
      const found = fs.statistics();
      sum += blocksOf(found) * found.blockSize;
    }
    return sum;
  }
}
