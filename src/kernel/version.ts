/** Layer: kernel. What uname(2) and /proc tell of the kernel itself. No logic. */

export const SYSNAME = "Linux";
/** The Linux whose calls these are, as programs compare versions. */
export const RELEASE = "6.12.0-linden";
export const VERSION = "#1 Linden";
export const MACHINE = "wasm32";
