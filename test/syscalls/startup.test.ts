import assert from "node:assert/strict";
import { test } from "node:test";
import { EINVAL } from "../../src/abi/errno.ts";
import { O_CLOEXEC, O_RDONLY } from "../../src/abi/fcntl.ts";
import { GONE } from "../../src/kernel/contracts.ts";
import { takeSnapshot } from "../../src/kernel/snapshot/snapshot.ts";
import { Guest } from "./guest.ts";

test("arguments are handed over one by one, with their NULs", () => {
  const guest = new Guest({ argv: ["prog", "", "\xe4 b"] });
  assert.equal(guest.import("__init"), 0);
  assert.equal(guest.import("__cl_get_argc"), 3);
  assert.deepEqual(
    [0, 1, 2].map((i) => guest.import("__cl_get_argv_len", i)),
    [5, 1, 4],
  );
  const buffer = guest.room(8);
  guest.memory.bytes.fill(0xff, buffer, buffer + 8);
  assert.equal(guest.import("__cl_copy_argv", buffer, 2), 3);
  assert.equal(guest.textAt(buffer, 5), "\xe4 b\0\xff");
  assert.equal(guest.import("__cl_get_argv_len", 3), -EINVAL);
  assert.equal(guest.import("__cl_copy_argv", buffer, -1), -EINVAL);
});

/** Ask for the file of the environment, open and read it. */
function environment(env: readonly string[]): string | undefined {
  const guest = new Guest({ env });
  const buffer = guest.room(4096);
  if (guest.import("__get_init_envfile", buffer, 4096) === 0) return undefined;
  const fd = guest.call("open", buffer, O_RDONLY | O_CLOEXEC, 0);
  assert.equal(fd, 3);
  assert.ok(takeSnapshot(guest.kernel).descriptions.some(({ file }) => file.kind === "bytes"));
  const text = guest.textAt(buffer, guest.must("read", fd, buffer, 4096));
  guest.must("close", fd);
  const own = guest.open("/proc/self/environ", O_RDONLY);
  const second = guest.textAt(buffer, guest.must("read", own, buffer, 4096));
  assert.equal(second, env.map((entry) => `${entry}\0`).join(""), "afterwards it is the file of /proc");
  return text;
}

test("the environment is a file of lines, or of strings with NULs where a value has lines itself", () => {
  assert.equal(environment(["A=b", "C="]), "A=b\nC=\n");
  assert.equal(environment(["A=b\nc", "D=e"]), "A=b\nc\0D=e\0");
  assert.equal(environment([]), undefined);
});

test("a buffer too small for the file's name gets none", () => {
  const guest = new Guest({ env: ["A=b"] });
  assert.equal(guest.import("__get_init_envfile", guest.room(8), 8), 0);
});

test("the end", () => {
  const guest = new Guest();
  assert.equal(guest.import("__proc_exit", 300), GONE);
  guest.host.run(guest.kernel);
  assert.equal(guest.ended?.code, 44);
});

test("a longjmp nobody can do ends the program with a reason", () => {
  const guest = new Guest();
  assert.equal(guest.import("setjmp", 0), 0);
  assert.equal(guest.import("longjmp", 0, 1), GONE);
  guest.host.run(guest.kernel);
  assert.match(guest.ended?.message ?? "", /longjmp/);
});
