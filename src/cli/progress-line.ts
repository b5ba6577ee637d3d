/** Layer: cli. How far a long build is. It must not know what is built. */
import { isatty } from "node:tty";
import type { Progress } from "../toolchain/index.ts";
import { print } from "./output.ts";

/** A line that overwrites itself on a terminal; elsewhere one line a step. Standard error: output may be a program's. */
export function progressLine(): { show: Progress; end: () => void } {
  let last = "";
  let open = false;
  const show: Progress = (text, done) => {
    const percent = done === undefined ? "" : ` ${Math.round(done * 100)} %`;
    if (isatty(2)) {
      print(2, `\r\x1b[Klinden: ${text}${percent} …`);
      open = true;
    } else if (text !== last) print(2, `linden: ${text} …\n`);
    last = text;
  };
  return { show, end: () => open && print(2, "\r\x1b[K") };
}
