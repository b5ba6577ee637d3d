/**
 * Layer: engine. Programs compiled from files that guests execute, shared by content: the same bytes are rewritten and
 * compiled once. Nothing here leaves the cell. It must not know where the bytes came from.
 */
import { IMAGES_KEPT } from "../limits.ts";
import type { GuestImage } from "./image.ts";
import { ModuleRefused } from "./rewriter/refusal.ts";
import { type RewrittenModule, rewrite } from "./rewriter/rewrite.ts";
import { sha256 } from "./sha256.ts";

export class CompiledFiles {
  /** By the hash of the file, the least recently executed first. What a process runs stays alive without it. */
  readonly #images = new Map<string, GuestImage | undefined>();
  readonly #compile: (name: string, rewritten: RewrittenModule) => GuestImage;

  constructor(compile: (name: string, rewritten: RewrittenModule) => GuestImage) {
    this.#compile = compile;
  }

  /** undefined when the bytes are no program that can be run. */
  image(name: string, bytes: Uint8Array<ArrayBuffer>): GuestImage | undefined {
    const key = sha256(bytes);
    const known = this.#images.get(key);
    const image = this.#images.has(key) ? known : this.#make(name, bytes);
    this.#images.delete(key);
    this.#images.set(key, image);
    if (this.#images.size > IMAGES_KEPT) {
      for (const oldest of this.#images.keys()) {
        this.#images.delete(oldest);
        break;
      }
    }
    return image;
  }

  #make(name: string, bytes: Uint8Array<ArrayBuffer>): GuestImage | undefined {
    try {
      return this.#compile(name, rewrite(bytes));
    } catch (error) {
      if (error instanceof ModuleRefused) return undefined;
      throw error;
    }
  }
}
