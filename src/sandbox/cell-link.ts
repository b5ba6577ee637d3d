/**
 * Layer: sandbox. The caller's end of the line to one cell: cuts and routes its frames, and kills it at the first one it
 * must not send. It must not know what processes, modules and files are.
 *
 * Every frame a cell may send is bounded by what the caller asked or granted, so memory here is bounded; frames are
 * also counted, and a cell that sends very many small ones is read more slowly.
 */
import { UpDecoder } from "../wire/decode.ts";
import { encodeDown } from "../wire/encode.ts";
import { type DownFrame, UP, type UpFrame } from "../wire/frames.ts";
import { CellViolation, type LindenError, SandboxClosed, SandboxDied } from "./errors.ts";
import type { CellProcess } from "./launcher.ts";
import { escapeText } from "./text.ts";

/** Frames for one channel. Throwing CellViolation kills the cell. */
export interface ChannelOwner {
  receive(frame: UpFrame): void;
  /** The cell is gone and nothing more comes. Called once, unless the channel was released before. */
  lost(error: LindenError): void;
}

/** Frames a second that are read at full speed, and how many may come at once. */
const FRAME_RATE = 200_000;
const FRAME_BURST = 50_000;
/** Bytes waiting for a cell that does not read, beyond which it is given up: a window of input for each of 256 processes may well wait. */
const UNREAD_BYTES = 80 * 1024 * 1024;
/** Milliseconds between the end of a process and the end of its output. */
const DRAIN_MS = 1000;

export class CellLink {
  readonly cell: CellProcess;
  /** Resolves when the cell is gone and all its output was delivered. Never rejects. */
  readonly ended: Promise<void>;
  /** Modules or processes were sent: the cell may have met hostile bytes. */
  #used = false;
  readonly #owners = new Map<number, ChannelOwner>();
  readonly #decoder: UpDecoder;
  #nextChannel = 1;
  #error: LindenError | undefined;
  #tokens = FRAME_BURST;
  #tokensAt = performance.now();
  /** The bulk data sent last. */
  #bulk: Promise<void> = Promise.resolve();
  readonly #drainWaiters: (() => void)[] = [];
  /** What the cell is to announce, in this order. */
  readonly #awaited: { readonly type: number; resolve(): void; reject(error: LindenError): void }[] = [];

  constructor(cell: CellProcess) {
    this.cell = cell;
    this.#decoder = new UpDecoder((frame) => this.#route(frame));
    this.ended = this.#watch();
  }

  /** Why the cell is gone or about to be; undefined while it may be used. */
  get error(): LindenError | undefined {
    return this.#error;
  }

  /** It has met no module yet. */
  get fresh(): boolean {
    return !this.#used;
  }

  /** Whether this call is the first to make use of the cell: only such a cell's rewriting may be cached. */
  takeFresh(): boolean {
    const fresh = !this.#used;
    this.#used = true;
    return fresh;
  }

  /** Give a channel to an owner. Throws when the cell is gone. */
  open(owner: ChannelOwner): number {
    if (this.#error !== undefined) throw this.#error;
    const channel = this.#nextChannel;
    this.#nextChannel += 1;
    this.#owners.set(channel, owner);
    return channel;
  }

  release(channel: number): void {
    this.#owners.delete(channel);
  }

  /** Queue a frame. Nothing happens once the cell is gone: its owners hear that by `lost`. */
  send(frame: DownFrame): void {
    if (this.#error !== undefined || this.cell.stdin.destroyed) return;
    this.cell.stdin.write(encodeDown(frame));
    if (this.cell.stdin.writableLength > UNREAD_BYTES) this.fail(new SandboxDied("the cell no longer reads"));
  }

  /** What is sent before the next tick leaves in one write: each one wakes the cell. */
  gather(): void {
    const { stdin } = this.cell;
    stdin.cork();
    process.nextTick(() => stdin.uncork());
  }

  /**
   * Queue a frame of bulk data, of which a caller may have any amount under way: each is sent when little of what was sent before still
   * waits, in the order of the calls. Resolves when that is done; rejects when the cell is gone.
   */
  sendBulk(frame: DownFrame): Promise<void> {
    const sent = this.#bulk.then(async () => {
      await this.#drained();
      this.send(frame);
    });
    this.#bulk = sent.catch(() => {});
    return sent;
  }

  async #drained(): Promise<void> {
    while (this.#error === undefined && this.cell.stdin.writableNeedDrain) {
      await new Promise<void>((resolve) => this.#drainWaiters.push(resolve));
    }
    if (this.#error !== undefined) throw this.#error;
  }

  /** Wait for READY or BOOTED. Several are waited for in the order of the calls. */
  expect(type: typeof UP.READY | typeof UP.BOOTED): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#awaited.push({ type, resolve, reject });
    });
  }

  /** Kill the cell. What it wrote before is still delivered, unless it broke the rules of the line. */
  fail(error: LindenError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.cell.kill();
    this.cell.stdin.destroy();
    this.#wakeSenders();
    if (error instanceof CellViolation) {
      this.cell.stdout.destroy();
      this.#lose(error);
    }
  }

  async #watch(): Promise<void> {
    const { stdin, stdout } = this.cell;
    // A cell that went away shows as its exit; the broken pipe says nothing more.
    stdin.on("error", () => {});
    stdin.on("drain", () => this.#wakeSenders());
    stdout.on("error", () => {});
    stdout.on("data", (chunk: Uint8Array) => this.#read(chunk));
    const drained = new Promise<void>((resolve) => stdout.once("close", resolve));
    const exit = await this.cell.exited;
    const patience = new Promise<void>((resolve) => setTimeout(resolve, DRAIN_MS).unref());
    await Promise.race([drained, patience]);
    stdout.destroy();
    stdin.destroy();
    if (this.#error === undefined) {
      const how = exit.signal === null ? `exited with ${exit.code}` : `was ended by ${escapeText(exit.signal)}`;
      const text = this.cell.crashText().trim();
      this.#error = new SandboxDied(`the cell ${how}${text === "" ? "" : `: ${escapeText(text, 2000)}`}`);
    }
    this.#lose(this.#error);
  }

  #wakeSenders(): void {
    for (const wake of this.#drainWaiters.splice(0)) wake();
  }

  #lose(error: LindenError): void {
    this.#wakeSenders();
    const owners = [...this.#owners.values()];
    this.#owners.clear();
    for (const { reject } of this.#awaited.splice(0)) reject(error);
    for (const owner of owners) owner.lost(error);
  }

  #read(chunk: Uint8Array): void {
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.violated(error instanceof Error ? error.message : String(error));
    }
    if (this.#tokens < 0) this.#slowDown();
  }

  /** The cell did what no cell does. */
  violated(what: string): void {
    this.fail(new CellViolation(`the cell was killed: ${escapeText(what)}`));
  }

  #slowDown(): void {
    const now = performance.now();
    this.#tokens = Math.min(FRAME_BURST, this.#tokens + ((now - this.#tokensAt) / 1000) * FRAME_RATE);
    this.#tokensAt = now;
    if (this.#tokens >= 0) return;
    this.cell.stdout.pause();
    setTimeout(() => this.cell.stdout.resume(), Math.ceil((-this.#tokens / FRAME_RATE) * 1000));
  }

  #route(frame: UpFrame): void {
    // After a violation the rest of a chunk is not even looked at.
    if (this.#error instanceof CellViolation) return;
    this.#tokens -= 1;
    if (frame.type === UP.FATAL) {
      this.fail(new SandboxDied(`Linden itself failed inside the cell: ${escapeText(frame.payload.message, 2000)}`));
      return;
    }
    if (frame.type === UP.READY || frame.type === UP.BOOTED) {
      const awaited = this.#awaited[0];
      if (awaited?.type !== frame.type) throw new CellViolation("it announced itself twice or too early");
      this.#awaited.shift();
      awaited.resolve();
      return;
    }
    const owner = this.#owners.get(frame.channel);
    if (owner === undefined) throw new CellViolation(`frame ${frame.type} for something never asked`);
    owner.receive(frame);
  }

  /** End the cell for good, in peace. */
  async close(why: string): Promise<void> {
    this.fail(new SandboxClosed(why));
    await this.ended;
  }
}
