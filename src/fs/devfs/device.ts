/**
 * Layer: fs/devfs. The devices: what reading and writing them does. It must not know of descriptors and processes.
 *
 * Source: null(4), full(4), random(4); numbers from Documentation/admin-guide/devices.txt.
 */
import { EBADF, EIO, ENOSPC } from "../../abi/errno.ts";
import { S_IFCHR } from "../../abi/stat.ts";
import type { FileSystem, Inode } from "../../vfs/contracts.ts";
import { OpenedFile } from "../../vfs/opened-file.ts";

/** Fill [at, at + length) with unpredictable bytes. */
export type Random = (into: Uint8Array, at: number, length: number) => void;

export type DeviceKind = "null" | "zero" | "full" | "random" | "terminal" | "terminal maker";

/** A character device. `minor` and `major` make its rdev. */
export class DeviceInode implements Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  readonly type = S_IFCHR;
  readonly kind: DeviceKind;
  /** Encoded as new_encode_dev() of the kernel does for small numbers: major << 8 | minor. */
  readonly rdev: number;
  readonly controllingTerminal: boolean;
  readonly terminalMaker: boolean;

  constructor(fs: FileSystem, ino: number, kind: DeviceKind, rdev: number) {
    this.fs = fs;
    this.ino = ino;
    this.kind = kind;
    this.rdev = rdev;
    this.controllingTerminal = kind === "terminal";
    this.terminalMaker = kind === "terminal maker";
  }
}

/** An open device. For terminals it answers -EIO to everything: the kernel opens what is meant instead. */
export class DeviceFile extends OpenedFile<DeviceInode> {
  readonly #random: Random;

  constructor(inode: DeviceInode, random: Random) {
    super(inode);
    this.#random = random;
  }

  read(_position: number, into: Uint8Array, at: number, length: number): number {
    switch (this.inode.kind) {
      case "null":
        return 0;
      case "zero":
      case "full":
        into.fill(0, at, at + length);
        return length;
      case "random":
        this.#random(into, at, length);
        return length;
      case "terminal":
      case "terminal maker":
        return -EIO;
    }
  }

  write(_position: number, _from: Uint8Array, _at: number, length: number): number {
    if (this.inode.controllingTerminal || this.inode.terminalMaker) return -EIO;
    return this.inode.kind === "full" ? -ENOSPC : length;
  }

  override allocate(): number {
    return -EBADF;
  }
}
