/**
 * Layer: lockdown, learn. Main of the watcher of a locked program: takes the filter's listener, and from then on tells every call
 * that the filter does not allow, and refuses it. It never lets one go on. It must not know the policy.
 *
 * Descriptor 3 is the channel to the program, 2 where lines go.
 */
import { spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { fixedBytes } from "../../host/calls.unsafe.ts";
import { type Received, receiveWithDescriptor } from "../../host/descriptor-passing.unsafe.ts";
import { WATCHING } from "../../host/notifications.unsafe.ts";
import { exitNow } from "../../host/process.unsafe.ts";
import { DETACHED, ORDER_BYTES, type WatchOrder } from "../context/watch-order.ts";
import { Audit, findingText } from "./audit.ts";
import { hearAll } from "./hearing.ts";

const CHANNEL = 3;
const LOG = 2;
/** A program's text in a line of ours: no control character of it reaches a terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (each) => `\\u{${(each.codePointAt(0) ?? 0).toString(16)}}`);
}

function line(text: string): void {
  try {
    writeSync(LOG, `${printable(text)}\n`);
  } catch {
    // A log that cannot be written holds nobody up.
  }
}

/** Starts another watcher over the same descriptors, which is nobody's child when this one has ended. */
function startAnother(): void {
  const argv = ["--disable-warning=ExperimentalWarning", process.argv[1] ?? ""];
  spawn(process.execPath, argv, { detached: true, env: {}, stdio: ["ignore", "ignore", LOG, CHANNEL] }).unref();
}

async function main(): Promise<void> {
  if (process.argv[2] === DETACHED) return startAnother();
  // The person's keys are for the program; the watcher ends when nothing is left to watch.
  for (const signal of ["SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"] as const) process.on(signal, () => {});

  const own = new Uint8Array(4);
  new DataView(own.buffer).setUint32(0, process.pid, true);
  writeSync(CHANNEL, own);

  const bytes = fixedBytes(ORDER_BYTES);
  const received: Received = { count: 0, descriptor: -1 };
  receiveWithDescriptor(CHANNEL, bytes, received);
  // The program thought better of it, or is gone.
  if (received.count <= 0 || received.descriptor < 0) exitNow(0);
  // The program is not locked against us yet: its own side made this text.
  const order = JSON.parse(Buffer.from(bytes.subarray(0, received.count)).toString("utf8")) as WatchOrder;

  const policy = {
    about: "what the filter leaves over",
    fallback: { kind: "errno", errno: order.errno } as const,
    rules: [],
  };
  const audit = new Audit(
    { policy, from: undefined, files: [] },
    {
      refuse: true,
      inForce: order.ruleSets,
      tell: (finding) => line(`linden: refused: ${findingText(finding)}`),
    },
  );
  let signed = false;
  await hearAll(received.descriptor, {
    signed: () => {
      signed = true;
      return WATCHING;
    },
    // What is refused before the program has closed its side of the listener is refused in silence.
    heard: (call) => {
      try {
        if (signed) audit.heard(call);
      } catch (error) {
        line(`linden: refused: ${call.syscall}, of which nothing more can be told: ${String(error)}`);
      }
      return { errno: order.errno };
    },
  });
  if (audit.refusals > 0) line(`linden: ${audit.refusals} calls were refused in all`);
  exitNow(0);
}

// A watcher that fails ends; then what the filter does not allow is refused with ENOSYS.
void main().catch(() => exitNow(1));
