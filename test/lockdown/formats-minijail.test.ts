/** Minijail's policy language: what each construct means, and that each mistake is named with file and line. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  disassemble,
  loadPolicy,
  PolicyError,
  parsePolicy,
  simulate,
  simulateCall,
  verdictText,
} from "linden/lockdown";
import { AUDIT_ARCH, callNumbers } from "../../src/host/call-numbers.ts";
import { compile } from "../../src/lockdown/compiler.ts";
import { constants } from "../../src/lockdown/formats/constants.ts";

const scratch = mkdtempSync(join(tmpdir(), "linden-minijail-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const machine = { architecture: "x64", capabilities: new Set<string>(), kernel: [6, 1] } as const;
function verdicts(text: string, calls: readonly string[]): string[] {
  const { policy, format } = parsePolicy(text, join(scratch, "p.policy"), machine);
  assert.equal(format, "minijail");
  return calls.map((call) => simulateCall(policy, call, "x64").verdict);
}
const KILL = "kill process";

/** What the constructs mean, as minijail0(5) and the tools' README say: the text, then calls with their verdicts. */
const MEANINGS: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
  ["1 allows, what is not named is killed", "read: 1\n", { "read(0)": "allow", "write(1)": KILL }],
  [
    "comments and empty lines say nothing",
    "# a comment: 1\n\n  # another\nread: 1 # and here\n",
    { "read(0)": "allow" },
  ],
  [
    "return refuses with an errno, by name, decimal, octal or hexadecimal",
    "read: return EBADF\nwrite: return 011\nopen: return 0x9\nclose: return 9\n",
    { "read()": "errno 9", "write()": "errno 9", "open()": "errno 9", "close()": "errno 9" },
  ],
  [
    "an expression allows where it holds and kills otherwise",
    "read: arg0 == 0 && arg2 <= 4096 || arg0 == 7\n",
    { "read(0,0,10)": "allow", "read(0,0,4097)": KILL, "read(7,0,4097)": "allow", "read(1)": KILL },
  ],
  [
    "an expression with return refuses otherwise",
    "read: arg0 == 0; return EBADF\n",
    { "read(0)": "allow", "read(1)": "errno 9" },
  ],
  [
    "a line ending in a backslash goes on",
    "mmap: arg2 in ~PROT_EXEC || \\\n  arg2 in ~PROT_WRITE\n",
    { "mmap(0,0,3)": "allow", "mmap(0,0,5)": "allow", "mmap(0,0,6)": KILL, "mmap(0,0,7)": KILL },
  ],
  [
    "& asks for at least one flag",
    "open: arg1 & O_WRONLY|O_RDWR\n",
    { "open(0,1)": "allow", "open(0,2)": "allow", "open(0,0x40)": KILL },
  ],
  ["a flag of 0 is never set", "open: arg1 & O_RDONLY\nread: 1\n", { "open(0,0)": KILL, "open(0,1)": KILL }],
  [
    "in asks for no other flag",
    "mmap: arg3 in MAP_PRIVATE|MAP_ANONYMOUS\n",
    {
      "mmap(0,0,0,0)": "allow",
      "mmap(0,0,0,0x22)": "allow",
      "mmap(0,0,0,0x32)": KILL,
      "mmap(0,0,0,0x100000002)": KILL,
    },
  ],
  [
    "comparisons are unsigned and of 64 bits",
    "lseek: arg1 < 0x100000000 || arg1 == -1\n",
    { "lseek(0,0xffffffff)": "allow", "lseek(0,0x100000000)": KILL, "lseek(0,-1)": "allow" },
  ],
  [
    "constants nest in parentheses and negate",
    "open: arg1 == (O_RDONLY|O_CLOEXEC) || arg1 == ~(~(O_WRONLY))\n",
    { "open(0,0x80000)": "allow", "open(0,1)": "allow", "open(0,2)": KILL },
  ],
  [
    "a number names a call as well",
    "0: 1\n1: arg0 == 1\n",
    { "read()": "allow", "write(1)": "allow", "write(2)": KILL },
  ],
  ["kill is a call as well as an action", "kill: arg1 == 0\nread: 1\n", { "kill(1,0)": "allow", "kill(1,9)": KILL }],
  ["@frequency says nothing about calls", "@frequency ./counts\nread: 1\n", { "read()": "allow" }],
  [
    "@default chooses what happens otherwise",
    "@default trap\nread: allow\nwrite: kill-thread\n",
    { "read()": "allow", "write()": "kill thread", "open()": "trap (SIGSYS)" },
  ],
  [
    "braces hold several filters, asked in turn",
    "read: { arg0 == 0; return EBADF, arg0 == 1, arg0 == 2; log, kill-process }\n",
    { "read(0)": "errno 9", "read(1)": "allow", "read(2)": "allow and log", "read(3)": KILL },
  ],
  [
    "braces name several calls, and [arch] chooses",
    "{ read, write }: allow\n{ pause[arch=arm64], close[arch=x86_64,arm64] }: 1\n",
    { "read()": "allow", "write()": "allow", "close()": "allow", "pause()": KILL },
  ],
  [
    "rules for one call add up where compile_seccomp_policy reads",
    "@default kill\nread: arg0 == 0\nread: arg0 == 1\nread: return EPERM\n",
    { "read(0)": "allow", "read(1)": "allow", "read(2)": "errno 1" },
  ],
  [
    "@denylist allows what is not named, and an expression refuses where it holds",
    "@denylist\nbpf: return EPERM\nwrite: arg0 == 2; return EIO\n",
    { "bpf()": "errno 1", "write(2)": "errno 5", "write(1)": "allow", "mount()": "allow" },
  ],
];
for (const [name, text, expected] of MEANINGS) {
  test(name, () => {
    assert.deepEqual(verdicts(text, Object.keys(expected)), Object.values(expected));
  });
}

const MISTAKES: readonly (readonly [string, string, RegExp])[] = [
  ["an unknown call", "read: 1\nraed: 1\n", /p\.policy:2: .*"raed".*"read"/],
  ["a call of another architecture", "renameat: 1\nmmap2: 1\n", /p\.policy:2: .*"mmap2"/],
  ["an unknown constant", "open: arg1 == O_RDNOLY\n", /p\.policy:1: there is no constant "O_RDNOLY"/],
  ["an unknown operator", "open: arg1 === 1\n", /p\.policy:1: expected a constant/],
  ["no colon", "read: 1\nwrite 1\n", /p\.policy:2: expected ":", found "1"/],
  ["nothing after the colon", "read:\n", /p\.policy:1: expected "1"/],
  ["an argument there is not", "read: arg6 == 1\n", /p\.policy:1: arg6: a system call has/],
  ["an argument without a number", "open: argnn ==\n", /p\.policy:1: /],
  ["something after the rule", "read: arg0 == 1 2\n", /p\.policy:1: "2" stands after/],
  ["an octal number with a 9", "read: arg0 == 09\n", /p\.policy:1: 09: a number with a leading 0/],
  ["a number beyond 64 bits", "read: arg0 == 0x10000000000000000\n", /p\.policy:1: .* does not fit 64 bits/],
  ["a parenthesis left open", "read: arg0 == (1|2\n", /p\.policy:1: expected "\)"/],
  ["an errno that cannot be", "read: return 4096\n", /p\.policy:1: return: an error number/],
  ["a call defined twice", "read: arg0 == 1\n\nread: 1\n", /p\.policy:3: read is defined at .*p\.policy:1 already/],
  [
    "a rule after one without condition",
    "@default kill\nread: 1\nread: arg0 == 1\n",
    /p\.policy:3: read has a rule without/,
  ],
  ["a permissive default", "@default allow\nread: 1\n", /p\.policy:1: @default takes/],
  ["a supervisor's action", "@default kill\nread: user-notify\n", /p\.policy:2: user-notify needs a supervisor/],
  ["a denylist that allows", "@denylist\nread: 1\n", /p\.policy:2: under @denylist/],
  [
    "what the two tools take for opposites",
    "@default kill\nread: arg0 == 1; return EPERM\n",
    /p\.policy:2: minijail0 takes/,
  ],
  ["a comment that is carried on", "read: 1\n# no \\\nclose: 1\n", /p\.policy:2: .*disagree/],
  ["a last line that is carried on", "read: 1 \\", /nothing to go on with/],
  ["a group of calls", "io@libc: 1\n", /p\.policy:1: io@libc: groups/],
  ["an include that is not there", "@include ./nowhere.policy\n", /p\.policy:1: .*nowhere\.policy cannot be read/],
  ["an include without ./ or /", "@include nowhere.policy\n", /p\.policy:1: "\.policy" is not understood/],
];
for (const [name, text, message] of MISTAKES) {
  test(`${name} is refused with file and line`, () => {
    assert.throws(
      () => parsePolicy(text, join(scratch, "p.policy"), machine),
      (thrown) => thrown instanceof PolicyError && message.test(thrown.message),
    );
  });
}

test("files include files beside them, and a mistake in one is named with its own line", () => {
  mkdirSync(join(scratch, "sub"), { recursive: true });
  const main = join(scratch, "main.policy");
  writeFileSync(main, "@include ./sub/more.policy\nread: 1\n");
  writeFileSync(join(scratch, "sub/more.policy"), "@include ./most.policy\nwrite: arg0 == 1\n");
  writeFileSync(join(scratch, "sub/most.policy"), "close: 1\n");
  const { policy } = loadPolicy(main, machine);
  const said = ["read()", "write(1)", "write(2)", "close()"].map((call) => simulateCall(policy, call, "x64").verdict);
  assert.deepEqual(said, ["allow", "allow", KILL, "allow"]);
  writeFileSync(join(scratch, "sub/most.policy"), "close: 1\nclose: arg0 ~ 1\n");
  assert.throws(() => loadPolicy(main, machine), /most\.policy:2: expected an operator/);
  writeFileSync(join(scratch, "sub/most.policy"), "@include ../main.policy\n");
  assert.throws(() => loadPolicy(main, machine), /@include nests deeper|includes itself/);
});

test("the constants are those of this machine's headers", () => {
  const headers = [
    "fcntl.h",
    "sys/mman.h",
    "sys/socket.h",
    "sched.h",
    "sys/prctl.h",
    "signal.h",
    "sys/ioctl.h",
    "poll.h",
  ];
  const source = ["#define _GNU_SOURCE", ...headers.map((header) => `#include <${header}>`)].join("\n");
  const table = constants("x64");
  const defined = execFileSync("gcc", ["-E", "-dM", "-"], { input: source, encoding: "utf8" });
  // glibc's own O_LARGEFILE is 0, the kernel's is not; SIG_ and RTMIN are expressions of the library.
  const names = [...defined.matchAll(/^#define ([A-Z][A-Z0-9_]+) /gm)]
    .map(([, name = ""]) => name)
    .filter((name) => table.has(name) && !/^O_LARGEFILE$|^TC[GS]ETS/.test(name));
  assert.ok(names.length > 600, `only ${names.length} constants compared`);
  const lines = names.map((name) => `  printf("%s %lld\\n", "${name}", (long long)(${name}));`).join("\n");
  const program = join(scratch, "constants");
  execFileSync("gcc", ["-w", "-x", "c", "-", "-o", program], {
    input: `${source}\n#include <stdio.h>\nint main(void) {\n${lines}\n}\n`,
  });
  const wrong = execFileSync(program, { encoding: "utf8" })
    .trim()
    .split("\n")
    .filter((line) => {
      const [name = "", value = ""] = line.split(" ");
      return table.get(name) !== BigInt.asUintN(64, BigInt(value));
    });
  assert.deepEqual(wrong, []);
});

const home = process.env.LINDEN_MINIJAIL;
test("Minijail's own compiler and examples say the same", {
  skip:
    home === undefined
      ? "needs a built checkout of Minijail in LINDEN_MINIJAIL (docs/jail.md); Debian has none"
      : false,
}, () => {
  assert.ok(home !== undefined);
  const examples = ["examples/cat.policy", "test/seccomp.policy", "test/stdin_stdout.policy"];
  const words = [0n, 1n, 2n, 3n, 4n, 7n, 0xffffffffn, 0x100000001n, 0xffffffffffffffffn];
  const before = process.cwd();
  process.chdir(home); // one of the examples includes from there
  try {
    for (const name of examples) {
      // A build with headers of Linux 6.1 has no mseal.
      const example = join(scratch, "example.policy");
      writeFileSync(example, readFileSync(name, "utf8").replace(/^mseal: 1\n/m, ""));
      const dumped = join(scratch, "theirs.bpf");
      const made = spawnSync("./parse_seccomp_policy", [`--dump=${dumped}`, example], { encoding: "utf8" });
      assert.equal(made.status, 0, made.stderr);
      const theirs = new Uint8Array(readFileSync(dumped));
      const ours = compile(loadPolicy(example, machine).policy, "x64");
      assert.ok(disassemble(theirs).every((line) => !line.includes("unknown")));
      for (const [syscall, number] of callNumbers("x64")) {
        for (const word of words) {
          const call = { number, audit: AUDIT_ARCH.x64, args: words.map((each) => each ^ word).slice(0, 6) };
          // Theirs ends the thread, ours the process.
          const said = verdictText(simulate(theirs, call)).replace("thread", "process");
          assert.equal(verdictText(simulate(ours, call)), said, `${name}: ${syscall}(${call.args})`);
        }
      }
    }
  } finally {
    process.chdir(before);
  }
});
