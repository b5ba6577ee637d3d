/**
 * Layer: lockdown, launch. Which files of the host the engine needs to start: itself, its ELF interpreter, its libraries.
 * It must not know Landlock.
 */
import { readFileSync, readlinkSync, readSync } from "node:fs";
import type { Grant } from "../landlock.ts";

export type EngineFile = { readonly path: string; readonly grant: Grant };

/** The loader's map from library names to paths, ld.so(8). */
const LOADER_CACHE = "/etc/ld.so.cache";

/** The running engine, whatever has become of its path since, and whether or not there is still a way to it. */
export const ENGINE = "/proc/self/exe";

/**
 * The files the running engine needs apart from its binary, which `engine` is a descriptor of. What the kernel has mapped
 * from files for this process, which is the same engine, is what the loader will look for.
 */
export function engineFiles(engine: number): EngineFile[] {
  const mapped = new Set<string>();
  for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
    const path = line.slice(line.indexOf("/"));
    if (line.includes(" r-xp ") && line.includes("/") && !path.endsWith(" (deleted)")) mapped.add(path);
  }
  mapped.delete(readlinkSync(ENGINE));
  const interpreter = elfInterpreter(engine);
  const files: EngineFile[] = [{ path: LOADER_CACHE, grant: "read" }];
  if (interpreter !== undefined) files.push({ path: interpreter, grant: "execute" });
  for (const path of mapped) files.push({ path, grant: "read" });
  return files;
}

/**
 * Where the code cache of a bundle lies, for engines of this architecture. It is code as the bundle is: whoever may write
 * one may write the other.
 */
export function codeCachePath(bundle: string): string {
  return `${bundle}.${process.arch}.cache`;
}

/** The PT_INTERP of a 64-bit little-endian ELF file (elf(5)); undefined for a static one or another format. */
function elfInterpreter(file: number): string | undefined {
  const PT_INTERP = 3;
  const bytes = Buffer.alloc(4096);
  const length = readSync(file, bytes, 0, bytes.length, 0);
  if (length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const table = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  const count = bytes.readUInt16LE(56);
  for (let index = 0; index < count; index++) {
    const at = table + index * size;
    if (at + size > length) return undefined;
    if (bytes.readUInt32LE(at) !== PT_INTERP) continue;
    const text = Buffer.alloc(Math.min(Number(bytes.readBigUInt64LE(at + 32)), 4096));
    readSync(file, text, 0, text.length, Number(bytes.readBigUInt64LE(at + 8)));
    return text.subarray(0, text.indexOf(0)).toString();
  }
  return undefined;
}
