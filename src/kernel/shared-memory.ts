/**
 * Layer: kernel. Memory that processes share: mmap(2) with MAP_SHARED, and everything on top of it. Each process has linear
 * memory of its own, so what is shared is copied when the kernel switches between sharers. That is exact, because one process
 * runs at a time: whoever calls `enter` before guest code runs (or the kernel writes to a parked guest) makes it so.
 *
 * Of each shared file the sharer that ran last is the holder. Before another sharer runs, the pages the holder changed are
 * written to the file's content, found by comparing; who has not seen that version of the content reads it again. A process
 * that shares nothing pays nothing. Two mappings of one file in one process agree after the next switch or msync(2).
 */
import { ENOMEM } from "../abi/errno.ts";
import { PROT_WRITE } from "../abi/mman.ts";
import { SIGBUS } from "../abi/signal.ts";
import type { FileSystem, Inode } from "../vfs/contracts.ts";
import { Mount } from "../vfs/mounts.ts";
import { MAP_PAGE, type Mapping } from "./address-space.ts";
import { OpenDescription } from "./descriptors.ts";
import type { Kernel } from "./kernel.ts";
import type { Process } from "./process.ts";
import { CONTENT_FLAGS, keepsInMemory, type Share, SharedFile, sizeOf } from "./shared-file.ts";

export { type Share, SharedFile } from "./shared-file.ts";

/** Bytes compared at once. */
const PART_BYTES = 65_536;

export class SharedMemory {
  readonly #kernel: Kernel;
  /** Where anonymous shared memory lives, seen by no path. */
  readonly mount: Mount | undefined;
  readonly #files = new Map<FileSystem, Map<number, SharedFile>>();
  readonly #copy = new Uint8Array(PART_BYTES);
  readonly #words = new Int32Array(this.#copy.buffer);
  #count = 0;
  /** Whom `enter` prepared last. */
  #running: Process | undefined = undefined;

  constructor(kernel: Kernel, fs: FileSystem | undefined) {
    this.#kernel = kernel;
    this.mount = fs === undefined ? undefined : new Mount(fs, undefined, false);
  }

  /** Whether any file is shared: without, nobody needs to ask for anything. */
  get active(): boolean {
    return this.#count > 0;
  }

  /** All shared files, for a snapshot. */
  *files(): Iterable<SharedFile> {
    for (const files of this.#files.values()) yield* files.values();
  }

  /** A file without a name in the hidden file system, open for reading and writing. -ENOMEM. */
  unnamed(
    size: number,
    mode: number,
    owner: { readonly uid: number; readonly gid: number },
    name = UNNAMED,
  ): OpenDescription | number {
    const { mount } = this;
    if (mount === undefined) return -ENOMEM;
    const { fs } = mount;
    const inode = fs.create(fs.root, name, mode, owner);
    if (typeof inode === "number") return -ENOMEM;
    const file = fs.open(inode, CONTENT_FLAGS);
    fs.unlink(fs.root, name);
    if (typeof file === "number") return -ENOMEM;
    const description = new OpenDescription(file, { mount, inode }, CONTENT_FLAGS);
    if (fs.setattr(inode, { size }) === 0) return description;
    file.close();
    return -ENOMEM;
  }

  /** Memory that nobody has yet. -ENOMEM. */
  anonymous(process: Process, length: number): SharedFile | number {
    const content = this.unnamed(length, 0o600, process.credentials);
    return typeof content === "number" ? content : this.adopt(content.file.inode, content);
  }

  /** The shared file behind a description; whoever does not map it then must `forget` it. -ENOMEM, what opening it answers. */
  open(description: OpenDescription): SharedFile | number {
    const { inode } = description.file;
    const known = this.#known(inode);
    if (known !== undefined) {
      if (known.origin !== undefined) known.follow(description);
      return known;
    }
    if (keepsInMemory(description)) {
      const file = inode.fs.open(inode, CONTENT_FLAGS);
      if (typeof file === "number") return file;
      return this.adopt(inode, new OpenDescription(file, description.location, CONTENT_FLAGS));
    }
    const content = this.unnamed(sizeOf(description.file), 0o600, { uid: 0, gid: 0 });
    if (typeof content === "number") return content;
    const shared = this.adopt(inode, content);
    shared.follow(description);
    return shared;
  }

  /** Take up a shared file over its content. */
  adopt(inode: Inode, content: OpenDescription): SharedFile {
    const shared = new SharedFile(inode, content);
    let files = this.#files.get(inode.fs);
    if (files === undefined) {
      files = new Map();
      this.#files.set(inode.fs, files);
    }
    files.set(inode.ino, shared);
    this.#count += 1;
    return shared;
  }

  /** Let go of a shared file if nobody has it mapped. */
  forget(shared: SharedFile): void {
    if (shared.sharers.size > 0) return;
    const { inode } = shared;
    const files = this.#files.get(inode.fs);
    if (files?.get(inode.ino) !== shared) return;
    files.delete(inode.ino);
    if (files.size === 0) this.#files.delete(inode.fs);
    this.#count -= 1;
    shared.close();
  }

  /** A process's mappings changed: know what it shares now. */
  update(process: Process): void {
    const { shares, space } = process;
    const files = new Set(space.sharedFiles());
    if ((shares.length === 0 && files.size === 0) || process.ending !== undefined) return;
    for (const share of shares) if (!files.has(share.file)) this.#part(process, share.file);
    const kept = shares.filter(({ file }) => files.delete(file));
    const fresh = [...files].map((file) => ({ file, seen: -1 }));
    for (const share of fresh) share.file.sharers.set(process, share);
    process.shares = [...kept, ...fresh];
    if (shares.length === 0) process.program?.sharesMemory?.();
  }

  /** A child has its parent's mappings, and its memory as it stands. */
  inherit(child: Process, parent: Process): void {
    child.shares = parent.shares.map((share) => ({ ...share }));
    for (const share of child.shares) share.file.sharers.set(child, share);
  }

  /** Make a process's memory show what it shares as it is now. Nobody else's may be written until another is entered. */
  enter(process: Process): void {
    this.#running = process;
    for (const share of process.shares) {
      const { file } = share;
      if (file.holder !== process) {
        if (file.holder !== undefined) this.#write(file.holder, file);
        file.holder = process;
      }
      if (share.seen !== file.version) this.#read(process, share);
    }
  }

  /** After new mappings of these files in a range, or ones whose protection changed: show there what the files hold. */
  refresh(process: Process, files: Iterable<SharedFile>, start: number, length: number): void {
    const wanted = [...files].flatMap((file) => {
      const share = file.sharers.get(process);
      return share === undefined ? [] : [{ share, seen: share.seen }];
    });
    this.enter(process);
    for (const { share, seen } of wanted) {
      // Else all of it was just read.
      if (share.seen === seen) this.#read(process, share, start, start + length);
    }
  }

  /** Write what a process changed, so that the contents of its shared files are all there is. */
  flush(process: Process): void {
    for (const { file } of process.shares) if (file.holder === process) this.#write(process, file);
  }

  /** A process's mappings are about to end, and with them its part in everything. */
  leave(process: Process): void {
    this.flush(process);
    for (const { file } of process.shares.splice(0)) this.#part(process, file);
    if (this.#running === process) this.#running = undefined;
  }

  /** Do something to the memory of a process that does not run, as it is now; whoever runs goes on with what it has. */
  aside(process: Process, act: () => void): void {
    const running = this.#running;
    this.enter(process);
    act();
    if (running !== undefined && running !== process) this.enter(running);
  }

  /** Before bytes of a file are read or written past its mappings: 0, or why what was changed there cannot be written. */
  settle(inode: Inode): number {
    const file = this.#known(inode);
    if (file === undefined) return 0;
    if (file.holder !== undefined) this.#write(file.holder, file);
    return file.writeBack();
  }

  /** Bytes of a file were changed past its mappings, by `process`. */
  changed(inode: Inode, process: Process): void {
    const file = this.#known(inode);
    if (file === undefined) return;
    if (file.origin !== undefined) file.reload(rangesOf(file));
    file.version += 1;
    const own = file.sharers.get(process);
    if (own !== undefined) this.#read(process, own);
  }

  /** Whether somebody shares this file. */
  has(inode: Inode): boolean {
    return this.#known(inode) !== undefined;
  }

  /** Whether a mapping of a file may write to it, now or after mprotect(2). */
  mayBeWritten(inode: Inode): boolean {
    const file = this.#known(inode);
    if (file === undefined) return false;
    for (const { space } of file.sharers.keys()) {
      if (space.viewsOf(file).some(({ view }) => view?.writable)) return true;
    }
    return false;
  }

  #known(inode: Inode): SharedFile | undefined {
    return this.#files.get(inode.fs)?.get(inode.ino);
  }

  #part(process: Process, file: SharedFile): void {
    file.sharers.delete(process);
    if (file.holder === process) file.holder = undefined;
    file.writeBack();
    const last = file.sharers.size === 0;
    this.forget(file);
    this.#kernel.systemV.parted(process, file, last);
  }

  /** Write the pages in which a holder's memory differs from the content. What finds no room is lost, with SIGBUS. */
  #write(process: Process, file: SharedFile): void {
    const share = file.sharers.get(process);
    // Who has not seen this version has not run since it was written out.
    if (share === undefined || share.seen !== file.version) return;
    const all = process.space.viewsOf(file);
    const views = all.filter(isWritable);
    if (views.length === 0) return;
    this.#kernel.scheduler.laboured();
    const changes = this.#changes(process, file, views);
    if (changes.length === 0) return;
    const { bytes } = process.memory;
    let failed = 0;
    for (const { address, position, length } of changes) {
      failed = Math.min(failed, file.write(position, bytes, address, length));
    }
    file.version += 1;
    // Of two views of one page one may be newer; and what was lost must not be found again.
    if (failed < 0 || all.length > 1) this.#read(process, share);
    else share.seen = file.version;
    if (failed < 0) this.#kernel.signal(process, SIGBUS);
  }

  /** Collected first and written then: an old page of one view must not undo what another has. */
  #changes(process: Process, file: SharedFile, views: readonly Mapping[]): Change[] {
    const { memory } = process;
    const { size } = file;
    const found: Change[] = [];
    for (const { start, end, view } of views) {
      if (view === undefined || !memory.contains(start, end - start)) continue;
      const last = Math.min(end - start, size - view.offset);
      for (let at = 0; at < last; at += PART_BYTES) {
        const length = Math.min(PART_BYTES, last - at);
        const got = file.read(view.offset + at, this.#copy, 0, length);
        for (let page = 0; page < got; page += MAP_PAGE) {
          const part = Math.min(MAP_PAGE, got - page);
          if (memory.equals(start + at + page, this.#copy, this.#words, page, part)) continue;
          const position = view.offset + at + page;
          const before = found.at(-1);
          const follows = before !== undefined && before.address + before.length === start + at + page;
          if (follows && before.position + before.length === position) before.length += part;
          else found.push({ address: start + at + page, position, length: part });
        }
        if (got < length) break;
      }
    }
    return found;
  }

  /** What a file holds, for what of its mappings lies in [from, to). */
  #read(process: Process, share: Share, from = 0, to = Infinity): void {
    const { file } = share;
    const { memory, space } = process;
    this.#kernel.scheduler.laboured();
    for (const { start, end, view } of from === 0 ? space.viewsOf(file) : space.within(from, to - from)) {
      const [first, last] = [Math.max(start, from), Math.min(end, to)];
      if (view?.file !== file || first >= last || !memory.contains(first, last - first)) continue;
      const offset = view.offset + first - start;
      file.load(offset, offset + last - first);
      const moved = Math.max(0, file.read(offset, memory.bytes, first, last - first));
      memory.bytes.fill(0, first + moved, last);
    }
    share.seen = file.version;
  }
}

interface Change {
  readonly address: number;
  readonly position: number;
  length: number;
}

const UNNAMED = "unnamed" as Parameters<FileSystem["create"]>[1];

function isWritable({ protection, view }: Mapping): boolean {
  return view?.writable === true && (protection & PROT_WRITE) !== 0;
}

/** What of a file anybody has mapped. */
function rangesOf(file: SharedFile): { readonly start: number; readonly end: number }[] {
  return [...file.sharers.keys()].flatMap(({ space }) =>
    space
      .viewsOf(file)
      .flatMap(({ start, end, view }) =>
        view === undefined ? [] : [{ start: view.offset, end: view.offset + end - start }],
      ),
  );
}
