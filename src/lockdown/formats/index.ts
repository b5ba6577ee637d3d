/** Layer: lockdown, formats. The one loader of policy files: finds out the format, reads, checks. */
import { readFileSync } from "node:fs";
import { errorCode } from "../failure.ts";
import { PolicyError } from "../policy.ts";
import { containerFormat } from "./container.ts";
import type { PolicyFormat, WrittenPolicy } from "./format.ts";
import { lindenFormat } from "./linden.ts";
import type { Machine } from "./machine.ts";
import { minijailFormat } from "./minijail.ts";

export { writeContainerPolicy } from "./container-out.ts";
export type { PolicyFormat, RuleSetUse, WrittenPolicy } from "./format.ts";
export { writeLindenPolicy } from "./linden-out.ts";
export { type Machine, thisMachine } from "./machine.ts";
export { writeMinijailPolicy } from "./minijail-out.ts";
export { NotExpressible, type WrittenText } from "./out.ts";

/** In the order they are asked; the first that recognizes a text reads it. */
const FORMATS: readonly PolicyFormat[] = [containerFormat, lindenFormat, minijailFormat];

/** The largest policy file that is read, in bytes. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Reads a policy file in any format, for this machine unless another is named. Throws PolicyError or LockdownError naming the file and the culprit in it. */
export function loadPolicy(file: string, machine?: Machine): WrittenPolicy {
  let text: string;
  try {
    const bytes = readFileSync(file);
    if (bytes.length > MOST_BYTES) throw new PolicyError(`${file}: larger than ${MOST_BYTES} bytes, no policy is`);
    text = bytes.toString("utf8");
  } catch (error) {
    if (error instanceof PolicyError) throw error;
    throw new PolicyError(`${file}: the policy cannot be read: ${errorCode(error)}`);
  }
  return parsePolicy(text, file, machine);
}

/** The same for a text; `file` is its name in messages. */
export function parsePolicy(text: string, file: string, machine?: Machine): WrittenPolicy {
  let json: unknown;
  let complaint = "";
  try {
    json = JSON.parse(text);
  } catch (error) {
    complaint = error instanceof Error ? error.message : String(error);
  }
  const format = FORMATS.find((each) => each.recognizes(text, json));
  if (format !== undefined) return format.read(text, json, file, machine);
  const names = FORMATS.map(({ name }) => name).join(", ");
  throw new PolicyError(`${file}: no policy format known here (${names})${complaint === "" ? "" : `: ${complaint}`}`);
}
