/** Layer: abi. ioctl(2) requests, from include/uapi/asm-generic/ioctls.h, and termios, from asm-generic/termbits.h. No logic. */

export const TCGETS = 0x5401;
export const TCSETS = 0x5402;
export const TCSETSW = 0x5403;
export const TCSETSF = 0x5404;
export const TCSBRK = 0x5409;
export const TCXONC = 0x540a;
export const TCFLSH = 0x540b;
export const TIOCSCTTY = 0x540e;
export const TIOCGPGRP = 0x540f;
export const TIOCSPGRP = 0x5410;
export const TIOCOUTQ = 0x5411;
export const TIOCGWINSZ = 0x5413;
export const TIOCSWINSZ = 0x5414;
export const TIOCNOTTY = 0x5422;
export const TIOCGETD = 0x5424;
export const TIOCGSID = 0x5429;
/** Of the master of a pair. */
export const TIOCPKT = 0x5420;
export const TIOCGPTPEER = 0x5441;
export const TIOCGPTN = 0x8004_5430;
export const TIOCSPTLCK = 0x4004_5431;
export const TIOCSIG = 0x4004_5436;
export const TIOCGPKT = 0x8004_5438;
export const TIOCGPTLCK = 0x8004_5439;
export const FIONREAD = 0x541b;
export const FIONBIO = 0x5421;
export const FIONCLEX = 0x5450;
export const FIOCLEX = 0x5451;

/** The kernel's struct termios: four flag words, a line discipline, 19 control characters. */
export const TERMIOS_BYTES = 36;
/** A terminal as drivers/tty/tty_io.c sets it up: c_iflag, c_oflag, c_cflag, c_lflag. */
export const INITIAL_TERMIOS: readonly number[] = [0o2400, 0o5, 0o277, 0o105073];
/** VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL, VREPRINT, VDISCARD, VWERASE, VLNEXT, VEOL2. */
export const INITIAL_CHARACTERS: readonly number[] = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0];
/** Of a terminal nobody has measured. */
export const ROWS = 24;
export const COLUMNS = 80;
