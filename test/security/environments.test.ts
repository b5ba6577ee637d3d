/**
 * Callers in odd states: debugged, preloaded, without a home, with a spoiled cache, stopped, killed, with closed streams.
 * Cells stay what they are, nothing spoiled is run, nothing is left behind.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { Sandbox } from "../../src/sandbox/index.ts";
import { until } from "../processor-time.ts";
import { descendantsOf, goodProgram, HOME, lives, peakMegabytes, scratch } from "./world.ts";

const isRoot = process.geteuid?.() === 0;
const root = scratch();
chmodSync(root, 0o755);
const good = join(root, "good.wasm");
const LINDEN = [process.execPath, "--disable-warning=ExperimentalWarning", join(HOME, "dist/cli.cjs")] as const;
const CACHE = join(root, "cache");

before(() => writeFileSync(good, goodProgram(), { mode: 0o644 }));

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Circumstances {
  readonly env?: NodeJS.ProcessEnv;
  /** Words before the engine's. */
  readonly wrapper?: readonly string[];
  readonly engine?: readonly string[];
}

function linden(args: readonly string[], { env = {}, wrapper = [], engine = [] }: Circumstances = {}): Ran {
  const [node, ...rest] = LINDEN;
  const [program = "", ...argv] = [...wrapper, node, ...engine, ...rest, ...args];
  const { status, stdout, stderr } = spawnSync(program, argv, {
    env: { PATH: process.env.PATH, HOME: root, XDG_CACHE_HOME: CACHE, ...env },
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

/** The good program ran, and Linden had nothing to say. */
function ranWell(ran: Ran, message = ""): void {
  assert.deepEqual([ran.status, ran.stdout], [42, "good"], `${message}${ran.stderr}`);
}

describe("a caller that runs", () => {
  it("under the inspector", () => {
    ranWell(linden(["run", good], { engine: ["--inspect=127.0.0.1:0"] }));
    ranWell(linden(["run", good], { env: { NODE_OPTIONS: "--inspect=127.0.0.1:0" } }));
  });

  it("with NODE_OPTIONS=--import does not hand it to its cells", () => {
    const witness = join(root, "imported");
    const module = join(root, "import.mjs");
    writeFileSync(
      module,
      `import fs from "node:fs"; if (!process.argv[1]?.endsWith("cli.cjs")) fs.appendFileSync(${JSON.stringify(witness)}, "x"); else fs.appendFileSync(${JSON.stringify(`${witness}.caller`)}, "x");`,
    );
    ranWell(linden(["run", good], { env: { NODE_OPTIONS: `--import=${module}` } }));
    assert.ok(existsSync(`${witness}.caller`));
    assert.ok(!existsSync(witness));
  });

  it("with NODE_V8_COVERAGE gets coverage of itself only", () => {
    const directory = join(root, "coverage");
    ranWell(linden(["run", good], { env: { NODE_V8_COVERAGE: directory } }));
    assert.ok(readdirSync(directory).length <= 2);
  });

  const noCompiler = spawnSync("gcc", ["--version"]).status !== 0 && "gcc is missing: apt-get install gcc libc6-dev";
  it("with LD_PRELOAD does not hand it to its cells", { skip: noCompiler }, () => {
    const source = join(root, "preload.c");
    const library = join(root, "preload.so");
    const witness = join(root, "preloaded");
    writeFileSync(
      source,
      `#include <stdio.h>\n#include <unistd.h>\n__attribute__((constructor)) static void in(void) { FILE *f = fopen("${witness}", "a"); if (f) { fprintf(f, "%d\\n", getpid()); fclose(f); } }`,
    );
    assert.equal(spawnSync("gcc", ["-shared", "-fPIC", "-o", library, source]).status, 0);
    ranWell(linden(["run", good], { env: { LD_PRELOAD: library } }));
    assert.equal(new Set(readFileSync(witness, "latin1").trim().split("\n")).size, 1, "only the caller itself");
  });

  it("as an ordinary user", { skip: !isRoot && "only root can become another user" }, () => {
    const home = mkdtempSync(join(root, "home-"));
    chownSync(home, 1000, 1000);
    const wrapper = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"];
    const env = { HOME: home, XDG_CACHE_HOME: undefined };
    ranWell(linden(["run", good], { wrapper, env }));
    assert.ok(existsSync(join(home, ".cache/linden/modules")));
    const mount = join(home, "mounted");
    mkdirSync(mount);
    chownSync(mount, 1000, 1000);
    const mounted = linden(["run", "-v", `${mount}:/data`, "python", "-c", "open('/data/f', 'w').write('x')"], {
      wrapper,
      env,
    });
    assert.equal(mounted.status, 0, mounted.stderr);
    assert.equal(statSync(join(mount, "f")).uid, 1000);
  });

  it("without a home, or with one it cannot write", () => {
    for (const home of [undefined, "", "/nonexistent", "/proc", "/dev/null"]) {
      const wrapper = isRoot ? ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"] : [];
      ranWell(linden(["run", good], { wrapper, env: { HOME: home, XDG_CACHE_HOME: undefined } }), `HOME=${home} `);
    }
  });
});

describe("a cache of rewritten modules", () => {
  const fresh = (): { directory: string; env: NodeJS.ProcessEnv } => {
    const base = mkdtempSync(join(root, "cache-"));
    return { directory: join(base, "linden/modules"), env: { XDG_CACHE_HOME: base } };
  };
  const entries = (directory: string) => readdirSync(directory).filter((name) => name.endsWith(".wasm"));

  it("with spoiled entries is made anew, and they are never run", () => {
    const { directory, env } = fresh();
    ranWell(linden(["run", good], { env }));
    const [name = ""] = entries(directory);
    const whole = readFileSync(join(directory, name));
    for (const spoil of [
      (bytes: Buffer) => bytes.subarray(0, bytes.length - 1),
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([0xff])]),
      () => Buffer.alloc(0),
      () => Buffer.from(goodProgram()),
      (bytes: Buffer) => Buffer.concat([bytes, bytes]),
    ]) {
      writeFileSync(join(directory, name), spoil(Buffer.from(whole)));
      ranWell(linden(["run", good], { env }));
      assert.deepEqual(readFileSync(join(directory, name)), whole);
    }
  });

  it("that others may write is not used", () => {
    const { directory, env } = fresh();
    ranWell(linden(["run", good], { env }));
    for (const name of entries(directory)) writeFileSync(join(directory, name), "");
    chmodSync(directory, 0o777);
    ranWell(linden(["run", good], { env }));
    for (const name of entries(directory)) assert.equal(statSync(join(directory, name)).size, 0);
  });

  it("of another user is not used", { skip: !isRoot && "only root can give files away" }, () => {
    const { directory, env } = fresh();
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    chownSync(directory, 1000, 1000);
    ranWell(linden(["run", good], { env }));
    assert.deepEqual(readdirSync(directory), []);
  });
});

const SPIN = ["run", "python", "-c", "print('up', flush=True)\nwhile True: pass"];
const FLOOD = "import sys\nfor _ in range(2000): sys.stdout.write('x' * 65536)\n";

function start(args: readonly string[], stdio: ("pipe" | "ignore")[] = ["pipe", "pipe", "pipe"]): ChildProcess {
  const [node, ...rest] = LINDEN;
  return spawn(node, [...rest, ...args], { stdio, env: { PATH: process.env.PATH, HOME: root, XDG_CACHE_HOME: CACHE } });
}

describe("a caller that", () => {
  it("is killed at any moment leaves no process after a second", { timeout: 60_000 }, async () => {
    const mount = mkdtempSync(join(root, "mount-"));
    for (const delay of [40, 80, 120, 160, 200, 250, 300, 400, 900]) {
      const caller = start(["run", "-v", `${mount}:/data`, ...SPIN.slice(1)]);
      const pid = caller.pid ?? assert.fail();
      const seen = new Set<number>();
      const end = performance.now() + delay;
      while (performance.now() < end) {
        for (const each of descendantsOf(pid)) seen.add(each);
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      for (const each of descendantsOf(pid)) seen.add(each);
      caller.kill("SIGKILL");
      await until(() => [...seen].every((each) => !lives(each)), 1000, `processes gone, killed after ${delay} ms`);
    }
  });

  it("is stopped holds its guest back, and goes on", { timeout: 60_000 }, async () => {
    const caller = start(["run", "python", "-c", FLOOD]);
    const pid = caller.pid ?? assert.fail();
    const { stdout } = caller;
    assert.ok(stdout);
    let bytes = 0;
    stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await until(() => bytes > 0, 10_000, "output");
    process.kill(pid, "SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 700));
    const cells = descendantsOf(pid);
    assert.equal(cells.length, 1);
    process.kill(pid, "SIGCONT");
    const exit = new Promise((resolve) => caller.once("close", resolve));
    await until(() => bytes > 60_000_000, 20_000, "half of the output");
    for (const cell of cells) assert.ok(peakMegabytes(cell) < 400, `${peakMegabytes(cell)} MB`);
    assert.ok(peakMegabytes(pid) < 400, `${peakMegabytes(pid)} MB`);
    assert.equal(await exit, 0);
    assert.equal(bytes, 2000 * 65_536);
  });

  it("has no standard output, or one that nobody reads", () => {
    const shell = (line: string): Ran => linden([], { wrapper: ["sh", "-c", `shift 3; exec 3>&1; ${line}`, "sh"] });
    const self = `"${LINDEN[0]}" "${LINDEN[1]}" "${LINDEN[2]}"`;
    const closed = shell(`${self} run "${good}" >&-; echo "status $?" >&3`);
    assert.match(closed.stdout, /status (42|141)/, closed.stderr);
    const full = shell(`${self} run "${good}" >/dev/full; echo "status $?" >&3`);
    assert.match(full.stdout, /status 125/, full.stderr);
    assert.match(full.stderr, /^linden: output cannot be written \(ENOSPC\)$/m);
    const unread = shell(`(${self} run python -c 'print("x" * 10000000)'; echo "status $?" >&3) | head -c 1`);
    assert.match(unread.stdout, /status 141/, unread.stderr);
    const blind = shell(`${self} run python -c 'import sys; print(repr(sys.stdin.read()))' <&-; echo "status $?"`);
    assert.match(blind.stdout, /''\nstatus 0/, blind.stderr);
    const directory = shell(`${self} run python -c 'import sys; print(repr(sys.stdin.read()))' </; echo "status $?"`);
    assert.match(directory.stdout, /status 0/, directory.stderr);
  });

  const noScript = spawnSync("script", ["--version"]).status !== 0 && "script is missing: apt-get install bsdutils";
  it("sits at a terminal gives its cell pipes, and gets the terminal back", { skip: noScript }, () => {
    const line = `${LINDEN.map((word) => `'${word}'`).join(" ")} run python -c 'import sys; print(sys.stdin.isatty(), sys.stdout.isatty(), input())'`;
    const { stdout, status } = spawnSync("script", ["-qec", line, "/dev/null"], {
      input: "typed\n",
      encoding: "utf8",
      env: { PATH: process.env.PATH, HOME: root, XDG_CACHE_HOME: CACHE },
      timeout: 20_000,
    });
    assert.match(stdout, /True True typed/);
    assert.equal(status, 0);
  });
});

it("twenty sandboxes side by side know nothing of each other", { timeout: 60_000 }, async () => {
  const boxes = await Promise.all(
    Array.from({ length: 20 }, (_, n) => Sandbox.create({ env: { NUMBER: String(n) }, limits: { timeout: "30s" } })),
  );
  try {
    const results = await Promise.all(
      boxes.map(async (box, n) => {
        await box.files.write("/tmp/own", `file ${n}`);
        const script = "import os; print(os.environ['NUMBER'], open('/tmp/own').read(), sorted(os.listdir('/tmp')))";
        return box.run("python", ["-c", script]);
      }),
    );
    for (const [n, { stdout }] of results.entries()) assert.equal(stdout, `${n} file ${n} ['own']\n`);
  } finally {
    await Promise.all(boxes.map((box) => box.close()));
  }
  assert.deepEqual(descendantsOf(process.pid).filter(lives), []);
});
