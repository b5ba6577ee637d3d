import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EACCES, ELOOP, ENOENT, ENOEXEC } from "../../src/abi/errno.ts";
import { O_CREAT, O_WRONLY } from "../../src/abi/fcntl.ts";
import { SIGKILL, SIGUSR1 } from "../../src/abi/signal.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import type { ExitStatus } from "../../src/kernel/contracts.ts";
import { bytes, SimulatedHost } from "../kernel/simulated.ts";
import { type Machine, machine } from "./machine.ts";
import { posixCalls, type Said } from "./posix-calls.ts";
import { textModule } from "./text-module.ts";

interface Guest {
  readonly made: Machine;
  readonly values: () => number[];
  readonly file: (name: string, content: Uint8Array | string, mode?: number) => void;
  readonly run: (body: string) => Promise<ExitStatus>;
}

function guest(): Guest {
  const said: Said = [];
  const root = new MemoryFileSystem({ dev: 1, clock: new SimulatedHost().clock });
  const made = machine({ calls: posixCalls(said), root });
  return {
    made,
    values: () => said.map(([, value]) => value),
    file(name, content, mode = 0o755) {
      const inode = root.create(root.root, bytes(name), mode, { uid: 0, gid: 0 });
      assert.ok(typeof inode === "object");
      const file = root.open(inode, O_WRONLY | O_CREAT);
      assert.ok(typeof file === "object");
      const data = typeof content === "string" ? Buffer.from(content) : content;
      assert.equal(file.write(0, data, 0, data.length), data.length);
      file.close();
    },
    run: (body) => made.run(textModule(`(memory 1) (data (i32.const 16) "/next\\00") ${body}`)),
  };
}

/** Says its argument, and that it blocks nothing; ends with 4. */
const NEXT = textModule(`(memory 3) (func (export "_start")
  (call $say (call $argument)) (call $say (call $mask)) (call $say (memory.size)) (call $exit (i32.const 4)) (unreachable))`);
const EXEC = `(func (export "_start") (call $say (call $exec (i32.const 16) (i32.const 41))))`;

describe("execve", () => {
  it("makes the process another program, with its number and without its handlers", async () => {
    const one = guest();
    one.file("next", NEXT);
    const status = await one.run(`(table 2 funcref) (elem (i32.const 1) $say) (func (export "_start")
      (drop (call $handle (i32.const ${SIGUSR1}) (i32.const 1) (i32.const 0)))
      (drop (call $block (i32.const ${SIGUSR1})))
      (drop (call $kill (call $getpid) (i32.const ${SIGUSR1})))
      (call $say (call $exec (i32.const 16) (i32.const 41))) (call $say (i32.const -1)))`);
    assert.deepEqual(status, { code: 4, signal: 0 });
    assert.deepEqual(one.values(), [41, 1 << (SIGUSR1 - 1), 3]);
    assert.deepEqual(one.made.exits.length, 1);
    while (one.made.engine.programs > 0) await new Promise(setImmediate);
    assert.deepEqual(one.made.faults, []);
  });

  it("follows #! lines, their one argument, and interpreters of interpreters", async () => {
    const one = guest();
    one.file("program", NEXT);
    one.file("inner", "#!/program 7 8 \t\nrest");
    one.file("next", "#! /inner");
    assert.equal((await one.run(EXEC)).code, 4);
    assert.equal(one.values()[0], 7008);
    const loop = guest();
    loop.file("next", "#!/next\n");
    await loop.run(EXEC);
    assert.deepEqual(loop.values(), [-ELOOP]);
  });

  it("refuses what is no program, and the caller goes on", async () => {
    const refusals: [string, number, Uint8Array | string, number][] = [
      ["text", ENOEXEC, "echo hi\n", 0o755],
      ["nothing", ENOEXEC, "", 0o755],
      ["a truncated program", ENOEXEC, NEXT.subarray(0, NEXT.length - 9), 0o755],
      ["a wrong magic", ENOEXEC, "\0ASM\x01\0\0\0", 0o755],
      ["#! and nothing", ENOEXEC, "#!\n", 0o755],
      ["an interpreter that is not there", ENOENT, "#!/none\n", 0o755],
      ["a file without x bits", EACCES, NEXT, 0o644],
      ["a program that imports what nobody has", ENOEXEC, strange(), 0o755],
    ];
    for (const [what, errno, content, mode] of refusals) {
      const one = guest();
      one.file("next", content, mode);
      assert.deepEqual(await one.run(EXEC), { code: 0, signal: 0 }, what);
      assert.deepEqual(one.values(), [-errno], what);
      assert.deepEqual(one.made.faults, [], what);
    }
  });

  it("compiles the same contents once", async () => {
    const one = guest();
    one.file("next", NEXT);
    one.file("copy", NEXT);
    const { programs } = one.made.kernel;
    const root = one.made.kernel.mounts.root;
    const context = { mounts: one.made.kernel.mounts, root, credentials: { uid: 0, gid: 0, groups: [] } };
    const images = ["/next", "/copy", "/next"].map((path) => programs.find(context, root, bytes(path), []));
    const [first, second, third] = images.map((found) => (typeof found === "number" ? found : found.image));
    assert.equal(typeof first, "object");
    assert.equal(first, second);
    assert.equal(first, third);
  });

  it("may be killed between its call and the new program's first step", async () => {
    const one = guest();
    one.file("next", NEXT);
    const process = one.made.spawn(textModule(`(memory 1) (data (i32.const 16) "/next\\00") ${EXEC}`));
    while (!process.executed) await new Promise(setImmediate);
    one.made.kernel.kill(process, SIGKILL);
    await one.made.ended(process);
    while (one.made.engine.programs > 0) await new Promise(setImmediate);
    assert.deepEqual(one.made.faults, []);
  });
});

describe("posix_spawn", () => {
  it("runs a program as a child, 300 times from one compilation", async () => {
    const one = guest();
    one.file("next", NEXT);
    const status = await one.run(`(func (export "_start") (local $i i32)
      (loop $again
        (drop (call $spawn (i32.const 16) (local.get $i)))
        (if (i32.ne (call $wait) (i32.const 4)) (then (unreachable)))
        (br_if $again (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 300)))))`);
    assert.deepEqual(status, { code: 0, signal: 0 });
    assert.equal(one.values().length, 900);
    assert.equal(one.made.kernel.processes.length, 0);
  });

  it("answers what execve would, and makes no child then", async () => {
    const one = guest();
    one.file("next", "no program");
    await one.run(
      `(func (export "_start") (call $say (call $spawn (i32.const 16) (i32.const 0))) (call $say (call $wait)))`,
    );
    assert.deepEqual(one.values(), [-ENOEXEC, -10]);
    assert.deepEqual(one.made.faults, []);
  });
});

function strange(): Uint8Array {
  const good = Buffer.from(NEXT);
  good.write("tesT", good.indexOf("test"));
  return good;
}
