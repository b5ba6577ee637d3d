/**
 * Layer: sandbox. What listeners and callbacks of the caller throw while they are handed something of a cell's. It must not know streams.
 */

/**
 * Call what may reach code of the caller's. What that throws is told as of any stream of Node's, as an uncaught exception of the
 * caller's process: thrown here, amid the cell's frames, it would pass for the cell's fault and keep what follows from being done.
 * Whether nothing was thrown.
 */
export function handing(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
    return false;
  }
}
