/** Sandboxes over a scripted cell that behaves: what callers see. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SIGKILL } from "../../src/abi/signal.ts";
import { STREAM_WINDOW_BYTES } from "../../src/limits.ts";
import * as errors from "../../src/sandbox/errors.ts";
import { loadProgram } from "../../src/sandbox/load-program.ts";
import { ModuleCache } from "../../src/sandbox/module-cache.ts";
import { parseSandboxOptions, type SandboxOptions } from "../../src/sandbox/options.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { DOWN, type SpawnRequest, UP } from "../../src/wire/frames.ts";
import { longEnough } from "../processor-time.ts";
import { FakeCell, FakeLauncher, turns } from "./fake-cell.ts";

const home = mkdtempSync(join(tmpdir(), "linden-test-"));
after(() => rmSync(home, { recursive: true, force: true }));
const program = join(home, "program.wasm");
writeFileSync(program, new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]));

const noCache = () => new ModuleCache("/dev/null/cache");
type Guest = (cell: FakeCell, channel: number, request: SpawnRequest) => void;

async function start(guest: Guest, options: SandboxOptions = {}): Promise<{ box: Sandbox; cell: FakeCell }> {
  const cell = new FakeCell().behave(guest);
  const services = { launcher: new FakeLauncher(cell), cache: noCache() };
  return { box: await startSandbox(services, parseSandboxOptions(options, home)), cell };
}

test("a run gives exit code, output and statistics", async () => {
  const { box, cell } = await start((it, channel) => {
    it.out(channel, "hällo ");
    it.out(channel, "welt");
    it.out(channel, "oops", UP.STDERR);
    it.end(channel, 7);
  });
  const result = await box.run(program, ["a", "ü"], { env: { X: "1" } });
  assert.equal(result.exitCode, 7);
  assert.equal(result.signal, null);
  assert.equal(result.timedOut, false);
  assert.equal(result.stdout, "hällo welt");
  assert.equal(result.stderr, "oops");
  assert.equal(result.stats.calls, 2);
  assert.ok(result.stats.wallMs > 0);
  assert.ok(cell.verified);
  const [spawn] = cell.of(DOWN.SPAWN);
  assert.deepEqual(spawn?.payload.argv, [program, "a", "\xc3\xbc"]);
  assert.ok(spawn?.payload.env.some((each) => each === "X=1"));
  await box.close();
  assert.ok(cell.killed);
});

test("a run without input says so when it asks for its program", async () => {
  const { box, cell } = await start((it, channel) => it.end(channel, 5));
  for (const options of [{}, { stdin: "" }, { stdin: new Uint8Array(0) }]) {
    assert.equal((await box.run(program, options)).exitCode, 5);
  }
  assert.deepEqual(
    cell.of(DOWN.SPAWN).map(({ payload }) => payload.noInput),
    [true, true, true],
  );
  assert.equal(cell.of(DOWN.STDIN).length + cell.of(DOWN.STDIN_END).length, 0);
  await box.close();
});

test("a program is asked for, given a short input and told its end in one write, which wakes the cell once", async () => {
  const { box, cell } = await start((it, channel) => it.end(channel));
  const writes: number[] = [];
  const write = cell.stdin._write.bind(cell.stdin);
  cell.stdin._write = (chunk, encoding, done) => {
    writes.push(1);
    write(chunk, encoding, done);
  };
  cell.stdin._writev = (parts, done) => {
    writes.push(parts.length);
    for (const { chunk } of parts) cell.stdin.push(chunk);
    done();
  };
  await box.run(program);
  await box.run(program, { stdin: "abc" });
  // The program itself went before them, in frames of its own.
  assert.deepEqual(writes.slice(-2), [1, 3]);
  assert.deepEqual(
    cell.frames.slice(-4).map(({ type }) => type),
    [DOWN.SPAWN, DOWN.SPAWN, DOWN.STDIN, DOWN.STDIN_END],
  );
  await box.close();
});

test("nothing of the caller's environment reaches a guest", async () => {
  process.env.LINDEN_TEST_SECRET = "secret";
  const { box, cell } = await start((it, channel) => it.end(channel));
  await box.run(program);
  assert.ok(!JSON.stringify(cell.frames).includes("secret"));
  await box.close();
});

test("a module is sent once and spawned often", async () => {
  const { box, cell } = await start((it, channel) => it.end(channel));
  await Promise.all([box.run(program), box.run(program)]);
  await box.run(program);
  assert.equal(cell.of(DOWN.MODULE_END).length, 1);
  assert.equal(cell.of(DOWN.SPAWN).length, 3);
  await box.close();
});

test("a signal shows by name and as 128 + n, the trap's message escaped", async () => {
  const { box } = await start((it, channel) => it.end(channel, 0, 11, "out of bounds in \x1b[31mf"));
  const result = await box.run(program);
  assert.equal(result.signal, "SIGSEGV");
  assert.equal(result.exitCode, 139);
  assert.equal(result.message, "out of bounds in \\x1b[31mf");
  await box.close();
});

test("bytes when asked, untouched", async () => {
  const bytes = new Uint8Array([0, 255, 128, 10]);
  const { box } = await start((it, channel) => {
    it.out(channel, bytes);
    it.end(channel);
  });
  const result = await box.run(program, [], { format: "bytes" });
  assert.deepEqual(result.stdout, bytes);
  await box.close();
});

test("callbacks get whole characters and hold the guest back until they are done", async () => {
  const euro = Buffer.from("€€");
  const { box, cell } = await start((it, channel) => {
    it.out(channel, euro.subarray(0, 4));
    it.out(channel, euro.subarray(4));
    it.out(channel, new Uint8Array(STREAM_WINDOW_BYTES - 6).fill(120));
  });
  const pieces: string[] = [];
  const gate = Promise.withResolvers<void>();
  const run = box.run(program, {
    onStdout: (piece) => {
      pieces.push(piece);
      return gate.promise;
    },
  });
  while (pieces.length === 0) await sleep(1);
  await turns();
  assert.equal(cell.of(DOWN.CREDIT).length, 0);
  assert.deepEqual(pieces, ["€"]);
  gate.resolve();
  while (cell.of(DOWN.CREDIT).length === 0) await sleep(1);
  await turns();
  assert.equal(cell.of(DOWN.CREDIT).length, 1);
  cell.end(cell.of(DOWN.SPAWN)[0]?.channel ?? 0);
  await run;
  assert.equal(pieces.join("").slice(0, 3), "€€x");
  await box.close();
});

test("single bytes that come while a callback is busy reach it as one piece", async () => {
  const { box } = await start((it, channel) => {
    for (let i = 0; i < 5000; i++) it.out(channel, i === 4999 ? new Uint8Array([0xe2]) : "x");
    it.end(channel);
  });
  const pieces: string[] = [];
  const result = await box.run(program, {
    onStdout: (piece) => {
      pieces.push(piece);
      return new Promise((resolve) => setTimeout(resolve, 20));
    },
  });
  assert.deepEqual(pieces, ["x", "x".repeat(4998), "\ufffd"]);
  assert.equal(result.stdout, pieces.join(""));
  await box.close();
});

test("a callback that throws ends the run with its error", async () => {
  const { box, cell } = await start((it, channel) => it.out(channel, "x"));
  cell.onFrame = ((before) => (frame) => {
    before(frame);
    if (frame.type === DOWN.SIGNAL) cell.end(frame.channel, 0, frame.payload.signal);
  })(cell.onFrame);
  const failing = box.run(program, {
    onStdout: () => {
      throw new RangeError("mine");
    },
  });
  await assert.rejects(failing, RangeError);
  assert.equal(box.closed, false);
  await box.close();
});

/** Not one whose time was over before its program was compiled. */
const hasSpoken = ({ stdout }: { readonly stdout: string }) => stdout !== "";

test("a timeout kills the guest alone when it yields", async () => {
  const { box, cell } = await start((it, channel) => it.out(channel, "before"));
  const before = cell.onFrame;
  cell.onFrame = (frame) => {
    before(frame);
    if (frame.type === DOWN.SIGNAL) cell.end(frame.channel, 0, frame.payload.signal);
  };
  const result = await longEnough((timeout) => box.run(program, { timeout }), hasSpoken, 300);
  assert.equal(result.timedOut, true);
  assert.equal(result.limit, "time");
  assert.equal(result.exitCode, 137);
  assert.equal(result.stdout, "before");
  assert.deepEqual(cell.of(DOWN.SIGNAL)[0]?.payload, { signal: SIGKILL, session: true });
  assert.equal(box.closed, false);
  await box.close();
});

test("a timeout of a guest that does not yield ends the sandbox, after all its output", async () => {
  const { box, cell } = await start((it, channel) => {
    setTimeout(() => it.out(channel, "late"), 330);
  });
  const result = await longEnough((timeout) => box.run(program, { timeout }), hasSpoken, 300);
  assert.equal(result.timedOut, true);
  assert.equal(result.stdout, "late");
  assert.ok(cell.killed);
  await assert.rejects(box.run(program), (error) => {
    assert.ok(error instanceof errors.SandboxClosed);
    assert.match(error.message, /did not yield: its time was over/);
    return true;
  });
  await box.close();
});

test("output beyond its limit is cut there and ends the guest as SIGXFSZ would", async () => {
  const { box, cell } = await start((it, channel) => it.out(channel, "x".repeat(1000)));
  const before = cell.onFrame;
  cell.onFrame = (frame) => {
    before(frame);
    if (frame.type === DOWN.SIGNAL) cell.end(frame.channel, 0, 9);
  };
  const result = await box.run(program, { maxOutput: 10 });
  assert.equal(result.stdout, "x".repeat(10));
  assert.equal(result.limit, "output");
  assert.equal(result.signal, "SIGXFSZ");
  assert.equal(result.timedOut, false);
  await box.close();
});

test("an abort rejects with the signal's reason and kills the guest", async () => {
  const controller = new AbortController();
  const { box, cell } = await start(() => void setTimeout(() => controller.abort(new Error("enough")), 20));
  await assert.rejects(box.run(program, { signal: controller.signal }), /enough/);
  assert.equal(cell.of(DOWN.SIGNAL).length, 1);
  await assert.rejects(box.run(program, { signal: AbortSignal.abort() }), { name: "AbortError" });
  await box.close();
});

test("closing rejects what still runs and is idempotent", async () => {
  const { box } = await start(() => {});
  const run = box.run(program);
  const outcome = assert.rejects(run, errors.SandboxClosed);
  await turns();
  await Promise.all([box.close(), box.close()]);
  await outcome;
  await assert.rejects(box.files.read("/a"), errors.SandboxClosed);
});

test("await using closes", async () => {
  const cell = new FakeCell().behave();
  {
    await using box = await startSandbox(
      { launcher: new FakeLauncher(cell), cache: noCache() },
      parseSandboxOptions({}, home),
    );
    assert.equal(box.closed, false);
  }
  assert.ok(cell.killed);
});

test("standard input flows within the credit and no further", async () => {
  const { box, cell } = await start(() => {});
  const bytes = 3 * STREAM_WINDOW_BYTES;
  const run = box.run(program, { stdin: new Uint8Array(bytes) });
  const sent = () => cell.of(DOWN.STDIN).reduce((sum, frame) => sum + frame.payload.byteLength, 0);
  while (sent() < STREAM_WINDOW_BYTES) await sleep(1);
  await turns();
  assert.equal(sent(), STREAM_WINDOW_BYTES);
  const channel = cell.of(DOWN.SPAWN)[0]?.channel ?? 0;
  for (let i = 0; i < 2; i += 1) {
    assert.equal(cell.of(DOWN.STDIN_END).length, 0);
    const before = sent();
    cell.say({ type: UP.STDIN_CREDIT, channel, payload: { bytes: STREAM_WINDOW_BYTES } });
    while (sent() < before + STREAM_WINDOW_BYTES) await sleep(1);
  }
  assert.equal(sent(), bytes);
  while (cell.of(DOWN.STDIN_END).length === 0) await sleep(1);
  assert.equal(cell.of(DOWN.STDIN_END).length, 1);
  cell.end(channel);
  await run;
  await box.close();
});

test("a guest that ends without reading does not wait for its input", async () => {
  const { box } = await start((it, channel) => it.end(channel, 3));
  async function* endless() {
    for (;;) {
      yield "y\n";
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  assert.equal((await box.run(program, { stdin: endless() })).exitCode, 3);
  await box.close();
});

test("spawn gives streams: the guest waits for its reader", async () => {
  const { box, cell } = await start((it, channel) => it.out(channel, new Uint8Array(STREAM_WINDOW_BYTES).fill(97)));
  const child = await box.spawn(program);
  await turns();
  assert.equal(cell.of(DOWN.CREDIT).length, 0);
  const channel = cell.of(DOWN.SPAWN)[0]?.channel ?? 0;
  let length = 0;
  child.stdout.on("data", (chunk: Uint8Array) => {
    length += chunk.byteLength;
  });
  const ended = new Promise((resolve) => child.stdout.once("end", resolve));
  while (length < STREAM_WINDOW_BYTES || cell.of(DOWN.CREDIT).length === 0) await sleep(1);
  assert.equal(length, STREAM_WINDOW_BYTES);
  assert.ok(cell.of(DOWN.CREDIT).length > 0);
  child.kill("SIGINT");
  child.stdin.end("bye");
  while (cell.of(DOWN.SIGNAL).length === 0) await sleep(1);
  assert.deepEqual(cell.of(DOWN.SIGNAL)[0]?.payload, { signal: 2, session: false });
  assert.throws(() => child.kill("SIGNOT"), errors.OptionError);
  cell.end(channel, 0, 2);
  assert.equal((await child.exited).signal, "SIGINT");
  await ended;
  await box.close();
});

test("refusals have types", async () => {
  for (const [kind, type] of [
    ["module", errors.ModuleRefused],
    ["limit", errors.ModuleRefused],
  ] as const) {
    const { box, cell } = await start(() => {});
    cell.onFrame = ({ type: frame, channel }) => {
      if (frame === DOWN.MODULE_END) cell.say({ type: UP.REFUSED, channel, payload: { kind, message: "GC" } });
    };
    await assert.rejects(box.run(program), type);
    await box.close();
  }
  for (const [kind, type] of [
    ["program", errors.NotRunnable],
    ["limit", errors.LimitExceeded],
  ] as const) {
    const { box, cell } = await start(() => {});
    const before = cell.onFrame;
    cell.onFrame = (frame) => {
      if (frame.type !== DOWN.SPAWN) before(frame);
      else cell.say({ type: UP.REFUSED, channel: frame.channel, payload: { kind, message: "no" } });
    };
    await assert.rejects(box.run(program), type);
    await assert.rejects(box.spawn(program), type);
    await box.close();
  }
});

test("wrong arguments and a missing working directory are named", async () => {
  const { box, cell } = await start(() => {});
  const wrong = "-c" as unknown as readonly string[];
  await assert.rejects(box.run(program, wrong), /^OptionError: args: expected a list of strings, got "-c"/);
  const mixed = ["-c", 5] as unknown as readonly string[];
  await assert.rejects(box.run(program, mixed), /^OptionError: args\[1\]: expected a string, got 5/);
  await assert.rejects(box.spawn(program, mixed), errors.OptionError);
  const before = cell.onFrame;
  cell.onFrame = (frame) => {
    const payload = { kind: "program", message: "No such file or directory", errno: 2 } as const;
    if (frame.type !== DOWN.SPAWN) before(frame);
    else cell.say({ type: UP.REFUSED, channel: frame.channel, payload });
  };
  await assert.rejects(box.run(program, { cwd: "/nope" }), /No such file or directory: working directory \/nope$/);
  await box.close();
});

test("programs that are not there or not runnable", async () => {
  const { box } = await start(() => {});
  const text = join(home, "text.wasm");
  writeFileSync(text, "#!/bin/sh\n");
  await assert.rejects(box.run(join(home, "none.wasm")), errors.ProgramNotFound);
  await assert.rejects(box.run("no-such-guest"), errors.ProgramNotFound);
  await assert.rejects(box.run("x\x1b[2J"), (error) => error instanceof Error && !error.message.includes("\x1b"));
  await assert.rejects(box.run(text), errors.NotRunnable);
  await assert.rejects(box.run(`${home}/`), errors.NotRunnable);
  await assert.rejects(box.run(program, ["a\0b"]), errors.OptionError);
  await box.close();
});

test("a module longer than the sandbox takes is not sent, read ahead or not", async () => {
  const { box, cell } = await start(() => {}, { limits: { module: 7 } });
  await assert.rejects(box.run(program), /8 bytes, the limit for a module is 7/);
  const loaded = await loadProgram(program, { launcher: new FakeLauncher(), cache: noCache() });
  await assert.rejects(box.run(loaded), errors.NotRunnable);
  assert.equal(cell.of(DOWN.MODULE_END).length, 0);
  await box.close();
});

test("mounts reach the cell and the file server in the same order", async () => {
  const data = join(home, "data");
  mkdirSync(data, { recursive: true });
  const mounts = { "/data": { host: "./data", readOnly: true }, "/tmp": { tmpfs: "1m" }, "/work": "data" };
  const { box, cell } = await start(() => {}, { mounts });
  assert.deepEqual(cell.served, [
    { host: data, readOnly: true },
    { host: data, readOnly: false },
  ]);
  const boot = cell.of(DOWN.BOOT)[0]?.payload;
  assert.deepEqual(
    boot?.mounts.map((mount) => [mount.at, mount.kind, mount.kind === "host" ? mount.index : mount.bytes]),
    [
      ["/run/linden", "memory", 1024 * 1024],
      ["/tmp", "memory", 1024 * 1024],
      ["/data", "host", 0],
      ["/work", "host", 1],
    ],
  );
  await box.close();
});

test("a mount is served by the path its own led to when it was checked", async () => {
  mkdirSync(join(home, "real/deep"), { recursive: true });
  symlinkSync("real", join(home, "way"));
  const { box, cell } = await start(() => {}, { mounts: { "/work": join(home, "way/deep") } });
  assert.deepEqual(
    cell.served.map(({ host }) => host),
    [join(realpathSync(home), "real/deep")],
  );
  await box.close();
});

test("a writable mount over the cache is refused, a missing directory too", async () => {
  const cache = new ModuleCache(join(home, "cache", "linden"));
  const attempt = (mounts: SandboxOptions["mounts"]) => {
    const cell = new FakeCell().behave();
    return startSandbox(
      { launcher: new FakeLauncher(cell), cache },
      parseSandboxOptions({ mounts: mounts ?? {} }, home),
    );
  };
  await assert.rejects(attempt({ "/home": home }), errors.OptionError);
  await assert.rejects(attempt({ "/home": { host: join(home, "nowhere") } }), errors.OptionError);
  await (await attempt({ "/home": { host: home, readOnly: true } })).close();
});

test("a cell whose lock cannot be verified gets nothing of a guest's", async () => {
  const cell = new FakeCell().behave();
  cell.lockProblem = new errors.LockUnavailable("seccomp: no filter on thread 3");
  const services = { launcher: new FakeLauncher(cell), cache: noCache() };
  const options = { mounts: { "/home": { tmpfs: "1m" } }, env: { TOKEN: "secret" }, cwd: "/home/work" };
  await assert.rejects(startSandbox(services, parseSandboxOptions(options, home)), errors.LockUnavailable);
  assert.ok(cell.killed);
  // What it is to build it was told before: it builds behind its lock, or never.
  assert.deepEqual(
    cell.frames.map(({ type }) => type),
    [DOWN.BOOT],
  );
  assert.ok(!JSON.stringify(cell.frames).includes("secret"));
});

test("a cell that breaks down between its lock and the verification says why itself", async () => {
  const cell = new FakeCell();
  cell.say({ type: UP.READY, channel: 0, payload: undefined });
  cell.onFrame = () => cell.say({ type: UP.FATAL, channel: 0, payload: { message: "mount: no room for /home" } });
  cell.verify = async () => {
    await turns();
    throw new errors.LockUnavailable("process 1 has ended");
  };
  const services = { launcher: new FakeLauncher(cell), cache: noCache() };
  await assert.rejects(startSandbox(services, parseSandboxOptions({}, home)), (error) => {
    assert.ok(error instanceof errors.SandboxDied && !(error instanceof errors.LockUnavailable));
    assert.match(error.message, /no room for \/home/);
    return true;
  });
});

test("files: requests, replies, errors with their errno", async () => {
  const { box, cell } = await start(() => {});
  const before = cell.onFrame;
  let missing = true;
  cell.onFrame = (frame) => {
    const { channel } = frame;
    if (frame.type !== DOWN.FILE) return before(frame);
    const { op } = frame.payload;
    if (op === "read") {
      cell.say({ type: UP.FILE_DATA, channel, payload: Buffer.from("con") });
      cell.say({ type: UP.FILE_DATA, channel, payload: Buffer.from("tent") });
      cell.say({ type: UP.FILE_REPLY, channel, payload: { op, bytes: 7 } });
    } else if (op === "list") {
      const name = (frame.payload.from === 0 ? "\xc3\xa9" : "b") as typeof frame.payload.path;
      const next = frame.payload.from === 0 ? 5 : 0;
      cell.say({ type: UP.FILE_REPLY, channel, payload: { op, entries: [{ name, type: "file" }], next } });
    } else if (op === "exists") {
      cell.say({ type: UP.FILE_REPLY, channel, payload: { op, exists: true } });
    } else if (op === "stat") {
      cell.say({ type: UP.FILE_REPLY, channel, payload: { op, type: "file", mode: 0o644, size: 7, mtimeMs: 1000 } });
    } else if (op === "remove" || op === "rename") {
      cell.say({ type: UP.REFUSED, channel, payload: { kind: "file", errno: 39, message: "\x1b[0m" } });
    } else if (op === "write" && missing) {
      missing = false;
      cell.say({ type: UP.REFUSED, channel, payload: { kind: "file", errno: 2, message: "" } });
    } else before(frame);
    return undefined;
  };
  assert.equal(await box.files.read("a.txt"), "content");
  assert.deepEqual(await box.files.read("a.txt", { format: "bytes" }), new Uint8Array(Buffer.from("content")));
  assert.deepEqual(await box.files.list("/d"), [
    { name: "é", path: "/d/é", type: "file" },
    { name: "b", path: "/d/b", type: "file" },
  ]);
  assert.equal(await box.files.exists("/a"), true);
  assert.equal((await box.files.stat("/a")).modified.getTime(), 1000);
  await assert.rejects(box.files.remove("/d"), (error) => {
    assert.ok(error instanceof errors.FileError);
    assert.equal(error.errno, "ENOTEMPTY");
    assert.equal(error.message, "remove /d: Directory not empty");
    return true;
  });
  cell.onFrame = ((inner) => (frame) => {
    // A refused write drops its data and its end.
    if (frame.type === DOWN.FILE_END && frame.channel === refused) return;
    if (frame.type === DOWN.FILE && frame.payload.op === "write" && missing) refused = frame.channel;
    inner(frame);
  })(cell.onFrame);
  let refused = 0;
  await box.files.write("/new/dir/file", "text");
  assert.ok(cell.of(DOWN.FILE).some(({ payload }) => payload.op === "mkdir" && payload.path === "/new/dir"));
  await assert.rejects(box.files.read("/a\0b"), errors.OptionError);
  await box.close();
});

test("what a fresh cell gives back is kept, and used by the next sandbox", async () => {
  const cache = new ModuleCache(join(home, "kept", "modules"));
  const cells = [0, 1].map(() => new FakeCell().behave((it, channel) => it.end(channel)));
  const services = { launcher: new FakeLauncher(...cells), cache };
  for (const cell of cells) {
    const box = await startSandbox(services, parseSandboxOptions({}, home));
    await box.run(program);
    await box.close();
    assert.equal(cell.of(DOWN.MODULE_END)[0]?.payload.rewritten, cell === cells[1]);
  }
  assert.equal(Buffer.from(cells[1]?.of(DOWN.MODULE_DATA)[0]?.payload ?? "").toString(), "rewritten");
  assert.ok(readdirSync(cache.directory).some((name) => name.endsWith(".wasm")));
});

test("a cell that met another module is not asked: a third one rewrites", async () => {
  const cache = new ModuleCache(join(home, "apart", "modules"));
  const other = join(home, "other.wasm");
  writeFileSync(other, new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x02, 0x01, 0x61]));
  const main = new FakeCell().behave((it, channel) => it.end(channel));
  const apart = new FakeCell().behave();
  const box = await startSandbox({ launcher: new FakeLauncher(main, apart), cache }, parseSandboxOptions({}, home));
  await Promise.all([box.run(program), box.run(other)]);
  assert.deepEqual(
    main.of(DOWN.MODULE_END).map(({ payload }) => [payload.giveBack, payload.rewritten]),
    [
      [true, false],
      [false, true],
    ],
  );
  assert.equal(apart.of(DOWN.MODULE_END)[0]?.payload.giveBack, true);
  assert.equal(apart.of(DOWN.SPAWN).length, 0);
  assert.ok(apart.killed);
  await box.close();
});
