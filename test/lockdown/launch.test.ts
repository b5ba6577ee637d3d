import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { until } from "../processor-time.ts";
import { bundle } from "./toy.ts";

/** A caller and a launcher thread as bundles in a directory everyone can read, as a published package has them. */
let home: string;
let toy: string;
let caller: string;
before(async () => {
  home = mkdtempSync(join(tmpdir(), "linden-launch-"));
  chmodSync(home, 0o755);
  writeFileSync(join(home, "package.json"), '{ "type": "module" }');
  const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const shared = { bundle: true, platform: "node", logLevel: "error", external: ["esbuild"] } satisfies BuildOptions;
  caller = join(home, "caller.mjs");
  await build({ ...shared, format: "esm", entryPoints: [file("./toy-caller.ts")], outfile: caller });
  const thread = file("../../src/lockdown/launch/launcher-thread.ts");
  await build({ ...shared, format: "cjs", entryPoints: [thread], outfile: join(home, "launcher-thread.cjs") });
  // The caller never bundles at run time: it is given its toy.
  mkdirSync(join(home, "node_modules/esbuild"), { recursive: true });
  writeFileSync(
    join(home, "node_modules/esbuild/package.json"),
    '{"name":"esbuild","type":"module","exports":"./none.js"}',
  );
  writeFileSync(join(home, "node_modules/esbuild/none.js"), "export const build = undefined;\n");
  toy = join(home, "toy.cjs");
  copyFileSync(await bundle("./toy-cell.ts"), toy);
  chmodSync(toy, 0o644);
});
after(() => rmSync(home, { recursive: true, force: true }));

type Said = {
  readonly pid: number;
  readonly report: { execArgv: string[]; env: Record<string, string>; argv: string[]; preloaded: boolean };
  readonly step?: string;
  readonly message?: string;
};
type CallerOptions = {
  /** A program to start the caller through, with its arguments. */
  readonly before?: readonly string[];
  readonly engine?: string;
  readonly execArgv?: readonly string[];
  readonly env?: Record<string, string>;
  readonly ending?: "stay" | "end";
  readonly sabotage?: readonly object[];
  readonly uid?: number;
  readonly toy?: string;
};

type Caller = { readonly child: ChildProcess; readonly said: Promise<Said>; readonly ended: Promise<number | null> };

function startCaller(options: CallerOptions): Caller {
  const { engine = process.execPath, execArgv = [], env = {}, ending = "end", sabotage, uid } = options;
  const extra = sabotage === undefined ? [] : [JSON.stringify(sabotage.map((rule) => ({ why: "a fault", ...rule })))];
  const argv = [...(options.before ?? []), engine, ...execArgv, caller, options.toy ?? toy, ending, ...extra];
  const child = spawn(argv[0] ?? engine, argv.slice(1), {
    env: { PATH: "/usr/bin:/bin", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = lines.next().then((line) => {
    if (line.done === true) throw new Error(`the caller said nothing: ${complaint}`);
    return JSON.parse(line.value) as Said;
  });
  return { child, said, ended };
}

const isRoot = process.geteuid?.() === 0;

function checkClean({ report }: Said): void {
  assert.deepEqual(Object.keys(report.env).sort(), ["OPENSSL_CONF", "TZ"]);
  assert.equal(report.preloaded, false);
  assert.ok(report.execArgv.includes("--disable-sigusr1"));
  assert.ok(report.execArgv.includes("--disable-proto=delete"));
  assert.ok(report.execArgv.includes("--disallow-code-generation-from-strings"));
  assert.ok(
    !report.execArgv.some((each) => /inspect|import|require/.test(each.split("\n")[0] ?? "") && each.startsWith("--")),
  );
  assert.equal(report.argv.length, 2);
}

test("a cell inherits no option, preload or variable of its caller", async () => {
  const preload = join(home, "preload.mjs");
  writeFileSync(preload, "globalThis.preloaded = true;\n");
  const { said, ended } = startCaller({
    execArgv: ["--inspect=127.0.0.1:0", `--import=${preload}`, "--max-old-space-size=300"],
    env: {
      NODE_OPTIONS: `--import=${preload} --no-deprecation`,
      LD_PRELOAD: "libm.so.6",
      SECRET: "s",
      NODE_PATH: "/x",
    },
  });
  checkClean(await said);
  await ended;
});

test("an ordinary user can launch cells", {
  skip: !isRoot && "these tests run as an ordinary user already",
}, async () => {
  // By descriptor: there may be no way to the checkout's engine for that user.
  const engine = openSync(process.execPath, "r");
  const { said, ended } = startCaller({ uid: 1000, engine: `/proc/self/fd/${engine}` });
  const answer = await said;
  assert.equal(answer.message, undefined);
  checkClean(answer);
  await ended;
  closeSync(engine);
});

const namespaces = spawnSync("unshare", ["--user", "--map-root-user", "true"]).status === 0;
test("the root of a user namespace of his own can", { skip: !namespaces && "no user namespaces here" }, async () => {
  const { said, ended } = startCaller({ before: ["unshare", "--user", "--map-root-user"] });
  const answer = await said;
  assert.equal(answer.message, undefined);
  checkClean(answer);
  await ended;
});

const CONTAINER = "-sys_ptrace,-sys_admin,-dac_read_search,-sys_resource,-net_admin,-bpf,-perfmon";
test("a root with a container's capabilities can", { skip: !isRoot && "root only" }, async () => {
  const { said, ended } = startCaller({ before: ["setpriv", `--bounding-set=${CONTAINER}`] });
  const answer = await said;
  assert.equal(answer.message, undefined);
  checkClean(answer);
  await ended;
});

test("root can launch cells from a home nobody else can enter", { skip: !isRoot && "root only" }, async () => {
  const closed = join(home, "closed");
  mkdirSync(closed, { mode: 0o700 });
  const engine = join(closed, "node");
  try {
    linkSync(process.execPath, engine);
  } catch {
    copyFileSync(process.execPath, engine);
  }
  copyFileSync(toy, join(closed, "toy.cjs"));
  const { said, ended } = startCaller({ engine, toy: join(closed, "toy.cjs") });
  const answer = await said;
  assert.equal(answer.message, undefined);
  checkClean(answer);
  await ended;
});

test("kill -9 of the caller leaves no process after a second", async () => {
  const { child, said, ended } = startCaller({ ending: "stay" });
  const { pid } = await said;
  assert.ok(readdirSync("/proc").includes(String(pid)));
  child.kill("SIGKILL");
  await ended;
  // Whoever adopts orphans here may be slow to reap them: a zombie is not a process that runs.
  const gone = () => {
    try {
      return /^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
    } catch {
      return true;
    }
  };
  await until(gone, 1000, "an end of the cell");
});

const fault = (syscall: string, ...args: object[]) => [
  { syscall, action: { errno: "EPERM" }, ...(args.length === 0 ? {} : { args }) },
];
const prctl = (option: number) => fault("prctl", { arg: 0, bits: 32, eq: option });
const limit = (resource: number) => [
  { syscall: "prlimit64", args: [{ arg: 2, eq: 0 }] },
  ...fault("prlimit64", { arg: 1, bits: 32, eq: resource }),
];

/** Each step of the lock, and a fault that makes just this step fail, in the kernel. */
const FAULTS: readonly (readonly [step: string, rules: readonly object[], rootOnly?: boolean])[] = [
  ["no_new_privs", prctl(38)],
  ["capability bounding set", prctl(24), true],
  ["ambient capabilities", prctl(47)],
  ["capabilities", fault("capset")],
  ["Landlock", fault("landlock_create_ruleset")],
  ["Landlock", fault("landlock_add_rule")],
  ["Landlock", fault("landlock_restrict_self")],
  ["seccomp prefilter", fault("seccomp", { arg: 1, eq: 0 })],
  ["death with the parent", prctl(1)],
  ["resource limit CORE", limit(4)],
  ["resource limit NOFILE", limit(7)],
  ["resource limit NPROC", limit(6)],
  ["resource limit FSIZE", limit(1)],
  ["seccomp filter", fault("seccomp", { arg: 1, eq: 1 })],
];

for (const [step, rules, rootOnly = false] of FAULTS) {
  const what = JSON.stringify(rules.at(-1));
  const skip = rootOnly && !isRoot && "root only";
  test(`no cell starts when "${step}" fails: ${what}`, { skip }, async () => {
    const { said, ended } = startCaller({ sabotage: rules });
    const answer = await said;
    assert.equal(answer.report, undefined);
    assert.match(answer.message ?? "nothing", new RegExp(`"${step}"`));
    assert.equal(await ended, 1);
  });
}
