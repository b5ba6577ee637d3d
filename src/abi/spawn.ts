/**
 * Layer: abi. What libc's posix_spawn hands to __linden_spawn: one description, 48 bytes, little-endian, and its actions.
 * The same offsets stand in libc/overlay/src/process/posix_spawn.c. No logic.
 */

/** Offsets in the description. Pointers and counts are u32, sets of signals 8 bytes. */
export const SPAWN = {
  size: 48,
  /** pointer to the program's path; libc has searched PATH */
  path: 0,
  /** lists of pointers to strings, ended by 0; envp 0 means empty */
  argv: 4,
  envp: 8,
  /** pointer to `count` actions, done in order */
  actions: 12,
  count: 16,
  /** i32, POSIX_SPAWN_ flags below */
  flags: 20,
  /** i32, process group for POSIX_SPAWN_SETPGROUP; 0 means a new one */
  group: 24,
  /** signals set to their default with POSIX_SPAWN_SETSIGDEF */
  defaults: 32,
  /** signal mask of the child with POSIX_SPAWN_SETSIGMASK */
  mask: 40,
} as const;

/** Offsets in an action, all i32 or u32. */
export const SPAWN_ACTION = {
  size: 24,
  command: 0,
  /** the descriptor the action is about */
  fd: 4,
  /** the descriptor that dup2 copies */
  source: 8,
  /** open flags */
  flags: 12,
  mode: 16,
  /** path of open and chdir */
  path: 20,
} as const;

/** musl's numbers of the actions (src/process/fdop.h). A dup2 onto itself clears close-on-exec. */
export const SPAWN_CLOSE = 1;
export const SPAWN_DUP2 = 2;
export const SPAWN_OPEN = 3;
export const SPAWN_CHDIR = 4;
export const SPAWN_FCHDIR = 5;
/** libc refuses more (ENOMEM). */
export const SPAWN_ACTIONS_MAX = 4096;
/** Of these such as follow a path, which may lead through forty links of two thousand parts each (ENOMEM). */
export const SPAWN_PATHS_MAX = 256;

/** spawn.h */
export const POSIX_SPAWN_RESETIDS = 1;
export const POSIX_SPAWN_SETPGROUP = 2;
export const POSIX_SPAWN_SETSIGDEF = 4;
export const POSIX_SPAWN_SETSIGMASK = 8;
/** How the child is made is no question here. */
export const POSIX_SPAWN_USEVFORK = 64;
export const POSIX_SPAWN_SETSID = 128;
