/**
 * Layer: lockdown. The program's side of a log of refused calls: a watcher process is started before the lock and handed the
 * filter's listener; from then on every call the filter does not allow waits for it to be told and refused. It must not know
 * what the watcher writes.
 */
import { type StdioOptions, spawnSync } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { fixedBytes } from "../../host/calls.unsafe.ts";
import { sendWithDescriptor } from "../../host/descriptor-passing.unsafe.ts";
import { socketPair } from "../../host/descriptors.unsafe.ts";
import { allowTracer, installListener, signHere, WATCHING } from "../../host/notifications.unsafe.ts";
import { errnoName, errorCode } from "../failure.ts";
import type { Policy, Rule } from "../policy.ts";
import { LockdownError } from "./errors.ts";
import { DETACHED, ORDER_BYTES, type WatchOrder } from "./watch-order.ts";

/** Where refused calls are told: true for standard error, or a file that lines are added to. */
export type RefusalLog = true | string;

/** Detaches the watcher, so that its end is nobody's business here: waiting for a child may be refused by then. */
const DETACH = '"$@" &';
/** A number, as the watcher says its own. */
const PID_BYTES = 4;
const STDERR = 2;
const INT = 0xffffffffn;

export class Watcher {
  /** The watcher's process. */
  readonly pid: number;
  #channel: number | undefined;
  readonly #order: Uint8Array<ArrayBuffer>;

  private constructor(pid: number, channel: number, order: Uint8Array<ArrayBuffer>) {
    this.pid = pid;
    this.#channel = channel;
    this.#order = order;
  }

  /** Starts one and waits until it is there. Throws LockdownError; nothing is locked yet. */
  static start(log: RefusalLog, policy: Policy, ruleSets: readonly string[]): Watcher {
    if (policy.fallback.kind !== "errno") {
      throw new LockdownError(
        `log: only a context that answers an errno can tell what it refuses, not "${policy.fallback.kind}"`,
      );
    }
    if (policy.rules.some(({ syscall, conditions }) => syscall === "prctl" && conditions.length === 0)) {
      throw new LockdownError('log: a rule allows "prctl" always, by which the watcher is asked whether it is there');
    }
    const order: WatchOrder = { errno: policy.fallback.errno, ruleSets };
    const text = Buffer.from(JSON.stringify(order));
    if (text.length > ORDER_BYTES) throw new LockdownError("log: the names of the rule sets are too long");
    const bytes = fixedBytes(text.length);
    bytes.set(text);
    const output = log === true ? STDERR : openLog(log);
    const pair = socketPair();
    if (typeof pair === "number") throw new LockdownError(`log: socketpair: ${errnoName(pair)}`);
    try {
      detach(["ignore", "ignore", output, pair.second]);
    } catch (error) {
      closeSync(pair.first);
      throw error;
    } finally {
      closeSync(pair.second);
      if (output !== STDERR) closeSync(output);
    }
    const said = new Uint8Array(PID_BYTES);
    if (readSync(pair.first, said) !== PID_BYTES) {
      closeSync(pair.first);
      throw new LockdownError("log: the watcher ended before it was told anything");
    }
    const pid = new DataView(said.buffer).getUint32(0, true);
    // Where the kernel guards against tracers (Yama), it may read the texts that refused calls name; elsewhere it may anyway.
    allowTracer(pid);
    return new Watcher(pid, pair.first, bytes);
  }

  /** The policy with the one call by which the listener is handed over. */
  admitted(policy: Policy): Policy {
    const rule: Rule = {
      syscall: "sendmsg",
      why: "hands the filter's listener to the watcher",
      conditions: [{ argument: 0, mask: INT, values: [BigInt(this.#channel ?? 0)] }],
      action: { kind: "allow" },
    };
    return { ...policy, rules: [rule, ...policy.rules] };
  }

  /**
   * Installs the filter and hands its listener over. 0; or -errno: of the installation, and then nothing is in force, or of
   * the handing over (told in `handed`): then what the filter does not allow is refused with ENOSYS.
   */
  install(
    program: Uint8Array<ArrayBuffer>,
    everyThread: boolean,
  ): { readonly installed: number; readonly handed: number } {
    const channel = this.#channel;
    if (channel === undefined) throw new Error("a watcher watches once");
    const listener = installListener(program, everyThread);
    if (listener < 0) return { installed: listener, handed: 0 };
    const sent = sendWithDescriptor(channel, this.#order, listener);
    // From here on the watcher alone can say that a call may be made, and it never does. While this process held the
    // listener, whoever breaks in could allow calls to himself.
    closeSync(listener);
    closeSync(channel);
    this.#channel = undefined;
    if (sent !== this.#order.length) return { installed: 0, handed: sent < 0 ? sent : -EIO };
    return { installed: 0, handed: signHere() === WATCHING ? 0 : -ENOSYS };
  }

  /** Ends it, where nothing was installed. */
  dismiss(): void {
    if (this.#channel !== undefined) closeSync(this.#channel);
    this.#channel = undefined;
  }
}
/** include/uapi/asm-generic/errno-base.h, errno.h */
const EIO = 5;
const ENOSYS = 38;

/**
 * Starts the watcher so that it is nobody's child here. Nothing of this process's options or environment goes with it: it is no
 * part of the program. Where there is no shell, or Landlock keeps it from us, the engine itself does what the shell does.
 */
function detach(stdio: StdioOptions): void {
  const watcher = [process.execPath, "--disable-warning=ExperimentalWarning", watcherFile()] as const;
  const [engine, ...argv] = watcher;
  let { status, error } = spawnSync("/bin/sh", ["-c", DETACH, "linden-watcher", ...watcher], { stdio, env: {} });
  if (error !== undefined) ({ status, error } = spawnSync(engine, [...argv, DETACHED], { stdio, env: {} }));
  if (status !== 0)
    throw new LockdownError(`log: the watcher cannot be started: ${error?.message ?? `status ${status}`}`);
}

function openLog(file: string): number {
  try {
    return openSync(file, "a", 0o600);
  } catch (error) {
    throw new LockdownError(`log: ${file} cannot be written: ${errorCode(error)}`);
  }
}

/** The watcher's main stands beside the library, as source and as a bundle. */
function watcherFile(): string {
  const isSource = import.meta.filename.endsWith(".ts");
  return join(import.meta.dirname, isSource ? "../learn/watcher.ts" : "lockdown-watcher.cjs");
}
