/**
 * Layer: kernel, operations. Descriptors of events: eventfd(2), timerfd_create(2), signalfd(2), epoll(7). It must not know
 * encodings. Flags are O_CLOEXEC and O_NONBLOCK, which EFD_, TFD_, SFD_ and EPOLL_ stand for.
 */
import { CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_REALTIME } from "../../abi/clock.ts";
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } from "../../abi/epoll.ts";
import { EBADF, EINVAL, EPERM } from "../../abi/errno.ts";
import { O_CLOEXEC, O_NONBLOCK, O_PATH, O_RDWR } from "../../abi/fcntl.ts";
import type { OpenFile } from "../../vfs/contracts.ts";
import { attemptEpoll } from "../continuation.ts";
import { BLOCKED, type Outcome } from "../contracts.ts";
import { OpenDescription } from "../descriptors.ts";
import { CounterFile } from "../events/counter-file.ts";
import { type EpollEvent, EpollFile } from "../events/epoll-file.ts";
import { SignalFile } from "../events/signal-file.ts";
import { TimerFile } from "../events/timer-file.ts";
import { type PendingEpoll, parked } from "../pending.ts";
import type { Thread } from "../process.ts";
import type { SignalSet } from "../signal-set.ts";

function install(thread: Thread, file: OpenFile, flags: number): Outcome {
  const { descriptors } = thread.process;
  const description = new OpenDescription(file, undefined, O_RDWR | (flags & O_NONBLOCK));
  if (file instanceof EpollFile) file.descriptions.push(description);
  return descriptors.install(description, (flags & O_CLOEXEC) !== 0);
}

const FLAGS = O_CLOEXEC | O_NONBLOCK;

/** eventfd(2): the descriptor. -EINVAL, -EMFILE. */
export function openCounter(thread: Thread, value: number, flags: number, semaphore: boolean): Outcome {
  if ((flags & ~FLAGS) !== 0) return -EINVAL;
  return install(thread, new CounterFile(thread.process.kernel, BigInt(value), semaphore), flags);
}

/** timerfd_create(2): the descriptor. -EINVAL, -EMFILE. */
export function openTimer(thread: Thread, clock: number, flags: number): Outcome {
  const known = clock === CLOCK_REALTIME || clock === CLOCK_MONOTONIC || clock === CLOCK_BOOTTIME;
  if ((flags & ~FLAGS) !== 0 || !known) return -EINVAL;
  return install(thread, new TimerFile(thread.process.kernel, clock), flags);
}

/** The timer behind a descriptor. -EBADF, -EINVAL. */
export function timerAt(thread: Thread, fd: number): TimerFile | number {
  const file = thread.process.descriptors.get(fd)?.description.file;
  if (file === undefined) return -EBADF;
  return file instanceof TimerFile ? file : -EINVAL;
}

/** signalfd(2): a new descriptor with -1, else that one gets the mask. -EBADF, -EINVAL, -EMFILE. */
export function openSignals(thread: Thread, fd: number, mask: SignalSet, flags: number): Outcome {
  const { descriptors, kernel } = thread.process;
  if ((flags & ~FLAGS) !== 0) return -EINVAL;
  if (fd === -1) return install(thread, new SignalFile(kernel, mask), flags);
  const file = descriptors.get(fd)?.description.file;
  if (file === undefined) return -EBADF;
  if (!(file instanceof SignalFile)) return -EINVAL;
  file.mask = mask;
  file.waiters.wakeAll();
  return fd;
}

/** epoll_create1(2): the descriptor. -EINVAL, -EMFILE. */
export function openEpoll(thread: Thread, flags: number): Outcome {
  if ((flags & ~O_CLOEXEC) !== 0) return -EINVAL;
  return install(thread, new EpollFile(thread.process.kernel), flags);
}

function isPath({ flags }: OpenDescription): boolean {
  return (flags & O_PATH) !== 0;
}

/** epoll_ctl(2). -EBADF (also one of O_PATH), -EINVAL, -EPERM, -EEXIST, -ENOENT, -ELOOP, -ENOSPC. */
export function controlEpoll(
  thread: Thread,
  epollFd: number,
  operation: number,
  fd: number,
  event: EpollEvent,
): Outcome {
  const { process } = thread;
  const own = process.descriptors.get(epollFd)?.description;
  const description = process.descriptors.get(fd)?.description;
  if (own === undefined || description === undefined || isPath(own) || isPath(description)) return -EBADF;
  if (description.file.waiters === undefined) return -EPERM;
  const { file } = own;
  if (!(file instanceof EpollFile) || own === description) return -EINVAL;
  switch (operation) {
    case EPOLL_CTL_ADD:
      return file.add(description, fd, event, process);
    case EPOLL_CTL_MOD:
      return file.modify(description, fd, event);
    case EPOLL_CTL_DEL:
      return file.remove(description, fd);
    default:
      return -EINVAL;
  }
}

/**
 * epoll_wait(2): how many events, which then stand in `thread.events`; 0 when the deadline (monotonic nanoseconds) passed. Parks.
 * -EBADF, -EINVAL, -EINTR.
 */
export function waitEpoll(thread: Thread, fd: number, most: number, deadlineNs: number): Outcome {
  const { descriptors, kernel } = thread.process;
  const description = descriptors.get(fd)?.description;
  if (description === undefined) return -EBADF;
  const { file } = description;
  if (!(file instanceof EpollFile) || most <= 0) return -EINVAL;
  const pending: PendingEpoll = { ...parked(thread, deadlineNs), kind: "epoll", description, epoll: file, most };
  const outcome = attemptEpoll(pending);
  if (outcome !== BLOCKED) return outcome;
  if (!(deadlineNs > kernel.host.clock.monotonicNs())) return 0;
  description.acquire();
  return kernel.scheduler.park(pending);
}
