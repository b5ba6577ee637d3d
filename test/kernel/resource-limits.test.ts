import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EFBIG, EINVAL, EMFILE, ENOMEM, EPERM } from "../../src/abi/errno.ts";
import {
  RLIMIT_AS,
  RLIMIT_CORE,
  RLIMIT_CPU,
  RLIMIT_FSIZE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
} from "../../src/abi/resource.ts";
import { SIGKILL, SIGXCPU, SIGXFSZ } from "../../src/abi/signal.ts";
import { fork } from "../../src/kernel/operations/exec.ts";
import { duplicate, pwrite } from "../../src/kernel/operations/io.ts";
import { DISPOSITION_IGNORE } from "../../src/kernel/process.ts";
import { mayFork, resourceLimit, setResourceLimit } from "../../src/kernel/resource-limits.ts";
import { PAGE, SharedWorld } from "./shared-world.ts";
import { vector } from "./simulated.ts";

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
