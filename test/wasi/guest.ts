/** A process without a program, over the codec of WASI. */
import assert from "node:assert/strict";
import * as wasi from "../../src/abi/wasi.ts";
import { WASI_CALLS } from "../../src/wasi/table.ts";
import { type Argument, BareProcess, type GuestOptions } from "../kernel/bare-process.ts";
import { bytes } from "../kernel/simulated.ts";

export { WASM_PAGE as PAGE } from "../kernel/bare-process.ts";
/** The preopened directory "/". */
export const ROOT = 3;
/** Pages of 64 KiB a guest may have. */
const MOST_PAGES = 64;

const calls = new Map(WASI_CALLS.map((call) => [call.name, call]));

export class Guest extends BareProcess {
  constructor(options: GuestOptions = {}) {
    super({ calls, mostPages: MOST_PAGES, preopens: true }, options);
  }

  /** Call as the gate does: a bigint for each i64. */
  call(name: wasi.WasiFunctionName, ...args: readonly Argument[]): number {
    return this.import(name, ...args);
  }

  /** As `call`, where nothing but SUCCESS will do. */
  must(name: wasi.WasiFunctionName, ...args: readonly (number | bigint)[]): void {
    assert.equal(this.call(name, ...args), 0, name);
  }

  /** Text (one byte a character) in guest memory, as a pointer and a length. */
  text(content: string): [address: number, length: number] {
    const address = this.room(content.length);
    this.memory.putByteString(address, bytes(content));
    return [address, content.length];
  }

  /** An iovec table over ranges, as a pointer and a count. */
  vector(...ranges: readonly (readonly [number, number])[]): [address: number, count: number] {
    return [this.iovecs(ranges), ranges.length];
  }

  u64(address: number): bigint {
    return this.memory.view.getBigUint64(address, true);
  }

  /** path_open; the descriptor, or minus the error. */
  open(path: string, options: OpenOptions = {}): number {
    const {
      from = ROOT,
      lookup = 0,
      oflags = 0,
      base = wasi.RIGHTS_ALL,
      inheriting = wasi.RIGHTS_ALL,
      fdflags = 0,
    } = options;
    const at = this.room(4);
    const error = this.call(
      "path_open",
      from,
      lookup,
      ...this.text(path),
      oflags,
      BigInt(base >>> 0),
      BigInt(inheriting >>> 0),
      fdflags,
      at,
    );
    return error === 0 ? this.u32(at) : -error;
  }

  /** A file with this content; its descriptor, at offset 0. */
  file(path: string, content = ""): number {
    const fd = this.open(path, { oflags: wasi.OFLAGS_CREAT });
    assert.ok(fd > 0, `cannot make ${path}: ${-fd}`);
    const count = this.room(4);
    this.must("fd_write", fd, ...this.vector(this.text(content)), count);
    this.must("fd_seek", fd, 0n, wasi.WHENCE_SET, this.room(8));
    return fd;
  }

  directory(path: string): void {
    this.must("path_create_directory", ROOT, ...this.text(path));
  }

  /** What the file holds from its start. */
  content(fd: number): string {
    const count = this.room(4);
    const buffer = this.room(256);
    this.must("fd_pread", fd, ...this.vector([buffer, 256]), 0n, count);
    return this.textAt(buffer, this.u32(count));
  }
}

export interface OpenOptions {
  readonly from?: number;
  readonly lookup?: number;
  readonly oflags?: number;
  readonly base?: number;
  readonly inheriting?: number;
  readonly fdflags?: number;
}

/** Every right that reads only, so that opening means O_RDONLY. */
export const READ_RIGHTS =
  wasi.RIGHTS_ALL & ~(wasi.RIGHTS_FD_WRITE | wasi.RIGHTS_FD_ALLOCATE | wasi.RIGHTS_FD_FILESTAT_SET_SIZE);
