/** A Linux process without a program, over the Linux codec. */
import assert from "node:assert/strict";
import { type CallName, importName, WALI_FUNCTIONS } from "../../src/abi/calls.ts";
import { O_CREAT, O_RDWR } from "../../src/abi/fcntl.ts";
import { waliCalls } from "../../src/syscalls/table.ts";
import { type Argument, BareProcess, type GuestOptions } from "../kernel/bare-process.ts";
import { bytes } from "../kernel/simulated.ts";

export { type Argument, WASM_PAGE } from "../kernel/bare-process.ts";

/** Pages of 64 KiB a guest may have. */
export const MOST_PAGES = 256;

const calls = new Map(
  waliCalls()
    .toReversed()
    .map((call) => [call.name, call]),
);

export class Guest extends BareProcess {
  constructor(options: GuestOptions = {}) {
    super({ calls, mostPages: MOST_PAGES, preopens: false }, options);
  }

  /** One of Linux's calls, as the gate makes it: a bigint for each i64. */
  call(name: CallName, ...args: readonly Argument[]): number {
    return this.import(importName(name), ...args);
  }

  /** As `call`, where anything below zero is a failure of the test. */
  must(name: CallName, ...args: readonly Argument[]): number {
    const answer = this.call(name, ...args);
    assert.ok(answer >= 0, `${name}(${args.join(", ")}) answered ${answer}`);
    return answer;
  }

  /** A string with its NUL (one byte a character) in guest memory. */
  text(content: string): number {
    const address = this.room(content.length + 1);
    this.memory.putByteString(address, bytes(content));
    return address;
  }

  /** An iovec table over ranges. */
  vector(...ranges: readonly (readonly [number, number])[]): number {
    return this.iovecs(ranges);
  }

  /** i64s in guest memory: a timespec, a position. */
  longs(...values: readonly number[]): number {
    const address = this.room(values.length * 8);
    values.forEach((value, i) => {
      this.memory.putU64(address + i * 8, value);
    });
    return address;
  }

  i64(address: number): number {
    return this.memory.i64(address);
  }

  open(path: string, flags: number, mode = 0o644): number {
    return this.call("open", this.text(path), flags, mode);
  }

  /** A file with this content; its descriptor, at offset 0. */
  file(path: string, content = ""): number {
    const fd = this.open(path, O_RDWR | O_CREAT);
    assert.ok(fd >= 0, `cannot make ${path}: ${fd}`);
    assert.equal(this.call("pwrite64", fd, this.text(content), content.length, 0n), content.length);
    return fd;
  }

  content(fd: number): string {
    const buffer = this.room(256);
    return this.textAt(buffer, this.must("pread64", fd, buffer, 256, 0n));
  }
}

/** The imports that are no system calls. */
export const STARTUP_NAMES = Object.keys(WALI_FUNCTIONS);
