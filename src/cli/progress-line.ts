/** Layer: cli. How far a long build is. It must not know what is built. */
import { isatty } from "node:tty";
import type { Progress } from "../toolchain/index.ts";
import { print } from "./output.ts";

/** Signs between the ends of the bar. */
const BAR = 30;

/** A line with a bar that overwrites itself on a terminal; elsewhere one line a step. Standard error: output may be a program's. */
export function progressLine(): { show: Progress; end: () => void } {
  let last = "";
  let open = false;
  const show: Progress = (text, done) => {
    const line = isatty(2) ? `${text} ${done === undefined ? "…" : bar(done)}` : `${text} …`;
    if (line === last) return;
    last = line;
    open = isatty(2);
    print(2, open ? `\r\x1b[Klinden: ${line}` : `linden: ${line}\n`);
  };
  const end = () => {
    if (open) print(2, "\r\x1b[K");
    open = false;
  };
  return { show, end };
}

/** `done` is one of 0 to 1. */
export function bar(done: number): string {
  const full = Math.round(done * BAR);
  return `[${"#".repeat(full)}${".".repeat(BAR - full)}] ${Math.round(done * 100)} %`;
}
