/**
 * Layer: fs/procfs. Inodes: made anew by each lookup, because all they are is their number. What they answer each caller for
 * itself: who may look, and where links lead. It must not know what files say.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EACCES, ENOENT } from "../../abi/errno.ts";
import { S_IFDIR, S_IFLNK, S_IFREG } from "../../abi/stat.ts";
import type { FileSystem, Inode, PersonalInode } from "../../vfs/contracts.ts";
import type { Location } from "../../vfs/mounts.ts";
import type { WalkContext } from "../../vfs/permissions.ts";
import type { KernelFacts } from "./facts.ts";
import {
  FD_LINK,
  MACHINE_NODES,
  NAMESPACES,
  type Node,
  NS_LINK,
  numberOf,
  PROCESS_ENTRIES,
  ROOT_LINKS,
} from "./nodes.ts";

export class ProcInode implements Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  readonly type: number;
  readonly node: Node;
  readonly personal: PersonalInode | undefined;

  constructor(fs: FileSystem, facts: () => KernelFacts, node: Node) {
    this.fs = fs;
    this.node = node;
    this.ino = numberOf(node);
    this.type = typeOf(node);
    if (node.kind === "link") this.personal = new RootLink(facts, node.index);
    else if (node.kind === "process") this.personal = new ProcessPart(facts, node.id, node.entry, node.fd);
  }
}

function typeOf(node: Node): number {
  if (node.kind === "link") return S_IFLNK;
  if (node.kind === "machine") return MACHINE_NODES[node.index]?.directory === true ? S_IFDIR : S_IFREG;
  if (node.entry === FD_LINK || node.entry === NS_LINK) return S_IFLNK;
  return PROCESS_ENTRIES[node.entry]?.type ?? S_IFREG;
}

/** /proc/self and its kin: paths that depend on who reads them. */
class RootLink implements PersonalInode {
  readonly #facts: () => KernelFacts;
  readonly #index: number;

  constructor(facts: () => KernelFacts, index: number) {
    this.#facts = facts;
    this.#index = index;
  }

  admit(): number {
    return 0;
  }

  text(caller: WalkContext): ByteString | number {
    const who = this.#facts().caller(caller);
    const name = ROOT_LINKS[this.#index];
    if (name === "mounts") return "self/mounts" as ByteString;
    if (who === undefined) return -ENOENT;
    return (name === "self" ? `${who.pid}` : `${who.pid}/task/${who.tid}`) as ByteString;
  }

  target(caller: WalkContext): ByteString | number {
    return this.text(caller);
  }
}

/** Something in the directory of a process. */
class ProcessPart implements PersonalInode {
  readonly text?: (caller: WalkContext) => ByteString | number;
  readonly target?: (caller: WalkContext) => Location | number;
  readonly #facts: () => KernelFacts;
  readonly #id: number;
  readonly #entry: number;
  readonly #fd: number;

  constructor(facts: () => KernelFacts, id: number, entry: number, fd: number) {
    this.#facts = facts;
    this.#id = id;
    this.#entry = entry;
    this.#fd = fd;
    const link = entry === FD_LINK || entry === NS_LINK || PROCESS_ENTRIES[entry]?.type === S_IFLNK;
    if (!link) return;
    this.text = (caller) => this.#told(caller);
    // A namespace is nothing one could open: there is one of each, which nobody leaves or enters.
    this.target = entry === NS_LINK ? () => -EACCES : () => this.#place() ?? -ENOENT;
  }

  admit(caller: WalkContext): number {
    const facts = this.#facts();
    const process = facts.process(this.#id);
    if (process === undefined) return -ENOENT;
    const inspected = this.#entry >= NS_LINK || PROCESS_ENTRIES[this.#entry]?.inspected;
    return inspected !== true || facts.mayInspect(caller, process.pid) ? 0 : -EACCES;
  }

  #told(caller: WalkContext): ByteString | number {
    if (this.#entry === NS_LINK) {
      const [, kind, number] = NAMESPACES[this.#fd] ?? ["", "", 0];
      return `${kind}:[${number}]` as ByteString;
    }
    if (this.#entry === FD_LINK) {
      return this.#facts().process(this.#id)?.descriptor(this.#fd)?.text ?? -ENOENT;
    }
    const place = this.#place();
    if (place === undefined) return -ENOENT;
    // A path means what it means to who reads it.
    const pid = this.#facts().caller(caller)?.pid ?? this.#id;
    return this.#facts().process(pid)?.describe(place) ?? -ENOENT;
  }

  #place(): Location | undefined {
    const process = this.#facts().process(this.#id);
    if (process === undefined || process.state === "Z") return undefined;
    if (this.#entry === FD_LINK) return process.descriptor(this.#fd)?.place;
    switch (PROCESS_ENTRIES[this.#entry]?.name) {
      case "cwd":
        return process.cwd;
      case "root":
        return process.root;
      default:
        return process.executable;
    }
  }
}
