/** A small world to walk in: a file system in memory, mounts, and a caller. */
import assert from "node:assert/strict";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { O_CREAT, O_WRONLY } from "../../src/abi/fcntl.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { makeDirectories, makeSymlinkAt } from "../../src/vfs/create.ts";
import type { Location, MountOptions } from "../../src/vfs/mounts.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import { openAt } from "../../src/vfs/open.ts";
import type { Credentials, WalkContext } from "../../src/vfs/permissions.ts";
import { FOLLOW, walk } from "../../src/vfs/walk.ts";
import { ManualClock } from "../fs/clock.ts";
import { got } from "../fs/contract.ts";

export function bytes(text: string): ByteString {
  return text as ByteString;
}

export class SmallWorld {
  readonly clock = new ManualClock();
  readonly fs = new MemoryFileSystem({ dev: 1, clock: this.clock });
  readonly mounts = new MountTable(this.fs);
  readonly root = this.mounts.root;
  readonly #contexts: WalkContext = {
    mounts: this.mounts,
    root: this.root,
    credentials: { uid: 0, gid: 0, groups: [] },
  };

  /** The superuser's. */
  get context(): WalkContext {
    return this.#contexts;
  }

  as(uid: number, gid = uid, groups: readonly number[] = []): WalkContext {
    const credentials: Credentials = { uid, gid, groups };
    return { ...this.#contexts, credentials };
  }

  /** A process whose root directory is this one. */
  rootedAt(path: string): WalkContext {
    return { ...this.#contexts, root: this.at(path) };
  }

  at(path: string): Location {
    return got(walk(this.context, this.root, bytes(path), FOLLOW));
  }

  directories(...paths: readonly string[]): void {
    for (const path of paths) got(makeDirectories(this.context, bytes(path), 0o755));
  }

  file(path: string, mode = 0o644): Location {
    const opened = got(openAt(this.context, this.root, bytes(path), O_CREAT | O_WRONLY, mode, FOLLOW));
    opened.file.close();
    return opened.location;
  }

  link(path: string, target: string): void {
    assert.equal(makeSymlinkAt(this.context, bytes(target), this.root, bytes(path), 0), 0);
  }

  /** Another file system in memory on this directory. */
  mount(path: string, options?: MountOptions): MemoryFileSystem {
    const fs = new MemoryFileSystem({ dev: 2, clock: this.clock });
    this.mounts.mount(this.at(path), fs, options);
    return fs;
  }
}
