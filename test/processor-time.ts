/** What work costs, for tests that bound it: a busy machine makes a wall clock run on, and not this. */

/** Milliseconds of processor time that this thread has used (getrusage(2), RUSAGE_THREAD). */
export function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
