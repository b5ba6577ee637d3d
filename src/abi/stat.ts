/** Layer: abi. File types and modes, from include/uapi/linux/stat.h and include/linux/fs_types.h. No logic. */

export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFSOCK = 0o140000;

export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;

export const DT_UNKNOWN = 0;
export const DT_FIFO = 1;
export const DT_CHR = 2;
export const DT_DIR = 4;
export const DT_BLK = 6;
export const DT_REG = 8;
export const DT_LNK = 10;
export const DT_SOCK = 12;

/** Bytes of struct stat (arch/x86/include/uapi/asm/stat.h), struct statx (linux/stat.h), struct statfs (asm-generic/statfs.h). */
export const STAT_BYTES = 144;
export const STATX_BYTES = 256;
export const STATFS_BYTES = 120;
/** Everything stat(2) tells. */
export const STATX_BASIC_STATS = 0x7ff;
/** f_flags: read-only; the flags are valid (include/linux/statfs.h). */
export const ST_RDONLY = 1;
export const ST_VALID = 0x20;

/** f_type, include/uapi/linux/magic.h, by the file system's own name. */
export const EXT4_SUPER_MAGIC = 0xef53;
export const MAGIC: ReadonlyMap<string, number> = new Map([
  ["memfs", 0x0102_1994],
  ["devfs", 0x0102_1994],
  ["pipefs", 0x5049_5045],
  ["procfs", 0x9fa0],
  ["overlayfs", 0x794c_7630],
]);
