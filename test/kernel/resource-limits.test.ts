import assert from "node:assert/strict";
import { test } from "node:test";
import { E2BIG, EAGAIN, EFBIG, EINVAL, EMFILE, ENOMEM, EPERM } from "../../src/abi/errno.ts";
import {
  RLIMIT_AS,
  RLIMIT_CORE,
  RLIMIT_CPU,
  RLIMIT_DATA,
  RLIMIT_FSIZE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
} from "../../src/abi/resource.ts";
import { SIGKILL, SIGSEGV, SIGXCPU, SIGXFSZ } from "../../src/abi/signal.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { GONE, type ProgramImage } from "../../src/kernel/contracts.ts";
import { execute, fork, spawnProgram } from "../../src/kernel/operations/exec.ts";
import { duplicate, pwrite } from "../../src/kernel/operations/io.ts";
import { DISPOSITION_IGNORE, Thread } from "../../src/kernel/process.ts";
import { mayFork, resourceLimit, setResourceLimit } from "../../src/kernel/resource-limits.ts";
import { PAGE, SharedWorld } from "./shared-world.ts";
import { bytes, machine, SimulatedHost, spawn, vector } from "./simulated.ts";

test("nobody gets more than the sandbox has, and only the superuser gets more than before", () => {
  const world = new SharedWorld();
  const one = world.process();
  const { descriptors, processes } = world.kernel.limits;
  const set = (resource: number, soft: number, hard: number) => setResourceLimit(one, one, resource, { soft, hard });
  assert.equal(set(RLIMIT_NOFILE, 10, descriptors + 1), -EPERM);
  assert.equal(set(RLIMIT_NPROC, 10, processes + 1), -EPERM);
  assert.equal(set(RLIMIT_NOFILE, 10, 5), -EINVAL);
  assert.equal(set(RLIMIT_NOFILE, 0, 20), 0);
  assert.equal(
    world.as(one, (thread) => duplicate(thread, world.open(one, "f"), 0, false)),
    -9,
  );
  assert.equal(set(RLIMIT_NOFILE, 1, 20), 0);
  const fd = world.open(one, "f");
  assert.equal(fd, 0);
  assert.equal(
    world.as(one, (thread) => duplicate(thread, fd, 0, false)),
    -EMFILE,
  );
  assert.equal(set(RLIMIT_FSIZE, 100, 200), 0);
  one.credentials = { uid: 1000, gid: 1000, groups: [] };
  assert.equal(set(RLIMIT_FSIZE, 200, 201), -EPERM);
  assert.equal(set(RLIMIT_FSIZE, 200, 200), 0);
  assert.equal(set(RLIMIT_NPROC, 1, 1), 0);
  assert.equal(mayFork(one), -EAGAIN);
  assert.equal(
    world.as(one, (thread) => fork(thread)),
    -EAGAIN,
  );
});

test("a core file has no size, and anybody may ask for one of any, as on Linux", () => {
  const one = new SharedWorld().process();
  assert.deepEqual(resourceLimit(one, RLIMIT_CORE), { soft: 0, hard: Infinity });
  one.credentials = { uid: 1000, gid: 1000, groups: [] };
  assert.equal(setResourceLimit(one, one, RLIMIT_CORE, { soft: 1000, hard: Infinity }), 0);
  assert.equal(resourceLimit(one, RLIMIT_CORE).soft, 1000);
});

test("limits hold for children and come back from a snapshot", () => {
  const world = new SharedWorld();
  const one = world.process();
  const fd = world.open(one, "f");
  one.dispositions[SIGXFSZ] = DISPOSITION_IGNORE;
  setResourceLimit(one, one, RLIMIT_FSIZE, { soft: 10, hard: Infinity });
  setResourceLimit(one, one, RLIMIT_AS, { soft: 3 * 65_536, hard: Infinity });
  setResourceLimit(one, one, RLIMIT_NOFILE, { soft: 4, hard: 8 });
  const two = world.fork(one);
  const copy = world.restored();
  for (const pid of [one.pid, two.pid]) {
    const process = copy.kernel.process(pid);
    assert.ok(process);
    assert.deepEqual(resourceLimit(process, RLIMIT_FSIZE), { soft: 10, hard: Infinity });
    assert.equal(process.descriptors.limit, 4);
    const put = (position: number) => copy.as(process, (thread) => pwrite(thread, fd, vector([0, 8]), position));
    assert.deepEqual([put(0), put(4), put(10)], [8, 6, -EFBIG]);
    assert.equal(copy.map(process, -1, 4 * 65_536), -ENOMEM);
    assert.ok(copy.map(process, -1, PAGE) > 0);
  }
});

/** A program in a file, and a thread that may execute it. */
function withProgram(extent: ProgramImage["extent"]) {
  const fs = new MemoryFileSystem({ dev: 1, clock: new SimulatedHost().clock });
  const made = machine({}, fs);
  const inode = fs.create(fs.root, bytes("next"), 0o755, { uid: 0, gid: 0 });
  assert.ok(typeof inode === "object");
  const image = extent === undefined ? { name: "next" } : { name: "next", extent };
  assert.equal(made.kernel.programs.adopt({ mount: made.kernel.mounts.rootMount, inode }, image), 0);
  const { process, thread } = spawn(made);
  const set = (resource: number, soft: number) =>
    assert.equal(setResourceLimit(process, process, resource, { soft, hard: Infinity }), 0);
  return { made, process, thread, set };
}

const REQUEST = { path: bytes("/next"), argv: [bytes("next")], env: [] };

test("a process that executes what does not fit into its limits ends by SIGSEGV, whatever its other threads do", () => {
  const { made, process, thread, set } = withProgram({ bytes: 8 * PAGE, data: 4 * PAGE });
  set(RLIMIT_AS, 8 * PAGE - 1);
  const other = new Thread(process, made.kernel.nextPid);
  process.threads.push(other);
  process.dispositions[SIGSEGV] = DISPOSITION_IGNORE;
  assert.equal(execute(thread, REQUEST), GONE);
  made.host.run(made.kernel);
  assert.equal(process.status?.signal, SIGSEGV);
  assert.equal(other.killed, true);
  assert.equal(made.programs.length, 1, "nothing was loaded");
});

test("what fits, and what nobody knows the size of, is executed", () => {
  for (const extent of [{ bytes: 8 * PAGE, data: 4 * PAGE }, undefined]) {
    const { made, process, thread, set } = withProgram(extent);
    set(RLIMIT_AS, 8 * PAGE);
    set(RLIMIT_DATA, 4 * PAGE);
    assert.equal(execute(thread, REQUEST), GONE);
    made.host.run(made.kernel);
    assert.equal(process.status, undefined);
    assert.equal(made.programs.length, 2);
  }
});

test("posix_spawn makes a child that ended by SIGSEGV; arguments without room are E2BIG", () => {
  const { made, process, thread, set } = withProgram({ bytes: 8 * PAGE, data: 4 * PAGE });
  set(RLIMIT_DATA, 2 * PAGE);
  const pid = spawnProgram(thread, REQUEST);
  assert.ok(pid > 0);
  made.host.run(made.kernel);
  assert.equal(made.kernel.process(pid)?.status?.signal, SIGSEGV);
  assert.equal(made.programs.at(-1)?.started, 0);
  assert.equal(process.status, undefined);
  set(RLIMIT_AS, 0);
  assert.equal(spawnProgram(thread, { ...REQUEST, env: [bytes("x".repeat(PAGE))] }), -E2BIG);
  assert.equal(execute(thread, { ...REQUEST, env: [bytes("x".repeat(PAGE))] }), -E2BIG);
  assert.equal(process.ending, undefined);
});

test("CPU time beyond the soft limit is told each second, beyond the hard one it ends the process", () => {
  const world = new SharedWorld();
  const one = world.process();
  one.dispositions[SIGXCPU] = DISPOSITION_IGNORE;
  setResourceLimit(one, one, RLIMIT_CPU, { soft: 1, hard: 3 });
  const [thread] = one.threads;
  assert.ok(thread);
  const work = (ns: number) => {
    world.host.now += ns;
    world.kernel.yieldThread(thread, 0);
    world.host.run(world.kernel);
  };
  work(2_500_000_000);
  assert.equal(one.ending, undefined);
  work(600_000_000);
  assert.equal(one.status?.signal, SIGKILL);
  const two = world.process();
  setResourceLimit(two, two, RLIMIT_CPU, { soft: 1, hard: Infinity });
  const [other] = two.threads;
  assert.ok(other);
  world.host.now += 1_100_000_000;
  world.kernel.yieldThread(other, 0);
  world.host.run(world.kernel);
  world.host.run(world.kernel);
  assert.equal(two.status?.signal, SIGXCPU);
});
