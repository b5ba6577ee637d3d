/**
 * Layer: kernel, operations. inotify_init1(2), inotify_add_watch(2), inotify_rm_watch(2). It must not know encodings.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EBADF, EINVAL, EMFILE, ENOTDIR, ENXIO } from "../../abi/errno.ts";
import { O_NONBLOCK, O_RDONLY, R_OK } from "../../abi/fcntl.ts";
import {
  IN_ALL_EVENTS,
  IN_DONT_FOLLOW,
  IN_EXCL_UNLINK,
  IN_MASK_ADD,
  IN_MASK_CREATE,
  IN_ONESHOT,
  IN_ONLYDIR,
} from "../../abi/inotify.ts";
import { S_IFDIR } from "../../abi/stat.ts";
import { mayAccess } from "../../vfs/permissions.ts";
import { FOLLOW, walk } from "../../vfs/walk.ts";
import type { Outcome } from "../contracts.ts";
import { OpenDescription } from "../descriptors.ts";
import { InotifyFile } from "../inotify.ts";
import type { Thread } from "../process.ts";

const KNOWN = IN_ALL_EVENTS | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ONESHOT;

/** A new instance's descriptor. -EMFILE. */
export function makeInotify(thread: Thread, nonBlocking: boolean, closeOnExec: boolean): Outcome {
  const { kernel, descriptors } = thread.process;
  if (descriptors.vacancy() < 0) return -EMFILE;
  const flags = O_RDONLY | (nonBlocking ? O_NONBLOCK : 0);
  return descriptors.install(new OpenDescription(new InotifyFile(kernel), undefined, flags), closeOnExec);
}

/** The watch's number. -EBADF, -EINVAL, -EACCES (no leave to read it), -ENOTDIR, -ENOSPC, -EEXIST, -ENXIO (a pipe), what the walk answers. */
export function addWatch(thread: Thread, fd: number, path: ByteString, mask: number): Outcome {
  const { process } = thread;
  if ((mask & KNOWN) === 0 || (mask & ~KNOWN) !== 0) return -EINVAL;
  if ((mask & IN_MASK_ADD) !== 0 && (mask & IN_MASK_CREATE) !== 0) return -EINVAL;
  const instance = instanceAt(thread, fd);
  if (typeof instance === "number") return instance;
  const place = walk(process, process.cwd, path, (mask & IN_DONT_FOLLOW) !== 0 ? 0 : FOLLOW);
  if (typeof place === "number") return place;
  if ((mask & IN_ONLYDIR) !== 0 && place.inode.type !== S_IFDIR) return -ENOTDIR;
  // A pipe by its link in /proc: what stands on no mount tells nothing.
  if (place.mount === process.kernel.pipes.mount) return -ENXIO;
  const denied = mayAccess(process, place.inode, R_OK);
  return denied < 0 ? denied : process.kernel.inotify.add(instance, place, mask);
}

/** 0. -EBADF, -EINVAL. */
export function removeWatch(thread: Thread, fd: number, wd: number): Outcome {
  const instance = instanceAt(thread, fd);
  return typeof instance === "number" ? instance : thread.process.kernel.inotify.remove(instance, wd);
}

function instanceAt(thread: Thread, fd: number): InotifyFile | number {
  const file = thread.process.descriptors.get(fd)?.description.file;
  if (file === undefined) return -EBADF;
  return file instanceof InotifyFile ? file : -EINVAL;
}
