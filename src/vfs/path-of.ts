/**
 * Layer: vfs. From a place back to its path: what getcwd(2) and the links of /proc tell. It must not know of processes.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { ENAMETOOLONG, ENOENT } from "../abi/errno.ts";
import { O_DIRECTORY, O_RDONLY, PATH_MAX } from "../abi/fcntl.ts";
import { S_IFDIR } from "../abi/stat.ts";
import type { FileSystem, Inode } from "./contracts.ts";
import { type Location, sameInode, sameLocation } from "./mounts.ts";

/** Entries looked at in one step of the search for a name. */
const PAGE = 1024;
/** Directories between a place and the root at most: PATH_MAX allows no more names. */
const DEPTH = PATH_MAX / 2;

/**
 * The absolute path of a directory as seen from `root`. -ENOENT when it was removed or lies outside, -ENAMETOOLONG, and what
 * the file system answers.
 */
export function pathOfDirectory(root: Location, directory: Location): ByteString | number {
  const climbed = climb(root, directory);
  return typeof climbed === "object" ? (climbed.outside ? -ENOENT : climbed.path) : climbed;
}

/**
 * What /proc tells of a place: its path from `root`, from the topmost directory if it lies outside, with " (deleted)" where it
 * has no name any more.
 */
export function describePlace(root: Location, place: Location): ByteString {
  const { mount, inode } = place;
  if (inode.type === S_IFDIR) {
    const found = climb(root, place);
    if (typeof found === "object") return found.path;
  }
  const now = inode.type === S_IFDIR ? undefined : nameOf(place);
  const then = now ?? mount.fs.lastNameOf?.(inode);
  const directory = then?.directory ?? place.directory;
  const name = then?.name ?? place.name;
  if (directory === undefined || name === undefined) return "/ (deleted)" as ByteString;
  const above = climb(root, { mount, inode: directory });
  const path = typeof above === "object" && above.path !== "/" ? above.path : "";
  return `${path}/${name}${now === undefined ? " (deleted)" : ""}` as ByteString;
}

/** Where something that is no directory stands now: as it was found, or as its file system knows. */
function nameOf({ mount, inode, directory, name }: Location): { directory: Inode; name: ByteString } | undefined {
  if (directory !== undefined && name !== undefined) {
    const there = mount.fs.lookup(directory, name);
    if (typeof there === "object" && sameInode(there, inode)) return { directory, name };
  }
  return mount.fs.nameOf?.(inode);
}

function climb(root: Location, from: Location): { path: ByteString; outside: boolean } | number {
  let { mount, inode } = from;
  let path = "";
  for (let depth = 0; depth < DEPTH; depth++) {
    const here = sameLocation({ mount, inode }, root);
    if (here) return { path: (path === "" ? "/" : path) as ByteString, outside: false };
    if (sameInode(inode, mount.fs.root)) {
      const { at } = mount;
      if (at === undefined) return { path: (path === "" ? "/" : path) as ByteString, outside: true };
      ({ mount, inode } = at);
      continue;
    }
    const { fs } = mount;
    const known = fs.nameOf?.(inode);
    const parent: Inode | number = known?.directory ?? fs.parent(inode);
    // Removed: it is its own parent, or knows none.
    if (parent === inode) return -ENOENT;
    if (typeof parent === "number") return parent;
    const name = known?.name ?? search(fs, parent, inode);
    if (typeof name === "number") return name;
    path = `/${name}${path}`;
    // Nobody could walk it in one piece, and a text of /proc may tell many such.
    if (path.length >= PATH_MAX) return -ENAMETOOLONG;
    inode = parent;
  }
  return -ENAMETOOLONG;
}

function search(fs: FileSystem, directory: Inode, inode: Inode): ByteString | number {
  const file = fs.open(directory, O_RDONLY | O_DIRECTORY);
  if (typeof file === "number") return file;
  try {
    for (let from = 0; ; ) {
      const entries = file.entries(from, PAGE);
      if (typeof entries === "number") return entries;
      const last = entries.at(-1);
      if (last === undefined) return -ENOENT;
      const found = entries.find((entry) => entry.ino === inode.ino);
      if (found !== undefined) return found.name;
      from = last.next;
    }
  } finally {
    file.close();
  }
}
