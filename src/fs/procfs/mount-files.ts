/**
 * Layer: fs/procfs. Tables of mounts: mounts and mountinfo, as proc(5) has them. It must not know of file systems but what
 * their contract tells.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import type { FileSystem } from "../../vfs/contracts.ts";
import type { Mount } from "../../vfs/mounts.ts";
import type { ProcessFacts } from "./facts.ts";
import { mangled } from "./lines.ts";

/** What Linux calls each of our file systems. */
const LINUX_TYPES: ReadonlyMap<string, string> = new Map([
  ["memfs", "tmpfs"],
  ["devfs", "devtmpfs"],
  ["procfs", "proc"],
  ["overlayfs", "overlay"],
]);

export function linuxType({ type }: FileSystem): string {
  return LINUX_TYPES.get(type) ?? type;
}

/** Options of the file system itself, after "rw" or "ro". */
function ownOptions(fs: FileSystem): string {
  if (fs.type !== "memfs") return "";
  const { blocks, blockSize, files } = fs.statistics();
  return `,size=${(blocks * blockSize) / 1024}k,nr_inodes=${files}`;
}

function access(mount: Mount): string {
  return mount.readOnly ? "ro" : "rw";
}

/** Where a mount is seen by a process. */
function pointOf(mount: Mount, process: ProcessFacts): ByteString {
  return process.describe(mount.root);
}

export function mountsText(mounts: readonly Mount[], process: ProcessFacts): string {
  return mounts
    .map((mount) => {
      const type = linuxType(mount.fs);
      const options = `${access(mount)},relatime${ownOptions(mount.fs)}`;
      return `${type} ${mangled(pointOf(mount, process))} ${type} ${options} 0 0\n`;
    })
    .join("");
}

/** The number by which mountinfo and fdinfo know a mount; the root's parent is 1, which is no mount. */
export function mountNumber(mounts: readonly Mount[], mount: Mount | undefined): number {
  return mount === undefined ? 1 : FIRST_MOUNT + mounts.indexOf(mount);
}

const FIRST_MOUNT = 20;

export function mountInfoText(mounts: readonly Mount[], process: ProcessFacts): string {
  return mounts
    .map((mount) => {
      const { fs } = mount;
      const type = linuxType(fs);
      const numbers = `${mountNumber(mounts, mount)} ${mountNumber(mounts, mount.at?.mount)} 0:${fs.dev}`;
      const point = mangled(pointOf(mount, process));
      return `${numbers} / ${point} ${access(mount)},relatime - ${type} ${type} ${access(mount)}${ownOptions(fs)}\n`;
    })
    .join("");
}
