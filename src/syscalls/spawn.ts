/**
 * Layer: syscalls. __linden_spawn: posix_spawn(3) as one call, from the description libc writes (abi/spawn.ts).
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EFAULT, EINVAL, ENOMEM } from "../abi/errno.ts";
import * as layout from "../abi/spawn.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { type FileAction, type SpawnRequest, spawnProgram } from "../kernel/operations/exec.ts";
import type { Process, Thread } from "../kernel/process.ts";
import { pathAt, signalSetAt } from "./call.ts";
import { stringsAt } from "./children.ts";

const { SPAWN, SPAWN_ACTION } = layout;
const FLAGS =
  layout.POSIX_SPAWN_RESETIDS |
  layout.POSIX_SPAWN_SETPGROUP |
  layout.POSIX_SPAWN_SETSIGDEF |
  layout.POSIX_SPAWN_SETSIGMASK |
  layout.POSIX_SPAWN_USEVFORK |
  layout.POSIX_SPAWN_SETSID;

export function linden_spawn(thread: Thread, descriptionAt: number): Outcome {
  const { process } = thread;
  const { memory } = process;
  const at = descriptionAt >>> 0;
  if (!memory.contains(at, SPAWN.size)) return -EFAULT;
  const { view } = memory;
  const word = (offset: number): number => view.getUint32(at + offset, true);
  const flags = word(SPAWN.flags);
  const group = view.getInt32(at + SPAWN.group, true);
  if ((flags & ~FLAGS) !== 0) return -EINVAL;
  const path = pathAt(process, word(SPAWN.path));
  if (typeof path === "number") return path;
  const argv = stringsAt(process, word(SPAWN.argv));
  if (typeof argv === "number") return argv;
  const env = stringsAt(process, word(SPAWN.envp));
  if (typeof env === "number") return env;
  const actions = actionsAt(process, word(SPAWN.actions), word(SPAWN.count));
  if (typeof actions === "number") return actions;
  const request: SpawnRequest = {
    path,
    argv: argv.length === 0 ? ["" as ByteString] : argv,
    env,
    actions,
    realIds: (flags & layout.POSIX_SPAWN_RESETIDS) !== 0,
    session: (flags & layout.POSIX_SPAWN_SETSID) !== 0,
    ...((flags & layout.POSIX_SPAWN_SETPGROUP) === 0 ? {} : { group }),
    ...((flags & layout.POSIX_SPAWN_SETSIGMASK) === 0 ? {} : { mask: signalSetAt(process, at + SPAWN.mask) }),
    ...((flags & layout.POSIX_SPAWN_SETSIGDEF) === 0 ? {} : { defaults: signalSetAt(process, at + SPAWN.defaults) }),
  };
  return spawnProgram(thread, request);
}

function actionsAt(process: Process, from: number, count: number): FileAction[] | number {
  const { memory } = process;
  if (count > layout.SPAWN_ACTIONS_MAX) return -ENOMEM;
  if (!memory.contains(from, count * SPAWN_ACTION.size)) return -EFAULT;
  const actions: FileAction[] = [];
  let paths = 0;
  for (let i = 0; i < count; i++) {
    const action = actionAt(process, from + i * SPAWN_ACTION.size);
    if (typeof action === "number") return action;
    if ("path" in action) paths += 1;
    // All are done in this one call: nothing else has its turn meanwhile.
    if (paths > layout.SPAWN_PATHS_MAX) return -ENOMEM;
    actions.push(action);
  }
  return actions;
}

function actionAt(process: Process, at: number): FileAction | number {
  const { view } = process.memory;
  const field = (offset: number): number => view.getInt32(at + offset, true);
  const fd = field(SPAWN_ACTION.fd);
  switch (field(SPAWN_ACTION.command)) {
    case layout.SPAWN_CLOSE:
      return { kind: "close", fd };
    case layout.SPAWN_DUP2:
      return { kind: "dup2", from: field(SPAWN_ACTION.source), to: fd };
    case layout.SPAWN_OPEN: {
      const path = pathAt(process, field(SPAWN_ACTION.path));
      if (typeof path === "number") return path;
      const flags = field(SPAWN_ACTION.flags);
      return { kind: "open", fd, path, flags, mode: field(SPAWN_ACTION.mode) & 0o7777 };
    }
    case layout.SPAWN_CHDIR: {
      const path = pathAt(process, field(SPAWN_ACTION.path));
      return typeof path === "number" ? path : { kind: "chdir", path };
    }
    case layout.SPAWN_FCHDIR:
      return { kind: "fchdir", fd };
    default:
      return -EINVAL;
  }
}
