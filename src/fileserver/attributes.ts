/** Layer: fileserver. What the cell is told of a file: statx without what it need not know. It must not know requests. */
import { lastStat } from "../host/files.unsafe.ts";
import type { LineAttributes } from "../wire/file-line.ts";

/** Whose files count as the server's own. */
export interface Self {
  readonly uid: number;
  readonly groups: ReadonlySet<number>;
}

const EXACT_DEVICES = 8;
const HIGH = 0x1_0000_0000;

export class Attributes {
  readonly #self: Self;
  readonly #devices: number[] = [];
  readonly #last: LineAttributes = {
    ino: 0,
    mode: 0,
    nlink: 0,
    owned: false,
    grouped: false,
    rdev: 0,
    size: 0,
    blocks: 0,
    atimeSeconds: 0,
    atimeNanoseconds: 0,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    ctimeSeconds: 0,
    ctimeNanoseconds: 0,
  };

  constructor(self: Self) {
    this.#self = self;
  }

  /** The stat made last, as the line carries it. One object, filled anew by every call. */
  ofLastStat(): LineAttributes {
    const out = this.#last;
    out.ino = this.#identity(lastStat.device, lastStat.inoHigh, lastStat.inoLow);
    out.mode = lastStat.mode;
    out.nlink = lastStat.nlink;
    out.owned = lastStat.uid === this.#self.uid;
    out.grouped = this.#self.groups.has(lastStat.gid);
    out.rdev = lastStat.rdev;
    out.size = Math.min(lastStat.size, Number.MAX_SAFE_INTEGER);
    out.blocks = Math.min(lastStat.blocks, Number.MAX_SAFE_INTEGER);
    out.atimeSeconds = clamp(lastStat.seconds("atime"));
    out.atimeNanoseconds = lastStat.nanoseconds("atime");
    out.mtimeSeconds = clamp(lastStat.seconds("mtime"));
    out.mtimeNanoseconds = lastStat.nanoseconds("mtime");
    out.ctimeSeconds = clamp(lastStat.seconds("ctime"));
    out.ctimeNanoseconds = lastStat.nanoseconds("ctime");
    return out;
  }

  /**
   * Device and inode number in 53 bits. Exact for inode numbers below 2^48 on the first few devices; others (overlayfs,
   * huge XFS) are mixed into the upper half, where two files sharing a number is possible but not to be expected.
   */
  #identity(device: number, high: number, low: number): number {
    let index = this.#devices.indexOf(device);
    if (index < 0 && this.#devices.length < EXACT_DEVICES) index = this.#devices.push(device) - 1;
    if (index >= 0 && high < 0x1_0000) return (index * 0x1_0000 + high) * HIGH + low;
    let mixed = Math.imul(high ^ Math.imul(device, 0x9e37_79b1), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13) ^ low, 0xc2b2_ae35);
    return (0x10_0000 + ((mixed ^ (mixed >>> 16)) & 0xf_ffff)) * HIGH + low;
  }
}

function clamp(seconds: number): number {
  return Math.max(Math.min(seconds, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
}
