/** Real cells, real locks, real CPython. dist/ must be built (./linden test does that). */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FileError, ModuleRefused, OptionError, Sandbox, SandboxPool } from "../../src/sandbox/index.ts";
import { PYTHON } from "../engine/programs.ts";
import { longEnough, within } from "../processor-time.ts";
import { childrenOf, goodProgram } from "../security/world.ts";

const home = mkdtempSync(join(tmpdir(), "linden-e2e-"));
after(() => rmSync(home, { recursive: true, force: true }));
const python = (code: string): ["python", string[]] => ["python", ["-c", code]];

describe("python in one sandbox", { timeout: 300_000 }, () => {
  let box: Sandbox;
  before(async () => {
    box = await Sandbox.create({ env: { NAME: "wörld" } });
  });
  after(() => box.close());

  test("prints, and its exit code comes back", async () => {
    const result = await box.run(...python("import sys; print(sum(range(10))); sys.exit(7)"));
    assert.equal(result.stdout, "45\n");
    assert.equal(result.exitCode, 7);
    assert.equal(result.signal, null);
    assert.ok(result.stats.calls > 10);
    assert.ok(result.stats.peakMemory > 1024 * 1024);
  });

  test("arguments, environment, standard input and error", async () => {
    const code = "import os,sys; print(sys.argv[1:], os.environ['NAME'], input()); print('e', file=sys.stderr)";
    const result = await box.run("python", ["-c", code, "ä", ""], { stdin: "line €\n" });
    assert.equal(result.stdout, "['ä', ''] wörld line €\n");
    assert.equal(result.stderr, "e\n");
  });

  test("without stdin the guest reads the end at once, of an empty one too", async () => {
    const code = python("import sys; print(repr(sys.stdin.read()), repr(sys.stdin.read()))");
    for (const options of [{}, { stdin: "" }, { stdin: new Uint8Array(0) }]) {
      assert.equal((await box.run(...code, options)).stdout, "'' ''\n");
    }
  });

  test("nothing of the host: environment, files", async () => {
    const result = await box.run(...python("import os; print(sorted(os.environ)); open('/etc/passwd')"));
    assert.equal(result.stdout, "['HOME', 'LANG', 'NAME', 'PATH', 'PWD', 'PYTHONDONTWRITEBYTECODE', 'PYTHONPATH']\n");
    assert.match(result.stderr, /FileNotFoundError/);
    assert.equal(result.exitCode, 1);
  });

  test("files from outside and inside, a script by its relative name", async () => {
    await box.files.write("/work/sub/main.py", "import helper, os, sys\nprint(os.getcwd(), helper.x, sys.argv)\n");
    await box.files.write("/work/sub/helper.py", "x = 5\n");
    const result = await box.run("python", ["main.py", "a"], { cwd: "/work/sub" });
    assert.equal(result.stderr, "");
    assert.equal(result.stdout, "/work/sub 5 ['/work/sub/main.py', 'a']\n");
    await box.run(...python("open('/work/made', 'wb').write(bytes(range(256)))"));
    const made = await box.files.read("/work/made", { format: "bytes" });
    assert.deepEqual(
      made,
      new Uint8Array(256).map((_, index) => index),
    );
    assert.deepEqual((await box.files.list("/work")).map(({ name, type }) => [name, type]).sort(), [
      ["made", "file"],
      ["sub", "directory"],
    ]);
    const { type, size, modified } = await box.files.stat("/work/made");
    assert.deepEqual([type, size], ["file", 256]);
    assert.ok(Math.abs(modified.getTime() - Date.now()) < 60_000);
    await box.files.rename("/work/made", "/work/moved");
    assert.equal(await box.files.exists("/work/made"), false);
    await box.files.write("/work/moved", "tail", { append: true });
    assert.equal((await box.files.stat("/work/moved")).size, 260);
    await assert.rejects(
      box.files.remove("/work"),
      (error) => error instanceof FileError && error.errno === "ENOTEMPTY",
    );
    await box.files.remove("/work", { recursive: true });
    await assert.rejects(
      box.files.read("/work/moved"),
      (error) => error instanceof FileError && error.errno === "ENOENT",
    );
    await assert.rejects(box.files.read("/"), (error) => error instanceof FileError && error.errno === "EISDIR");
  });

  test("a file is stamped with the time it was written at, also where nothing ran before", async () => {
    await box.files.write("/stamped", "once");
    const { modified: first } = await box.files.stat("/stamped");
    await sleep(300);
    await box.files.write("/stamped", "again");
    const { modified: second } = await box.files.stat("/stamped");
    assert.ok(second.getTime() - first.getTime() >= 290, `${second.getTime() - first.getTime()} ms later`);
    await box.files.remove("/stamped");
  });

  test("many names come in pages", async () => {
    await box.run(...python("import os\nos.mkdir('/many')\nfor i in range(1000): open(f'/many/é{i}','w').close()"));
    const names = (await box.files.list("/many")).map(({ name }) => name);
    assert.equal(new Set(names).size, 1000);
    assert.ok(names.includes("é999"));
  });

  test("tens of megabytes through a file and back", async () => {
    const bytes = Buffer.alloc(30_000_000, "0123456789abcdef");
    await box.files.write("/big", bytes);
    const back = await box.files.read("/big", { format: "bytes" });
    assert.ok(bytes.equals(back));
    await assert.rejects(
      box.files.read("/big", { limit: "1m" }),
      (error) => error instanceof FileError && error.errno === "EFBIG",
    );
    await box.files.remove("/big");
  });

  test("tens of megabytes through standard input and output, byte for byte", async () => {
    const bytes = Buffer.alloc(40_000_000);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((at * 2654435761) >>> 0, at);
    const code = "import sys\nr,w=sys.stdin.buffer,sys.stdout.buffer\nwhile b:=r.read(65536): w.write(b)";
    const result = await box.run("python", ["-c", code], { stdin: bytes, format: "bytes" });
    assert.equal(result.exitCode, 0);
    const digest = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
    assert.equal(digest(result.stdout), digest(bytes));
  });

  test("a spawned guest waits for its reader, and answers as it goes", async () => {
    const code = "import sys\nfor line in sys.stdin:\n  print(line.strip()*2, flush=True)\nprint('end')";
    const child = await box.spawn("python", ["-c", code]);
    const lines: string[] = [];
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (text: string) => lines.push(text));
    child.stdin.write("ab\n");
    while (lines.length === 0) await sleep(5);
    assert.deepEqual(lines, ["abab\n"]);
    child.stdin.end("c\n");
    assert.equal((await child.exited).exitCode, 0);
    assert.equal(lines.join(""), "abab\ncc\nend\n");
  });

  test("a signal ends a guest that waits; the sandbox lives on", async () => {
    const child = await box.spawn(...python("input()"));
    await sleep(150);
    child.kill();
    const exit = await child.exited;
    assert.equal(exit.signal, "SIGTERM");
    assert.equal(exit.exitCode, 143);
    assert.equal((await box.run(...python("print(1)"))).stdout, "1\n");
  });

  test("a timeout of a guest that waits ends the guest alone", async () => {
    async function* late(ms: number) {
      await sleep(5000 + ms);
      yield "";
    }
    const result = await longEnough(
      (timeout) => box.run(...python("print('x', flush=True); input()"), { stdin: late(timeout), timeout }),
      ({ stdout }) => stdout !== "",
      500,
    );
    assert.equal(result.timedOut, true);
    assert.equal(result.stdout, "x\n");
    assert.equal(box.closed, false);
  });

  test("an abort kills it", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    const never = (async function* () {
      await sleep(5000);
      yield "";
    })();
    await assert.rejects(box.run(...python("input()"), { signal: controller.signal, stdin: never }), {
      name: "AbortError",
    });
    assert.equal(box.closed, false);
  });

  test("two guests at once share the files and nothing else", async () => {
    await box.files.write("/shared", "s");
    const results = await Promise.all(
      ["a", "b", "c"].map((name) => box.run(...python(`print('${name}', open('/shared').read())`))),
    );
    assert.deepEqual(
      results.map(({ stdout }) => stdout),
      ["a s\n", "b s\n", "c s\n"],
    );
  });

  test("a module that is none is refused, and costs nothing but itself", async () => {
    const broken = join(home, "broken.wasm");
    writeFileSync(broken, Buffer.concat([Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), Buffer.from("garbage")]));
    await assert.rejects(box.run(broken), ModuleRefused);
    assert.equal((await box.run(...python("print(2)"))).stdout, "2\n");
  });
});

test("a guest that spins: timed out alone, all its output there", { timeout: 300_000 }, async () => {
  await using box = await Sandbox.create();
  // Compiling would count.
  await box.run(...python("pass"));
  const code = "import sys\nsys.stdout.write('x'*200000 + 'END'); sys.stdout.flush()\nwhile True: pass";
  const result = await longEnough(
    (timeout) => within(box.run(...python(code), { timeout }), timeout + 2000, "an end"),
    ({ stdout }) => stdout.endsWith("END"),
    1000,
  );
  assert.equal(result.timedOut, true);
  assert.equal(result.exitCode, 137);
  assert.equal(result.stdout.length, 200_003);
  assert.ok(result.stdout.endsWith("END"));
  assert.equal(box.closed, false);
  const [spins, answers] = await Promise.all([
    box.run(...python("while True: pass"), { timeout: "600ms" }),
    box.run(...python("import time\nfor i in range(5): time.sleep(0.01)\nprint('beside it')")),
  ]);
  assert.deepEqual([spins.timedOut, answers.stdout], [true, "beside it\n"]);
});

test("a timeout covers rewriting and compiling", { timeout: 300_000 }, async () => {
  // A custom section more: another module, which no cache has.
  const section = Buffer.concat([Uint8Array.of(0, 20, 1, 0x61), randomBytes(18)]);
  const other = join(home, "other-python.wasm");
  writeFileSync(other, Buffer.concat([readFileSync(PYTHON), section]));
  await using box = await Sandbox.create();
  // The caller's own share alone.
  const result = await within(box.run(other, ["--version"], { timeout: "20ms" }), 1000, "an end");
  assert.deepEqual([result.timedOut, result.limit, result.stdout], [true, "time", ""]);
  assert.match(result.message, /before its program was compiled/);
  assert.equal((await box.run(other, ["--version"])).stdout, "Python 3.12.0\n");
});

test("limits: memory, CPU time, output, disk, descriptors", { timeout: 300_000 }, async () => {
  {
    await using box = await Sandbox.create({ limits: { memory: "64m", disk: "1m", descriptors: 32 } });
    const memory = await box.run(...python("try:\n  bytearray(10**8)\nexcept MemoryError: print('no memory')"));
    assert.equal(memory.stdout, "no memory\n", memory.stderr);
    const disk = await box.run(
      ...python(
        "import errno\ntry:\n  open('/f','wb').write(b'x'*2000000)\nexcept OSError as e: print(errno.errorcode[e.errno])",
      ),
    );
    assert.equal(disk.stdout, "ENOSPC\n", disk.stderr);
    const descriptors = await box.run(
      ...python(
        "import errno\nl=[]\ntry:\n  while 1: l.append(open('/dev/null'))\nexcept OSError as e: print(errno.errorcode[e.errno], len(l) < 32)",
      ),
    );
    assert.equal(descriptors.stdout, "EMFILE True\n", descriptors.stderr);
    const output = await box.run(...python("while 1: print('y'*1000)"), { maxOutput: "100k" });
    assert.equal(output.limit, "output");
    assert.equal(output.stdout.length, 102_400);
  }
  await using box = await Sandbox.create({ limits: { cpu: "500ms" } });
  const cpu = await box.run(...python("while 1: pass"));
  assert.equal(cpu.timedOut, true);
  assert.equal(cpu.limit, "cpu");
  assert.equal(cpu.exitCode, 128 + 24);
});

test("many sandboxes side by side, each with its own policy", { timeout: 300_000 }, async () => {
  const boxes = await Promise.all(
    Array.from({ length: 5 }, (_, index) => Sandbox.create({ env: { ME: String(index) }, hostname: `box${index}` })),
  );
  const results = await Promise.all(
    boxes.map((box) =>
      box.run(...python("import os; open('/me','w').write(os.environ['ME']); print(os.listdir('/'))")),
    ),
  );
  assert.ok(results.every(({ exitCode }) => exitCode === 0));
  assert.deepEqual(await Promise.all(boxes.map((box) => box.files.read("/me"))), ["0", "1", "2", "3", "4"]);
  await Promise.all(boxes.map((box) => box.close()));
});

test("mounts: read, write, read-only, a single file, memory", { timeout: 300_000 }, async () => {
  const data = join(home, "data");
  mkdirSync(data);
  writeFileSync(join(data, "in.txt"), "from the host");
  const file = join(home, "single.txt");
  writeFileSync(file, "one file");
  await using box = await Sandbox.create({
    readOnly: false,
    mounts: {
      "/rw": data,
      "/ro": { host: data, readOnly: true },
      "/conf/single.txt": { host: file, readOnly: true },
      "/small": { tmpfs: "64k" },
    },
  });
  const code = [
    "import errno",
    "print(open('/ro/in.txt').read(), open('/conf/single.txt').read())",
    "open('/rw/out.txt','w').write('to the host')",
    "for path in ('/ro/x', '/small/x'):",
    "  try:",
    "    open(path,'w').write('x'*100000)",
    "  except OSError as e: print(errno.errorcode[e.errno])",
  ];
  const result = await box.run(...python(code.join("\n")));
  assert.equal(result.stdout, "from the host one file\nEROFS\nENOSPC\n", result.stderr);
  assert.equal(readFileSync(join(data, "out.txt"), "utf8"), "to the host");
  assert.equal(await box.files.read("/ro/out.txt"), "to the host");
  await assert.rejects(Sandbox.create({ mounts: { "/f": file } }), OptionError);
});

test("a command of an image stays what it was, whatever becomes of its file on the host", {
  timeout: 300_000,
}, async () => {
  const image = mkdtempSync(join(home, "image-"));
  mkdirSync(join(image, "bin"));
  writeFileSync(join(image, "bin/good"), goodProgram(), { mode: 0o755 });
  await using box = await Sandbox.create({ image });
  const first = await box.run("good");
  assert.deepEqual([first.exitCode, first.stdout], [42, "good"], first.message);
  writeFileSync(join(image, "bin/good"), "no program any more");
  assert.equal((await box.run("good")).stdout, first.stdout);
  rmSync(image, { recursive: true });
  assert.equal((await box.run("good")).stdout, first.stdout);
});

test("a read-only root", { timeout: 300_000 }, async () => {
  await using box = await Sandbox.create({ readOnly: true, mounts: { "/tmp": { tmpfs: "1m" } } });
  const result = await box.run(...python("open('/tmp/x','w').write('1'); print(1, flush=True); open('/x','w')"));
  assert.equal(result.stdout, "1\n");
  assert.match(result.stderr, /Read-only file system/);
});

test("ruby reads standard input and prints", { timeout: 300_000 }, async () => {
  await using box = await Sandbox.create();
  await box.files.write("/w/up.rb", "puts STDIN.read.upcase, ARGV.inspect, Dir.pwd");
  const result = await box.run("ruby", ["up.rb", "x"], { stdin: "abc\n", cwd: "/w" });
  assert.equal(result.stdout, 'ABC\n["x"]\n/w\n', result.stderr);
});

test("a pool hands out a locked sandbox with python compiled", { timeout: 300_000 }, async () => {
  const begun = performance.now();
  await using pool = await SandboxPool.create({ size: 1, programs: ["python"] });
  const made = performance.now();
  await using box = await pool.take();
  assert.ok(performance.now() - made < (made - begun) / 2, "what took long was done before");
  assert.equal((await box.run(...python("print('warm')"))).stdout, "warm\n");
});

test("a cell of a pool that booted as the last sandbox was serves one that differs, and keeps nothing of it", {
  timeout: 300_000,
}, async () => {
  const look = python("import os; print(os.path.isdir('/small'), os.path.exists('/x'))");
  await using pool = await SandboxPool.create({ size: 1, programs: ["python"] });
  for (const [mounts, shown] of [
    [{}, "False False\n"],
    [{ "/small": { tmpfs: "64k" } }, "True False\n"],
    [{ "/small": { tmpfs: "64k" } }, "True False\n"],
    [{ "/small": { host: home } }, "True False\n"],
    [{}, "False False\n"],
  ] as const) {
    while (pool.ready === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await using box = await pool.take({ mounts });
    assert.equal((await box.run(...look)).stdout, shown);
    await box.files.write("/x", "of this one alone");
  }
});

test("a sandbox of a pool has its limit of CPU time in the host as well", { timeout: 300_000 }, async () => {
  await using pool = await SandboxPool.create({ size: 1 });
  await using box = await pool.take({ limits: { cpu: "30s" } });
  assert.equal((await box.run(...python("print(1)"))).stdout, "1\n");
  const limits = childrenOf(process.pid).map((pid) => readFileSync(`/proc/${pid}/limits`, "latin1"));
  const seconds = limits.map((text) => /^Max cpu time +(\S+) +(\S+)/m.exec(text)?.slice(1));
  assert.ok(
    seconds.some((each) => each?.every((value) => Number(value) >= 33 && Number(value) <= 45)),
    JSON.stringify(seconds),
  );
});

test("closing leaves no process", { timeout: 300_000 }, async () => {
  const before = children();
  const box = await Sandbox.create();
  const started = children().filter((pid) => !before.includes(pid));
  await box.close();
  assert.ok(started.length > 0);
  assert.deepEqual(
    children().filter((pid) => started.includes(pid)),
    [],
  );
});

/** Processes that this one's threads have started and not yet reaped. */
function children(): number[] {
  return readdirSync("/proc/self/task").flatMap((task) => {
    const text = readFileSync(`/proc/self/task/${task}/children`, "utf8");
    return text.split(" ").filter(Boolean).map(Number);
  });
}

test("a CPU limit stands in the host too, for the case that nobody watches any more", async () => {
  const before = childrenOf(process.pid);
  await using box = await Sandbox.create({ limits: { cpu: "5s" } });
  const [pid] = childrenOf(process.pid).filter((child) => !before.includes(child));
  const [, soft, hard] = /Max cpu time +(\d+) +(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, "utf8")) ?? [];
  assert.ok(Number(soft) >= 5 && Number(soft) <= 10, `soft limit ${soft}`);
  assert.equal(hard, soft);
  assert.equal((await box.run(...python("print(1)"))).stdout, "1\n");
});
