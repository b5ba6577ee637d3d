/**
 * Layer: test. A host whose clock stands still until told, programs that only write down what the kernel does to them,
 * and short words for what tests do with both.
 */

import type { ByteString } from "../../src/abi/byte-string.ts";
import { ENOEXEC } from "../../src/abi/errno.ts";
import type {
  ExitStatus,
  Host,
  Outcome,
  OutputPort,
  Program,
  ProgramImage,
  ProgramLoader,
} from "../../src/kernel/contracts.ts";
import type { OpenDescription } from "../../src/kernel/descriptors.ts";
import { type Inheritance, Kernel, type KernelLimits } from "../../src/kernel/kernel.ts";
import { PipeFileSystem } from "../../src/kernel/pipefs.ts";
import type { Process, Thread } from "../../src/kernel/process.ts";
import { GuestMemory, IoVector } from "../../src/mem/guest-memory.ts";
import type { FileSystem } from "../../src/vfs/contracts.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import type { WallTime } from "../../src/wait/clock.ts";

export const MEMORY = 4 * 1024 * 1024;

export function bytes(text: string): ByteString {
  return text as ByteString;
}

export class SimulatedHost implements Host {
  now = 1_000_000_000;
  deferrals: ("soon" | "past events")[] = [];
  alarmAt: number | undefined = undefined;
  alarms = 0;
  readonly clock = {
    monotonicNs: () => this.now,
    wallTime: (out: WallTime) => {
      out.seconds = 1_700_000_000 + Math.floor(this.now / 1e9);
      out.nanoseconds = this.now % 1e9;
    },
    lastWallTime: (out: WallTime) => this.clock.wallTime(out),
    cpuNs: () => 42_000_000_007,
  };

  random(into: Uint8Array, at: number, length: number): void {
    into.fill(0xa5, at, at + length);
  }

  defer(): void {
    this.deferrals.push("soon");
  }

  deferPastEvents(): void {
    this.deferrals.push("past events");
  }

  alarm(atNs: number | undefined): void {
    this.alarmAt = atNs;
    this.alarms += 1;
  }

  /** Run what was deferred until nothing is; how many dispatches it took. */
  run(kernel: Kernel): number {
    let turns = 0;
    while (this.deferrals.length > 0) {
      this.deferrals.length = 0;
      kernel.dispatch();
      turns += 1;
      if (turns > 100_000) throw new Error("the kernel never comes to rest");
    }
    return turns;
  }

  /** Let time pass; an alarm that falls due rings. */
  advance(kernel: Kernel, ns: number): void {
    this.now += ns;
    if (this.alarmAt !== undefined && this.alarmAt <= this.now) {
      this.alarmAt = undefined;
      kernel.expire();
    }
    this.run(kernel);
  }
}

export class RecordingProgram implements Program {
  readonly memory: GuestMemory;
  readonly peakMemory: number;
  readonly process: Process;
  started = 0;
  kills = 0;
  readonly resumed: Outcome[] = [];
  /** What the guest does next when it runs. */
  onStart: ((thread: Thread) => void) | undefined;
  onResume: ((thread: Thread, outcome: Outcome) => void) | undefined;

  constructor(process: Process, memoryBytes: number) {
    this.process = process;
    this.memory = new GuestMemory({ buffer: new ArrayBuffer(memoryBytes) });
    this.peakMemory = memoryBytes;
  }

  growMemory(): boolean {
    return false;
  }

  start(): void {
    this.started += 1;
    this.onStart?.(threadOf(this.process));
  }

  resume(thread: Thread, outcome: Outcome): void {
    this.resumed.push(outcome);
    this.onResume?.(thread, outcome);
  }

  kill(): void {
    this.kills += 1;
    this.process.kernel.programEnded(this.process, { code: 0, signal: 9, message: "unwound" });
  }
}

export interface Machine {
  readonly kernel: Kernel;
  readonly host: SimulatedHost;
  readonly programs: RecordingProgram[];
  readonly exits: { pid: number; status: ExitStatus }[];
  /** What the loader answers instead of a program. */
  loadError: number | undefined;
  /** Of programs loaded from now on. */
  memoryBytes: number;
}

export const IMAGE: ProgramImage = { name: "test" };

/** What loads into a restored kernel: `programs` gets each. */
export function recording(programs: RecordingProgram[], memoryBytes = MEMORY): ProgramLoader {
  return {
    load(process) {
      const program = new RecordingProgram(process, memoryBytes);
      programs.push(program);
      return program;
    },
  };
}

/** A kernel; without a file system of the test's own, its root is an empty directory. */
export function machine(limits: Partial<KernelLimits> = {}, root?: FileSystem): Machine {
  const host = new SimulatedHost();
  const programs: RecordingProgram[] = [];
  const exits: { pid: number; status: ExitStatus }[] = [];
  const fs = root ?? new PipeFileSystem(host.clock, { wake() {} });
  const made: Machine = {
    host,
    programs,
    exits,
    loadError: undefined,
    memoryBytes: MEMORY,
    kernel: new Kernel({
      host,
      mounts: new MountTable(fs),
      limits,
      exits: { exited: (process, status) => exits.push({ pid: process.pid, status }) },
      loader: {
        load(process) {
          if (made.loadError !== undefined) return made.loadError;
          const program = new RecordingProgram(process, made.memoryBytes);
          programs.push(program);
          return program;
        },
        compile: () => -ENOEXEC,
      },
    }),
  };
  return made;
}

export interface Running {
  readonly process: Process;
  readonly thread: Thread;
  readonly program: RecordingProgram;
}

/** Spawn and enter a process. */
export function spawn(made: Machine, inheritance: Inheritance = {}): Running {
  const process = made.kernel.spawn({ image: IMAGE, argv: [bytes("test")], env: [], cwd: bytes("/") }, inheritance);
  if (typeof process === "number") throw new Error(`spawn answered ${process}`);
  made.host.run(made.kernel);
  const program = made.programs.at(-1);
  if (program === undefined) throw new Error("no program was loaded");
  return { process, thread: threadOf(process), program };
}

export function threadOf(process: Process): Thread {
  const [thread] = process.threads;
  if (thread === undefined) throw new Error("a process without a thread");
  return thread;
}

export function descriptionOf(process: Process, fd: number): OpenDescription {
  const entry = process.descriptors.get(fd);
  if (entry === undefined) throw new Error(`descriptor ${fd} is closed`);
  return entry.description;
}

/** Ranges as [address, length]. */
export function vector(...ranges: readonly (readonly [number, number])[]): IoVector {
  const made = new IoVector();
  for (const [address, length] of ranges) {
    made.addresses[made.count] = address;
    made.lengths[made.count] = length;
    made.count += 1;
    made.total += length;
  }
  return made;
}

export function putText(running: Running, address: number, text: string): void {
  running.program.memory.putByteString(address, bytes(text));
}

export function textAt(running: Running, address: number, length: number): string {
  return running.program.memory.byteString(address, length);
}

/** An output port that takes `room` bytes and keeps them. */
export class Sink implements OutputPort {
  room: number;
  readonly chunks: string[] = [];

  constructor(room = Infinity) {
    this.room = room;
  }

  get text(): string {
    return this.chunks.join("");
  }

  write(from: Uint8Array, at: number, length: number): number {
    const taken = Math.min(length, this.room);
    this.room -= taken;
    if (taken > 0) this.chunks.push(Buffer.from(from.subarray(at, at + taken)).toString("latin1"));
    return taken;
  }
}
