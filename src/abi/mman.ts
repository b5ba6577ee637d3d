/** Layer: abi. Memory maps, from include/uapi/asm-generic/mman{,-common}.h and include/uapi/linux/mman.h. No logic. */

export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;

export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MAP_SHARED_VALIDATE = 3;
export const MAP_TYPE = 0xf;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_FIXED_NOREPLACE = 0x100000;
/** Flags that were before there was MAP_SHARED_VALIDATE, which refuses others (include/linux/mman.h). */
export const LEGACY_MAP_MASK = 0x7c07_f9f3;

export const MREMAP_MAYMOVE = 1;
export const MREMAP_FIXED = 2;

export const MS_ASYNC = 1;
export const MS_INVALIDATE = 2;
export const MS_SYNC = 4;

export const MADV_DONTNEED = 4;
/** The highest advice there is. */
export const MADV_LAST = 25;

/** mlock2(2), mlockall(2). */
export const MLOCK_ONFAULT = 1;
export const MCL_CURRENT = 1;
export const MCL_FUTURE = 2;
export const MCL_ONFAULT = 4;
