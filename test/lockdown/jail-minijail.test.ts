/** `linden jail` beside minijail0 itself: the same options, the same program, the same words and status. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { jailed, program, scratch } from "./jailed.ts";

const minijail = process.env.LINDEN_MINIJAIL;
const skip =
  minijail === undefined
    ? "needs a built checkout of Minijail in LINDEN_MINIJAIL (docs/jail.md); Debian has none"
    : process.getuid?.() === 0
      ? false
      : "needs root";

const root = join(scratch, "root");
const mounted = ["-P", root, ...["/bin", "/lib", "/lib64", "/usr", "/proc"].flatMap((each) => ["-b", each])];
const sh = (script: string): string[] => ["--", "/bin/sh", "-c", `exec 2>&1; ${script}`];
const status = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|SigBlk|SigIgn)' /proc/self/status";

/** Options, with the program where it is not a shell's script. */
const CASES: readonly (readonly string[])[] = [
  ["-n", ...sh(status)],
  ["-u", "nobody", "-g", "nogroup", ...sh(status)],
  ["-u", "daemon", "-g", "1", "-G", ...sh(status)],
  ["-u", "nobody", "-g", "nogroup", "--add-suppl-group", "audio", ...sh(status)],
  ["-c", "0", "--ambient", ...sh(status)],
  ["-u", "nobody", "-g", "nogroup", "-c", "400", "--ambient", ...sh(status)],
  ["-p", ...sh("echo $$; set -- /proc/[0-9]*; echo $#; touch /proc/sys/x")],
  ["-I", ...sh("echo $$")],
  ["-v", ...sh("mount -t tmpfs none /mnt && grep -c ' /mnt ' /proc/self/mountinfo")],
  ["-e", ...sh("cat /proc/net/dev | tail -n +3 | cut -d: -f1; ip -o link show lo | grep -o 'state [A-Z]*'")],
  ["--uts=inside", ...sh("hostname")],
  ["-U", "-m0 0 1", "-M0 0 1", ...sh("id -u; id -g; cat /proc/self/uid_map; mknod /tmp/n c 1 3")],
  [...mounted, ...sh("ls /; touch /usr/x; cat /etc/passwd")],
  [...mounted, "-t1M", ...sh("stat -c '%a' /tmp; head -c 2000000 /dev/zero > /tmp/big; grep ' /tmp ' /proc/mounts")],
  [
    ...mounted,
    "-d",
    ...sh("ls -l /dev | sed 's/ [A-Z][a-z][a-z] .*:.. / /; s/^total.*//'; head -c 3 /dev/zero | wc -c"),
  ],
  [...mounted, "-k", "none,/data,tmpfs", ...sh("grep ' /data ' /proc/mounts")],
  [...mounted, "-k", "none,/data,tmpfs,MS_NOSUID|MS_RDONLY,size=4k,mode=700", ...sh("grep ' /data ' /proc/mounts")],
  ["-r", ...sh("grep ' /proc ' /proc/mounts | tail -1; echo 1 > /proc/sys/vm/swappiness")],
  ["-R", "RLIMIT_NOFILE,17,0x20", ...sh("ulimit -n; ulimit -Hn")],
  ["--env-reset", "--env-add", "A=1", ...sh("/usr/bin/env | grep -vE '^(PWD|_|SHLVL|LD_PRELOAD|__MINIJAIL.*)='")],
  [
    "--fs-default-paths",
    "--fs-path-ro",
    "/etc/hostname",
    "--fs-path-rw",
    "/dev",
    ...sh("cat /etc/hostname; cat /etc/fstab; mkdir /tmp/linden-x"),
  ],
  [...sh("exit 7")],
  [...sh("kill -9 $$")],
  ["-p", ...sh("exit 7")],
];

before(() => {
  chmodSync(scratch, 0o755);
  for (const name of ["bin", "lib", "lib64", "usr", "proc", "tmp", "dev", "data"])
    mkdirSync(join(root, name), { recursive: true });
});

function theirs(argv: readonly string[]) {
  const {
    stdout,
    stderr,
    status: code,
  } = spawnSync(
    `${minijail}/minijail0`,
    ["--preload-library", `${minijail}/libminijailpreload.so`, "--logging=stderr", ...argv],
    { cwd: "/", env: { PATH: process.env.PATH, LC_ALL: "C" }, encoding: "utf8", timeout: 20_000 },
  );
  return { stdout, stderr, status: code };
}

for (const argv of CASES) {
  test(`minijail0 ${argv.join(" ").slice(0, 90).replaceAll(scratch, "…")}`, { skip }, async () => {
    const [ours, expected] = [await jailed(argv), theirs(argv)];
    const plain = (text: string) => text.replaceAll(/^libminijail.*\n/gm, "");
    assert.deepEqual(
      [ours.status, plain(ours.stdout)],
      [expected.status, plain(expected.stdout)],
      ours.stderr + expected.stderr,
    );
  });
}

/** Policies after the shapes of Minijail's examples, and its examples themselves; a static program, so that nothing is preloaded. */
const POLICIES: readonly (readonly [string, string])[] = [
  ["an allow list", "read: 1\nwrite: 1\nexit_group: 1\n"],
  ["standard streams", "read: arg0 == 0\nwrite: arg0 == 1 || arg0 == 2\nexit_group: 1\n"],
  [
    "an errno",
    "write: arg0 == 1; return EBADF\nexit_group: 1\nmkdir: return EDOM\nsocket: arg0 in 1; return 7\ngetppid: 1\n",
  ],
  ["no writable code", "mmap: arg2 in ~PROT_EXEC || arg2 in ~PROT_WRITE\nwrite: 1\nexit_group: 1\n"],
];
/** Minijail's examples; a build with headers of Linux 6.1 has no mseal. */
function examples(): (readonly [string, string])[] {
  return ["examples/cat.policy", "test/seccomp.policy", "test/stdin_stdout.policy"].map((name) => {
    const text = readFileSync(join(minijail ?? "", name), "utf8");
    return [name, text.replace(/^mseal: 1\n/m, "").replace("@include ./", `@include ${minijail}/`)] as const;
  });
}

test("programs under policies, Minijail's own examples among them, end the same way", { skip }, async () => {
  const body = [
    `say(write(1, "one\\n", 4));`,
    `say(write(2, "", 0));`,
    `say(mkdir("/proc/nowhere", 0700));`,
    `say(syscall(SYS_socket, 1, 1, 0));`,
    `say(syscall(SYS_socket, 2, 1, 0));`,
    `say(syscall(SYS_mmap, 0, 4096, 3, 0x22, -1, 0) > 0 ? 0 : -1);`,
    `say(syscall(SYS_mmap, 0, 4096, 7, 0x22, -1, 0) > 0 ? 0 : -1);`,
    `say(getppid() > 0 ? 0 : -1);`,
  ];
  const start =
    "execve: 1\nbrk: 1\narch_prctl: 1\nset_tid_address: 1\nset_robust_list: 1\nrseq: 1\nprlimit64: 1\nreadlink: 1\ngetrandom: 1\nmprotect: 1\n";
  const startOfGlibc = `${start}readlinkat: 1\nnewfstatat: 1\nfstat: 1\n`;
  for (const [step, line] of body.entries()) {
    const file = program(
      `step-${step}`,
      `#include <errno.h>\n#include <sys/stat.h>\n#include <sys/syscall.h>\n#include <unistd.h>
static void say(long result) { _exit(result < 0 ? errno : 0); }
int main(void) { ${line} return 0; }`,
    );
    for (const [name, text] of [...POLICIES, ...examples()]) {
      const policy = join(scratch, "shape.policy");
      const missing = startOfGlibc.split("\n").filter((each) => !text.includes(`\n${each.split(":")[0]}:`));
      writeFileSync(policy, `${missing.join("\n")}\n${text}`);
      const argv = ["-n", "-S", policy, "-T", "static", "--", file];
      const [ours, expected] = [await jailed(argv), theirs(argv)];
      assert.deepEqual(
        [ours.status, ours.stdout],
        [expected.status, expected.stdout],
        `${name}, ${line}: ${ours.stderr}${expected.stderr}`,
      );
    }
  }
});
