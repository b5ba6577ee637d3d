import assert from "node:assert/strict";
import { test } from "node:test";
import { OptionError } from "../../src/sandbox/errors.ts";
import { parseSandboxOptions } from "../../src/sandbox/options.ts";
import { parseRunOptions, parseSignal, parseSpawnOptions } from "../../src/sandbox/run-options.ts";
import { escapeText, toBytes, toText } from "../../src/sandbox/text.ts";
import { parseDuration, parseSize } from "../../src/sandbox/units.ts";

const parse = (options: unknown) => parseSandboxOptions(options, "/base");

function refuses(options: unknown, option: string, words: RegExp): void {
  assert.throws(
    () => parse(options),
    (error) => {
      assert.ok(error instanceof OptionError, String(error));
      assert.equal(error.option, option);
      assert.match(error.message, words);
      return true;
    },
  );
}

test("nothing asked: every default in its place", () => {
  const policy = parse(undefined);
  assert.deepEqual(policy.mounts, []);
  assert.equal(policy.cwd, "/");
  assert.equal(policy.lock, "required");
  assert.equal(policy.limits.memoryBytes, 512 * 1024 * 1024);
  assert.equal(policy.limits.wallMs, undefined);
  assert.equal(policy.limits.outputBytes, 64 * 1024 * 1024);
});

test("times: milliseconds or words", () => {
  const cases: [unknown, number][] = [
    [1500, 1500],
    ["500ms", 500],
    ["5s", 5000],
    ["1.5s", 1500],
    ["2m", 120_000],
    ["1h", 3_600_000],
    [" 3 s ", 3000],
  ];
  for (const [value, ms] of cases) assert.equal(parseDuration(value, "t"), ms);
  for (const value of [0, -1, Number.NaN, Infinity, 2 ** 31, "5", "s", "5 days", "-5s", "5s5", "1e3s", null, {}, 5n]) {
    assert.throws(() => parseDuration(value, "t"), OptionError, String(value));
  }
});

test("sizes: bytes or docker's words", () => {
  const cases: [unknown, number][] = [
    [1, 1],
    ["100", 100],
    ["64k", 65_536],
    ["256m", 268_435_456],
    ["256MB", 268_435_456],
    ["256MiB", 268_435_456],
    ["1.5g", 1_610_612_736],
    ["10b", 10],
  ];
  for (const [value, bytes] of cases) assert.equal(parseSize(value, "s"), bytes);
  for (const value of [0, -1, 1.5, 2 ** 53, "", "m", "12x", "-1m", "1mm", "0", "999999t", true, []]) {
    assert.throws(() => parseSize(value, "s"), OptionError, String(value));
  }
});

test("a wrong option says what was expected and what came", () => {
  refuses([], "options", /expected an object, got a list/);
  refuses({ memory: "1g" }, "memory", /expected one of mounts, env, .*, got "memory"/);
  refuses({ network: "host" }, "network", /"none" \(no other network is available yet\), got "host"/);
  refuses({ lock: false }, "lock", /"required" or "off", got false/);
  refuses({ limits: { memory: "lots" } }, "limits.memory", /"256m".*got "lots"/);
  refuses({ limits: { memory: "8g" } }, "limits.memory", /from "64k" to "4g"/);
  refuses({ limits: { timeout: 0 } }, "limits.timeout", /above zero/);
  refuses({ limits: { processes: 0 } }, "limits.processes", /from 1 to 4096/);
  refuses({ limits: { ram: 1 } }, "limits.ram", /expected one of memory/);
  refuses({ cwd: "work" }, "cwd", /absolute path/);
  refuses({ cwd: "/a/../b" }, "cwd", /without "\.\."/);
  refuses({ readOnly: "yes" }, "readOnly", /true or false, got "yes"/);
  refuses({ env: { "A=B": "1" } }, "env", /without "="/);
  refuses({ env: { A: 1 } }, "env.A", /a string, got 1/);
  refuses({ env: { A: "x\0y" } }, "env.A", /without NUL/);
  refuses({ env: { A: "\ud800" } }, "env.A", /well-formed/);
  refuses({ hostname: "a b" }, "hostname", /letters/);
});

test("an image is a name, a path or a list of them", () => {
  assert.deepEqual(parse({}).images, []);
  assert.deepEqual(parse({ image: "busybox,bash" }).images, ["busybox,bash"]);
  assert.deepEqual(parse({ image: ["busybox", "tools.tar.gz", "./own", "/abs"] }).images, [
    "busybox",
    "/base/tools.tar.gz",
    "/base/own",
    "/abs",
  ]);
  refuses({ image: 5 }, "image", /a name, the path of an archive or of a directory, or a list of these, got 5/);
  refuses({ image: ["a", ""] }, "image", /a name/);
  refuses({ image: "a\0" }, "image", /without NUL/);
  refuses({ image: new Array(17).fill("a") }, "image", /at most 16/);
});

test("mounts: host directories and memory, outer ones first", () => {
  const policy = parse({
    mounts: {
      "/data/inner": { tmpfs: "1m" },
      "/data": { host: "./data", readOnly: true },
      "/w//x/": "/abs",
    },
  });
  assert.deepEqual(policy.mounts, [
    { kind: "host", at: "/w/x", host: "/abs", readOnly: false },
    { kind: "host", at: "/data", host: "/base/data", readOnly: true },
    { kind: "memory", at: "/data/inner", bytes: 1024 * 1024, readOnly: false },
  ]);
});

test("a mount may switch rules of what the host executes off, by name", () => {
  const { mounts } = parseSandboxOptions(
    { mounts: { "/a": { host: "/abs", allow: ["git-hooks", "direnv"] } } },
    "/base",
  );
  assert.deepEqual(mounts, [{ kind: "host", at: "/a", host: "/abs", readOnly: false, allow: ["git-hooks", "direnv"] }]);
});

test("an overlay reads its directory and has room for changes", () => {
  const { mounts } = parseSandboxOptions(
    {
      mounts: {
        "/a": { host: "/x", overlay: true },
        "/b": { host: "/y", overlay: "1m" },
        "/c": { host: "/z", overlay: false },
      },
    },
    "/base",
  );
  assert.deepEqual(mounts, [
    { kind: "host", at: "/a", host: "/x", readOnly: true, overlay: 256 * 1024 * 1024 },
    { kind: "host", at: "/b", host: "/y", readOnly: true, overlay: 1024 * 1024 },
    { kind: "host", at: "/c", host: "/z", readOnly: false },
  ]);
});

test("mounts that cannot be", () => {
  refuses({ mounts: { data: "/x" } }, 'mounts["data"]', /absolute path inside the sandbox/);
  refuses({ mounts: { "/": "/x" } }, 'mounts["/"]', /a path below \//);
  refuses({ mounts: { "/dev/x": "/x" } }, 'mounts["/dev/x"]', /outside \/dev/);
  refuses({ mounts: { "/proc": { tmpfs: true } } }, 'mounts["/proc"]', /outside/);
  refuses({ mounts: { "/a": {} } }, 'mounts["/a"]', /either "host" or "tmpfs"/);
  refuses({ mounts: { "/a": { host: "x", tmpfs: true } } }, 'mounts["/a"]', /either/);
  refuses(
    { mounts: { "/a": { host: "x", ro: true } } },
    'mounts["/a"].ro',
    /one of host, tmpfs, readOnly, allow, overlay/,
  );
  refuses({ mounts: { "/a": { host: "x", allow: ["hooks"] } } }, 'mounts["/a"].allow', /git-hooks/);
  refuses({ mounts: { "/a": { host: "x", allow: "git-hooks" } } }, 'mounts["/a"].allow', /a list of rules/);
  refuses({ mounts: { "/a": { tmpfs: true, allow: ["git-hooks"] } } }, 'mounts["/a"].allow', /a host directory/);
  refuses({ mounts: { "/a": { tmpfs: true, overlay: true } } }, 'mounts["/a"].overlay', /a host directory/);
  refuses({ mounts: { "/a": { host: "x", readOnly: true, overlay: true } } }, 'mounts["/a"].overlay', /no readOnly/);
  refuses({ mounts: { "/a": { host: "x", allow: ["git-hooks"], overlay: true } } }, 'mounts["/a"].allow', /no overlay/);
  refuses({ mounts: { "/a": { host: "x", overlay: "much" } } }, 'mounts["/a"].overlay', /./);
  refuses({ mounts: { "/a": "x", "/a/": "y" } }, 'mounts["/a/"]', /one mount for each path/);
  refuses({ mounts: { "/a": "" } }, 'mounts["/a"]', /the path of a host directory/);
  refuses({ mounts: { "/a": "x\0y" } }, 'mounts["/a"]', /without NUL/);
});

test("names that mean something to JavaScript are ordinary names", () => {
  const env = JSON.parse('{"__proto__":"1","constructor":"2"}');
  assert.deepEqual(
    [...parse({ env }).env],
    [
      ["__proto__", "1"],
      ["constructor", "2"],
    ],
  );
  refuses(JSON.parse('{"__proto__":{"lock":"off"}}'), "__proto__", /one of/);
  assert.equal(parse(Object.create({ lock: "off" })).lock, "required");
});

test("a run's options are checked and stand over the sandbox's", () => {
  const policy = parse({ env: { A: "1", B: "1" }, cwd: "/w", limits: { timeout: "5s" } });
  const run = parseRunOptions({ env: { B: "2" }, timeout: 100, maxOutput: "1k", tty: { stdout: true } }, policy);
  assert.deepEqual(
    [...run.env],
    [
      ["A", "1"],
      ["B", "2"],
    ],
  );
  assert.equal(run.cwd, "/w");
  assert.equal(run.wallMs, 100);
  assert.equal(run.outputBytes, 1024);
  assert.deepEqual(run.terminals, { stdin: false, stdout: true, stderr: false });
  assert.equal(run.window, undefined);
  const onTerminal = parseRunOptions({ window: { rows: 24, columns: 80 } }, policy);
  assert.deepEqual(onTerminal.terminals, { stdin: true, stdout: true, stderr: true });
  assert.deepEqual(onTerminal.window, { rows: 24, columns: 80 });
  const wrong: object[] = [
    { window: { rows: 24 } },
    { window: { rows: 65_536, columns: 1 } },
    { window: { rows: 24, columns: 80 }, tty: { stdout: true } },
    { stdin: 5 },
    { stdin: {} },
    { onStdout: "x" },
    { signal: {} },
    { format: "json" },
    { tty: { stdin: 1 } },
    { timeout: "soon" },
    { args: [] },
  ];
  for (const options of wrong)
    assert.throws(() => parseRunOptions(options, policy), OptionError, JSON.stringify(options));
  assert.throws(() => parseSpawnOptions({ stdin: "x" } as object, policy), OptionError);
});

test("signals by name or number", () => {
  assert.equal(parseSignal("SIGTERM"), 15);
  assert.equal(parseSignal("INT"), 2);
  assert.equal(parseSignal(64), 64);
  for (const value of [0, 65, 1.5, "SIGFOO", "", null]) assert.throws(() => parseSignal(value), OptionError);
});

test("text crosses the border as UTF-8 bytes and back", () => {
  assert.equal(toBytes("aé€", "x"), "a\xc3\xa9\xe2\x82\xac");
  assert.equal(toText(toBytes("𝒳 é\n", "x")), "𝒳 é\n");
  assert.throws(() => toBytes("a\0", "x"), OptionError);
  assert.throws(() => toBytes("\udc00", "x"), OptionError);
});

test("what is printed cannot act on a terminal", () => {
  assert.equal(escapeText("\x1b[31mred\x07\r\n\x7f\x9b"), "\\x1b[31mred\\x07\\x0d\\x0a\\x7f\\x9b");
  assert.equal(escapeText("\u202egpj.exe\u200b"), "\\u{202e}gpj.exe\\u{200b}");
  assert.equal(escapeText("häß 𝒳"), "häß 𝒳");
  assert.equal(escapeText("x".repeat(501)), `${"x".repeat(500)}…`);
});
