import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { SIGABRT, SIGSEGV, SIGSYS } from "../../src/abi/signal.ts";
import { Engine } from "../../src/engine/engine.ts";
import { parseCommand } from "../../src/engine/entries/ruby-bootstrap.ts";
import type { GuestImage } from "../../src/engine/image.ts";
import type { ModuleRefused } from "../../src/engine/rewriter/refusal.ts";
import { rewrite } from "../../src/engine/rewriter/rewrite.ts";
import { bytes } from "../kernel/simulated.ts";
import { RUBY } from "./programs.ts";
import { type RunOptions, type RunResult, WasiMachine } from "./wasi-machine.ts";
import { code, WasmBuilder } from "./wasm-builder.ts";

describe("Ruby 3.4", () => {
  const made = new WasiMachine();
  let image: GuestImage;

  before(() => {
    image = made.engine.image("ruby", rewrite(new Uint8Array(readFileSync(RUBY))), "ruby");
  });

  async function ruby(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const result = await made.run(image, ["ruby", ...args], options);
    assert.deepEqual(made.faults, []);
    assert.equal(made.engine.programs, 0);
    return result;
  }

  it("runs a script that reads standard input and prints", async () => {
    const script =
      "p [__FILE__ == $0, __dir__, ARGV]\nputs $stdin.read.upcase\nrequire_relative 'other'\nputs DATA.read";
    const { stdout, stderr, status } = await ruby(["/w/script.rb", "a b", "'\"#{x}"], {
      stdin: "hello",
      files: { "/w/script.rb": `${script}\n__END__\nthe data`, "/w/other.rb": "puts 'other'" },
    });
    assert.equal(stderr, "");
    assert.equal(stdout, `[true, "/w", ["a b", "'\\"\\#{x}"]]\nHELLO\nother\nthe data\n`);
    assert.deepEqual(status, { code: 0, signal: 0 });
  });

  it("runs -e with libraries, exit codes, and at_exit in order", async () => {
    const text = "at_exit { puts 'last' }; at_exit { puts 'first' }; puts JSON.generate([ENV['A']]); exit 7";
    const { stdout, status } = await ruby(["-rjson", "-e", text], { env: ["A=1"] });
    assert.equal(stdout, '["1"]\nfirst\nlast\n');
    assert.equal(status.code, 7);
  });

  it("prints an uncaught exception as Ruby does", async () => {
    const { stderr, status } = await ruby(["-e", "def f = raise('no')\nf"]);
    assert.equal(stderr, "-e:1:in 'Object#f': no (RuntimeError)\n\tfrom -e:2:in '<main>'\n");
    assert.equal(status.code, 1);
    assert.match((await ruby(["-e", "1 +"])).stderr, /^-e: -e:1: syntax error/);
    assert.match((await ruby(["none.rb"])).stderr, /^ruby: No such file or directory -- none.rb \(LoadError\)/);
  });

  it("flushes files nobody closed, and reads a script from standard input", async () => {
    const stdin = "f = File.open('/out', 'w'); f.write('kept'); $f = f; print 'end'";
    assert.equal((await ruby([], { stdin })).stdout, "end");
    assert.equal((await ruby(["-e", "print File.read('/out')"])).stdout, "kept");
  });

  it("switches fibers and sleeps", async () => {
    const text = "f = Fiber.new { Fiber.yield 1; 2 }; p f.resume; sleep 0.02; p f.resume";
    assert.equal((await ruby(["-e", text])).stdout, "1\n2\n");
  });

  it("starts where PWD says, with warnings as asked", async () => {
    const { stdout, stderr } = await ruby(["-w", "-I", "/lib", "-e", "p $VERBOSE, $:.first, Dir.pwd"], {
      env: ["PWD=/here"],
      files: { "/here/x": "" },
    });
    assert.equal(stdout, 'true\n"/lib"\n"/here"\n');
    assert.equal(stderr, "");
  });

  it("ends when it asks for JavaScript", async () => {
    const { status } = await ruby(["-e", "require 'js'\nbegin\n  JS.eval('1')\nensure\n  puts 'caught'\nend"]);
    assert.equal(status.signal, SIGSYS);
    assert.match(status.message ?? "", /^called rb-js-abi-host\.eval-js.*which Linden does not offer$/);
  });

  it("tells its version, and refuses what it cannot do", async () => {
    assert.match((await ruby(["--version"])).stdout, /^ruby 3\.4/);
    const { stderr, status } = await ruby(["-ne", "print"]);
    assert.match(stderr, /option -ne needs a main program/);
    assert.equal(status.code, 1);
  });
});

describe("ruby's command line", () => {
  const parse = (...args: string[]) => parseCommand(["ruby", ...args].map(bytes));

  it("is read as ruby(1) reads it", () => {
    const script = parse("-w", "-Ia:b", "-I", "c", "-rset", "-EUTF-8", "s.rb", "-e", "x");
    assert.deepEqual(
      [script.options, script.loadPath, script.libraries, script.source, script.name, script.args],
      [["-w", "-EUTF-8"], ["a", "b", "c"], ["set"], "file", "s.rb", ["-e", "x"]],
    );
    const text = parse("-e", "a", "-eb", "--", "-x");
    assert.deepEqual([text.source, text.text, text.args], ["text", "a\nb", ["-x"]]);
    assert.deepEqual([parse("-", "a").source, parse("-", "a").args], ["input", ["a"]]);
    assert.equal(parse("-v").source, "none");
    assert.equal(parse("-v", "s.rb").source, "file");
    assert.equal(parse().source, "input");
    assert.equal(parse("-e").text, "");
    assert.equal(parse("-pe", "x").unsupported, "-pe");
    assert.deepEqual(parse("-W", "-W:no-deprecated", "s").options, ["-W2", "-W:no-deprecated"]);
  });
});

describe("a module that says it is Ruby", () => {
  const INIT = "ruby-init: func(args: list<string>) -> ()";
  const EVAL = "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>";

  interface Parts {
    readonly realloc?: readonly number[];
    readonly init?: string;
    readonly evaluate?: readonly number[];
  }

  function fake({ realloc = code.i32(1024), init = "ii>", evaluate = code.i32(0) }: Parts): WasmBuilder {
    const builder = new WasmBuilder().memory(1);
    builder.import("canonical_abi", "resource_new_rb-abi-value", "i>i");
    builder.import("canonical_abi", "resource_get_rb-abi-value", "i>i");
    builder.func(">", [], "_initialize");
    builder.func("iiii>i", [realloc], "cabi_realloc");
    builder.func(init, [], INIT);
    builder.func("ii>i", [evaluate], EVAL);
    return builder;
  }

  async function run(parts: Parts) {
    const made = new WasiMachine();
    const { status } = await made.run(made.engine.image("ruby", rewrite(fake(parts).build()), "ruby"), ["ruby"]);
    assert.deepEqual(made.faults, []);
    return status;
  }

  it("is refused without Ruby's exports, or with others", () => {
    const engine = new Engine({ calls: new Map(), fatal: (error) => assert.fail(`${error}`) });
    for (const builder of [new WasmBuilder(), fake({ init: "i>" })]) {
      assert.throws(
        () => engine.image("ruby", rewrite(builder.build()), "ruby"),
        (error: ModuleRefused) => error.rule === "entry",
      );
    }
  });

  it("is believed no pointer", async () => {
    for (const address of [0, 65_536, 65_535, -1, -0x8000_0000]) {
      const status = await run({ realloc: code.i32(address) });
      assert.equal(status.signal, SIGSEGV, `${address}`);
      assert.match(status.message ?? "", /cabi_realloc answered/);
    }
  });

  it("ends with 1 when evaluation returns, and with its trap when it traps", async () => {
    assert.deepEqual(await run({}), { code: 1, signal: 0 });
    assert.equal((await run({ evaluate: code.unreachable })).signal, SIGABRT);
  });

  it("gets its own numbers back for handles, and nothing for others", async () => {
    const both = [
      ...[...code.i32(77), ...code.call(0), ...code.call(1), ...code.i32(77), 0x47], // get(new(77)) != 77
      ...[...code.i32(-5), ...code.call(1), 0x72], // or get(-5)
      ...[0x04, 0x40, 0x00, 0x0b, ...code.i32(0)],
    ];
    assert.deepEqual(await run({ evaluate: both }), { code: 1, signal: 0 });
    const endless = [...code.loop([...code.i32(1), ...code.call(0), 0x0d, 0]), ...code.i32(0)];
    assert.deepEqual(await run({ evaluate: endless }), { code: 1, signal: 0 });
  });
});
