/**
 * A real server: Fastify over HTTPS with a SQLite database on disk. `linden learn` writes its policy from some traffic; locked by
 * that policy it serves a thousand requests, and what an intruder would try is refused and told. dist/ must be built.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { loadPolicy } from "linden/lockdown";
import { until } from "../../processor-time.ts";
import { home } from "../locked.ts";

const REQUESTS = 1000;
const CLI = join(home, "dist/cli.cjs");
const QUIET = "--disable-warning=ExperimentalWarning";
let scratch: string;
let policy: string;
const started: ChildProcess[] = [];

const SERVER = `
import { exec } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { DatabaseSync } from "node:sqlite";
import fastify from "fastify";
import { lockWith, reportText } from "linden/lockdown";

const app = fastify({ https: { key: readFileSync("key"), cert: readFileSync("cert") } });
const db = new DatabaseSync("visits.db");
db.exec("pragma journal_mode = wal; pragma synchronous = normal; create table if not exists visits (at integer, path text)");
const insert = db.prepare("insert into visits values (?, ?)");
const count = db.prepare("select count(*) as n from visits");
insert.run(0, "before the lock");

app.get("/visit/:name", (request) => {
  insert.run(Date.now(), request.params.name);
  return { name: request.params.name, ...count.get() };
});
// What an intruder would have the server do.
const failure = (work) => new Promise((resolve) => work((error) => resolve({ failed: error?.code ?? "no" })));
app.get("/exec", () => failure((done) => { try { exec("id", done); } catch (error) { done(error); } }));
app.get("/shadow", () => failure((done) => { try { readFileSync("/etc/shadow"); done(); } catch (error) { done(error); } }));
app.get("/connect", () => failure((done) => connect(9, "127.0.0.1").on("error", done).on("connect", () => done())));

console.log(await app.listen({ port: 0, host: "127.0.0.1" }));
const report = lockWith(process.env.POLICY, process.env.LOG === undefined ? {} : { log: process.env.LOG });
console.log(reportText(report).replaceAll("\\n", "; "));
`;

before(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), "linden-fastify-")));
  policy = join(scratch, "policy.json");
  mkdirSync(join(scratch, "node_modules"));
  for (const [name, target] of [
    ["linden", home],
    ["fastify", join(home, "node_modules/fastify")],
  ] as const) {
    symlinkSync(target, join(scratch, "node_modules", name));
  }
  writeFileSync(join(scratch, "package.json"), '{"type":"module"}');
  writeFileSync(join(scratch, "server.js"), SERVER);
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key", "-out", "cert"];
  execFileSync("openssl", ["req", "-x509", ...key, ...subject], { cwd: scratch, stdio: "pipe" });
});
after(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

type Server = {
  readonly report: string;
  get(path: string): Promise<Record<string, unknown>>;
  /** Ends it as a service manager does, and answers what it said on standard error. */
  stop(): Promise<string>;
};

async function start(command: readonly string[], env: NodeJS.ProcessEnv): Promise<Server> {
  const argv = [...command, QUIET, "--import", "linden/lockdown/boot", "server.js"];
  const child = spawn(process.execPath, argv, {
    cwd: scratch,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: dirname(process.execPath), POLICY: policy, ...env },
  });
  started.push(child);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next();
    assert.ok(done !== true, `the server ended: ${stderr}`);
    return value;
  };
  const { port } = new URL(await line());
  const report = await line();
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ca: readFileSync(join(scratch, "cert")) });
  const get = (path: string) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const asked = request({ agent, host: "127.0.0.1", servername: "localhost", port, path }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part) => {
          text += part;
        });
        response.on("end", () => resolve(JSON.parse(text)));
      });
      asked.on("error", reject).end();
    });
  return {
    report,
    get,
    stop: async () => {
      agent.destroy();
      child.kill("SIGTERM");
      const [status, signal] = await exited;
      assert.ok(status === 143 || signal === "SIGTERM", `${status} ${signal} ${stderr}`);
      return stderr;
    },
  };
}

async function visit(server: Server, requests: number): Promise<number> {
  const answers = await Promise.all(Array.from({ length: requests }, (_, index) => server.get(`/visit/guest${index}`)));
  answers.forEach(({ name }, index) => {
    assert.equal(name, `guest${index}`);
  });
  return Math.max(...answers.map(({ n }) => Number(n)));
}

test("linden learn writes the server's policy from its traffic, from its lock on", async () => {
  const server = await start([QUIET, CLI, "learn", "-o", policy, "--", process.execPath], {});
  assert.match(server.report, /not covered: everything: linden learn listens/);
  assert.equal(await visit(server, 60), 61);
  const stderr = await server.stop();
  assert.match(stderr, /from the program's lock on; rule sets: NodeRuntime/);
  const learned = loadPolicy(policy);
  assert.equal(learned.from, "lock");
  const calls = new Set(learned.policy.rules.map(({ syscall }) => syscall));
  for (const needed of ["accept4", "pwrite64", "futex"]) assert.ok(calls.has(needed), needed);
  for (const start of ["execve", "bind", "socket", "connect", "clone", "clone3", "openat"])
    assert.ok(!calls.has(start), start);
});

test("locked by it, the server serves 1,000 requests; exec, a secret and a connection are refused, and the log says so", async () => {
  const log = join(scratch, "refused.log");
  const server = await start([], { LOG: log });
  assert.match(server.report, /in force: no_new_privs, seccomp filter; rule sets: NodeRuntime/);
  const before = await visit(server, 1);
  assert.equal(await visit(server, REQUESTS), before + REQUESTS);
  assert.deepEqual(await server.get("/exec"), { failed: "EPERM" });
  assert.deepEqual(await server.get("/shadow"), { failed: "EPERM" });
  assert.deepEqual(await server.get("/connect"), { failed: "EPERM" });
  assert.equal(await visit(server, 1), before + REQUESTS + 1);
  await server.stop();
  await until(() => existsSync(log) && readFileSync(log, "utf8").includes("refused in all"), 5000, "its last line");
  const told = readFileSync(log, "utf8");
  const because = "in process \\d+: errno EPERM \\(1\\); no rule set in force \\(NodeRuntime.*\\) allows it";
  for (const [call, would] of [
    ["socketpair\\(AF_UNIX, SOCK_STREAM\\|SOCK_CLOEXEC, 0, 0x[0-9a-f]+\\)", "ForkAndExec"],
    ['openat\\(AT_FDCWD, "/etc/shadow", O_RDONLY\\|O_CLOEXEC, 0\\)', "SystemIO\\.allowOpenReadonly"],
    ["socket\\(AF_INET, SOCK_STREAM\\|SOCK_CLOEXEC\\|SOCK_NONBLOCK, 0\\)", "Networking\\.allowStartTcpClients"],
  ]) {
    assert.match(told, new RegExp(`^linden: refused: ${call} ${because}, ${would} would allow it$`, "m"));
  }
});
