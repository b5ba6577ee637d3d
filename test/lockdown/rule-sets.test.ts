import assert from "node:assert/strict";
import { test } from "node:test";
import {
  arg,
  arg32,
  BasicCapabilities,
  ConditionalNoEffectError,
  ForkAndExec,
  InvalidCondition,
  InvalidRuleSet,
  LockdownError,
  lockWith,
  Networking,
  NodeRuntime,
  NoRulesEnabled,
  NotConfirmed,
  Pipes,
  type RuleSet,
  SafetyContext,
  SeccompRule,
  SystemIO,
  Threads,
  Time,
  UnknownSystemCall,
} from "linden/lockdown";
import { AUDIT_ARCH, callNumbers } from "../../src/host/call-numbers.ts";
import { SECCOMP_RET_ALLOW, simulate } from "../../src/lockdown/bpf.ts";
import { compile } from "../../src/lockdown/compiler.ts";

class JustWrite implements RuleSet {
  readonly name = "JustWrite";
  simpleRules() {
    return ["write"];
  }
}

/** Whether a context allows a call with these arguments, on an architecture. */
function allows(
  context: SafetyContext,
  architecture: "x64" | "arm64",
  name: string,
  ...args: (number | bigint)[]
): boolean {
  const number = callNumbers(architecture).get(name) ?? assert.fail(`${architecture} has no ${name}`);
  const call = { number, audit: AUDIT_ARCH[architecture], args: args.map(BigInt) };
  return simulate(compile(context.policy(), architecture), call) === SECCOMP_RET_ALLOW;
}

const conflict = (syscall: string, conditional: string, simple: string) => (error: unknown) =>
  error instanceof ConditionalNoEffectError &&
  error.syscall === syscall &&
  error.conditional === conditional &&
  error.simple === simple &&
  [syscall, conditional, simple].every((word) => error.message.includes(word));

test("a simple rule that would override a conditional one is refused, whichever comes first, naming both sides", () => {
  const stdout = () => SystemIO.nothing().allowStdout();
  assert.throws(() => SafetyContext.bare().enable(stdout().allowWrite()), conflict("write", "SystemIO", "SystemIO"));
  assert.throws(
    () => SafetyContext.bare().enable(stdout()).enable(SystemIO.everything()),
    conflict("write", "SystemIO", "SystemIO"),
  );
  assert.throws(
    () => SafetyContext.bare().enable(SystemIO.everything()).enable(stdout()),
    conflict("write", "SystemIO", "SystemIO"),
  );
  assert.throws(
    () => SafetyContext.bare().enable(stdout()).enable(new JustWrite()),
    conflict("write", "SystemIO", "JustWrite"),
  );
  assert.throws(
    () => SafetyContext.bare().enable(new JustWrite()).enable(stdout()),
    conflict("write", "SystemIO", "JustWrite"),
  );
  assert.throws(
    () => SafetyContext.bare().enable(SystemIO.nothing().allowRead().allowStdin()),
    conflict("read", "SystemIO", "SystemIO"),
  );
  assert.throws(
    () => SafetyContext.bare().enable(SystemIO.nothing().allowOpenReadonly().allowOpen().yesReally()),
    conflict("open", "SystemIO", "SystemIO"),
  );
});

test("a refused rule set leaves nothing of itself behind", () => {
  const context = SafetyContext.bare().enable(SystemIO.nothing().allowStdout());
  assert.throws(() => context.enable(SystemIO.nothing().allowMetadata().allowWrite()));
  assert.ok(!allows(context, "x64", "fstat", 1));
  assert.ok(allows(context, "x64", "write", 1));
  assert.ok(!allows(context, "x64", "write", 3));
});

test("equal duplicates are fine, simple or conditional, and change nothing", () => {
  const once = SafetyContext.bare().enable(new JustWrite());
  const twice = SafetyContext.bare().enable(new JustWrite()).enable(SystemIO.nothing().allowWrite()).enable("write");
  for (const context of [once, twice]) assert.ok(allows(context, "x64", "write", 9));
  const stdout = SafetyContext.bare().enable(SystemIO.nothing().allowStdout());
  const again = SafetyContext.bare()
    .enable(SystemIO.nothing().allowStdout().allowStdout())
    .enable(SystemIO.nothing().allowStdout());
  assert.deepEqual(again.compile(), stdout.compile());
});

test("what NodeRuntime and Networking ask for at least gives way to a wider grant", () => {
  const context = new SafetyContext()
    .enable(Networking.nothing().allowRunningTcpServers())
    .enable(SystemIO.everything());
  assert.ok(allows(context, "x64", "write", 1));
  const narrow = new SafetyContext()
    .enable(Networking.nothing().allowRunningTcpServers())
    .enable(SystemIO.nothing().allowStdout());
  assert.deepEqual(
    [0, 1, 2, 3, 40].map((descriptor) => allows(narrow, "x64", "write", descriptor)),
    [false, true, false, true, true],
  );
});

test("a dangerous grant does nothing, and is refused, until it is confirmed", () => {
  const io = SystemIO.nothing();
  const pending = io.allowOpen();
  assert.deepEqual(io.simpleRules(), []);
  const smuggled: unknown = pending;
  assert.throws(
    () => SafetyContext.bare().enable(smuggled as RuleSet),
    (error: unknown) => error instanceof NotConfirmed && /SystemIO\.allowOpen.*yesReally/.test(error.message),
  );
  assert.deepEqual(pending.yesReally().simpleRules(), ["open", "openat", "openat2"]);
});

test("wrong input is a typed error that names the culprit", () => {
  assert.throws(
    () => new SafetyContext().enable("raed"),
    (error: unknown) => error instanceof UnknownSystemCall && /"raed"; did you mean "read"/.test(error.message),
  );
  assert.throws(() => new SafetyContext().applyToCurrentThread(), NoRulesEnabled);
  assert.throws(() => SafetyContext.bare().applyToAllThreads(), NoRulesEnabled);
  const odd = (value: unknown) => () => new SafetyContext().enable(value as RuleSet);
  assert.throws(odd(BasicCapabilities), /new BasicCapabilities\(\)/);
  assert.throws(odd(SystemIO), /enable\(SystemIO\): .*"SystemIO\.nothing\(\) and what it allows"/);
  assert.throws(() => lockWith(undefined as unknown as string), /lockWith: expected the path of a policy file/);
  assert.throws(odd({ name: "x" }), InvalidRuleSet);
  assert.throws(odd(null), InvalidRuleSet);
  assert.throws(() => arg(6), InvalidCondition);
  assert.throws(() => arg(0).lt(0), /arg\(0\) < 0: nothing is below 0/);
  assert.throws(() => arg32(0).eq(2 ** 32), /does not fit 32 bits/);
  assert.throws(() => arg(0).masked(1).eq(2), /never holds/);
  assert.throws(() => arg(0).masked(0), /mask of 0/);
  assert.throws(() => arg(0).eq(0.5), InvalidCondition);
  assert.throws(() => arg(0).in(), InvalidCondition);
  assert.throws(() => new SafetyContext().withErrno("EWHAT"), /EWHAT/);
  assert.throws(() => new SafetyContext().withErrno(0), LockdownError);
  assert.throws(() => SystemIO.nothing().allowFileRead(-1), /allowFileRead/);
  assert.throws(() => Networking.nothing().allowConnectPort(70000), /65535/);
});

test("conditions AND together inside a rule, rules for one call OR together", () => {
  const both: RuleSet = {
    name: "Both",
    simpleRules: () => [],
    conditionalRules: () => [
      new SeccompRule("lseek").andCondition(arg32(0).eq(5)).andCondition(arg(1).lt(100)),
      new SeccompRule("lseek").andCondition(arg32(2).ne(0)).andCondition(arg(1).ge(2n ** 40n)),
    ],
  };
  const context = SafetyContext.bare().enable(both);
  const seek = (...args: (number | bigint)[]) => allows(context, "x64", "lseek", ...args);
  assert.ok(seek(5, 99, 0));
  assert.ok(!seek(5, 100, 0));
  assert.ok(!seek(6, 99, 0));
  assert.ok(seek(6, 2n ** 40n, 1));
  assert.ok(!seek(6, 2n ** 40n, 0));
});

test("sockets are matched by equality: no other family or type rides on a shared bit", () => {
  for (const architecture of ["x64", "arm64"] as const) {
    const context = SafetyContext.bare().enable(Networking.nothing().allowStartTcpServers().yesReally());
    const socket = (...args: number[]) => allows(context, architecture, "socket", ...args);
    assert.ok(socket(2, 1, 0) && socket(10, 1 | 0o2000000 | 0o4000, 6));
    // AF_AX25 (3), AF_PACKET (17) and SOCK_RAW (3), SOCK_SEQPACKET (5) pass a test of single bits.
    for (const [family, type] of [
      [3, 1],
      [17, 1],
      [16, 1],
      [1, 1],
      [2, 2],
      [2, 3],
      [2, 5],
      [2, 0x101],
    ] as const) {
      assert.ok(!socket(family, type, 0), `${architecture} ${family} ${type}`);
    }
    const unix = SafetyContext.bare().enable(Networking.nothing().allowStartUnixServers().yesReally());
    assert.ok(allows(unix, architecture, "socket", 1, 1, 0) && allows(unix, architecture, "socket", 1, 2, 0));
    assert.ok(!allows(unix, architecture, "socket", 17, 3, 0));
  }
});

test("opening for reading alone lets no flag through that changes a file", () => {
  for (const architecture of ["x64", "arm64"] as const) {
    const context = SafetyContext.bare().enable(SystemIO.nothing().allowOpenReadonly());
    const open = (flags: number) => allows(context, architecture, "openat", -100, 0, flags, 0);
    assert.ok(open(0) && open(0o2000000) && open(0o200000) && open(0o40000));
    for (const flag of [0o1, 0o2, 0o100, 0o200, 0o1000, 0o2000, 0o20000000, 0o20200000])
      assert.ok(!open(flag), flag.toString(8));
    assert.ok(!allows(context, architecture, "openat2", -100, 0, 0, 24));
  }
});

test("every built-in rule set compiles for both architectures, and every rule has a reason", () => {
  const everything: readonly RuleSet[] = [
    new BasicCapabilities(),
    new NodeRuntime(),
    SystemIO.everything(),
    SystemIO.nothing().allowReadPath("/").allowListDir("/").allowSslFiles().allowDnsFiles(),
    Networking.nothing().allowStartTcpClients().allowConnect().yesReally().allowStartUdpServers().yesReally(),
    Threads.nothing().allowCreate().allowSleep().yesReally(),
    Time.nothing().allowGettime(),
    new Pipes(),
    new ForkAndExec(),
  ];
  for (const ruleSet of everything) {
    const context = SafetyContext.bare().enable(ruleSet);
    for (const architecture of ["x64", "arm64"] as const) assert.ok(compile(context.policy(), architecture).length > 0);
    for (const call of ruleSet.simpleRules())
      assert.ok((ruleSet.reasons?.().get(call) ?? "").length > 3, `${ruleSet.name} ${call}`);
    for (const rule of ruleSet.conditionalRules?.() ?? [])
      assert.ok(rule.why.length > 10, `${ruleSet.name} ${rule.syscall}`);
  }
});

test("each grant allows what it names and not its neighbour", () => {
  const bare = () => SafetyContext.bare();
  const cases: readonly [RuleSet, readonly string[], readonly string[]][] = [
    [SystemIO.nothing(), [], ["read", "write", "openat", "close", "fstat"]],
    [SystemIO.nothing().allowRead(), ["read", "pread64", "readv", "lseek"], ["write", "openat"]],
    [SystemIO.nothing().allowWrite(), ["write", "pwrite64", "fsync"], ["read", "openat"]],
    [SystemIO.nothing().allowUnlink(), ["unlink", "unlinkat"], ["rmdir", "rename"]],
    [SystemIO.nothing().allowMetadata(), ["fstat", "statx", "getdents64", "getcwd"], ["read", "ioctl"]],
    [SystemIO.nothing().allowIoctl(), ["ioctl", "fcntl"], ["read"]],
    [SystemIO.nothing().allowClose(), ["close", "close_range"], ["read"]],
    [
      Networking.nothing().allowRunningTcpServers(),
      ["accept4", "recvfrom", "epoll_wait"],
      ["socket", "bind", "connect"],
    ],
    [
      Networking.nothing().allowRunningTcpClients(),
      ["recvfrom", "sendto"],
      ["socket", "bind", "connect", "accept4", "listen"],
    ],
    [Networking.nothing().allowStartTcpClients(), ["connect", "sendto"], ["bind", "accept4", "listen"]],
    [Networking.nothing().allowConnect().yesReally(), ["connect"], ["socket", "sendto"]],
    [Networking.nothing().allowStartUdpServers().yesReally(), ["bind", "recvmsg"], ["connect"]],
    [Threads.nothing().allowCreate(), ["clone", "clone3"], ["nanosleep", "execve", "fork"]],
    [Threads.nothing().allowSleep().yesReally(), ["nanosleep", "clock_nanosleep"], ["clone"]],
    [Time.nothing().allowGettime(), ["clock_gettime", "clock_getres"], ["clock_settime"]],
    [new Pipes(), ["pipe", "pipe2"], ["socketpair"]],
    [new ForkAndExec(), ["fork", "vfork", "execve", "wait4", "clone3"], ["openat", "kill", "ptrace"]],
  ];
  for (const [ruleSet, allowed, refused] of cases) {
    const context = bare().enable(ruleSet);
    for (const name of allowed) assert.ok(allows(context, "x64", name, 9, 9, 9), `${ruleSet.name} ${name}`);
    for (const name of refused) assert.ok(!allows(context, "x64", name, 9, 9, 9), `${ruleSet.name} not ${name}`);
  }
});
