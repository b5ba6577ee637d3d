/**
 * Layer: cell. The file tree a sandbox starts with: a memfs root with the usual directories, /dev, and the mounts asked
 * for. It must not know who asks.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { ERRNO } from "../abi/errno.ts";
import { S_IFDIR } from "../abi/stat.ts";
import { DeviceFileSystem } from "../fs/devfs/devfs.ts";
import { TerminalFileSystem, type TerminalLines } from "../fs/devpts/devpts.ts";
import { MemoryFileSystem } from "../fs/memfs/memfs.ts";
import { OverlayFileSystem } from "../fs/overlayfs/overlayfs.ts";
import type { KernelFacts } from "../fs/procfs/facts.ts";
import { ProcFileSystem } from "../fs/procfs/procfs.ts";
import { SHM_BYTES } from "../limits.ts";
import { emptyStat, type FileSystem } from "../vfs/contracts.ts";
import { makeDirectories } from "../vfs/create.ts";
import { MountTable } from "../vfs/mounts.ts";
import type { WalkContext } from "../vfs/permissions.ts";
import type { BootRequest, MountRequest } from "../wire/frames.ts";
import type { KernelHost } from "./kernel-host.ts";

/** What a mount could not be made of: the caller's mistake, told with the mount's path. */
export class MountFailed extends Error {
  override readonly name = "MountFailed";
}

/** Gives the file system of a host directory by its index; undefined when no file server serves it. */
export type HostFileSystems = (index: number, dev: number, readOnly: boolean) => FileSystem | undefined;

const DIRECTORIES: readonly (readonly [string, number])[] = [
  ["/dev", 0o755],
  ["/etc", 0o755],
  ["/home", 0o755],
  ["/proc", 0o555],
  ["/root", 0o700],
  ["/run", 0o755],
  ["/usr/local", 0o755],
  ["/var/tmp", 0o1777],
  ["/tmp", 0o1777],
];

/** What file systems show of the kernel, asked for when /proc and /dev/pts are first read. */
export interface KernelViews {
  facts(): KernelFacts;
  lines(): TerminalLines;
}

export function buildFileTree(
  boot: BootRequest,
  host: KernelHost,
  hostFileSystems: HostFileSystems,
  { facts, lines }: KernelViews,
): WalkContext {
  let dev = 1;
  const { clock } = host;
  const rootFs = new MemoryFileSystem({
    dev: dev++,
    clock,
    bytes: boot.limits.fsBytes,
    inodes: boot.limits.fsInodes,
  });
  const mounts = new MountTable(rootFs);
  const context: WalkContext = { mounts, root: mounts.root, credentials: { uid: 0, gid: 0, groups: [] } };
  for (const [path, mode] of DIRECTORIES) directory(context, path as ByteString, mode);
  const devfs = new DeviceFileSystem({ dev: dev++, clock, random: host.random });
  mounts.mount(directory(context, "/dev" as ByteString, 0o755), devfs);
  const shared = { bytes: Math.min(SHM_BYTES, boot.limits.fsBytes), inodes: boot.limits.fsInodes };
  const shm = new MemoryFileSystem({ dev: dev++, clock, ...shared, mode: 0o1777 });
  mounts.mount(directory(context, "/dev/shm" as ByteString, 0o755), shm);
  mounts.mount(directory(context, "/dev/pts" as ByteString, 0o755), new TerminalFileSystem(dev++, clock, lines));
  mounts.mount(directory(context, "/proc" as ByteString, 0o555), new ProcFileSystem(dev++, facts));

  const fileSystem = (request: MountRequest): FileSystem => {
    if (request.kind === "memory") {
      return new MemoryFileSystem({ dev: dev++, clock, bytes: request.bytes, inodes: request.inodes, mode: 0o1777 });
    }
    const fs = hostFileSystems(request.index, dev++, request.readOnly);
    if (fs === undefined) throw new MountFailed(`${request.at}: no file server serves this directory`);
    if (request.overlay === undefined) return fs;
    const stat = emptyStat();
    const lost = fs.stat(fs.root, stat);
    if (lost < 0) throw new MountFailed(`${request.at}: ${ERRNO.get(-lost)?.text ?? lost}`);
    const { mode, uid, gid } = stat;
    const limits = { bytes: request.overlay, inodes: boot.limits.fsInodes };
    const root = { mode: mode & 0o7777, owner: { uid, gid } };
    return new OverlayFileSystem(dev++, fs, new MemoryFileSystem({ dev: dev++, clock, ...limits, ...root }));
  };
  // A mount may stand inside another: the outer one first.
  const inOrder = [...boot.mounts].sort((a, b) => a.at.length - b.at.length);
  for (const request of inOrder) {
    const at = directory(context, request.at, 0o755);
    mounts.mount(at, fileSystem(request), { readOnly: request.readOnly });
  }
  mounts.rootMount.readOnly = boot.rootReadOnly;
  return context;
}

function directory(context: WalkContext, path: ByteString, mode: number) {
  const made = makeDirectories(context, path, mode);
  if (typeof made === "number") throw new MountFailed(`${path}: ${ERRNO.get(-made)?.text ?? made}`);
  if (made.inode.type !== S_IFDIR) throw new MountFailed(`${path}: a file is in the way`);
  return made;
}
