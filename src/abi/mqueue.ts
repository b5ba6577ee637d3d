/** Layer: abi. POSIX message queues, from include/uapi/linux/mqueue.h, include/linux/ipc_namespace.h and siginfo.h. No logic. */

/** Priorities are below it. */
export const MQ_PRIO_MAX = 32_768;
/** What nobody may exceed: messages of one queue, bytes of one message. */
export const HARD_MSGMAX = 65_536;
export const HARD_MSGSIZEMAX = 16 * 1024 * 1024;
/** What the kernel's own bookkeeping of one message is counted as: struct msg_msg, and a node of its priority. */
export const MESSAGE_OVERHEAD = 48;
export const PRIORITY_OVERHEAD = 48;
/** struct mq_attr: flags, most messages, most bytes, messages now, four reserved; longs of 64 bits. */
export const MQ_ATTR_BYTES = 64;

/**
 * struct sigevent as a program has it: value @0, signal @4, kind @8, because a pointer has four bytes. (The one timer_create
 * takes is WALI's, with eight for the value.)
 */
export const SIGEVENT_BYTES = 64;
export const SIGEV_SIGNAL = 0;
export const SIGEV_NONE = 1;
export const SIGEV_THREAD = 2;
