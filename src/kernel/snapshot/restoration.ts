/**
 * Layer: kernel. A kernel from a snapshot. Every blocked call is tried again at the first dispatch: to be woken in vain
 * is allowed, to miss a wake is not. It must not know where the data came from; what does not fit together is refused.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import type { Location } from "../../vfs/mounts.ts";
import type { ProgramImage } from "../contracts.ts";
import { settleAll } from "../delivery.ts";
import { standAt } from "../futexes.ts";
import { Kernel, type KernelOptions } from "../kernel.ts";
import { standAtOwned } from "../owned-futexes.ts";
import { Process, Thread } from "../process.ts";
import { isResource, setResourceLimit } from "../resource-limits.ts";
import { bytesOf } from "../scheduler.ts";
import { SignalSet } from "../signal-set.ts";
import { type PendingSignalState, type PendingSignals, SIGNALS } from "../signals.ts";
import { type Timer, waitingSignal } from "../timers.ts";
import { type OpenSources, RestoredObjects } from "./open-restoration.ts";
import { RestoredCalls } from "./pending-restoration.ts";
import type { PendingSnapshot } from "./pending-snapshot.ts";
import type { KernelSnapshot, ProcessSnapshot, TimerSnapshot } from "./snapshot.ts";
import { check } from "./snapshot-error.ts";

/** What the snapshot only names. */
export interface RestorationOptions extends KernelOptions, OpenSources {
  image(name: string): ProgramImage | undefined;
}

/** Build the kernel a snapshot describes. Throws SnapshotError when it describes none, or when files or programs are gone. */
export function restoreSnapshot(snapshot: KernelSnapshot, options: RestorationOptions): Kernel {
  check(snapshot.version === 1, "is of an unknown version");
  const kernel = new Kernel(options);
  const open = new RestoredObjects(kernel, options, snapshot);
  const calls = new RestoredCalls(kernel, open);
  const processes = new RestoredProcesses(options, kernel, open, calls);
  for (const described of snapshot.processes) processes.add(described);
  open.restoreHolders(snapshot);
  calls.restoreOwners();
  open.restoreWatches(snapshot);
  for (const lock of snapshot.locks) open.lock(lock);
  kernel.nextPid = snapshot.nextPid;
  kernel.pipes.nextIno = Math.max(snapshot.nextIno, kernel.pipes.nextIno);
  return kernel;
}

class RestoredProcesses {
  readonly #options: RestorationOptions;
  readonly #kernel: Kernel;
  readonly #open: RestoredObjects;
  readonly #calls: RestoredCalls;

  constructor(options: RestorationOptions, kernel: Kernel, open: RestoredObjects, calls: RestoredCalls) {
    this.#options = options;
    this.#kernel = kernel;
    this.#open = open;
    this.#calls = calls;
  }

  /** After its parent. */
  add(described: ProcessSnapshot): void {
    const kernel = this.#kernel;
    const { pid, uid, gid, groups, umask } = described;
    check(Number.isSafeInteger(pid) && kernel.process(pid) === undefined, "has two processes of one number");
    const parent = described.parent === undefined ? undefined : kernel.process(described.parent);
    check(described.parent === undefined || parent !== undefined, "has a child before its parent");
    const executable = described.executable === undefined ? undefined : this.#open.location(described.executable);
    const image = executable === undefined ? this.#options.image(described.image) : this.#program(executable);
    check(image !== undefined, `runs ${described.image}, which is not here`);
    const process = new Process(kernel, {
      pid,
      parent,
      image,
      argv: described.argv as readonly ByteString[],
      env: described.env as readonly ByteString[],
      mounts: kernel.mounts,
      root: this.#open.location(described.root),
      cwd: this.#open.location(described.cwd),
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
    Object.assign(process, { startNs: this.#open.now - ageNs, cpuNs, childrenCpuNs, lastName, nice });
    this.#restoreKin(process, described);
    this.#restoreSignals(process, described);
    check(process.space.restore(described.space, this.#open.shared), "maps what cannot be, or a file it does not have");
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
    process.shares = described.shares.map(({ file, seen }) => ({ file: this.#open.sharedNumbered(file), seen }));
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
      check(Number.isFinite(rest.cpuNs), "has a thread without its CPU time");
      thread.cpuNs = rest.cpuNs;
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
      this.#kernel.scheduler.arm(timer, this.#open.deadline(one.remainingNs));
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
      const placed = process.descriptors.place(fd, this.#open.numbered(description), closeOnExec);
      const entry = process.descriptors.get(placed);
      check(entry !== undefined, "has a descriptor above the limit");
      entry.rights = rights;
      entry.inheriting = inheriting;
      entry.preopen = preopen as ByteString | undefined;
    }
  }

  #park(thread: Thread, described: PendingSnapshot): void {
    check(!thread.killed, "has a blocked call in a process that ends");
    const pending = this.#calls.pending(thread, described);
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
}
