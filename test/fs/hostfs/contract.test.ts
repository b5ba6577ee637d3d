/** hostfs over a real file server: what every file system must do, once with what was told still believed, once without. */
import { after } from "node:test";
import { HostFileSystem } from "../../../src/fs/hostfs/hostfs.ts";
import type { Clock } from "../../../src/wait/clock.ts";
import { below, owner, Served, TestClock } from "../../fileserver/served.ts";
import { fileSystemContract } from "../contract.ts";

const served = new Served();
after(() => served.dispose());
let made = 0;

/** Each test gets a directory of its own. */
function mount(clock: Clock): { fs: HostFileSystem } {
  const fs = HostFileSystem.mount(below(served.host, `test-${made++}`), { dev: 9, clock, owner });
  if (typeof fs === "number") throw new Error(`mount: ${fs}`);
  return { fs };
}

/** Whenever it is asked, what was told before is too old. */
class RunawayClock extends TestClock {
  override monotonicNs(): number {
    this.skipped += 10_000_000_000;
    return this.skipped;
  }
}

fileSystemContract("hostfs", () => mount(new TestClock()));
fileSystemContract("hostfs that believes nothing", () => mount(new RunawayClock()));
