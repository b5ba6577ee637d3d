/**
 * Layer: fs/memfs. What a file system may take of memory. Whoever stores something charges it first and gives it back
 * when it is gone. It must not know what is stored.
 */
export class Budget {
  readonly bytesLimit: number;
  readonly inodesLimit: number;
  bytesUsed = 0;
  inodesUsed = 0;

  constructor(bytesLimit: number, inodesLimit: number) {
    this.bytesLimit = bytesLimit;
    this.inodesLimit = inodesLimit;
  }

  get bytesFree(): number {
    return this.bytesLimit - this.bytesUsed;
  }

  /** False, and nothing charged, where there is not that much left. */
  chargeBytes(bytes: number): boolean {
    if (bytes > this.bytesFree) return false;
    this.bytesUsed += bytes;
    return true;
  }

  refundBytes(bytes: number): void {
    this.bytesUsed -= bytes;
  }

  /** One inode, or one more name of an inode: tmpfs counts both alike, because both cost memory. */
  chargeInode(): boolean {
    if (this.inodesUsed >= this.inodesLimit) return false;
    this.inodesUsed++;
    return true;
  }

  refundInode(): void {
    this.inodesUsed--;
  }
}
