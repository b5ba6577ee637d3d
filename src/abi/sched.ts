/** Layer: abi. Scheduling: numbers of include/uapi/linux/sched.h, and of sched(7). */
export const SCHED_OTHER = 0;
export const SCHED_FIFO = 1;
export const SCHED_RR = 2;
export const SCHED_BATCH = 3;
export const SCHED_IDLE = 5;
export const SCHED_DEADLINE = 6;
/** The highest real-time priority; 1 is the lowest. */
export const MOST_PRIORITY = 99;
/** Bytes of a cpu_set_t: of longer ones no more is looked at. */
export const CPU_SET_BYTES = 128;
