/** A scripted peer in a cell's place: speaks frames when told to, or any bytes. */
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { CellLink } from "../../src/sandbox/cell-link.ts";
import type { CellLauncher, CellProcess, LockedProcess, ServedDirectory } from "../../src/sandbox/launcher.ts";
import { DownDecoder } from "../../src/wire/decode.ts";
import { encodeUp } from "../../src/wire/encode.ts";
import { DOWN, type DownFrame, type SpawnRequest, UP, type UpFrame } from "../../src/wire/frames.ts";

export const STATS = { cpuMs: 1, calls: 2, peakMemory: 65_536 };

export class FakeCell implements CellProcess {
  /** One that is alive and will not be hit: kill() below only pretends. */
  pid = process.pid;
  readonly stdin = new PassThrough({ highWaterMark: 65_536 });
  readonly stdout = new PassThrough();
  crash = "";
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  readonly frames: DownFrame[] = [];
  readonly served: ServedDirectory[] = [];
  killed = false;
  verified = false;
  lockProblem: Error | undefined;
  /** How long verifying takes, where a test wants to be in the midst of it. */
  verifying: Promise<void> | undefined;
  /** RLIMIT_CPU it was given after its start; "refused" when the kernel does not let it have one. */
  cpuLimit: number | "refused" | undefined;
  /** And the one it was launched with. */
  launchedWith: number | undefined;
  onFrame: (frame: DownFrame) => void = () => {};
  readonly #exit = Promise.withResolvers<{ code: number | null; signal: string | null }>();

  constructor() {
    this.exited = this.#exit.promise;
    const decoder = new DownDecoder((frame) => {
      this.frames.push(frame);
      this.onFrame(frame);
    });
    this.stdin.on("data", (chunk: Uint8Array) => decoder.push(chunk));
  }

  say(frame: UpFrame): void {
    this.raw(encodeUp(frame));
  }

  raw(bytes: Uint8Array | string): void {
    if (!this.stdout.writableEnded) this.stdout.write(bytes);
  }

  /** The host process ends by itself. */
  exit(code: number | null, signal: string | null = null): void {
    if (!this.stdout.writableEnded) this.stdout.end();
    this.#exit.resolve({ code, signal });
  }

  kill(): void {
    this.killed = true;
    this.exit(null, "SIGKILL");
  }

  crashText(): string {
    return this.crash;
  }

  ref(): void {}

  unref(): void {}

  limitCpu(seconds: number): boolean {
    if (this.cpuLimit === "refused") return false;
    this.cpuLimit = seconds;
    return true;
  }

  async verify(): Promise<void> {
    await this.verifying;
    if (this.lockProblem !== undefined) throw this.lockProblem;
    this.verified = true;
  }

  async serve(directories: readonly ServedDirectory[]): Promise<LockedProcess> {
    this.served.push(...directories);
    const exit = Promise.withResolvers<{ code: number | null; signal: string | null }>();
    return { pid: process.pid, exited: exit.promise, kill: () => exit.resolve({ code: null, signal: "SIGKILL" }) };
  }

  of<T extends DownFrame["type"]>(type: T): Extract<DownFrame, { type: T }>[] {
    return this.frames.filter((frame): frame is Extract<DownFrame, { type: T }> => frame.type === type);
  }

  /** Play the good cell: every module is ready, a spawn is handed to `guest`. */
  behave(guest: (cell: FakeCell, channel: number, request: SpawnRequest) => void = () => {}): this {
    const uploads = new Map<number, number>();
    this.onFrame = (frame) => {
      const { channel } = frame;
      switch (frame.type) {
        case DOWN.BOOT:
          this.say({ type: UP.BOOTED, channel: 0, payload: undefined });
          break;
        case DOWN.MODULE_END:
          if (frame.payload.giveBack) {
            this.say({ type: UP.REWRITTEN, channel, payload: Buffer.from("rewritten") });
          }
          this.say({ type: UP.MODULE_READY, channel, payload: undefined });
          break;
        case DOWN.SPAWN:
          this.say({ type: UP.STARTED, channel, payload: undefined });
          guest(this, channel, frame.payload);
          break;
        case DOWN.FILE:
          if (frame.payload.op === "write") uploads.set(channel, 0);
          else if (frame.payload.op === "mkdir") this.say({ type: UP.FILE_REPLY, channel, payload: { op: "mkdir" } });
          break;
        case DOWN.FILE_DATA:
          uploads.set(channel, (uploads.get(channel) ?? 0) + frame.payload.byteLength);
          break;
        case DOWN.FILE_END:
          this.say({ type: UP.FILE_REPLY, channel, payload: { op: "write", bytes: uploads.get(channel) ?? 0 } });
          break;
        default:
          break;
      }
    };
    this.say({ type: UP.READY, channel: 0, payload: undefined });
    return this;
  }

  out(channel: number, text: string | Uint8Array, stream: typeof UP.STDOUT | typeof UP.STDERR = UP.STDOUT): void {
    this.say({ type: stream, channel, payload: typeof text === "string" ? Buffer.from(text) : text });
  }

  end(channel: number, code = 0, signal = 0, message = ""): void {
    this.say({ type: UP.EXITED, channel, payload: { code, signal, message, stats: STATS } });
  }
}

/** Hands out the given cells, one a launch. */
export class FakeLauncher implements CellLauncher {
  readonly build = "test";
  readonly #cells: FakeCell[];

  constructor(...cells: FakeCell[]) {
    this.#cells = cells;
  }

  async launch(_lock: string, cpuSeconds?: number): Promise<CellProcess> {
    const cell = this.#cells.shift();
    if (cell === undefined) throw new Error("no more cells");
    cell.launchedWith = cpuSeconds;
    return cell;
  }
}

export function linkTo(cell: FakeCell): CellLink {
  return new CellLink(cell);
}

export const SPAWN: SpawnRequest = {
  module: 1,
  argv: ["a" as ByteString],
  env: [],
  cwd: "/" as ByteString,
  terminals: { stdin: false, stdout: false, stderr: false },
  memoryBytes: 65_536,
  joined: false,
  noInput: false,
};

/** Some turns of the event loop: of a time instead, one halt of a busy machine may take all. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await sleep(1);
}
