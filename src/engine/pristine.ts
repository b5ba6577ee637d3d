/**
 * Layer: engine. What instances of an image are before they run: their data and their globals, so that one that a program has
 * left can be made what it was. It must not know programs.
 */
import { globalsOf } from "./globals.ts";
import type { GuestImage } from "./image.ts";
import { eachPart } from "./page-scan.ts";
import { plainValue, type WasmInstance, type WasmMemory } from "./webassembly.ts";

/** Bytes of data that are remembered of one image at most. */
const DATA_BYTES = 1024 * 1024;

interface Pristine {
  readonly data: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  /** In the order of globalsOf(). */
  readonly globals: readonly (number | bigint | null)[];
}

export class PristineStates {
  /** "once": it was started one time; "never": it cannot be restored. */
  readonly #states = new WeakMap<GuestImage, Pristine | "once" | "never">();

  /** See an instance that was just made, over a memory that was zero. The second of an image is remembered. */
  remember(image: GuestImage, instance: WasmInstance, memory: WasmMemory): void {
    if (!image.servesAgain) return;
    const known = this.#states.get(image);
    if (known === undefined) this.#states.set(image, "once");
    else if (known === "once") this.#states.set(image, pristine(image, instance, memory) ?? "never");
  }

  /** Make an instance over a memory that was cleared what it was before it ran. False when that is not known. */
  restore(image: GuestImage, instance: WasmInstance, memory: WasmMemory): boolean {
    const state = this.#states.get(image);
    if (state === undefined || typeof state === "string") return false;
    const bytes = new Uint8Array(memory.buffer);
    for (const { at, bytes: part } of state.data) bytes.set(part, at);
    const globals = globalsOf(instance);
    for (let i = 0; i < globals.length; i += 1) {
      const [global, value] = [globals[i], state.globals[i]];
      if (global === undefined || value === undefined) return false;
      global.value = value;
    }
    return true;
  }
}

function pristine({ report }: GuestImage, instance: WasmInstance, memory: WasmMemory): Pristine | undefined {
  const globals: (number | bigint | null)[] = [];
  for (const global of globalsOf(instance)) {
    const value = plainValue(global);
    if (value === undefined) return undefined;
    globals.push(value);
  }
  const all = new Uint8Array(memory.buffer);
  const data: { at: number; bytes: Uint8Array }[] = [];
  let length = 0;
  if (report.dataEnd > all.length) return undefined;
  const end = Math.min(all.length, Math.ceil(report.dataEnd / 65_536) * 65_536);
  eachPart(memory, 0, end, (from, to) => {
    length += to - from;
    if (length <= DATA_BYTES) data.push({ at: from, bytes: all.slice(from, to) });
  });
  return length <= DATA_BYTES ? { data, globals } : undefined;
}
