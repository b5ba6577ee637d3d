/**
 * Layer: lockdown, launch. V8's flags in a locked process. Imported before Node's
 * own modules: from here on they load at full speed, until `settleEngineFlags`. It must not know what the process does.
 *
 * V8 takes compiled code from a cache only where the flags are the same, and Node ships such a cache of its own modules,
 * made without flags. A flag of ours makes every module compile anew. So on the command line stands only what counts when
 * the engine makes its context (docs/decisions/0007-flags-at-run-time.md).
 */
import { setEngineFlags } from "../../host/engine-flags.unsafe.ts";
import { RLIM_INFINITY, RLIMIT, resourceLimit } from "../../host/process.unsafe.ts";
import { LockFailed } from "../failure.ts";

/** No code from strings. The context keeps what it was made under, so this flag must be there from the start. */
export const NO_CODE_FROM_STRINGS = "--disallow-code-generation-from-strings";

/** KiB of stack the engine may use at most on each JSPI stack (reserved, resident when touched), and on the main one. */
const STACK_KIB = 7168;
/** KiB of the host's stack limit left for the engine's own frames beyond JavaScript's limit. */
const STACK_HEADROOM_KIB = 768;

/**
 * Bytes of bytecode V8 inlines into one function at most, instead of 920: a guest's call goes through ten small ones, and stat(2)
 * takes 15 % less time when they are compiled as one.
 */
const INLINED_BYTES = 3000;

/**
 * Calls of a function before V8 begins to note what it sees there, instead of 8. A short program calls most of the kernel's
 * functions once or twice: seven more of them would run without a single inlined cache, and compiled that much later.
 */
const CALLS_UNSEEN = 1;

setEngineFlags([NO_CODE_FROM_STRINGS.replace("--", "--no-")]);
/** Asked for now: a locked process may not ask. */
const stack = stackKiB();

/** When every module is loaded and nothing has been suspended, before or after the lock. Throws LockFailed. */
export function settleEngineFlags(): void {
  setEngineFlags([
    NO_CODE_FROM_STRINGS,
    // Both sizes, or the smaller one rules.
    `--stack-size=${stack}`,
    `--wasm-stack-switching-stack-size=${stack}`,
    `--max-inlined-bytecode-size-cumulative=${INLINED_BYTES}`,
    `--invocation-count-for-feedback-allocation=${CALLS_UNSEEN}`,
  ]);
  if (makesCode()) throw new LockFailed("code from strings", "the engine still makes code from strings");
}

function stackKiB(): number {
  const limit = resourceLimit(RLIMIT.STACK);
  if (typeof limit === "number" || limit.soft === RLIM_INFINITY) return STACK_KIB;
  return Math.max(Math.min(STACK_KIB, Number(limit.soft / 1024n) - STACK_HEADROOM_KIB), 256);
}

function makesCode(): boolean {
  try {
    return typeof new Function("") === "function";
  } catch {
    return false;
  }
}
