/**
 * Layer: store. Tar archives in memory, as POSIX's ustar lays them out with pax records for long names: regular files and
 * symbolic links alone. It must not know what is in them.
 */

export type TarEntry =
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly bytes: Uint8Array }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

const BLOCK = 512;
const NAME_BYTES = 100;
/** ustar's size has eleven octal digits; a longer file has no place in an image anyway. */
const SIZE_MOST = 0o77777777777;
/** Bytes of the records before one entry: its path and its link's target, of PATH_MAX each, and what others add. */
const RECORDS_MOST = 32 * 1024;

/** The archive of these entries, in order. No time, no owner: the same entries give the same bytes. */
export function writeTar(entries: Iterable<TarEntry>): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    const records = longRecords(entry);
    if (records.byteLength > 0) parts.push(header("pax", "x", 0o644, records.byteLength, ""), ...padded(records));
    if (entry.kind === "link") parts.push(header(entry.path, "2", 0o777, 0, entry.target));
    else parts.push(header(entry.path, "0", entry.mode, entry.bytes.byteLength, ""), ...padded(entry.bytes));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Uint8Array(Buffer.concat(parts));
}

/**
 * The entries of an archive, in order; their bytes are views of it. Throws an Error that says what is wrong with it: cut
 * short, a broken header, something that is neither file nor link, more than `most` entries, bytes after the end.
 */
export function readTar(archive: Uint8Array, most = Infinity): TarEntry[] {
  const entries: TarEntry[] = [];
  let long: ReadonlyMap<string, string> = new Map();
  for (let at = 0; ; ) {
    const head = take(archive, at, BLOCK);
    at += BLOCK;
    if (head.every((byte) => byte === 0)) {
      if (archive.subarray(at).some((byte) => byte !== 0)) throw new Error("bytes follow its end");
      take(archive, at, BLOCK);
      return entries;
    }
    if (octal(head, 148, 8) !== checksum(head)) throw new Error("a header's sum is wrong");
    const type = String.fromCharCode(head[156] ?? 0);
    const size = octal(head, 124, 12);
    const bytes = take(archive, at, size);
    at += Math.ceil(size / BLOCK) * BLOCK;
    if (entries.length >= most) throw new Error("it holds too much");
    if (type === "x") {
      if (size > RECORDS_MOST) throw new Error("a long name is broken");
      long = paxRecords(bytes);
      continue;
    }
    const path = long.get("path") ?? text(head, 0, NAME_BYTES);
    if (type === "0") entries.push({ kind: "file", path, mode: octal(head, 100, 8), bytes });
    else if (type === "2")
      entries.push({ kind: "link", path, target: long.get("linkpath") ?? text(head, 157, NAME_BYTES) });
    else throw new Error("it holds something that is neither a file nor a symbolic link");
    long = new Map();
  }
}

function take(archive: Uint8Array, at: number, length: number): Uint8Array {
  if (at + length > archive.byteLength) throw new Error("it is cut short");
  return archive.subarray(at, at + length);
}

function longRecords(entry: TarEntry): Uint8Array {
  const target = entry.kind === "link" ? entry.target : "";
  const records = [
    ...(Buffer.byteLength(entry.path) > NAME_BYTES ? [record("path", entry.path)] : []),
    ...(Buffer.byteLength(target) > NAME_BYTES ? [record("linkpath", target)] : []),
  ];
  return Buffer.from(records.join(""));
}

/** "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  if (bytes + String(length).length !== length) length += 1;
  return `${length}${rest}`;
}

function paxRecords(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.byteLength; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(Buffer.from(bytes.subarray(at, Math.max(space, at))).toString("latin1"));
    if (!Number.isInteger(length) || length < 5 || at + length > bytes.byteLength)
      throw new Error("a long name is broken");
    const [, key, value] =
      /^(\w+)=([\s\S]*)\n$/.exec(Buffer.from(bytes.subarray(space + 1, at + length)).toString()) ?? [];
    if (key === undefined || value === undefined) throw new Error("a long name is broken");
    records.set(key, value);
    at += length;
  }
  return records;
}

function header(path: string, type: string, mode: number, size: number, target: string): Uint8Array {
  if (size > SIZE_MOST) throw new Error(`${path} is too long for an archive`);
  const head = Buffer.alloc(BLOCK);
  const put = (at: number, value: string) => head.write(value, at, "latin1");
  // A long name is cut here, and whole in the record before it.
  head.set(Buffer.from(path).subarray(0, NAME_BYTES), 0);
  head.set(Buffer.from(target).subarray(0, NAME_BYTES), 157);
  put(100, `${digits(mode, 7)}\0${digits(0, 7)}\0${digits(0, 7)}\0${digits(size, 11)}\0${digits(0, 11)}\0`);
  put(156, type);
  put(257, "ustar\x0000");
  put(148, `${digits(checksum(head), 6)}\0 `);
  return head;
}

function digits(value: number, width: number): string {
  return value.toString(8).padStart(width, "0");
}

/** The sum of a header's bytes, its own field taken for spaces. */
function checksum(head: Uint8Array): number {
  return head.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
}

function padded(bytes: Uint8Array): Uint8Array[] {
  const over = bytes.byteLength % BLOCK;
  return over === 0 ? [bytes] : [bytes, new Uint8Array(BLOCK - over)];
}

function octal(head: Uint8Array, at: number, length: number): number {
  const digits = text(head, at, length).trim();
  if (!/^[0-7]+$/.test(digits)) throw new Error("a header's number is broken");
  return Number.parseInt(digits, 8);
}

function text(head: Uint8Array, at: number, length: number): string {
  const field = head.subarray(at, at + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString();
}
