/**
 * Layer: cli. Where Linden's own words are printed: standard error, one line each, nothing raw from outside in them; and the
 * exit status that goes with an error.
 */
import { writeSync } from "node:fs";
import { escapeText } from "../sandbox/text.ts";

/** A message for the person at the shell; control characters are escaped, but newlines of our own texts stay. */
export function say(message: string): void {
  print(2, `linden: ${escapeText(message, 4000)}\n`);
}

/**
 * Text of our own making, as it is. Throws OutputLost where it is an answer that cannot be written; a reader that left wants no
 * more of it.
 */
export function print(descriptor: 1 | 2, text: string | Uint8Array): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EAGAIN") continue;
      if (descriptor === 2 || code === "EPIPE") return;
      throw new OutputLost(String(code));
    }
  }
}

/** What was asked for cannot be written: a full disk, say. */
export class OutputLost extends Error {
  override readonly name = "OutputLost";

  constructor(code: string, file?: string) {
    super(`${file === undefined ? "output" : `${file}:`} cannot be written (${code})`);
  }
}

/** The exit status an error stands for. */
export function statusOf(error: unknown): number {
  return error instanceof Error && "exitCode" in error && typeof error.exitCode === "number" ? error.exitCode : 125;
}
