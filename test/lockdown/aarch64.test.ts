/**
 * aarch64 without such a machine: tables and constants against the headers its cross compiler has, by a program that runs
 * under qemu-user; filters on a real aarch64 kernel under qemu-system, where one was named.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import binaryen from "binaryen";
import {
  BasicCapabilities,
  ForkAndExec,
  Networking,
  Pipes,
  PLEDGE_PROMISES,
  pledge,
  type RuleSet,
  SafetyContext,
  SYSTEMD_GROUPS,
  SystemIO,
  systemdGroup,
  Threads,
  Time,
} from "linden/lockdown";
import * as fcntl from "../../src/abi/fcntl.ts";
import { type Architecture, AUDIT_ARCH, callNumbers } from "../../src/host/call-numbers.ts";
import {
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_LOG,
  simulate,
} from "../../src/lockdown/bpf.ts";
import { compile } from "../../src/lockdown/compiler.ts";
import { constants } from "../../src/lockdown/formats/constants.ts";
import { hostPolicy } from "../../src/lockdown/policies.ts";
import { type Policy, readPolicy } from "../../src/lockdown/policy.ts";
import { home } from "./locked.ts";
import { pick, random, randomRules, WORDS } from "./random-policies.ts";

const CROSS = "aarch64-linux-gnu-gcc";
const QEMU = "qemu-aarch64-static";
const COMPILERS: Readonly<Record<Architecture, string>> = { x64: "gcc", arm64: CROSS };
for (const [program, wanted] of [
  [CROSS, "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"],
  [QEMU, "qemu-user-static"],
] as const) {
  assert.equal(spawnSync(program, ["--version"]).status, 0, `${program} is missing: apt install ${wanted}`);
}

const scratch = mkdtempSync(join(tmpdir(), "linden-aarch64-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** What expressions of C are on an architecture: compiled for it and run there, by qemu-user where it is another one. */
function values(
  architecture: Architecture,
  includes: string,
  expressions: readonly string[],
): ReadonlyMap<string, bigint> {
  const program = join(scratch, `values-${architecture}`);
  const lines = expressions.map((each) => `  printf("%s %lld\\n", "${each}", (long long)(${each}));`).join("\n");
  const input = `${includes}\n#include <stdio.h>\nint main(void) {\n${lines}\n}\n`;
  execFileSync(COMPILERS[architecture], ["-w", "-static", "-x", "c", "-", "-o", program], { input });
  const runner = architecture === "arm64" && process.arch !== "arm64" ? [QEMU, program] : [program];
  const said = execFileSync(runner[0] ?? "", runner.slice(1), { encoding: "utf8" });
  return new Map(
    said
      .trim()
      .split("\n")
      .map((line) => {
        const end = line.lastIndexOf(" ");
        return [line.slice(0, end), BigInt(line.slice(end))] as const;
      }),
  );
}

function macros(architecture: Architecture, includes: string, pattern: RegExp): string[] {
  const defined = execFileSync(COMPILERS[architecture], ["-E", "-dM", "-"], { input: includes, encoding: "utf8" });
  return [...defined.matchAll(/^#define (\w+) /gm)].map(([, name = ""]) => name).filter((name) => pattern.test(name));
}

/** Since here both architectures give a new call the same number. */
const FIRST_SHARED = 424;

for (const architecture of ["x64", "arm64"] as const) {
  test(`the call numbers of ${architecture} are those its kernel headers compile to`, () => {
    const includes = "#include <asm/unistd.h>";
    const names = macros(architecture, includes, /^__NR_[a-z_]/).filter(
      (name) => !/^__NR_(arch_specific_syscall|syscalls)$/.test(name),
    );
    const found = values(architecture, includes, names);
    const table = callNumbers(architecture);
    assert.ok(found.size > 290, `${found.size} calls in the headers`);
    const wrong = [...found].filter(([name, number]) => table.get(name.slice("__NR_".length)) !== Number(number));
    assert.deepEqual(wrong, []);
    const newest = Math.max(...[...found.values()].map(Number));
    // Linux 6.11 put it into a gap of x86-64's numbers.
    const later = new Map([...table].filter(([name]) => name !== "uretprobe"));
    const beyond = [...later].filter(([name, number]) => !found.has(`__NR_${name}`) && number <= newest);
    assert.deepEqual(beyond, []);
    const other = callNumbers(architecture === "x64" ? "arm64" : "x64");
    const apart = [...table].filter(
      ([name, number]) => number >= FIRST_SHARED && (other.get(name) ?? number) !== number,
    );
    assert.deepEqual(apart, []);
  });
}

const HEADERS = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/landlock.h>
#include <linux/capability.h>
#include <stddef.h>`;

test("the constants that policy files name are arm64's", () => {
  const table = constants("arm64");
  // glibc's O_LARGEFILE is 0, the kernel's is not; TCGETS and its like take a type that the C library does not show.
  const names = macros("arm64", HEADERS, /^[A-Z][A-Z0-9_]+$/).filter(
    (name) => table.has(name) && !/^O_LARGEFILE$|^TC[GS]ETS/.test(name),
  );
  assert.ok(names.length > 600, `only ${names.length} constants compared`);
  const wrong = [...values("arm64", HEADERS, names)].filter(
    ([name, value]) => table.get(name) !== BigInt.asUintN(64, value),
  );
  assert.deepEqual(wrong, []);
});

test("the words and layouts that rule sets and filters are made of are the same on arm64, or not used", () => {
  const same: Readonly<Record<string, number>> = {
    O_WRONLY: fcntl.O_WRONLY,
    O_RDWR: fcntl.O_RDWR,
    O_CREAT: fcntl.O_CREAT,
    O_EXCL: fcntl.O_EXCL,
    O_TRUNC: fcntl.O_TRUNC,
    O_APPEND: fcntl.O_APPEND,
    "(O_TMPFILE&~O_DIRECTORY)": 0o20000000,
    AF_UNIX: 1,
    AF_INET: 2,
    AF_INET6: 10,
    SOCK_STREAM: 1,
    SOCK_DGRAM: 2,
    SOCK_CLOEXEC: 0o2000000,
    SOCK_NONBLOCK: 0o4000,
    AUDIT_ARCH_AARCH64: AUDIT_ARCH.arm64,
    SECCOMP_SET_MODE_FILTER: 1,
    SECCOMP_FILTER_FLAG_TSYNC: 1,
    SECCOMP_RET_ALLOW: SECCOMP_RET_ALLOW,
    SECCOMP_RET_KILL_PROCESS: SECCOMP_RET_KILL_PROCESS,
    "sizeof(struct sock_filter)": 8,
    "sizeof(struct sock_fprog)": 16,
    "offsetof(struct sock_fprog,filter)": 8,
    "offsetof(struct seccomp_data,arch)": 4,
    "offsetof(struct seccomp_data,args)": 16,
    "sizeof(struct seccomp_data)": 64,
    LANDLOCK_RULE_PATH_BENEATH: 1,
    "sizeof(struct landlock_path_beneath_attr)": 12,
    PR_SET_NO_NEW_PRIVS: 38,
    _LINUX_CAPABILITY_VERSION_3: 0x20080522,
    F_GETFD: 1,
    F_GETFL: 3,
    F_SETFL: 4,
    PR_SET_NAME: 15,
    AT_REMOVEDIR: 0x200,
  };
  for (const architecture of ["x64", "arm64"] as const) {
    const found = values(architecture, HEADERS, Object.keys(same));
    for (const [name, value] of Object.entries(same))
      assert.equal(found.get(name), BigInt(value), `${architecture} ${name}`);
  }
  // What differs may stand in no mask of an open's flags.
  const differing = values("arm64", HEADERS, ["O_DIRECTORY", "O_NOFOLLOW", "O_DIRECT"]);
  const ofX64 = values("x64", HEADERS, ["O_DIRECTORY", "O_NOFOLLOW", "O_DIRECT"]);
  const banned = [...differing.values(), ...ofX64.values()].reduce((mask, bit) => mask | bit, 0n);
  for (const policy of [...everyPolicy().values()]) {
    for (const { syscall, conditions } of policy.rules) {
      if (!/^open(at)?$/.test(syscall)) continue;
      for (const { argument, mask } of conditions) {
        if (argument === (syscall === "open" ? 1 : 2)) assert.equal(mask & banned, 0n, `${policy.about}: ${syscall}`);
      }
    }
  }
});

function everyPolicy(): ReadonlyMap<string, Policy> {
  const bare = (...ruleSets: RuleSet[]) => {
    const context = SafetyContext.bare();
    for (const ruleSet of ruleSets) context.enable(ruleSet);
    return context.policy();
  };
  const found = new Map<string, Policy>([
    ["cell", hostPolicy("cell")],
    ["fileServer", hostPolicy("fileServer")],
    ["prefilter", hostPolicy("prefilter")],
    ["node", new SafetyContext().enable(SystemIO.nothing().allowStdout().allowStderr()).policy()],
    ["log", new SafetyContext().enable("uname").withLog().policy()],
    ["kill", new SafetyContext().enable("uname").withKill().policy()],
    ["files", bare(SystemIO.everything(), new Pipes(), new BasicCapabilities())],
    ["read only", bare(SystemIO.nothing().allowOpenReadonly().allowRead().allowFileWrite(7))],
    ["tcp", bare(Networking.nothing().allowStartTcpClients().allowStartTcpServers().yesReally())],
    ["udp", bare(Networking.nothing().allowStartUdpServers().yesReally())],
    ["unix", bare(Networking.nothing().allowStartUnixServers().yesReally())],
    ["programs", bare(new ForkAndExec(), Threads.nothing().allowCreate(), Time.nothing().allowGettime())],
  ]);
  for (const promise of PLEDGE_PROMISES) found.set(`pledge ${promise}`, bare(pledge(promise)));
  for (const group of SYSTEMD_GROUPS) found.set(group, bare(systemdGroup(group)));
  return found;
}

const ALLOWED = 4001;
const KILLED = 4002;
const LOGGED = 4003;
const RETURN = 0x06;

/** The program with an errno of its own for each answer that is none: then a kernel tells every verdict, and makes no call. */
function telling(program: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(program);
  const view = new DataView(copy.buffer);
  for (let at = 0; at < copy.length; at += 8) {
    if (view.getUint16(at, true) !== RETURN) continue;
    view.setUint32(at + 4, SECCOMP_RET_ERRNO | errnoOf(view.getUint32(at + 4, true)), true);
  }
  return copy;
}

function errnoOf(verdict: number): number {
  if (verdict === SECCOMP_RET_ALLOW) return ALLOWED;
  if (verdict === SECCOMP_RET_KILL_PROCESS) return KILLED;
  if (verdict === SECCOMP_RET_LOG) return LOGGED;
  assert.equal((verdict & 0xffff0000) >>> 0, SECCOMP_RET_ERRNO);
  return verdict & 0xffff;
}

type Round = {
  readonly name: string;
  readonly program: Uint8Array<ArrayBuffer>;
  readonly calls: readonly (readonly bigint[])[];
};

/** Calls of a policy's rules and others, with words of its conditions, their neighbours and the edges. */
function roundOf(name: string, policy: Policy, count: number): Round {
  const numbers = callNumbers("arm64");
  const known = [...numbers.values()];
  const named = policy.rules.map(({ syscall }) => numbers.get(syscall)).filter((number) => number !== undefined);
  const words = [...WORDS.map(BigInt)];
  for (const { conditions } of policy.rules) {
    for (const { values: each } of conditions) words.push(...each.flatMap((word) => [word, word + 1n, word - 1n]));
  }
  const calls = Array.from({ length: count }, () => {
    const from = random(10);
    const number = from < 7 && named.length > 0 ? pick(named) : from < 9 ? pick(known) : random(600);
    return [BigInt(number), ...Array.from({ length: 6 }, () => BigInt.asUintN(64, pick(words)))];
  });
  return { name, program: compile(policy, "arm64"), calls };
}

function casesOf(rounds: readonly Round[]): Buffer {
  const parts = [u32(rounds.length, 0)];
  for (const { program, calls } of rounds) {
    parts.push(u32(program.length, calls.length), Buffer.from(telling(program)));
    const words = Buffer.alloc(calls.length * 56);
    calls.flat().forEach((word, index) => {
      words.writeBigUInt64LE(word, index * 8);
    });
    parts.push(words);
  }
  return Buffer.concat(parts);
}

function u32(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number, index) => {
    bytes.writeUInt32LE(number, index * 4);
  });
  return bytes;
}

/** A root file system for a kernel: cpio's "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst). */
function archive(files: Readonly<Record<string, Buffer>>): Buffer {
  const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  const entry = (name: string, content: Buffer, mode: number) => {
    const fields = [1, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
    const head = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`;
    return Buffer.concat([padded(Buffer.from(head)), padded(content)]);
  };
  const directories = new Set<string>();
  for (const name of Object.keys(files)) {
    for (let end = name.indexOf("/"); end > 0; end = name.indexOf("/", end + 1)) directories.add(name.slice(0, end));
  }
  return Buffer.concat([
    ...[...directories].map((name) => entry(name, Buffer.alloc(0), 0o40755)),
    ...Object.entries(files).map(([name, content]) => entry(name, content, 0o100755)),
    entry("TRAILER!!!", Buffer.alloc(0), 0),
  ]);
}

/** Boots the kernel with these files; what its first process printed, line by line. */
function boot(files: Readonly<Record<string, Buffer>>, megabytes: number): readonly string[] {
  const image = join(scratch, "image");
  writeFileSync(image, archive(files));
  const machine = [
    "-M",
    "virt",
    "-cpu",
    "cortex-a72",
    "-smp",
    "2",
    "-m",
    String(megabytes),
    "-nic",
    "none",
    "-no-reboot",
  ];
  const console_ = ["-display", "none", "-monitor", "none", "-serial", "stdio"];
  const system = ["-kernel", kernel ?? "", "-initrd", image, "-append", "console=ttyAMA0 quiet panic=-1"];
  const said = spawnSync("qemu-system-aarch64", [...machine, ...console_, ...system], {
    encoding: "latin1",
    timeout: 300_000,
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "pipe"],
  });
  assert.equal(said.status, 0, said.stderr + said.stdout.slice(-2000));
  return said.stdout.split(/\r*\n/);
}

function built(source: string): Buffer {
  const program = join(scratch, "program");
  const path = new URL(`aarch64/${source}`, import.meta.url).pathname;
  execFileSync(CROSS, ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-static", "-O1", path, "-o", program]);
  return readFileSync(program);
}

const kernel = process.env.LINDEN_AARCH64_KERNEL;
const skip =
  kernel === undefined
    ? "needs qemu-system-aarch64 and an aarch64 kernel image in LINDEN_AARCH64_KERNEL (docs/decisions/0026): a foreign architecture's package"
    : false;

test("an aarch64 kernel and the simulator agree on every policy and on random ones", { skip }, (t) => {
  const rounds = [...everyPolicy()].map(([name, policy]) => roundOf(name, policy, 1200));
  const names = [...callNumbers("arm64").keys()];
  for (let index = 0; index < 12; index++) {
    const syscalls = randomRules(Array.from({ length: 8 }, () => pick(names)));
    const policy = readPolicy({ about: "random", default: pick(["allow", "kill", "log"]), syscalls });
    rounds.push(roundOf(`random ${index}`, policy, 4000));
  }
  const lines = boot({ init: built("verdicts.c"), cases: casesOf(rounds) }, 256);
  assert.ok(
    lines.some((line) => line.startsWith("MACHINE aarch64 ")),
    lines.slice(-20).join("\n"),
  );
  assert.ok(lines.includes("END"), lines.slice(-20).join("\n"));
  const answers = lines.filter((line) => line.startsWith("R"));
  assert.equal(answers.length, rounds.length);
  let compared = 0;
  const seen = new Set<number>();
  rounds.forEach(({ name, program, calls }, round) => {
    const line = answers[round] ?? "";
    assert.equal(line.length, 1 + calls.length * 4, `${name}: ${line.slice(0, 80)}`);
    calls.forEach(([number = 0n, ...args], index) => {
      const answer = Number.parseInt(line.slice(1 + index * 4, 5 + index * 4), 16);
      const verdict = simulate(program, { number: Number(number), audit: AUDIT_ARCH.arm64, args });
      assert.equal(
        answer,
        errnoOf(verdict),
        `${name}: call ${number}(${args.map((word) => `0x${word.toString(16)}`)})`,
      );
      seen.add(answer);
      compared++;
    });
  });
  assert.ok(compared > 100_000, `${compared} compared`);
  t.diagnostic(`${compared} verdicts equal, ${rounds.length} filters`);
  assert.ok([ALLOWED, KILLED, LOGGED, 1].every((answer) => seen.has(answer)));
});

const node = process.env.LINDEN_AARCH64_NODE;
const LIBRARIES = ["c.so.6", "m.so.6", "dl.so.2", "pthread.so.0", "stdc++.so.6", "gcc_s.so.1", "atomic.so.1"];

test("on an aarch64 machine with Node a program locks itself, and a guest runs in a locked cell", {
  skip:
    skip !== false
      ? skip
      : node === undefined
        ? "needs aarch64's Node in LINDEN_AARCH64_NODE (docs/decisions/0026), and takes a minute"
        : false,
}, () => {
  const files: Record<string, Buffer> = { init: built("machine.c"), "bin/node": readFileSync(node ?? "") };
  const lib = "/usr/aarch64-linux-gnu/lib";
  for (const name of ["ld-linux-aarch64.so.1", ...LIBRARIES.map((each) => `lib${each}`)]) {
    files[`lib/${name}`] = readFileSync(join(lib, name));
  }
  for (const name of readdirSync(join(home, "dist")).filter((each) => /\.c?js$/.test(each))) {
    files[`linden/dist/${name}`] = readFileSync(join(home, "dist", name));
  }
  files["linden/package.json"] = readFileSync(join(home, "package.json"));
  files["app.mjs"] = readFileSync(new URL("aarch64/app.mjs", import.meta.url));
  files["hello.wasm"] = hello();
  const start = "/bin/node --disable-warning=ExperimentalWarning";
  files.commands = Buffer.from(
    [
      `${start} --import /linden/dist/lockdown-boot.js /app.mjs`,
      `${start} -- /linden/dist/cli.cjs run -v /tmp:/data:ro /hello.wasm`,
      "",
    ].join("\n"),
  );
  const lines = boot(files, 1500).filter((line) => line !== "" && !/^\[ *\d+\.\d+\]/.test(line));
  const refused = "EPERM";
  const words = [
    ["arm64", 3, refused, "function"],
    ["arm64", 3, refused, "function"],
    ["all threads", true, [], "getegid answered EPERM (1)"],
    [refused, refused, "hello", refused, 8],
    [8_999_994, 200_000, true],
  ];
  // What stands before a lock that starts the program once more runs twice.
  assert.deepEqual(lines, [...words.map((each) => JSON.stringify(each)), "STATUS 0", "hello from a guest", "STATUS 0"]);
});

/** fd_write(1, ["hello from a guest\n"]), in WebAssembly's binary format. */
function hello(): Buffer {
  const module = binaryen.parseText(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\08\\00\\00\\00\\13\\00\\00\\00hello from a guest\\0a")
    (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))))`);
  return Buffer.from(module.emitBinary());
}
