/**
 * Layer: wire. The frame types between the caller and a cell. Both directions are length-prefixed, size-capped and
 * schema-checked; whatever comes from a cell is hostile input. It must not know how frames travel.
 *
 * A frame on the wire: u32 little-endian payload length, u8 type, u32 little-endian channel, payload.
 * The channel is the number the caller gave a process, a module or a file request (1 and up, one number line for all
 * three); frames about the whole cell have channel 0. Control payloads are JSON in UTF-8, but for the two that every
 * program costs (packed.ts); data payloads are raw bytes, at least one. A ByteString travels in JSON as the string it is.
 *
 * Flow control. Each stream of a process (0, 1, 2) starts with STREAM_WINDOW_BYTES of credit at SPAWN, without a word.
 * The sender never has more bytes out than its credit; the receiver gives credit back as bytes are consumed, so that
 * credit never exceeds the window. Data of modules and files needs none: the pipe itself holds back.
 */
import type { ByteString } from "../abi/byte-string.ts";

export const HEADER_BYTES = 9;

/** Caller to cell. */
export const DOWN = {
  /**
   * JSON BootRequest: build kernel and mounts. Once, before any SPAWN and FILE; modules may come earlier (warm cells). It
   * may be sent before READY, and is carried out behind the lock; whatever is a guest's waits until the lock is verified.
   */
  BOOT: 1,
  /** Bytes of a module; channel = module number. Followed by MODULE_END. */
  MODULE_DATA: 2,
  /** JSON ModuleEnd: the module of this channel is complete. Answered by MODULE_READY or REFUSED. */
  MODULE_END: 3,
  /** Packed SpawnRequest; channel = process. Answered by STARTED or REFUSED, later EXITED. */
  SPAWN: 4,
  /** Raw bytes for the process's standard input, within the credit granted. */
  STDIN: 5,
  STDIN_END: 6,
  /** JSON { signal } for the process. */
  SIGNAL: 7,
  /** JSON { stream: 1 | 2, bytes }: the caller consumed that much output. */
  CREDIT: 8,
  /**
   * JSON FileRequest; channel = request. Data of a write follows as FILE_DATA, then FILE_END. Answered by FILE_REPLY or
   * REFUSED with kind "file" and an errno; a write may be refused before its FILE_END, and what still comes is dropped.
   */
  FILE: 9,
  FILE_DATA: 10,
  FILE_END: 11,
  /** JSON WindowSize: the window of a process that was given one at SPAWN has another size now. */
  RESIZE: 12,
} as const;

/** Cell to caller. */
export const UP = {
  /** Empty: the cell is locked; the caller may verify it. */
  READY: 64,
  /** Empty: the kernel stands. */
  BOOTED: 65,
  /** Empty: the module can be spawned. */
  MODULE_READY: 66,
  /** Empty: the process of this channel exists. */
  STARTED: 67,
  /** JSON Refusal: the request of this channel was not carried out. */
  REFUSED: 68,
  /** Raw bytes the process wrote, within the credit granted. */
  STDOUT: 69,
  STDERR: 70,
  /** JSON { bytes }: that much more standard input may be sent. */
  STDIN_CREDIT: 71,
  /** Packed ExitReport: the last frame of this process; all its output came before. */
  EXITED: 72,
  /** JSON FileReply; for reads FILE_DATA frames come before it. */
  FILE_REPLY: 73,
  FILE_DATA: 74,
  /** Bytes of the rewritten module, when MODULE_END asked for them; MODULE_READY follows the last. */
  REWRITTEN: 75,
  /** JSON { message }: our bug; the cell is dead after this. */
  FATAL: 76,
} as const;

/** "module": not valid or not accepted; "program": it cannot be started; "limit"; "file": see errno. */
export const REFUSAL_KINDS = ["module", "program", "limit", "file"] as const;

export type Refusal = {
  readonly kind: (typeof REFUSAL_KINDS)[number];
  readonly message: string;
  /** Linux error number; always there for kind "file". */
  readonly errno?: number;
};

/** How a module is started: `_start`, or ruby.wasm's own sequence of exports. */
export const ENTRIES = ["wasi-command", "ruby"] as const;
export type Entry = (typeof ENTRIES)[number];

export type ModuleEnd = {
  /** For messages and backtraces. */
  readonly name: string;
  readonly entry: Entry;
  /** The bytes are what a rewriter made (from the caller's verified cache); otherwise they are foreign. */
  readonly rewritten: boolean;
  /** Send the rewritten bytes back as REWRITTEN before MODULE_READY. Only with `rewritten: false`. */
  readonly giveBack: boolean;
};

export type MountRequest =
  | {
      readonly kind: "memory";
      readonly at: ByteString;
      readonly bytes: number;
      readonly inodes: number;
      readonly readOnly: boolean;
    }
  | {
      readonly kind: "host";
      readonly at: ByteString;
      readonly index: number;
      readonly readOnly: boolean;
      /** Changes stay in memory, in so many bytes: the directory itself is only read. */
      readonly overlay?: number;
    };

export type BootRequest = {
  readonly mounts: readonly MountRequest[];
  readonly env: readonly ByteString[];
  readonly limits: {
    readonly memoryBytes: number;
    readonly descriptors: number;
    readonly processes: number;
    readonly fsBytes: number;
    readonly fsInodes: number;
  };
  readonly rootReadOnly: boolean;
  readonly hostname: string;
};

/** Rows and columns of characters, 0 to 65,535 each (struct winsize). */
export type WindowSize = { readonly rows: number; readonly columns: number };

export type SpawnRequest = {
  /** Module number sent before. */
  readonly module: number;
  readonly argv: readonly ByteString[];
  readonly env: readonly ByteString[];
  readonly cwd: ByteString;
  /** Which standard streams are terminals, as isatty(3) tells the guest. */
  readonly terminals: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  readonly memoryBytes: number;
  /** Standard error is the same open file as standard output, as after 2>&1. */
  readonly joined: boolean;
  /** Standard input ends before its first byte: no STDIN and no STDIN_END follows. */
  readonly noInput: boolean;
  /**
   * Those streams are one terminal with a line discipline, as large as this, and the process leads its session; input
   * and output must be among them. Without it they only pass for terminals.
   */
  readonly window?: WindowSize;
};

export type ExitReport = {
  readonly code: number;
  readonly signal: number;
  readonly message: string;
  readonly stats: { readonly cpuMs: number; readonly calls: number; readonly peakMemory: number };
};

/** A file operation of the caller on the sandbox's files. Paths are absolute and are walked as the guest's are. */
export type FileRequest =
  /** The whole file as FILE_DATA; EFBIG when it is longer than `limit` bytes. */
  | { readonly op: "read"; readonly path: ByteString; readonly limit: number }
  /** Create or truncate (or append to) a regular file; the data follows. `mode` for a new file. */
  | { readonly op: "write"; readonly path: ByteString; readonly append: boolean; readonly mode: number }
  /** One page of entries, "." and ".." left out. `from` 0 is the start, else `next` of the last reply. */
  | { readonly op: "list"; readonly path: ByteString; readonly from: number }
  | { readonly op: "mkdir"; readonly path: ByteString; readonly recursive: boolean; readonly mode: number }
  /** unlink(2), or rmdir(2) for a directory; with `recursive` all that is below it first. */
  | { readonly op: "remove"; readonly path: ByteString; readonly recursive: boolean }
  | { readonly op: "rename"; readonly path: ByteString; readonly to: ByteString }
  | { readonly op: "exists"; readonly path: ByteString }
  | { readonly op: "stat"; readonly path: ByteString; readonly follow: boolean }
  /** Symbolic links at all of `at`, each to `path`; directories above them are made. */
  | { readonly op: "links"; readonly path: ByteString; readonly at: readonly ByteString[] }
  /** What executes the file at `path`, as it is now, starts this module, which the file's bytes are the source of. */
  | { readonly op: "program"; readonly path: ByteString; readonly module: number }
  /** From now on the file system at `path` cannot be written. */
  | { readonly op: "seal"; readonly path: ByteString };

/** Links of one request at most. */
export const LINKS = 1024;
/** Bytes of the paths of these links together. */
export const LINK_BYTES = 64 * 1024;
/** A Date is at most so many milliseconds from 1970 (ECMAScript, "Time Values and Time Range"). */
export const DATE_MS = 8.64e15;

export const FILE_TYPES = ["file", "directory", "symlink", "fifo", "socket", "character", "block"] as const;
export type FileType = (typeof FILE_TYPES)[number];

/** Entries of one list reply at most. */
export const LIST_ENTRIES = 256;

export type FileReply =
  /** `bytes` of FILE_DATA came before. */
  | { readonly op: "read"; readonly bytes: number }
  | { readonly op: "write"; readonly bytes: number }
  | {
      readonly op: "list";
      readonly entries: readonly { readonly name: ByteString; readonly type: FileType }[];
      /** Where the next page starts; 0: this was the last. */
      readonly next: number;
    }
  | { readonly op: "mkdir" }
  | { readonly op: "remove" }
  | { readonly op: "rename" }
  | { readonly op: "links" }
  | { readonly op: "program" }
  | { readonly op: "seal" }
  | { readonly op: "exists"; readonly exists: boolean }
  | {
      readonly op: "stat";
      readonly type: FileType;
      /** Permission bits, 0 to 0o7777. */
      readonly mode: number;
      readonly size: number;
      /** Milliseconds since the epoch, with fractions. */
      readonly mtimeMs: number;
    };

/** What each frame to a cell carries: a message, raw bytes, or nothing. */
export type DownPayloads = {
  [DOWN.BOOT]: BootRequest;
  [DOWN.MODULE_DATA]: Uint8Array;
  [DOWN.MODULE_END]: ModuleEnd;
  [DOWN.SPAWN]: SpawnRequest;
  [DOWN.STDIN]: Uint8Array;
  [DOWN.STDIN_END]: undefined;
  /** `session`: to all that the run began and that made no session of its own. */
  [DOWN.SIGNAL]: { readonly signal: number; readonly session: boolean };
  [DOWN.CREDIT]: { readonly stream: 1 | 2; readonly bytes: number };
  [DOWN.FILE]: FileRequest;
  [DOWN.FILE_DATA]: Uint8Array;
  [DOWN.FILE_END]: undefined;
  [DOWN.RESIZE]: WindowSize;
};

/** What each frame from a cell carries. */
export type UpPayloads = {
  [UP.READY]: undefined;
  [UP.BOOTED]: undefined;
  [UP.MODULE_READY]: undefined;
  [UP.STARTED]: undefined;
  [UP.REFUSED]: Refusal;
  [UP.STDOUT]: Uint8Array;
  [UP.STDERR]: Uint8Array;
  [UP.STDIN_CREDIT]: { readonly bytes: number };
  [UP.EXITED]: ExitReport;
  [UP.FILE_REPLY]: FileReply;
  [UP.FILE_DATA]: Uint8Array;
  [UP.REWRITTEN]: Uint8Array;
  [UP.FATAL]: { readonly message: string };
};

type FrameOf<P> = {
  [T in keyof P]: { readonly type: T; readonly channel: number; readonly payload: P[T] };
}[keyof P];

export type DownFrame = FrameOf<DownPayloads>;
export type UpFrame = FrameOf<UpPayloads>;
