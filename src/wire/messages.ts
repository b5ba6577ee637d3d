/**
 * Layer: wire. The schema of every control payload in JSON, in both directions: an untrusted value in, a fresh checked
 * message out. It must not know sizes on the wire or how frames are cut.
 */
import * as limits from "../limits.ts";
import {
  type BootRequest,
  DATE_MS,
  type DownPayloads,
  ENTRIES,
  FILE_TYPES,
  type FileReply,
  type FileRequest,
  LINKS,
  LIST_ENTRIES,
  type ModuleEnd,
  type MountRequest,
  REFUSAL_KINDS,
  type Refusal,
  type WindowSize,
} from "./frames.ts";
import { Fields, fail } from "./shape.ts";

export const U32 = 0xffff_ffff;
export const MAX = Number.MAX_SAFE_INTEGER;
/** UTF-16 units of a message for people. */
export const MESSAGE_LENGTH = 4096;
const MOUNTS = 256;
const NAME_BYTES = 255;
export const SIGNALS = 64;
/** Memory of one wasm32 guest at most, bytes. */
export const MEMORY_BYTES = 2 ** 32;

export function readBoot(value: unknown): BootRequest {
  const it = new Fields(value, "BOOT", ["mounts", "env", "limits", "rootReadOnly", "hostname"]);
  const caps = it.object("limits", ["memoryBytes", "descriptors", "processes", "fsBytes", "fsInodes"]);
  return {
    mounts: it.list("mounts", MOUNTS).map(readMount),
    env: it.byteStrings("env", limits.ARGUMENT_BYTES),
    limits: {
      memoryBytes: caps.integer("memoryBytes", 0, MEMORY_BYTES),
      descriptors: caps.integer("descriptors", 3, 1 << 20),
      processes: caps.integer("processes", 1, 4096),
      fsBytes: caps.integer("fsBytes", 0, MAX),
      fsInodes: caps.integer("fsInodes", 1, U32),
    },
    rootReadOnly: it.boolean("rootReadOnly"),
    hostname: it.text("hostname", 64),
  };
}

function readMount(value: unknown): MountRequest {
  const all = ["kind", "at", "readOnly"];
  const kind = new Fields(value, "mount", all, ["bytes", "inodes", "index", "overlay"]).oneOf("kind", [
    "memory",
    "host",
  ]);
  if (kind === "host") {
    const it = new Fields(value, "mount", [...all, "index"], ["overlay"]);
    const index = it.integer("index", 0, MOUNTS - 1);
    const mount = { kind, at: it.path("at"), index, readOnly: it.boolean("readOnly") };
    return it.has("overlay") ? { ...mount, overlay: it.integer("overlay", 0, MAX) } : mount;
  }
  const it = new Fields(value, "mount", [...all, "bytes", "inodes"]);
  return {
    kind,
    at: it.path("at"),
    bytes: it.integer("bytes", 0, MAX),
    inodes: it.integer("inodes", 1, U32),
    readOnly: it.boolean("readOnly"),
  };
}

export function readModuleEnd(value: unknown): ModuleEnd {
  const it = new Fields(value, "MODULE_END", ["name", "entry", "rewritten", "giveBack"]);
  const end = {
    name: it.text("name", 255),
    entry: it.oneOf("entry", ENTRIES),
    rewritten: it.boolean("rewritten"),
    giveBack: it.boolean("giveBack"),
  };
  if (end.rewritten && end.giveBack) fail("MODULE_END", "asks back what is already rewritten");
  return end;
}

const WINDOW_KEYS = ["rows", "columns"];

function readWindow(it: Fields): WindowSize {
  return { rows: it.integer("rows", 0, 0xffff), columns: it.integer("columns", 0, 0xffff) };
}

export function readResize(value: unknown): WindowSize {
  return readWindow(new Fields(value, "RESIZE", WINDOW_KEYS));
}

export function readSignal(value: unknown): DownPayloads[7] {
  const it = new Fields(value, "SIGNAL", ["signal", "session"]);
  return { signal: it.integer("signal", 1, SIGNALS), session: it.boolean("session") };
}

export function readCredit(value: unknown): DownPayloads[8] {
  const it = new Fields(value, "CREDIT", ["stream", "bytes"]);
  return {
    stream: it.integer("stream", 1, 2) === 1 ? 1 : 2,
    bytes: it.integer("bytes", 1, limits.STREAM_WINDOW_BYTES),
  };
}

export function readStdinCredit(value: unknown): { readonly bytes: number } {
  return { bytes: new Fields(value, "STDIN_CREDIT", ["bytes"]).integer("bytes", 1, limits.STREAM_WINDOW_BYTES) };
}

const FILE_OPS = [
  "read",
  "write",
  "list",
  "mkdir",
  "remove",
  "rename",
  "exists",
  "stat",
  "links",
  "program",
  "seal",
] as const;

export function readFileRequest(value: unknown): FileRequest {
  const every = ["limit", "append", "mode", "from", "recursive", "to", "follow", "at", "module"];
  const op = new Fields(value, "FILE", ["op", "path"], every).oneOf("op", FILE_OPS);
  const only = (...keys: string[]) => new Fields(value, `FILE ${op}`, ["op", "path", ...keys]);
  switch (op) {
    case "read": {
      const it = only("limit");
      return { op, path: it.path("path"), limit: it.integer("limit", 0, MAX) };
    }
    case "write": {
      const it = only("append", "mode");
      return { op, path: it.path("path"), append: it.boolean("append"), mode: it.integer("mode", 0, 0o777) };
    }
    case "list": {
      const it = only("from");
      return { op, path: it.path("path"), from: it.integer("from", 0, MAX) };
    }
    case "mkdir": {
      const it = only("recursive", "mode");
      return { op, path: it.path("path"), recursive: it.boolean("recursive"), mode: it.integer("mode", 0, 0o777) };
    }
    case "remove": {
      const it = only("recursive");
      return { op, path: it.path("path"), recursive: it.boolean("recursive") };
    }
    case "rename": {
      const it = only("to");
      return { op, path: it.path("path"), to: it.path("to") };
    }
    case "exists":
      return { op, path: only().path("path") };
    case "stat": {
      const it = only("follow");
      return { op, path: it.path("path"), follow: it.boolean("follow") };
    }
    case "links": {
      const it = only("at");
      const at = it.list("at", LINKS).map((path) => new Fields({ path }, "FILE links", ["path"]).path("path"));
      return { op, path: it.path("path"), at };
    }
    case "program": {
      const it = only("module");
      return { op, path: it.path("path"), module: it.integer("module", 1, U32) };
    }
    case "seal":
      return { op, path: only().path("path") };
  }
}

export function readRefusal(value: unknown): Refusal {
  const it = new Fields(value, "REFUSED", ["kind", "message"], ["errno"]);
  const kind = it.oneOf("kind", REFUSAL_KINDS);
  const message = it.text("message", MESSAGE_LENGTH);
  if (it.has("errno")) return { kind, message, errno: it.integer("errno", 1, 4095) };
  if (kind === "file") fail("REFUSED", 'of kind "file" lacks its errno');
  return { kind, message };
}

export function readFileReply(value: unknown): FileReply {
  const every = ["bytes", "entries", "next", "exists", "type", "mode", "size", "mtimeMs"];
  const op = new Fields(value, "FILE_REPLY", ["op"], every).oneOf("op", FILE_OPS);
  const only = (...keys: string[]) => new Fields(value, `FILE_REPLY ${op}`, ["op", ...keys]);
  switch (op) {
    case "read":
    case "write":
      return { op, bytes: only("bytes").integer("bytes", 0, MAX) };
    case "list": {
      const it = only("entries", "next");
      const entries = it.list("entries", LIST_ENTRIES).map(readEntry);
      const next = it.integer("next", 0, MAX);
      // Else a listing could be asked for piece by piece for ever.
      if (next !== 0 && entries.length === 0) fail("FILE_REPLY list", "goes on behind nothing");
      return { op, entries, next };
    }
    case "mkdir":
    case "remove":
    case "rename":
    case "links":
    case "program":
    case "seal":
      only();
      return { op };
    case "exists":
      return { op, exists: only("exists").boolean("exists") };
    case "stat": {
      const it = only("type", "mode", "size", "mtimeMs");
      return {
        op,
        type: it.oneOf("type", FILE_TYPES),
        mode: it.integer("mode", 0, 0o7777),
        size: it.integer("size", 0, MAX),
        mtimeMs: it.number("mtimeMs", -DATE_MS, DATE_MS),
      };
    }
  }
}

function readEntry(value: unknown) {
  const it = new Fields(value, "FILE_REPLY entry", ["name", "type"]);
  const name = it.bytes("name", NAME_BYTES);
  if (name === "" || name === "." || name === ".." || name.includes("/")) fail("FILE_REPLY entry", "is no file name");
  return { name, type: it.oneOf("type", FILE_TYPES) };
}

export function readFatal(value: unknown): { readonly message: string } {
  return { message: new Fields(value, "FATAL", ["message"]).text("message", MESSAGE_LENGTH) };
}
