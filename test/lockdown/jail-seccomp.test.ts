/** `linden jail` with seccomp policies of every format: a program attempts what its filter refuses. */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { jailed, prints, program, rootSkip, scratch } from "./jailed.ts";

const skip = rootSkip();

let attempts = "";
before(() => {
  chmodSync(scratch, 0o755);
  attempts = program(
    "attempts",
    `#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
  char said[64];
  write(1, "starts\\n", 7);
  if (mkdir("/proc/nowhere", 0700) < 0) write(1, said, sprintf(said, "mkdir %d\\n", errno));
  if (syscall(SYS_socket, 2, 1, 0) < 0) write(1, said, sprintf(said, "socket %d\\n", errno));
  else write(1, "socket\\n", 7);
  return 0;
}`,
  );
});

describe("seccomp", () => {
  const policy = (text: string): string => {
    const file = join(scratch, `${Math.random()}.policy`);
    writeFileSync(file, text);
    return file;
  };
  test("-S refuses and kills as the policy says; execve itself need not be in it", async () => {
    const base = "write: 1\nexit_group: 1\n";
    const refused = await jailed([
      "-S",
      policy(`${base}mkdir: return EDOM\nsocket: return EXDEV\n`),
      "--loader-calls",
      "--",
      attempts,
    ]);
    assert.deepEqual([refused.status, refused.stdout], [0, "starts\nmkdir 33\nsocket 18\n"]);
    const killed = await jailed(["-S", policy(base), "--loader-calls", "--", attempts]);
    assert.deepEqual([killed.status, killed.stdout], [253, "starts\n"]);
  });
  test("the program cannot execute another one, for it does not know the stage's word", async () => {
    const again = program(
      "again",
      `#include <unistd.h>\nint main(void) { execl("/bin/true", "true", (char *)0); return 3; }`,
    );
    const file = policy("exit_group: 1\nwrite: 1\n");
    assert.equal((await jailed(["-S", file, "--loader-calls", "--", again])).status, 253);
    assert.equal(
      (await jailed(["-S", policy("exit_group: 1\nexecve: return EPERM\n"), "--loader-calls", "--", again])).status,
      3,
    );
  });
  test("without --loader-calls a program that takes more to start is killed", async () => {
    assert.equal((await jailed(["-S", policy("write: 1\nexit_group: 1\n"), "--", "/bin/echo"])).status, 253);
  });
  test("--policy takes Linden's, Docker's and Minijail's; Linden's brings its files along", async () => {
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 33 }],
    };
    const container = join(scratch, "profile.json");
    writeFileSync(container, JSON.stringify(profile));
    assert.match((await jailed(["--policy", container, "--", attempts])).stdout, /mkdir 33\nsocket\n/);
    const linden = join(scratch, "linden.json");
    const files = [scratch, "/bin", "/lib", "/lib64", "/usr"].map((path) => ({
      path,
      rights: ["readFile", "execute"],
      why: "a test",
      ifPresent: true,
    }));
    writeFileSync(
      linden,
      JSON.stringify({
        about: "a test",
        default: "allow",
        syscalls: [{ syscall: "socket", why: "a test", action: { errno: "EXDEV" } }],
        files,
      }),
    );
    const text = await prints(["--policy", linden, "--", "/bin/sh", "-c", `${attempts}; cat /etc/passwd 2>&1 || true`]);
    assert.match(text, /socket 18\n.*passwd: Permission denied/s);
  });
  test("--seccomp-bpf-binary takes a filter's bytes", async () => {
    const bytes = Buffer.from("06000000210005000600000000000000", "hex").subarray(0, 8);
    const file = join(scratch, "filter.bpf");
    writeFileSync(file, bytes); // every call answers EDOM
    const { status } = await jailed(["--seccomp-bpf-binary", file, "--", attempts]);
    assert.notEqual(status, 0);
    writeFileSync(file, Buffer.from("060000000000ff7f", "hex")); // every call is allowed
    assert.match((await jailed(["--seccomp-bpf-binary", file, "--", attempts])).stdout, /socket\n/);
    writeFileSync(file, "torn");
    assert.equal((await jailed(["--seccomp-bpf-binary", file, "--", attempts])).status, 125);
  });
  test("-s leaves four calls", async () => {
    const strict = program(
      "strict",
      `#include <sys/syscall.h>\n#include <unistd.h>\nint main(void) { write(1, "ok\\n", 3); syscall(SYS_getppid); write(1, "no\\n", 3); syscall(SYS_exit, 0); return 0; }`,
    );
    const { status, stdout } = await jailed(["-s", "--loader-calls", "--", strict]);
    assert.deepEqual([status, stdout], [253, "ok\n"]);
  });
  test("without a policy bpf(2) is refused, and nothing else", async () => {
    const bpf = program(
      "bpf",
      `#include <errno.h>\n#include <stdio.h>\n#include <sys/syscall.h>\n#include <unistd.h>\nint main(void) { syscall(SYS_bpf, -1, 0, 0); printf("%d\\n", errno); return 0; }`,
    );
    assert.equal(await prints(["--", bpf]), "1\n");
    if (skip === false) assert.equal(await prints(["--no-default-runtime-environment", "--", bpf]), "22\n");
  });
  test("-L, -Y and --allow-speculative-execution install the filter all the same", async () => {
    const file = policy("write: 1\nexit_group: 1\n");
    assert.equal(
      (
        await jailed([
          "-L",
          "-Y",
          "--allow-speculative-execution",
          "-T",
          "static",
          "-S",
          file,
          "--loader-calls",
          "--",
          attempts,
        ])
      ).status,
      253,
    );
  });
  test("a mistake in a policy starts nothing", async () => {
    const { status, stdout, stderr } = await jailed(["-S", policy("raed: 1\n"), "--", "echo", "started"]);
    assert.deepEqual([status, stdout], [125, ""]);
    assert.match(stderr, /policy:1: .*raed/);
  });
});
