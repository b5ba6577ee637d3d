/**
 * Layer: cell. Guest modules as they arrive: collected, rewritten where they are foreign, compiled, checked. It must not
 * know frames. No module is rewritten for anybody else once a guest has run here: a cell that ran one is not believed.
 */
import { compileImage } from "../engine/engine.ts";
import type { CallTables, GuestImage } from "../engine/image.ts";
import { packModule, unpackModule } from "../engine/rewriter/packed-module.ts";
import { rewrite } from "../engine/rewriter/rewrite.ts";
import { MODULE_BYTES } from "../limits.ts";
import type { ModuleEnd } from "../wire/frames.ts";

/** A module that is not taken; the message says what would be. */
export class ModuleUnwelcome extends Error {
  override readonly name = "ModuleUnwelcome";
}

export class ModuleStore {
  readonly #arriving = new Map<number, { readonly chunks: Uint8Array[]; bytes: number }>();
  readonly #images = new Map<number, GuestImage>();
  readonly #calls: CallTables;
  #guestHasRun = false;

  constructor(calls: CallTables) {
    this.#calls = calls;
  }

  /** Throws ModuleUnwelcome when the module grows past MODULE_BYTES. */
  data(channel: number, bytes: Uint8Array): void {
    let module = this.#arriving.get(channel);
    if (module === undefined) {
      module = { chunks: [], bytes: 0 };
      this.#arriving.set(channel, module);
    }
    module.bytes += bytes.length;
    if (module.bytes > MODULE_BYTES) {
      module.chunks.length = 0;
      throw new ModuleUnwelcome(`the module has more than ${MODULE_BYTES} bytes (limit: module bytes)`);
    }
    // Bytes of the frame's own span their buffer (wire/decode.ts); others are a view of what the next chunk overwrites.
    module.chunks.push(bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice());
  }

  /** The packed module where it is wanted back. Throws ModuleRefused of the engine, or ModuleUnwelcome. */
  end(channel: number, end: ModuleEnd): Uint8Array | undefined {
    const bytes = joined(this.#arriving.get(channel)?.chunks ?? []);
    this.#arriving.delete(channel);
    if (end.giveBack && this.#guestHasRun) {
      throw new ModuleUnwelcome("this cell has run a guest and rewrites nothing for others any more");
    }
    const module = end.rewritten ? unpackModule(bytes) : rewrite(bytes);
    this.#images.set(channel, compileImage(end.name, module, end.entry, this.#calls));
    return end.giveBack ? packModule(module) : undefined;
  }

  /** The image of a module, about to be run. */
  use(channel: number): GuestImage | undefined {
    const image = this.#images.get(channel);
    if (image !== undefined) this.#guestHasRun = true;
    return image;
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
