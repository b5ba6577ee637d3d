/** What the security tests share: real sandboxes, their locked processes seen from outside, guests put on disk. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunOptions, type RunResult, Sandbox, type SandboxOptions } from "../../src/sandbox/index.ts";
import { type Bytes, code, WasmBuilder } from "../engine/wasm-builder.ts";

export const HOME = join(import.meta.dirname, "../..");
export const WASI = "wasi_snapshot_preview1";

/** A directory of this test file's own, gone with its process. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "linden-security-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The processes a process has started and that still live, its threads' included. */
export function childrenOf(pid: number): number[] {
  const found: number[] = [];
  for (const task of names(`/proc/${pid}/task`)) {
    const text = contents(`/proc/${pid}/task/${task}/children`);
    found.push(...text.split(" ").filter(Boolean).map(Number));
  }
  return found.sort((a, b) => a - b);
}

/** A sandbox, and the one process it lives in. */
export async function boxAndCell(options: SandboxOptions): Promise<[box: Sandbox, cell: number]> {
  const others = childrenOf(process.pid);
  const box = await Sandbox.create(options);
  const [cell, ...more] = childrenOf(process.pid).filter((child) => !others.includes(child));
  assert.ok(cell !== undefined && more.length === 0);
  return [box, cell];
}

export function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Whether a process runs or could run again: neither gone nor a zombie. */
export function lives(pid: number): boolean {
  const state = /^State:\s+(\S)/m.exec(contents(`/proc/${pid}/status`))?.[1];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** Resident megabytes of a process at most so far. */
export function peakMegabytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(contents(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
}

function names(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}

function contents(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** Every name below a directory with type, mode, owner, size, times and contents: what must not change. */
export function fingerprint(directory: string): string {
  const lines: string[] = [];
  const visit = (path: string): void => {
    for (const name of readdirSync(path).sort()) {
      const at = join(path, name);
      const found = statSync(at, { throwIfNoEntry: false, bigint: true });
      if (found === undefined) lines.push(`${at} dangling`);
      else {
        const content = found.isFile() ? hash("sha256", readFileSync(at)) : "";
        lines.push([at, found.mode, found.uid, found.gid, found.nlink, found.size, found.mtimeNs, content].join(" "));
        if (found.isDirectory()) visit(at);
      }
    }
  };
  visit(directory);
  return lines.join("\n");
}

/** Guests as files, because a sandbox is given paths. */
export class Guests {
  readonly #directory = scratch();
  #made = 0;

  path(bytes: Uint8Array): string {
    mkdirSync(this.#directory, { recursive: true });
    this.#made += 1;
    const path = join(this.#directory, `guest-${this.#made}.wasm`);
    writeFileSync(path, bytes);
    return path;
  }

  run(box: Sandbox, bytes: Uint8Array, options: RunOptions & { readonly format?: "text" } = {}): Promise<RunResult> {
    return box.run(this.path(bytes), [], { timeout: "20s", ...options });
  }
}

/** A program that writes "good" and exits with 42: what must still run after any attack. */
export function goodProgram(): Uint8Array {
  const builder = new WasmBuilder().memory(1);
  const write = builder.import(WASI, "fd_write", "iiii>i");
  const exit = builder.import(WASI, "proc_exit", "i>");
  builder.section(11, [1, 0, 0x41, 16, 0x0b, 12, 24, 0, 0, 0, 4, 0, 0, 0, 0x67, 0x6f, 0x6f, 0x64]);
  builder.export("memory", 2, 0);
  builder.func(
    ">",
    [code.i32(1), code.i32(16), code.i32(1), code.i32(0), code.call(write), code.drop, code.i32(42), code.call(exit)],
    "_start",
  );
  return builder.build();
}

/** A command with these WASI imports, as `name: signature`. */
export function command(
  imports: Readonly<Record<string, string>>,
  body: (call: (name: string) => Bytes, builder: WasmBuilder) => readonly Bytes[],
  pages = 1,
): WasmBuilder {
  const builder = new WasmBuilder().memory(pages).export("memory", 2, 0);
  const indexes = new Map(Object.entries(imports).map(([name, type]) => [name, builder.import(WASI, name, type)]));
  const call = (name: string) => code.call(indexes.get(name) ?? assert.fail(`${name} is not imported`));
  builder.func(">", body(call, builder), "_start");
  return builder;
}
