/** Layer: abi. epoll(7), eventfd(2), timerfd_create(2), signalfd(2), from include/uapi/linux/{eventpoll,eventfd,timerfd}.h. No logic. */

export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

export const EPOLLRDHUP = 0x2000;
export const EPOLLEXCLUSIVE = 1 << 28;
export const EPOLLWAKEUP = 1 << 29;
export const EPOLLONESHOT = 1 << 30;
/** Unsigned. */
export const EPOLLET = 0x8000_0000;
/** include/linux/eventpoll.h: epolls below epolls. */
export const EP_MAX_NESTS = 4;

export const EFD_SEMAPHORE = 1;

export const TFD_TIMER_ABSTIME = 1;
export const TFD_TIMER_CANCEL_ON_SET = 2;
