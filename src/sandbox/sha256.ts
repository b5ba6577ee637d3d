/** Layer: sandbox. The one hash this room uses. It must not know what is hashed. */

/** SHA-256 in hexadecimal. node:crypto takes milliseconds to load, so it is loaded by the first use and not by an import. */
export function sha256(data: string | Uint8Array): string {
  return process.getBuiltinModule("node:crypto").hash("sha256", data);
}
