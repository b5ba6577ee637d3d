/**
 * Layer: kernel. What tcsetattr(3) sets: four flag words and the special characters. Plain data. It must not know what
 * the flags do.
 */
import { INITIAL_CHARACTERS, INITIAL_TERMIOS } from "../abi/ioctl.ts";
import { IUTF8, NCCS } from "../abi/termios.ts";

export class TerminalSettings {
  /** c_iflag, c_oflag, c_cflag, c_lflag, unsigned. */
  input: number;
  output: number;
  control: number;
  local: number;
  /** c_cc; 0 switches a character off (_POSIX_VDISABLE). */
  readonly characters = new Uint8Array(NCCS);

  /** As Linux sets a terminal up, and IUTF8 as terminal emulators do. */
  constructor() {
    const [input = 0, output = 0, control = 0, local = 0] = INITIAL_TERMIOS;
    this.input = input | IUTF8;
    this.output = output;
    this.control = control;
    this.local = local;
    this.characters.set(INITIAL_CHARACTERS);
  }

  /** Whether a byte is the special character of this index. */
  is(byte: number, index: number): boolean {
    return byte !== 0 && this.characters[index] === byte;
  }
}
