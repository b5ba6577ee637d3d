/**
 * Layer: wasi. How a codec function becomes an entry of the table, and the steps all of them share: descriptors with
 * their rights, paths, results. It must not know any one call.
 *
 * An address, length, flag word or descriptor number arrives as an i32: every codec function coerces it with `>>> 0`
 * first. An i64 arrives as two words, low then high (see words.ts).
 */
import type { ByteString } from "../abi/byte-string.ts";
import { PATH_MAX } from "../abi/fcntl.ts";
import { S_IFDIR } from "../abi/stat.ts";
import { LOOKUPFLAGS_SYMLINK_FOLLOW, WASI_FUNCTIONS, WASI_NO_RESULT, type WasiFunctionName } from "../abi/wasi.ts";
import { ERRNO_BADF, ERRNO_FAULT, ERRNO_NAMETOOLONG, ERRNO_NOTDIR, ERRNO_SUCCESS } from "../abi/wasi-errno.ts";
import { BLOCKED, type GuestCall, type Outcome } from "../kernel/contracts.ts";
import type { Thread } from "../kernel/process.ts";
import { BENEATH, FOLLOW } from "../vfs/walk.ts";
import { wasiErrno } from "./errno.ts";
import { lackingRight } from "./rights.ts";

type Begin = (thread: Thread, ...args: number[]) => number;
type Finish = (thread: Thread, args: readonly number[], outcome: Outcome) => number;

/** A table entry; parameter and result types are those of the specification. */
export function wasiCall(name: WasiFunctionName, begin: Begin, finish?: Finish): GuestCall {
  const parameters = WASI_FUNCTIONS[name];
  const result = WASI_NO_RESULT.has(name) ? "" : "i";
  return finish === undefined ? { name, parameters, result, begin } : { name, parameters, result, begin, finish };
}

/** Whether a descriptor is open and has the rights a call needs: SUCCESS, BADF, or what lackingRight() says. */
export function checkDescriptor(thread: Thread, fd: number, needed: number): number {
  const descriptor = thread.process.descriptors.get(fd);
  return descriptor === undefined ? ERRNO_BADF : lackingRight(descriptor, needed);
}

/** The same for the descriptor a path starts from, which must be a directory. */
export function checkDirectory(thread: Thread, fd: number, needed: number): number {
  const descriptor = thread.process.descriptors.get(fd);
  if (descriptor === undefined) return ERRNO_BADF;
  if (descriptor.description.file.inode.type !== S_IFDIR) return ERRNO_NOTDIR;
  return lackingRight(descriptor, needed);
}

/** Copy a path in, or the error it has: FAULT, NAMETOOLONG. What is wrong inside it (NUL, emptiness) the walk finds. */
export function pathAt(thread: Thread, address: number, length: number): ByteString | number {
  const { memory } = thread.process;
  if (!memory.contains(address, length)) return ERRNO_FAULT;
  return length >= PATH_MAX ? ERRNO_NAMETOOLONG : memory.byteString(address, length);
}

/** Every path stays beneath its descriptor; links at its end are followed when the guest says so. */
export function walkFlagsOf(lookupFlags: number): number {
  return (lookupFlags & LOOKUPFLAGS_SYMLINK_FOLLOW) !== 0 ? BENEATH | FOLLOW : BENEATH;
}

/** The errno of an outcome that carries no value. BLOCKED and GONE pass through. */
export function plainResult(outcome: Outcome): number {
  return outcome <= BLOCKED ? outcome : wasiErrno(outcome);
}

/** Put a byte count where the guest wants it, and SUCCESS; or the errno. BLOCKED and GONE pass through. */
export function countResult(thread: Thread, address: number, outcome: Outcome): number {
  if (outcome < 0) return plainResult(outcome);
  thread.process.memory.view.setUint32(address, outcome, true);
  return ERRNO_SUCCESS;
}

/** The same for an offset of 64 bits. */
export function offsetResult(thread: Thread, address: number, outcome: Outcome): number {
  if (outcome < 0) return plainResult(outcome);
  thread.process.memory.putU64(address, outcome);
  return ERRNO_SUCCESS;
}
