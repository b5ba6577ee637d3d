/**
 * Layer: wire. One table: for each frame type whether it is empty, raw, a message in JSON or a packed one, how long it may be,
 * and whether its channel names something. Encoder and decoder both read it. It must not know how frames are cut.
 */
import { CONTROL_BYTES, FRAME_BYTES } from "../limits.ts";
import { DOWN, UP } from "./frames.ts";
import * as messages from "./messages.ts";
import { packExit, packSpawn, unpackExit, unpackSpawn } from "./packed.ts";

export type Format = {
  readonly name: string;
  /** Payload bytes at most. */
  readonly limit: number;
  /** The frame belongs to a process, module or request, so its channel is not 0. */
  readonly channelled: boolean;
} & (
  | { readonly kind: "empty" | "data" }
  | { readonly kind: "message"; readonly read: (value: unknown) => unknown }
  | {
      readonly kind: "packed";
      readonly read: (payload: Uint8Array) => unknown;
      /** The payload behind `room` bytes; it is of the frame's own type. */
      readonly write: (payload: unknown, room: number) => Uint8Array;
    }
);

/** Bytes of a message that has no list in it. */
const SMALL = 64 * 1024;
/** LIST_ENTRIES names of 255 bytes, or LINK_BYTES of paths and two more, each byte as \u00XX at worst, with room. */
const LIST = 512 * 1024;

const empty = (name: string, channelled = true): Format => ({ name, kind: "empty", limit: 0, channelled });
const data = (name: string): Format => ({ name, kind: "data", limit: FRAME_BYTES, channelled: true });
const message = (name: string, read: (value: unknown) => unknown, limit = SMALL, channelled = true): Format => ({
  name,
  kind: "message",
  limit,
  channelled,
  read,
});

/** Who sends one has a payload of its type; the compiler cannot follow a Map to that. */
const packed = <T>(
  name: string,
  read: (payload: Uint8Array) => T,
  write: (payload: T, room: number) => Uint8Array,
  limit = SMALL,
): Format => ({
  name,
  kind: "packed",
  limit,
  channelled: true,
  read,
  write: (payload, room) => write(payload as T, room),
});

export const DOWN_FORMATS: ReadonlyMap<number, Format> = new Map([
  [DOWN.BOOT, message("BOOT", messages.readBoot, CONTROL_BYTES, false)],
  [DOWN.MODULE_DATA, data("MODULE_DATA")],
  [DOWN.MODULE_END, message("MODULE_END", messages.readModuleEnd)],
  [DOWN.SPAWN, packed("SPAWN", unpackSpawn, packSpawn, CONTROL_BYTES)],
  [DOWN.STDIN, data("STDIN")],
  [DOWN.STDIN_END, empty("STDIN_END")],
  [DOWN.SIGNAL, message("SIGNAL", messages.readSignal)],
  [DOWN.CREDIT, message("CREDIT", messages.readCredit)],
  [DOWN.FILE, message("FILE", messages.readFileRequest, LIST)],
  [DOWN.FILE_DATA, data("FILE_DATA")],
  [DOWN.FILE_END, empty("FILE_END")],
  [DOWN.RESIZE, message("RESIZE", messages.readResize)],
]);

export const UP_FORMATS: ReadonlyMap<number, Format> = new Map([
  [UP.READY, empty("READY", false)],
  [UP.BOOTED, empty("BOOTED", false)],
  [UP.MODULE_READY, empty("MODULE_READY")],
  [UP.STARTED, empty("STARTED")],
  [UP.REFUSED, message("REFUSED", messages.readRefusal)],
  [UP.STDOUT, data("STDOUT")],
  [UP.STDERR, data("STDERR")],
  [UP.STDIN_CREDIT, message("STDIN_CREDIT", messages.readStdinCredit)],
  [UP.EXITED, packed("EXITED", unpackExit, packExit)],
  [UP.FILE_REPLY, message("FILE_REPLY", messages.readFileReply, LIST)],
  [UP.FILE_DATA, data("FILE_DATA")],
  [UP.REWRITTEN, data("REWRITTEN")],
  [UP.FATAL, message("FATAL", messages.readFatal, SMALL, false)],
]);
