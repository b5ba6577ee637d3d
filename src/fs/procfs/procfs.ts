/**
 * Layer: fs/procfs. The file system on /proc: processes and the machine as files (proc(5)). Everything is made of facts handed
 * in, at the moment it is asked for; nothing can be made or removed here. It must not know how a kernel keeps its facts.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EINVAL, ELOOP, ENOENT, ENOTDIR, EPERM, ESRCH } from "../../abi/errno.ts";
import { DT_DIR, DT_LNK, DT_REG, S_IFDIR, S_IFLNK } from "../../abi/stat.ts";
import type {
  AttributeChanges,
  DirectoryEntry,
  FileSystemStatistics,
  Inode,
  OpenFile,
  Stat,
} from "../../vfs/contracts.ts";
import { FixedFileSystem } from "../../vfs/fixed-file-system.ts";
import type { KernelFacts, ProcessFacts } from "./facts.ts";
import { ProcInode } from "./inode.ts";
import { MACHINE_FILES } from "./machine-files.ts";
import {
  FD_INFO,
  FD_LINK,
  MACHINE_NODES,
  NAMESPACES,
  type Node,
  NS_LINK,
  nodeOf,
  numberOf,
  PROCESS_ENTRIES,
  type ProcessNode,
  processEntry,
  ROOT_LINKS,
} from "./nodes.ts";
import { type KeptTexts, ListedDirectory, TextFile } from "./open-files.ts";
import { openProcessFile, processOf } from "./process-opening.ts";

/** What st_size of a link to an open file says. */
const FD_LINK_SIZE = 64;

/** All its links are personal: whoever walks asks them. */
export class ProcFileSystem extends FixedFileSystem implements KeptTexts {
  readonly type = "procfs";
  readonly root: Inode;
  keptBytes = 0;
  readonly #facts: () => KernelFacts;

  /** `facts` is called for each question, never before the first. */
  constructor(dev: number, facts: () => KernelFacts) {
    super(dev);
    this.#facts = facts;
    this.root = this.#inode({ kind: "machine", index: 0 });
  }

  /** The inode of this number, as a snapshot names it; undefined where a number says nothing. */
  inode(ino: number): Inode | undefined {
    const node = nodeOf(ino);
    return node === undefined ? undefined : this.#inode(node);
  }

  lookup(directory: Inode, name: ByteString): Inode | number {
    if (!(directory instanceof ProcInode) || directory.type !== S_IFDIR) return -ENOTDIR;
    const { node } = directory;
    let found: Node | undefined;
    if (node.kind === "machine") found = this.#inMachine(node.index, name);
    else if (node.kind === "process") {
      const process = this.#process(node);
      if (process === undefined) return -ESRCH;
      found = this.#inProcess(process, node, name);
    }
    return found === undefined ? -ENOENT : this.#inode(found);
  }

  open(inode: Inode): OpenFile | number {
    if (!(inode instanceof ProcInode)) return -EINVAL;
    const { node } = inode;
    if (inode.type === S_IFLNK) return -ELOOP;
    if (inode.type === S_IFDIR) return new ListedDirectory(inode, (from, limit) => this.#entries(node, from, limit));
    if (node.kind === "process") return openProcessFile(inode, node, this.#facts, this);
    const write = node.kind === "machine" ? MACHINE_FILES.get(MACHINE_NODES[node.index]?.path ?? "") : undefined;
    return write === undefined ? -ENOENT : new TextFile(inode, this, () => write(this.#facts()));
  }

  stat(inode: Inode, out: Stat): number {
    if (!(inode instanceof ProcInode)) return -EINVAL;
    const { node } = inode;
    const { machine } = this.#facts();
    let mode = inode.type === S_IFDIR ? 0o555 : inode.type === S_IFLNK ? 0o777 : 0o444;
    let seconds = machine.bootSeconds;
    out.uid = 0;
    out.gid = 0;
    out.size = 0;
    if (node.kind === "process") {
      const process = this.#process(node);
      if (process === undefined) return -ENOENT;
      seconds += Math.floor(process.startNs / 1e9);
      [, out.uid] = process.users;
      [, out.gid] = process.groups;
      const entry = PROCESS_ENTRIES[node.entry];
      if (entry !== undefined) mode = entry.mode;
      if (entry?.name === "fd") out.size = process.descriptors.length;
      if (node.entry === NS_LINK) mode = 0o777;
      if (node.entry === FD_LINK) {
        const descriptor = process.descriptor(node.fd);
        if (descriptor === undefined) return -ENOENT;
        mode = 0o100 | (descriptor.readable ? 0o400 : 0) | (descriptor.writable ? 0o200 : 0);
        out.size = FD_LINK_SIZE;
      }
    }
    out.dev = this.dev;
    out.ino = inode.ino;
    out.mode = inode.type | mode;
    out.nlink = inode.type === S_IFDIR ? 2 : 1;
    out.rdev = 0;
    out.blocks = 0;
    out.atimeSeconds = seconds;
    out.mtimeSeconds = seconds;
    out.ctimeSeconds = seconds;
    out.atimeNanoseconds = 0;
    out.mtimeNanoseconds = 0;
    out.ctimeNanoseconds = 0;
    return 0;
  }

  override parent(directory: Inode): Inode | number {
    if (!(directory instanceof ProcInode)) return -ENOTDIR;
    const { node } = directory;
    if (node.kind === "machine") {
      return this.#inode({ kind: "machine", index: MACHINE_NODES[node.index]?.parent ?? 0 });
    }
    if (node.kind === "link") return this.root;
    if (node.entry !== 0) {
      return this.#inode({ ...node, entry: processEntry(HOLDERS.get(node.entry) ?? "") ?? 0, fd: 0 });
    }
    if (!node.task) return this.root;
    const process = this.#facts().process(node.id);
    const entry = processEntry("task") ?? 0;
    return process === undefined ? -ENOENT : this.#inode({ ...node, id: process.pid, task: false, entry });
  }

  /** A process's directory is known by its number, and everything in it by what it is. */
  nameOf(inode: Inode): { readonly directory: Inode; readonly name: ByteString } | undefined {
    if (!(inode instanceof ProcInode)) return undefined;
    const directory = this.parent(inode);
    const name = nameOfNode(inode.node);
    return typeof directory === "number" || name === "" ? undefined : { directory, name };
  }

  statistics(): FileSystemStatistics {
    return { blockSize: 4096, blocks: 0, blocksFree: 0, files: 0, filesFree: 0 };
  }

  /** Times given to touch(1) are no error, and forgotten; nothing else changes. */
  override setattr(_inode: Inode, changes: AttributeChanges): number {
    const { mode, uid, gid } = changes;
    return mode === undefined && uid === undefined && gid === undefined ? 0 : -EPERM;
  }

  override create(): number {
    return -ENOENT;
  }

  override mkdir(): number {
    return -ENOENT;
  }

  override symlink(): number {
    return -ENOENT;
  }

  #inode(node: Node): ProcInode {
    return new ProcInode(this, this.#facts, node);
  }

  #process(node: ProcessNode): ProcessFacts | undefined {
    return processOf(this.#facts(), node);
  }

  #inMachine(index: number, name: ByteString): Node | undefined {
    const found = MACHINE_NODES.findIndex((node, i) => i > 0 && node.parent === index && node.name === name);
    if (found > 0) return { kind: "machine", index: found };
    if (index !== 0) return undefined;
    const link = (ROOT_LINKS as readonly string[]).indexOf(name);
    if (link >= 0) return { kind: "link", index: link };
    const id = decimal(name);
    const process = id === undefined ? undefined : this.#facts().process(id);
    return id === undefined || process === undefined
      ? undefined
      : { kind: "process", id, task: process.pid !== id, entry: 0, fd: 0 };
  }

  #inProcess(process: ProcessFacts, node: ProcessNode, name: ByteString): Node | undefined {
    switch (PROCESS_ENTRIES[node.entry]?.name) {
      case "": {
        const entry = processEntry(name);
        if (entry === undefined || (node.task && PROCESS_ENTRIES[entry]?.whole === true)) return undefined;
        return { ...node, entry };
      }
      case "task": {
        const id = decimal(name);
        if (id === undefined || !tidsOf(process).includes(id)) return undefined;
        return { ...node, id, task: true, entry: 0 };
      }
      case "ns": {
        const index = NAMESPACES.findIndex(([own]) => own === name);
        return index < 0 ? undefined : { ...node, entry: NS_LINK, fd: index };
      }
      default: {
        const fd = decimal(name);
        if (fd === undefined || process.descriptor(fd) === undefined) return undefined;
        return { ...node, entry: PROCESS_ENTRIES[node.entry]?.name === "fd" ? FD_LINK : FD_INFO, fd };
      }
    }
  }

  #entries(node: Node, from: number, limit: number): readonly DirectoryEntry[] | number {
    const found: DirectoryEntry[] = [];
    /** False once there is no more room. */
    const add = (name: string | number, child: Node, type: number, cookie: number): boolean => {
      if (cookie >= from) found.push({ name: `${name}` as ByteString, ino: numberOf(child), type, next: cookie + 1 });
      return found.length < limit;
    };
    if (limit <= 0) return found;
    if (node.kind === "machine") {
      this.#machineEntries(node.index, add);
      return found;
    }
    if (node.kind !== "process") return found;
    const process = this.#process(node);
    if (process === undefined) return -ENOENT;
    switch (PROCESS_ENTRIES[node.entry]?.name) {
      case "":
        PROCESS_ENTRIES.every(({ name, type, whole }, entry) => {
          if (entry === 0 || (whole && node.task)) return true;
          return add(name, { ...node, entry }, entryType(type), entry);
        });
        break;
      case "ns":
        NAMESPACES.every(([name], index) => add(name, { ...node, entry: NS_LINK, fd: index }, DT_LNK, index));
        break;
      case "task":
        tidsOf(process).every((tid) => add(tid, { ...node, id: tid, task: true, entry: 0 }, DT_DIR, tid));
        break;
      case "fd":
        process.descriptors.every((fd) => add(fd, { ...node, entry: FD_LINK, fd }, DT_LNK, fd));
        break;
      default:
        process.descriptors.every((fd) => add(fd, { ...node, entry: FD_INFO, fd }, DT_REG, fd));
    }
    return found;
  }

  #machineEntries(
    index: number,
    add: (name: string | number, child: Node, type: number, cookie: number) => boolean,
  ): void {
    const room = MACHINE_NODES.every(({ name, parent, directory }, i) => {
      if (i === 0 || parent !== index) return true;
      return add(name, { kind: "machine", index: i }, directory ? DT_DIR : DT_REG, i);
    });
    if (!room || index !== 0) return;
    const first = MACHINE_NODES.length;
    if (!ROOT_LINKS.every((name, i) => add(name, { kind: "link", index: i }, DT_LNK, first + i))) return;
    const processes = first + ROOT_LINKS.length;
    this.#facts().pids.every((id) =>
      add(id, { kind: "process", id, task: false, entry: 0, fd: 0 }, DT_DIR, processes + id),
    );
  }
}

/** Directories of a process whose entries have numbers of their own. */
const HOLDERS: ReadonlyMap<number, string> = new Map([
  [FD_LINK, "fd"],
  [FD_INFO, "fdinfo"],
  [NS_LINK, "ns"],
]);

function entryType(type: number): number {
  return type === S_IFDIR ? DT_DIR : type === S_IFLNK ? DT_LNK : DT_REG;
}

/** A number as names in /proc are: no sign, no leading zero. */
function decimal(name: string): number | undefined {
  return /^(0|[1-9]\d{0,9})$/.test(name) ? Number(name) : undefined;
}

/** A process that ended still has its first thread there. */
function tidsOf({ tasks, pid }: ProcessFacts): readonly number[] {
  return tasks.length === 0 ? [pid] : tasks.map(({ tid }) => tid);
}

function nameOfNode(node: Node): ByteString {
  if (node.kind === "machine") return MACHINE_NODES[node.index]?.name ?? ("" as ByteString);
  if (node.kind === "link") return (ROOT_LINKS[node.index] ?? "") as ByteString;
  if (node.entry === FD_LINK || node.entry === FD_INFO) return `${node.fd}` as ByteString;
  if (node.entry === NS_LINK) return (NAMESPACES[node.fd]?.[0] ?? "") as ByteString;
  return (node.entry === 0 ? `${node.id}` : (PROCESS_ENTRIES[node.entry]?.name ?? "")) as ByteString;
}
