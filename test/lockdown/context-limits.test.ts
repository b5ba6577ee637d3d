/** Resource limits, capabilities and no_new_privs of a context, attempted and read back from the kernel. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Capability, InvalidLimit, type Resource, SafetyContext, SystemIO } from "linden/lockdown";
import { capabilityNames, capabilitySet, dropBoundingSet } from "../../src/lockdown/capabilities.ts";
import { locked, says } from "./locked.ts";

const STATUS = `
const status = (task = "self") => Object.fromEntries(fs.readFileSync("/proc/" + task + "/status", "utf8").split("\\n")
  .filter((line) => /^(Cap|NoNewPrivs|Seccomp)/.test(line)).map((line) => line.split(":\\t")));
const tasks = () => fs.readdirSync("/proc/self/task").map((task) => status("self/task/" + task));
const open = () => SystemIO.nothing().allowOpenReadonly().allowRead().allowWrite().allowMetadata();
`;

test("limits: those named are set, soft and hard, and bite; the report says which", async () => {
  const said = await says(`${STATUS}
    const scratch = fs.mkdtempSync(TEMPORARY);
    const file = fs.openSync(scratch + "/file", "w");
    const report = new SafetyContext().enable(open())
      .withLimits({ nofile: 99, core: 0, fsize: 10 }).withLimits({ nofile: { soft: 64n, hard: 80 } })
      .applyToAllThreads();
    say(report.limits);
    say(report.steps);
    const limits = fs.readFileSync("/proc/self/limits", "utf8");
    say(["Max open files", "Max core file size", "Max file size"].map((title) => limits.split("\\n").find((line) => line.startsWith(title))?.slice(title.length).trim().split(/\\s+/).slice(0, 2)));
    const opened: number[] = [];
    say(attempt(() => { for (;;) opened.push(fs.openSync("/etc/passwd")); }));
    for (const descriptor of opened) fs.closeSync(descriptor);
    process.on("SIGXFSZ", () => {});
    say([fs.writeSync(file, "12345678901234"), attempt(() => fs.writeSync(file, "x"))]);
    say(lockdown.reportText(report).split("\\n").filter((line) => line.startsWith("limit")));`);
  assert.deepEqual(said, [
    [
      { name: "core", soft: "0", hard: "0" },
      { name: "fsize", soft: "10", hard: "10" },
      { name: "nofile", soft: "64", hard: "80" },
    ],
    ["no_new_privs", "resource limit core", "resource limit fsize", "resource limit nofile", "seccomp filter"],
    [
      ["64", "80"],
      ["0", "0"],
      ["10", "10"],
    ],
    "EMFILE",
    [10, "EFBIG"],
    [
      "limit: core 0, the whole process",
      "limit: fsize 10, the whole process",
      "limit: nofile 64 (hard 80), the whole process",
    ],
  ]);
});

test("a limit on processor time ends a program that spins", async () => {
  const outcome = await locked(`
    new SafetyContext().enable(stdio()).withLimits({ cpu: 1 }).applyToAllThreads();
    say("spinning");
    for (;;);`);
  assert.deepEqual([outcome.said, outcome.signal], [["spinning"], "SIGKILL"]);
});

test("a limit that would be raised is refused before anything is done", async () => {
  const said = await says(`${STATUS}
    say(spawnSync("prlimit", ["--pid", String(process.pid), "--nofile=512:1024"]).status);
    say(attempt(() => new SafetyContext().enable(open()).withLimits({ fsize: 5, nofile: 4096 }).applyToAllThreads()));
    say(/Max file size\\s+5 /.test(fs.readFileSync("/proc/self/limits", "utf8")));
    say(status().Seccomp_filters);`);
  assert.equal(said[0], 0);
  assert.equal(said[1], "InvalidLimit: nofile: 4096 is above this process's hard limit 1024");
  assert.deepEqual(said.slice(2), [false, "1"]);
});

test("wrong limits and capabilities are typed errors that name them", () => {
  const context = () => new SafetyContext().enable(SystemIO.nothing().allowStdout());
  const wrong = (limits: object, pattern: RegExp) =>
    assert.throws(
      () => context().withLimits(limits),
      (error: unknown) => error instanceof InvalidLimit && pattern.test(error.message),
    );
  wrong({ files: 3 }, /no resource limit "files"; there are cpu, fsize/);
  wrong({ toString: 3 }, /no resource limit "toString"/);
  wrong({ nofile: -1 }, /nofile: expected a whole number.*got -1/);
  wrong({ nofile: 1.5 }, /nofile: expected a whole number.*got 1\.5/);
  wrong({ cpu: "10s" }, /cpu: expected.*got 10s/);
  wrong({ cpu: null }, /cpu: expected.*got null/);
  wrong({ core: { soft: 5, hard: 4 } }, /core: the soft limit 5 is above the hard one 4/);
  assert.throws(() => context().dropCapabilities({ keep: ["CAP_FLY" as Capability] }), /no capability "CAP_FLY"/);
  assert.throws(
    () => context().dropCapabilities({ keep: ["NET_ADMIN" as Capability] }),
    /; did you mean "CAP_NET_ADMIN"\?/,
  );
  const limited = context().withLimits({ core: 0 } satisfies Partial<Record<Resource, number>>);
  return assert.rejects(
    limited.run(() => 1),
    /InvalidLimit|bind the whole process/,
  );
});

test("no_new_privs is there after every lock, on every thread, and the report says so", async () => {
  const said = await says(
    `${STATUS}
    say(status().NoNewPrivs);
    const report = new SafetyContext().enable(open()).applyToAllThreads({ restart: true });
    say(report.noNewPrivileges);
    say([...new Set(tasks().map(({ NoNewPrivs }) => NoNewPrivs))]);`,
    { plain: true },
  );
  assert.deepEqual(said, ["0", "1", true, ["1"]]); // the line before the lock runs in both lives
});

const root = process.getuid?.() === 0;

test("capabilities: given up by one thread, and the other threads keep theirs", {
  skip: root ? false : "only root has some",
}, async () => {
  const said = await says(`${STATUS}
    const mine = () => status("thread-self");
    const before = mine().CapPrm;
    const report = new SafetyContext().enable(open()).dropCapabilities({ keep: ["CAP_CHOWN"] }).applyToCurrentThread();
    say(report.capabilities);
    const { CapPrm, CapEff, CapInh, CapAmb, CapBnd } = mine();
    say([CapPrm, CapEff, CapInh, CapAmb, CapBnd].map((set) => Number.parseInt(set, 16)));
    say(tasks().filter(({ CapPrm }) => CapPrm === before).length > 4);
    say(report.steps);`);
  assert.deepEqual(said, [
    { kept: ["CAP_CHOWN"], threads: "this thread" },
    [1, 1, 0, 0, 1],
    true,
    ["no_new_privs", "capabilities", "seccomp filter"],
  ]);
});

test("capabilities of all threads take a restart; without it the error says so and nothing was done", {
  skip: root ? false : "only root has some",
}, async () => {
  const refused = await says(`${STATUS}
    say(attempt(() => new SafetyContext().enable(open()).dropCapabilities().applyToAllThreads()));
    say(status().Seccomp_filters);`);
  assert.match(
    String(refused[0]),
    /^CapabilitiesNoThreadSync: threads of this process hold CAP_CHOWN, .*restart: true/,
  );
  assert.equal(refused[1], "1");
  for (const landlock of ["", '.enable(SystemIO.nothing().allowReadPath("/proc"))']) {
    for (const plain of [true, false]) {
      const said = await says(
        `${STATUS}
        const context = new SafetyContext().enable({ name: "Files", simpleRules: () => ["open", "openat", "read", "write", "fstat", "getdents64", "statx", "newfstatat", "chown"] })${landlock};
        const report = context.dropCapabilities().applyToAllThreads({ restart: true });
        say(report.capabilities);
        if (${landlock === ""}) say([...new Set(tasks().flatMap(({ CapPrm, CapEff, CapInh, CapAmb, CapBnd }) => [CapPrm, CapEff, CapInh, CapAmb, CapBnd]).map((set) => Number.parseInt(set, 16)))]);
        else say([0]);
        say(attempt(() => fs.chownSync("/proc/self/comm", 1, 1)));`,
        { plain },
      );
      assert.deepEqual(said, [{ kept: [], threads: "all threads" }, [0], "EPERM"], `${landlock} ${plain}`);
    }
  }
});

test("nobody holds anything: then all threads are free of capabilities without a restart", async () => {
  const said = await says(
    `${STATUS}
    if (process.getuid?.() === 0) { process.setgid(65534); process.setgroups([]); process.setuid(65534); }
    const report = new SafetyContext().enable(stdio()).dropCapabilities().applyToAllThreads();
    say([report.capabilities, report.steps]);`,
  );
  assert.deepEqual(said, [[{ kept: [], threads: "all threads" }, ["no_new_privs", "capabilities", "seccomp filter"]]]);
});

test("the bounding set is emptied but for what is kept, as far as the kernel has capabilities", () => {
  const dropped: number[] = [];
  const calls = {
    dropBoundingCapability: (number: number) => (number > 41 ? -22 : dropped.push(number) * 0),
    clearAmbientCapabilities: () => 0,
    setCapabilities: () => 0,
  };
  const none = () => {};
  assert.ok(!dropBoundingSet(0n, 0n, calls, none));
  assert.deepEqual(dropped, []);
  const keep = capabilitySet(["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"]);
  assert.ok(dropBoundingSet(capabilitySet(["CAP_SETPCAP"]), keep, calls, none));
  assert.deepEqual(dropped, [...Array.from({ length: 39 }, (_, index) => index + 1), 41]);
  assert.deepEqual(capabilityNames(keep | (1n << 41n)), ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE", "capability 41"]);
});
