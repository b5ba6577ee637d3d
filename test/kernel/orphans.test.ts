import assert from "node:assert/strict";
import { test } from "node:test";
import { ELOOP, ENOENT } from "../../src/abi/errno.ts";
import { AT_FDCWD, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR } from "../../src/abi/fcntl.ts";
import { SIGUSR1 } from "../../src/abi/signal.ts";
import { P_ALL, WEXITED } from "../../src/abi/wait.ts";
import { programAt } from "../../src/kernel/operations/exec.ts";
import { openAt } from "../../src/kernel/operations/files.ts";
import { write } from "../../src/kernel/operations/io.ts";
import { makeSymlinkAt } from "../../src/kernel/operations/names.ts";
import { waitForChild } from "../../src/kernel/operations/processes.ts";
import type { Process } from "../../src/kernel/process.ts";
import { SharedWorld } from "./shared-world.ts";
import { bytes, IMAGE, vector } from "./simulated.ts";

function found({ kernel }: SharedWorld, { pid }: Process): Process {
  const process = kernel.process(pid);
  assert.ok(process !== undefined);
  return process;
}

test("orphans go to the nearest ancestor that takes them, also in a restored kernel", () => {
  const world = new SharedWorld();
  const first = world.process();
  const nearest = world.fork(first);
  const parent = world.fork(nearest);
  const [running, zombie] = [world.fork(parent), world.fork(parent)];
  for (const one of [first, nearest]) one.subreaper = true;
  running.parentDeathSignal = SIGUSR1;
  world.end(zombie);
  const copy = world.restored();
  const [a, b, c, d] = [nearest, parent, running, zombie].map((one) => found(copy, one)) as [
    Process,
    Process,
    Process,
    Process,
  ];
  copy.end(b);
  // Told of the death, it ended, and is the heir's to wait for like the other two.
  assert.equal(c.status?.signal, SIGUSR1);
  assert.equal(c.parent, a);
  assert.equal(c.parentPid, a.pid);
  const waited = [1, 2, 3].map(() =>
    copy.as(a, (thread) => waitForChild(thread, { type: P_ALL, id: 0, options: WEXITED })),
  );
  assert.deepEqual(
    waited.sort((x, y) => x - y),
    [b.pid, c.pid, d.pid],
  );
  assert.equal(a.children.size, 0);
});

test("a program behind a descriptor is executed, and a script is told a path it can be opened by", () => {
  const world = new SharedWorld();
  const one = world.process();
  const { kernel } = one;
  world.as(one, (thread) => {
    const make = (name: string, text: string): number => {
      const fd = openAt(thread, AT_FDCWD, bytes(name), O_CREAT | O_RDWR, 0o755, 0);
      one.memory.putByteString(0, bytes(text));
      write(thread, fd, vector([0, text.length]));
      return fd;
    };
    const program = make("program", "program");
    const script = make("script", "#!/program -x\n");
    makeSymlinkAt(thread, bytes("program"), AT_FDCWD, bytes("link"), 0);
    Object.assign(kernel.loader, { compile: () => IMAGE });
    const execute = (fd: number, path: string, follow = true): readonly string[] | number => {
      const named = programAt(thread, fd, bytes(path), true, follow);
      if (typeof named === "number") return named;
      const result = kernel.programs.find(one, one.cwd, bytes(path), [bytes("name"), bytes("a")], named);
      return typeof result === "number" ? result : result.argv;
    };
    assert.deepEqual(execute(program, ""), ["name", "a"]);
    assert.deepEqual(execute(script, ""), ["/program", "-x", `/dev/fd/${script}`, "a"]);
    assert.deepEqual(execute(AT_FDCWD, "script"), ["/program", "-x", "script", "a"]);
    const here = openAt(thread, AT_FDCWD, bytes("."), O_RDONLY | O_DIRECTORY, 0, 0);
    assert.deepEqual(execute(here, "script"), ["/program", "-x", `/dev/fd/${here}/script`, "a"]);
    const closing = openAt(thread, AT_FDCWD, bytes("script"), O_RDONLY | O_CLOEXEC, 0, 0);
    assert.equal(execute(closing, ""), -ENOENT);
    assert.equal(execute(AT_FDCWD, "link", false), -ELOOP);
    assert.deepEqual(execute(AT_FDCWD, "link"), ["name", "a"]);
  });
});
