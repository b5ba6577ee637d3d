/**
 * Layer: cell. The host directories of a sandbox as file systems: all of them over one line to one file server. It must
 * not know where they are mounted.
 */
import { HostFileSystem } from "../fs/hostfs/hostfs.ts";
import type { Clock } from "../wait/clock.ts";
import { FileLine } from "./file-line.ts";
import type { HostFileSystems } from "./file-tree.ts";
import { LineDirectory } from "./host-directory.ts";
import { ReadingDescriptors } from "./reading-descriptors.ts";

/** The guest's own user, as whose the file server's own files are shown: cells start programs as root. */
const OWNER = { uid: 0, gid: 0 };

/** `socket` is this end of the line; nothing is asked of it, nor held for it, before the first mount. */
export function hostFileSystemsOver(socket: number, clock: Clock): HostFileSystems {
  let line: FileLine | undefined;
  const descriptors = new ReadingDescriptors();
  return (index, dev) => {
    line ??= new FileLine(socket);
    const fs = HostFileSystem.mount(new LineDirectory(line, index, descriptors), { dev, clock, owner: OWNER });
    return typeof fs === "number" ? undefined : fs;
  };
}
