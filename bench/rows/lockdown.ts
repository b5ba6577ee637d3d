/** What a lock costs: a server's requests with and without it, in turn; and building and loading a filter. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { connect, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import type { Bench, Group } from "../group.ts";
import { LINDEN, native, say } from "../sides.ts";
import { median, type Row } from "../table.ts";

const THROUGHPUT = "requests of a Fastify HTTPS server, locked (native: unlocked)";
const FILTER = "build and load a filter of 60 rules";
const SERVER = fileURLToPath(new URL("../servers/fastify.ts", import.meta.url));
const LOADER = fileURLToPath(new URL("../servers/load-filter.ts", import.meta.url));
const QUIET = "--disable-warning=ExperimentalWarning";
/** As many as keep the server busy and the client not. */
const CONNECTIONS = 16;
const REQUESTS = 3000;
const ROUNDS = 8;
/**
 * A process is lucky or not with where its code and heap lie and which processor it is given, by up to a quarter: so there are
 * several of both kinds, and either starts first as often.
 */
const PAIRS = 10;
const FILTERS = 11;
const REQUEST = "GET /visit/somebody HTTP/1.1\r\nHost: localhost\r\n\r\n";

type Server = { readonly child: ChildProcess; readonly port: number };

async function start(command: readonly string[], args: readonly string[]): Promise<Server> {
  const [file = "", ...argv] = [...command, QUIET, "--import", "linden/lockdown/boot", SERVER, ...args];
  const child = spawn(file, argv, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const [port] = await Promise.race([once(lines, "line"), once(child, "exit")]);
  if (typeof port !== "string") throw new Error("the server ended");
  return { child, port: Number(port) };
}

/** Path of a key and a certificate that signs itself. */
function certificate(scratch: string): string {
  const pem = join(scratch, "server.pem");
  const key = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-keyout",
    pem,
    "-out",
    `${pem}.crt`,
  ];
  native("openssl", ["req", "-x509", ...key, "-subj", "/CN=localhost", "-days", "1"]);
  appendFileSync(pem, readFileSync(`${pem}.crt`));
  return pem;
}

async function stop({ child }: Server): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

/** One request after the other on a connection, until nothing is left to ask. The client is bare: the server is measured. */
function ask(socket: TLSSocket, left: { requests: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    const next = (): void => {
      if (left.requests-- > 0) socket.write(REQUEST);
      else {
        socket.destroy();
        resolve();
      }
    };
    socket.setEncoding("latin1").on("error", reject);
    socket.on("close", () => reject(new Error("the server closed a connection")));
    socket.on("data", (part: string) => {
      text += part;
      if (!text.endsWith('{"name":"somebody"}')) return;
      text = "";
      next();
    });
    next();
  });
}

/** Microseconds a request. */
async function round({ port }: Server, requests: number): Promise<number> {
  const sockets = Array.from({ length: CONNECTIONS }, () =>
    connect({ port, host: "127.0.0.1", rejectUnauthorized: false }),
  );
  for (const socket of sockets) socket.setNoDelay();
  await Promise.all(sockets.map((socket) => once(socket, "secureConnect")));
  const left = { requests };
  const begin = performance.now();
  await Promise.all(sockets.map((socket) => ask(socket, left)));
  return ((performance.now() - begin) * 1000) / requests;
}

type Times = { readonly unlocked: number; readonly locked: number };

/** Two fresh servers in turn: their medians. */
async function compare(
  pem: string,
  database: (side: string) => string,
  policy: string,
  lockedFirst: boolean,
): Promise<Times> {
  const startLocked = () => start([process.execPath], [pem, database("locked"), policy]);
  const early = lockedFirst ? await startLocked() : undefined;
  const unlocked = await start([process.execPath], [pem, database("unlocked")]);
  const locked = early ?? (await startLocked());
  const times: Times[] = [];
  for (let each = 0; each < ROUNDS + 2; each++) {
    // Who goes first changes: what the machine does meanwhile is nobody's alone.
    const first = each % 2 === 0;
    const before = first ? await round(unlocked, REQUESTS) : await round(locked, REQUESTS);
    const after = first ? await round(locked, REQUESTS) : await round(unlocked, REQUESTS);
    // The first rounds warm both up.
    if (each >= 2) times.push(first ? { unlocked: before, locked: after } : { unlocked: after, locked: before });
  }
  await stop(unlocked);
  await stop(locked);
  return middle(times);
}

function middle(times: readonly Times[]): Times {
  return {
    unlocked: median(times.map(({ unlocked: time }) => time)),
    locked: median(times.map(({ locked: time }) => time)),
  };
}

async function throughput({ scratch }: Bench): Promise<Row[]> {
  say("a locked server");
  const pem = certificate(scratch);
  const policy = join(scratch, "policy.json");
  const learned = await start(
    [LINDEN, "learn", "-o", policy, "--", process.execPath],
    [pem, join(scratch, "learned.db"), policy],
  );
  // So many that the database has written its log back into its file once: what a run does not show is refused.
  await round(learned, REQUESTS);
  await stop(learned);
  const times: Times[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const database = (side: string): string => join(scratch, `${side}${pair}.db`);
    times.push(await compare(pem, database, policy, pair % 2 === 0));
    for (const side of ["unlocked", "locked"]) {
      const db = new DatabaseSync(database(side));
      const visits = db.prepare("select count(*) as n from visits").get()?.n;
      if (visits !== (ROUNDS + 2) * REQUESTS + 1) throw new Error(`the ${side} server has ${visits} visits`);
    }
  }
  const { unlocked, locked } = middle(times);
  return [
    {
      what: THROUGHPUT,
      unit: "µs",
      native: unlocked,
      linden: locked,
      // Requests a second, locked by unlocked, of at least 0.97.
      goal: { ratio: 1 / 0.97 },
    },
  ];
}

function filter(): Row[] {
  say("filters");
  const times = Array.from({ length: FILTERS }, () => Number(native(process.execPath, [QUIET, LOADER])));
  // The least: each is a process of its own, cold, and what the machine does besides is not the filter's.
  return [{ what: FILTER, unit: "ms", native: undefined, linden: Math.min(...times), goal: { atMost: 5 } }];
}

export const LOCKDOWN_GROUPS: readonly Group[] = [
  {
    name: "lockdown",
    rows: [THROUGHPUT, FILTER],
    measure: async (bench) => [
      ...(bench.wants(THROUGHPUT) ? await throughput(bench) : []),
      ...(bench.wants(FILTER) ? filter() : []),
    ],
  },
];
