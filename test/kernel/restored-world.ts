/** Layer: test. A small world written out as plain data and built again on another machine, and short words for what is read and written in it. */
import assert from "node:assert/strict";
import { O_RDONLY, O_WRONLY } from "../../src/abi/fcntl.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { restoreSnapshot as restoreFiles, takeSnapshot as takeFiles } from "../../src/fs/memfs/snapshot.ts";
import { OpenDescription } from "../../src/kernel/descriptors.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { read, write } from "../../src/kernel/operations/io.ts";
import { restoreSnapshot } from "../../src/kernel/snapshot/restoration.ts";
import { type KernelSnapshot, takeSnapshot } from "../../src/kernel/snapshot/snapshot.ts";
import { InputStream, OutputStream } from "../../src/kernel/streams.ts";
import { TRANSFER_BYTES } from "../../src/limits.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import {
  IMAGE,
  type Machine,
  machine,
  putText,
  type RecordingProgram,
  type Running,
  recording,
  SimulatedHost,
  Sink,
  spawn,
  textAt,
  threadOf,
  vector,
} from "./simulated.ts";

export interface Original {
  readonly made: Machine;
  readonly fs: MemoryFileSystem;
  readonly sink: Sink;
  readonly input: InputStream;
  readonly output: OutputStream;
}

export function original(): Original {
  const fs = new MemoryFileSystem({ dev: 1, clock: new SimulatedHost().clock });
  const made = machine({}, fs);
  const sink = new Sink();
  const input = new InputStream(made.kernel, { consumed() {} }, { terminal: true });
  const output = new OutputStream(made.kernel, sink, { terminal: false });
  return { made, fs, sink, input, output };
}

/** A process with standard streams. */
export function start({ made, input, output }: Original): Running {
  return spawn(made, {
    descriptors: [new OpenDescription(input, undefined, O_RDONLY), new OpenDescription(output, undefined, O_WRONLY)],
  });
}

export interface Copy {
  readonly kernel: Kernel;
  readonly host: SimulatedHost;
  readonly sink: Sink;
  readonly fs: MemoryFileSystem;
  readonly inputs: InputStream[];
  process(pid: number): Running;
}

/** Write everything out as plain data, and build another kernel from it. */
export function copyOf(
  { made, fs }: Original,
  change: (snapshot: KernelSnapshot) => KernelSnapshot = (same) => same,
): Copy {
  const data = structuredClone({ kernel: takeSnapshot(made.kernel), files: takeFiles(fs) });
  const host = new SimulatedHost();
  // Another machine: its clock stands elsewhere.
  host.now = 77_000_000_000;
  const restored = restoreFiles(data.files, host.clock);
  const sink = new Sink();
  const inputs: InputStream[] = [];
  const programs: RecordingProgram[] = [];
  const kernel = restoreSnapshot(change(data.kernel), {
    host,
    mounts: new MountTable(restored.fs),
    loader: recording(programs, TRANSFER_BYTES * 3),
    inode: (_mount, ino) => restored.inode(ino),
    image: (name) => (name === IMAGE.name ? IMAGE : undefined),
    stream(made, stream) {
      if (stream.direction === "out") return new OutputStream(made, sink, stream);
      const input = new InputStream(made, { consumed() {} }, stream);
      input.feed(stream.held);
      if (stream.ended) input.end();
      inputs.push(input);
      return input;
    },
  });
  restored.fs.releaseOrphans();
  return {
    kernel,
    host,
    sink,
    fs: restored.fs,
    inputs,
    process(pid) {
      const process = kernel.process(pid);
      const program = programs.find((one) => one.process === process);
      assert.ok(process !== undefined && program !== undefined);
      return { process, program, thread: threadOf(process) };
    },
  };
}

export function get(running: Running, fd: number, length = 100): string | number {
  const moved = read(running.thread, fd, vector([50_000, length]));
  return moved < 0 ? moved : textAt(running, 50_000, moved);
}

export function put(running: Running, fd: number, text: string): number {
  putText(running, 0, text);
  return write(running.thread, fd, vector([0, text.length]));
}
