/**
 * Layer: cell. Bytes from the caller, as the event loop brings them. A file of its own, because node:net must load after
 * the engine's flags were put aside (engine-flags.ts). It must not know frames.
 */
import { Socket } from "node:net";

/** Bytes of one read at most. A pipe of the caller's holds as many where the host lets it. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * Hands every chunk of a descriptor to `take`, then calls `end`, also when reading fails. All chunks come in one buffer,
 * which is filled anew when `take` has returned.
 */
export function readChunks(descriptor: number, take: (chunk: Uint8Array) => void, end: () => void): void {
  const buffer = new Uint8Array(CHUNK_BYTES);
  const callback = (length: number): boolean => {
    take(buffer.subarray(0, length));
    return true;
  };
  const source = new Socket({ fd: descriptor, readable: true, writable: false, onread: { buffer, callback } });
  source.on("end", end);
  source.on("error", end);
  source.resume();
}
