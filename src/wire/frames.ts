/**
 * Layer: wire. The frame types between the caller and a cell. Both directions are length-prefixed, size-capped and
 * schema-checked; whatever comes from a cell is hostile input. It must not know how frames travel.
 *
 * A frame on the wire: u32 little-endian payload length, u8 type, u32 little-endian channel, payload.
 * The channel is the number the caller gave a process or a file request. Control payloads are JSON in UTF-8, data
 * payloads are raw bytes. A ByteString travels in JSON as the string it is.
 */
export const HEADER_BYTES = 9;

/** Caller to cell. */
export const DOWN = {
  /** JSON BootRequest: build kernel and mounts. Once, first. */
  BOOT: 1,
  /** Bytes of a module; channel = module number. Followed by MODULE_END. */
  MODULE_DATA: 2,
  /** JSON { name }: the module of this channel is complete. Answered by MODULE_READY or REFUSED. */
  MODULE_END: 3,
  /** JSON SpawnRequest; channel = process. Answered by STARTED or REFUSED, later EXITED. */
  SPAWN: 4,
  /** Raw bytes for the process's standard input, within the credit granted. */
  STDIN: 5,
  STDIN_END: 6,
  /** JSON { signal } for the process. */
  SIGNAL: 7,
  /** JSON { stream: 1 | 2, bytes }: the caller consumed that much output. */
  CREDIT: 8,
  /** JSON FileRequest; channel = request. Data of a write follows as FILE_DATA, then FILE_END. */
  FILE: 9,
  FILE_DATA: 10,
  FILE_END: 11,
  /** Bytes of a foreign module to rewrite (rewriter cells only), ended by MODULE_END with { rewrite: true }. */
} as const;

/** Cell to caller. */
export const UP = {
  /** Empty: the cell is locked and idle; the caller may verify it and send BOOT. */
  READY: 64,
  /** Empty: the kernel stands. */
  BOOTED: 65,
  MODULE_READY: 66,
  STARTED: 67,
  /** JSON Refusal: the request of this channel was not carried out. */
  REFUSED: 68,
  STDOUT: 69,
  STDERR: 70,
  /** JSON { bytes }: that much more standard input may be sent. */
  STDIN_CREDIT: 71,
  /** JSON ExitReport. */
  EXITED: 72,
  /** JSON FileReply; for reads FILE_DATA frames come before it. */
  FILE_REPLY: 73,
  FILE_DATA: 74,
  /** Bytes of a rewritten module, then MODULE_READY. */
  REWRITTEN: 75,
  /** JSON { message }: our bug; the cell is dead after this. */
  FATAL: 76,
} as const;

export type Refusal = {
  /** Which kind: "module" (not valid or not accepted), "program" (no such program), "limit", "file". */
  readonly kind: string;
  readonly message: string;
  readonly errno?: number;
};

export type MountRequest =
  | {
      readonly kind: "memory";
      readonly at: string;
      readonly bytes: number;
      readonly inodes: number;
      readonly readOnly: boolean;
    }
  | { readonly kind: "host"; readonly at: string; readonly index: number; readonly readOnly: boolean };

export type BootRequest = {
  readonly mounts: readonly MountRequest[];
  readonly env: readonly string[];
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

export type SpawnRequest = {
  /** Module number sent before. */
  readonly module: number;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** Which standard streams are terminals, as isatty(3) tells the guest. */
  readonly terminals: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  readonly memoryBytes: number;
};

export type ExitReport = {
  readonly code: number;
  readonly signal: number;
  readonly message: string;
  readonly stats: { readonly cpuMs: number; readonly calls: number; readonly peakMemory: number };
};
