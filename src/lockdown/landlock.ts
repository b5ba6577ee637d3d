/**
 * Layer: lockdown. Landlock's access rights by kernel version, and the domain a launcher thread puts itself in. It must
 * not know which files that are.
 */

/** include/uapi/linux/landlock.h: rights to files and directories. */
const EXECUTE = 1 << 0;
const WRITE_FILE = 1 << 1;
const READ_FILE = 1 << 2;
const READ_DIR = 1 << 3;
const REMOVE_DIR = 1 << 4;
const REMOVE_FILE = 1 << 5;
const MAKE_DIR = 1 << 7;
const MAKE_REG = 1 << 8;
const MAKE_SYM = 1 << 12;
const REFER = 1 << 13;
const TRUNCATE = 1 << 14;
/** Every right to files by the name users say, in the order of the kernel's bits. */
const FILE_RIGHT_NAMES = [
  "execute",
  "writeFile",
  "readFile",
  "readDir",
  "removeDir",
  "removeFile",
  "makeChar",
  "makeDir",
  "makeReg",
  "makeSock",
  "makeFifo",
  "makeBlock",
  "makeSym",
  "refer",
  "truncate",
  "ioctlDev",
] as const;
export type FileRight = (typeof FILE_RIGHT_NAMES)[number];
export const FILE_RIGHT_BITS: ReadonlyMap<FileRight, number> = new Map(
  FILE_RIGHT_NAMES.map((name, bit) => [name, 1 << bit] as const),
);
/** Since version 4: TCP ports. */
export const PORT_RIGHT_BITS = { bindTcp: 1, connectTcp: 2 } as const;
/** Since version 6: what stays inside the domain. */
export const SCOPE_BITS = { abstractUnixSocket: 1, signal: 2 } as const;
export type Scope = keyof typeof SCOPE_BITS;
/** How many bits of file rights each ABI version knows, from version 1 on; later ones know as many as the last. */
const FILE_RIGHTS = [13, 14, 15, 15, 16];
/** TCP bind and connect, since version 4. */
const NETWORK_RIGHTS = 0b11;
/** Abstract Unix sockets and signals outside the domain, since version 6. */
const SCOPES = 0b11;
/** Rights a rule for a single file may name. */
const IOCTL_DEV = 1 << 15;
const OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;

/** Of these rights, those an ABI version knows, and of them those a single file can have. */
export function fileRights(rights: readonly FileRight[], version: number, directory: boolean): number {
  let bits = 0;
  for (const right of rights) bits |= FILE_RIGHT_BITS.get(right) ?? 0;
  return bits & everything(version).files & (directory ? ~0 : OF_A_FILE);
}

/** What a rule lets a process do: run and map an engine file, read one file, or serve a directory. */
export type Grant = "execute" | "read" | "serve" | "serveReadOnly";

const GRANTS: Readonly<Record<Grant, number>> = {
  execute: EXECUTE | READ_FILE,
  read: READ_FILE,
  serveReadOnly: READ_FILE | READ_DIR,
  serve:
    READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER,
};

/** Everything an ABI version can deny, so that all of it is denied unless a rule allows it. */
export function everything(version: number): {
  readonly files: number;
  readonly network: number;
  readonly scopes: number;
} {
  const bits = FILE_RIGHTS[Math.min(version, FILE_RIGHTS.length) - 1] ?? 0;
  return {
    files: 2 ** bits - 1,
    network: version >= 4 ? NETWORK_RIGHTS : 0,
    scopes: version >= 6 ? SCOPES : 0,
  };
}

/** The rights of a grant that an ABI version knows, for a directory or for a single file. */
export function rightsOf(grant: Grant, version: number, directory: boolean): number {
  return GRANTS[grant] & everything(version).files & (directory ? ~0 : OF_A_FILE);
}
