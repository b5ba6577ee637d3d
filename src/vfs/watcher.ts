/**
 * Layer: vfs. Who hears of what happens to files: asked of a table of mounts, where there is none as long as nobody listens. It
 * must not know who that is. Events are inotify(7)'s.
 */
import type { ByteString } from "../abi/byte-string.ts";
import type { Inode } from "./contracts.ts";
import type { Location } from "./mounts.ts";

export interface Watcher {
  /** Something was done to a file: heard at the file, and at the directory it was found in. */
  done(event: number, place: Location): void;
  /** A name came, went or moved: heard at the directory. `cookie` ties the two halves of a rename. */
  named(event: number, directory: Inode, name: ByteString, child: Inode, cookie?: number): void;
  /** A file itself lost a name or moved: heard at the file. */
  self(event: number, inode: Inode): void;
  /** One name fewer leads to an inode, whose links were so many before. */
  unlinked(inode: Inode, links: number): void;
  /** For a rename. */
  cookie(): number;
}
