/** Layer: host. The three Landlock calls (landlock(7)). It must not know which files a process should see. */
import { fixedBytes, namedCall } from "./calls.unsafe.ts";

/** From include/uapi/linux/landlock.h. */
const LANDLOCK_CREATE_RULESET_VERSION = 1;
const LANDLOCK_RULE_PATH_BENEATH = 1;
const LANDLOCK_RULE_NET_PORT = 2;
const LANDLOCK_RESTRICT_SELF_TSYNC = 1 << 3;

/** The kernel's Landlock ABI version, or -errno: -ENOSYS not built in, -EOPNOTSUPP disabled at boot. */
export function landlockVersion(): number {
  // SAFETY: with the VERSION flag the kernel takes no structure (null, 0) and answers a number. Audited 2026-11-21.
  return namedCall("landlock_create_ruleset", null, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/** Makes a ruleset that handles (denies unless allowed) these accesses and scopes. A descriptor (close-on-exec), or -errno. */
export function createRuleset(
  version: number,
  handled: { readonly files: number; readonly network: number; readonly scopes: number },
): number {
  // The structure grew with the ABI; an old kernel takes a longer one only if the rest is 0, so send what it knows.
  const size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  const attribute = fixedBytes(24);
  const words = new DataView(attribute.buffer);
  words.setBigUint64(0, BigInt(handled.files), true);
  words.setBigUint64(8, BigInt(handled.network), true);
  words.setBigUint64(16, BigInt(handled.scopes), true);
  // SAFETY: reads `size` (at most 24) bytes of `attribute`, live here; keeps no address. -errno: no descriptor.
  // Audited 2026-11-21.
  return namedCall("landlock_create_ruleset", attribute, size, 0);
}

/** Allows accesses to a file, or beneath a directory, named by a descriptor (O_PATH is enough). 0 or -errno. */
export function allowBeneath(ruleset: number, accesses: number, descriptor: number): number {
  const rule = fixedBytes(12);
  const words = new DataView(rule.buffer);
  words.setBigUint64(0, BigInt(accesses), true);
  words.setInt32(8, descriptor, true);
  // SAFETY: reads a packed struct landlock_path_beneath_attr (u64, s32: 12 bytes, live here); the kernel takes its own
  // reference to the inode. -EINVAL: an access the ruleset does not handle, or one for directories on a file.
  // Audited 2026-11-21.
  return namedCall("landlock_add_rule", ruleset, LANDLOCK_RULE_PATH_BENEATH, rule, 0);
}

/** Allows accesses to a TCP port (ABI 4). 0 or -errno. */
export function allowPort(ruleset: number, accesses: number, port: number): number {
  const rule = fixedBytes(16);
  const words = new DataView(rule.buffer);
  words.setBigUint64(0, BigInt(accesses), true);
  words.setBigUint64(8, BigInt(port), true);
  // SAFETY: reads a struct landlock_net_port_attr (two u64: 16 bytes, live here) and keeps no address. -EINVAL: an access
  // the ruleset does not handle; -EAFNOSUPPORT: a kernel without TCP. Audited 2026-11-21.
  return namedCall("landlock_add_rule", ruleset, LANDLOCK_RULE_NET_PORT, rule, 0);
}

/**
 * Restricts the calling thread, and what it spawns, for ever; with `everyThread` (ABI 8) all of the process. Needs
 * no_new_privs. 0 or -errno.
 */
export function restrictSelf(ruleset: number, everyThread = false): number {
  // SAFETY: words by value. Without the flag the calling thread only: its siblings stay as they are. -EINVAL: a kernel
  // that does not know the flag. -errno: nothing restricted. Audited 2026-11-21.
  return namedCall("landlock_restrict_self", ruleset, everyThread ? LANDLOCK_RESTRICT_SELF_TSYNC : 0);
}
