/**
 * Layer: fileserver. The process's work, from its assignment to the end of its line. It must not know how the process was
 * started or how it locks itself.
 */
import { writeSync } from "node:fs";
import hostExecution from "../../policies/host-execution.json" with { type: "json" };
import type { ByteString } from "../abi/byte-string.ts";
import type { AssignedDirectory } from "../lockdown/launch/launch-arguments.ts";
import { Attributes } from "./attributes.ts";
import { ExecutionGuard, type GuardRule } from "./guard.ts";
import { ServerLine } from "./line.ts";
import { ServedDirectory } from "./served-directory.ts";
import { Service } from "./service.ts";

const RULES: readonly GuardRule[] = hostExecution.rules;

/** Serve until the cell is gone; `lock` is called when everything is open. Throws LineViolation. */
export function serveDirectories(directories: readonly AssignedDirectory[], socket: number, lock: () => void): void {
  const served = directories.map(({ descriptor, readOnly, path, allow }) => {
    const above = (path ?? "").split("/").filter((name) => name !== "");
    return new ServedDirectory(descriptor, readOnly, new ExecutionGuard(RULES, new Set(allow), above), tell);
  });
  // Modes are what the guest's kernel made of them with its own umask.
  process.umask(0);
  const attributes = new Attributes({
    uid: process.geteuid?.() ?? 0,
    groups: new Set([process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])]),
  });
  const line = new ServerLine(socket);
  lock();
  new Service(served, attributes, line).run();
}

const told = new Set<string>();

/** Once a rule, so that a guest cannot flood its user. Names are escaped: they are the guest's. */
function tell(rule: string, path: ByteString): void {
  if (told.has(rule)) return;
  told.add(rule);
  const name = path.replace(/[^\x20-\x7e]|\\/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
  const text = `linden: the file server refused to change ${name}: the host may execute it (rule ${rule}; allow it by that name)\n`;
  try {
    writeSync(2, text);
  } catch {
    // Nobody reads it: the refusal stands all the same.
  }
}
