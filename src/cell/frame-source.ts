/**
 * Layer: cell. Bytes from the caller, as the event loop brings them. A file of its own, because node:net must load after
 * the engine's flags were put aside (engine-flags.ts). It must not know frames.
 */
import { Socket } from "node:net";

/** Hands every chunk of a descriptor to `take`, then calls `end`, also when reading fails. */
export function readChunks(descriptor: number, take: (chunk: Uint8Array) => void, end: () => void): void {
  const source = new Socket({ fd: descriptor, readable: true, writable: false });
  source.on("data", take);
  source.on("end", end);
  source.on("error", end);
}
