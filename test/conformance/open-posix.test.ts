/**
 * The Open POSIX Test Suite, where there is a copy of it (testcases/open_posix_testsuite of the Linux Test Project): each program
 * of conformance/interfaces is built against the same musl twice, natively and with `linden cc`, and what passes natively must
 * pass in a sandbox. Natively it runs in namespaces of its own, without capabilities, over a root it cannot write to.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { chmodSync, globSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Sandbox } from "../../src/sandbox/index.ts";
import { builtImage } from "../../src/store/index.ts";
import { DEFAULT_IMAGE } from "../../src/toolchain/index.ts";

const given = process.env.LINDEN_OPEN_POSIX;
/** Programs whose names begin so, as "mmap/" or "fork/7-"; all without. */
const only = process.env.LINDEN_OPEN_POSIX_ONLY ?? "";
const LINDEN = fileURLToPath(new URL("../../linden", import.meta.url));
/** What sets the machine's clock or a real-time policy, measures for a minute, or ends natively as chance has it (aio_fsync/5-1). */
const LEFT_OUT = /^(clock_settime|sched_set|pthread_setsched|nanosleep\/10000|aio_fsync\/5-1$)/;
const FLAGS = ["-std=gnu99", "-D_POSIX_C_SOURCE=200809L", "-D_XOPEN_SOURCE=700", "-O1", "-w"];
const BUILD_MS = 120_000;
const NATIVE_MS = 20_000;
/** Longer: pthread_cond_broadcast/1-2 starts 8,160 threads and forks 1,600 times, a minute and more where other programs run beside it. */
const SANDBOX_MS = 120_000;
/** Programs at once: each is built twice and run twice, and many only sleep. */
const AT_ONCE = 2 * availableParallelism();

const NO_PROTECTION = "linear memory has no protection and no end of a file";

/** Programs that pass natively and not in a sandbox, and why. One that passes fails its test. */
const DIFFERENT: ReadonlyMap<string, string> = new Map([
  ["lio_listio/2-1", "wants a pair of sockets"],
  ["mlockall/3-6", "nothing is ever paged out, and smaps tells of nothing locked"],
  ["mlockall/3-7", "nothing is ever paged out, and smaps tells of nothing locked"],
  ["aio_suspend/4-1", "expects six requests to be under way at once"],
  ["aio_suspend/9-1", "writes a file of 271 MB; a sandbox has 256 MiB for files"],
  ["killpg/1-1", "makes a group numbered 1, which kill(2) takes for everybody"],
  ["mmap/6-1", NO_PROTECTION],
  ["mmap/6-2", NO_PROTECTION],
  ["mmap/6-3", NO_PROTECTION],
  ["mmap/11-2", NO_PROTECTION],
  ["mmap/11-3", NO_PROTECTION],
  ["munmap/1-1", NO_PROTECTION],
  ["munmap/1-2", NO_PROTECTION],
  ["shm_open/23-1", "has 1,000 processes at once; a sandbox has 256"],
  ["timer_create/10-1", "there are no timers of CPU time"],
  ["timer_create/11-1", "there are no timers of CPU time"],
  ["sched_rr_get_interval/speculative/5-1", "expects EFAULT for address 0, which is memory like any other"],
]);

interface End {
  /** 0 where the program says that the function does what POSIX asks. */
  readonly status: number | string;
  readonly text: string;
}

function run(file: string, args: readonly string[], cwd: string, timeout: number): Promise<End> {
  const { promise, resolve: done } = Promise.withResolvers<End>();
  execFile(file, args, { cwd, encoding: "latin1", timeout, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
    const status = error === null ? 0 : (error.signal ?? error.code ?? "unknown");
    done({ status, text: `${stdout}${stderr}`.slice(-600) });
  });
  return promise;
}

/** Nobody, where the tests run as root: what belongs to root in a namespace without capabilities is still its own. */
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"];
const ALONE = [
  "bwrap",
  "--die-with-parent",
  "--unshare-all",
  "--cap-drop",
  "ALL",
  "--ro-bind",
  "/",
  "/",
  "--dev",
  "/dev",
];
const PLACES = ["--proc", "/proc", "--perms", "1777", "--tmpfs", "/dev/shm", "--perms", "1777", "--tmpfs", "/tmp"];

async function natively(program: string): Promise<End> {
  const user = process.getuid?.() === 0 ? NOBODY : [];
  const inside = [...ALONE, ...PLACES, "--clearenv", "--ro-bind", program, "/tmp/program", "--chdir", "/tmp"];
  const [file = "", ...args] = [...user, ...inside, "/tmp/program"];
  return run(file, args, "/", NATIVE_MS);
}

async function inSandbox(directory: string, name: string): Promise<End> {
  await using box = await Sandbox.create({
    image: DEFAULT_IMAGE,
    limits: { memory: "512m" },
    mounts: { "/mnt": { host: directory, readOnly: true } },
  });
  // Below a shell, as natively below bwrap: the first process of a sandbox is nobody's child.
  const end = await box.run("sh", ["-c", `/mnt/${name}; exit $?`], { timeout: SANDBOX_MS, cwd: "/tmp" });
  const status = end.timedOut ? "too late" : (end.signal ?? end.exitCode ?? "unknown");
  return { status, text: `${end.stdout}${end.stderr}`.slice(-600) };
}

if (given === undefined) {
  const skip = "set LINDEN_OPEN_POSIX=DIR, a copy of the Linux Test Project's testcases/open_posix_testsuite";
  test("the Open POSIX Test Suite passes where it does natively", { skip });
} else {
  const root = resolve(given);
  const interfaces = join(root, "conformance/interfaces");
  const scratch = mkdtempSync(join(tmpdir(), "linden-open-posix-"));
  after(() => rmSync(scratch, { recursive: true, force: true }));
  const [native, linden] = ["native", "linden"].map((name) => join(scratch, name)) as [string, string];
  for (const directory of [native, linden]) mkdirSync(directory);
  for (const directory of [scratch, native]) chmodSync(directory, 0o755);
  const programs = globSync(join(interfaces, "*/{,speculative/}*-*.c"))
    .map((source) => ({ source, name: relative(interfaces, source).replace(/\.c$/, "") }))
    .filter(({ name }) => /\/\d+-\d+$/.test(name) && !LEFT_OUT.test(name) && name.startsWith(only))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

  const build = (compiler: readonly string[], source: string, program: string): Promise<End> => {
    const [file = "", ...words] = compiler;
    const places = ["-I", join(root, "include"), "-I", join(root, "lib")];
    const what = [source, join(root, "lib/common.c"), "-o", program, "-pthread", "-lm"];
    return run(file, [...words, ...FLAGS, ...places, ...what], scratch, BUILD_MS);
  };

  test("there are programs, a compiler, bwrap, and the image of a shell", async () => {
    assert.ok(programs.length > (only === "" ? 1000 : 0), `${programs.length} programs in ${interfaces}`);
    for (const tool of ["musl-gcc", "bwrap", "setpriv"]) {
      assert.equal(
        spawnSync(tool, ["--version"]).status,
        0,
        `${tool} is missing: apt-get install musl-tools bubblewrap`,
      );
    }
    assert.notEqual(await builtImage(DEFAULT_IMAGE), undefined, "linden image build");
  });

  describe("the Open POSIX Test Suite passes where it does natively", { concurrency: AT_ONCE }, () => {
    for (const { source, name } of programs) {
      test(name, async (context) => {
        const file = name.replaceAll("/", "_");
        const built = await build(["musl-gcc", "-static"], source, join(native, file));
        const expected = built.status === 0 ? await natively(join(native, file)) : built;
        if (expected.status !== 0) {
          assert.ok(!DIFFERENT.has(name), `on the list, but natively ${expected.status}: ${expected.text}`);
          context.skip(`natively ${expected.status}`);
          return;
        }
        const problem = await build([LINDEN, "cc"], source, join(linden, file));
        const found = problem.status === 0 ? await inSandbox(linden, file) : problem;
        for (const directory of [native, linden]) rmSync(join(directory, file), { force: true });
        if (DIFFERENT.has(name)) assert.notEqual(found.status, 0, `passes, and is on the list: ${DIFFERENT.get(name)}`);
        else assert.equal(found.status, 0, `natively ${expected.text}\nin a sandbox ${found.text}`);
      });
    }
  });
}
