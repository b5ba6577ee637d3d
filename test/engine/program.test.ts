import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SIGABRT, SIGFPE, SIGKILL, SIGSEGV, SIGTERM } from "../../src/abi/signal.ts";
import { GONE } from "../../src/kernel/contracts.ts";
import { sleepUntil } from "../../src/kernel/operations/time.ts";
import { call, machine } from "./machine.ts";
import { type Bytes, code, WasmBuilder } from "./wasm-builder.ts";

type Names = Record<string, number>;

/** A command that imports these calls as `name: signature`; the body gets their indexes. */
function command(
  imports: Record<string, string>,
  body: (names: Names, builder: WasmBuilder) => readonly Bytes[],
): WasmBuilder {
  const builder = new WasmBuilder().memory(1);
  const names: Names = {};
  for (const [name, signature] of Object.entries(imports)) names[name] = builder.import("test", name, signature);
  builder.func(">", body(names, builder), "_start");
  return builder;
}

const exits = { exit: "i>" };
const at = (names: Names, name: string): Bytes => code.call(names[name] ?? 99);

describe("a program's end", () => {
  it("is 0 when _start returns, and the exit code when it exits", async () => {
    assert.deepEqual(await machine().run(command({}, () => []).build()), { code: 0, signal: 0 });
    const exit = command(exits, (f) => [code.i32(7), at(f, "exit"), code.unreachable]);
    assert.deepEqual(await machine().run(exit.build()), { code: 7, signal: 0 });
  });

  it("is the start function's, which runs as the process's first step", async () => {
    const builder = command(exits, (f) => [code.i32(1), at(f, "exit")]);
    builder.start(builder.func(">", [code.i32(3), code.call(0)]));
    const made = machine();
    const process = made.spawn(builder.build());
    assert.equal(process.calls, 0);
    assert.deepEqual(await made.ended(process), { code: 3, signal: 0 });
    assert.equal(process.calls, 1);
  });

  const traps: [string, number, RegExp, (builder: WasmBuilder) => readonly Bytes[]][] = [
    ["unreachable", SIGABRT, /unreachable executed in function \d+ at 0x/, () => [code.unreachable]],
    ["a division by zero", SIGFPE, /division by zero/, () => [code.i32(1), code.i32(0), code.divS, code.drop]],
    ["an overflowing division", SIGFPE, /overflow/, () => [code.i32(-0x8000_0000), code.i32(-1), code.divS, code.drop]],
    ["a float that fits no integer", SIGFPE, /float/, () => [code.f32(0, 0, 0x80, 0x7f), code.truncF32, code.drop]],
    ["a load out of bounds", SIGSEGV, /memory access/, () => [code.i32(-4), code.load(), code.drop]],
    ["an indirect call of nothing", SIGSEGV, /indirect call/, (b) => [code.i32(0), code.callIndirect(b.type(">"))]],
    ["an indirect call off the table", SIGSEGV, /table/, (b) => [code.i32(9), code.callIndirect(b.type(">"))]],
    [
      "an uncaught exception",
      SIGABRT,
      /uncaught exception/,
      (builder) => {
        builder.section(13, [1, 0, builder.type("i>")]);
        return [code.i32(1), code.throw(0)];
      },
    ],
  ];
  for (const [what, signal, message, body] of traps) {
    it(`is a signal after ${what}`, async () => {
      const made = machine();
      const status = await made.run(command({}, (_names, builder) => body(builder.table(1))).build());
      assert.equal(status.signal, signal, status.message ?? "");
      assert.match(status.message ?? "", message);
      assert.deepEqual(made.faults, []);
      assert.equal(made.engine.programs, 0);
    });
  }

  it("is SIGSEGV after endless recursion, with calls in it", async () => {
    const made = machine();
    const builder = new WasmBuilder().memory(1);
    const nothing = builder.import("test", "nothing", ">i");
    const recurse = builder.func(">", [code.call(nothing), code.drop, code.call(1), code.call(nothing), code.drop]);
    builder.func(">", [code.tryCatchAll(code.call(recurse), [])], "_start");
    const status = await made.run(builder.build());
    assert.equal(status.signal, SIGSEGV);
    assert.match(status.message ?? "", /stack overflow/);
    assert.deepEqual(await made.run(command({}, () => []).build()), { code: 0, signal: 0 });
  });

  it("names the function from the name section", async () => {
    const builder = command({}, () => [code.unreachable]).custom("name", [1, 6, 1, 0, 3, 102, 111, 111]);
    assert.match((await machine().run(builder.build())).message ?? "", /in foo \(function 0 at/);
  });
});

describe("a killed program", () => {
  it("cannot catch its end, whatever it catches", async () => {
    const made = machine();
    const survive = command({ ...exits, raise: "i>i", forever: ">i" }, (f) => [
      code.tryCatchAll([...code.i32(SIGTERM), ...at(f, "raise"), ...code.drop], []),
      code.loop(code.tryCatchAll([...code.i32(9), ...at(f, "exit")], []), code.br(0)),
    ]);
    assert.equal((await made.run(survive.build())).signal, SIGTERM);

    const parked = command({ ...exits, forever: ">i" }, (f) => [
      code.tryCatchAll([...at(f, "forever"), ...code.drop], []),
      code.i32(9),
      at(f, "exit"),
    ]);
    const process = made.spawn(parked.build());
    await new Promise(setImmediate);
    assert.equal(process.calls, 1);
    made.kernel.kill(process, SIGKILL);
    assert.equal((await made.ended(process)).signal, SIGKILL);
    assert.equal(process.calls, 1);
  });

  it("is the caller while it makes a call, not before it is entered and not after its end", async () => {
    const seen: boolean[] = [];
    const made = machine({
      calls: [call("who", "", "i", (thread) => seen.push(made.kernel.caller === thread))],
    });
    const process = made.spawn(command({ ...exits, who: ">i" }, (f) => [at(f, "who"), at(f, "exit")]).build());
    assert.equal(made.kernel.caller, undefined);
    assert.deepEqual(await made.ended(process), { code: 1, signal: 0 });
    assert.equal(made.kernel.caller, undefined);
    assert.deepEqual(seen, [true]);
  });

  it("ends without running when it was never entered", async () => {
    const made = machine();
    const process = made.spawn(command(exits, (f) => [code.i32(9), at(f, "exit")]).build());
    made.kernel.kill(process, SIGKILL);
    assert.deepEqual(await made.ended(process), { code: 0, signal: SIGKILL });
    assert.equal(process.calls, 0);
    assert.equal(made.engine.programs, 0);
  });

  it("makes no call more when it is killed between waking and running", async () => {
    const made = machine();
    const process = made.spawn(
      command({ forever: ">i", nothing: ">i" }, (f) => [
        at(f, "forever"),
        code.drop,
        at(f, "nothing"),
        code.drop,
      ]).build(),
    );
    while (process.calls === 0) await new Promise(setImmediate);
    const [thread] = process.threads;
    assert.ok(thread !== undefined);
    process.program?.resume(thread, 0);
    made.kernel.kill(process, SIGKILL);
    assert.equal((await made.ended(process)).signal, SIGKILL);
    assert.equal(process.calls, 1);
    assert.equal(made.engine.programs, 0);
  });

  it("leaves no stack behind: 2,000 parked programs", async () => {
    const made = machine();
    const module = command({ forever: ">i" }, (f) => [at(f, "forever"), code.drop]).build();
    for (let round = 0; round < 4; round++) {
      const processes = Array.from({ length: 500 }, () => made.spawn(module));
      while (processes.some((process) => process.calls === 0)) await new Promise(setImmediate);
      assert.equal(made.engine.programs, 500);
      for (const process of processes) made.kernel.kill(process, SIGKILL);
      await Promise.all(processes.map((process) => made.ended(process)));
      assert.equal(made.engine.programs, 0);
    }
    assert.equal(made.kernel.processes.length, 0);
  });
});

describe("a blocked call", () => {
  it("suspends its program only, and answers what finish says", async () => {
    const made = machine();
    const sleeper = made.spawn(
      command({ ...exits, sleep: "i>i" }, (f) => [code.i32(30), at(f, "sleep"), at(f, "exit")]).build(),
    );
    const quick = made.spawn(command(exits, (f) => [code.i32(1), at(f, "exit")]).build());
    assert.equal((await made.ended(quick)).code, 1);
    assert.equal(sleeper.status, undefined);
    assert.equal((await made.ended(sleeper)).code, 30);
  });

  it("can be parked again by its finish, and can suspend many times", async () => {
    let finishes = 0;
    const twice = call(
      "twice",
      "iI",
      "I",
      (thread) => sleepUntil(thread, thread.process.kernel.host.clock.monotonicNs() + 1e6),
      (thread, [a = 0, low = 0, high = 0]) => {
        finishes++;
        if (finishes % 2 === 1) {
          return sleepUntil(thread, thread.process.kernel.host.clock.monotonicNs() + 1e6);
        }
        return a * 1e12 + low + high * 2 ** 32;
      },
    );
    const seen: number[] = [];
    const check = call("check", "I", "i", (_thread, low = 0, high = 0) => seen.push(high * 2 ** 32 + (low >>> 0)));
    const made = machine({ calls: [twice, check] });
    const once = (f: Names): number[] => [
      ...code.i32(5),
      ...code.i64(6),
      ...at(f, "twice"),
      ...at(f, "check"),
      ...code.drop,
    ];
    await made.run(command({ twice: "iI>I", check: "I>i" }, (f) => [once(f), once(f), once(f)]).build());
    assert.deepEqual(seen, [5e12 + 6, 5e12 + 6, 5e12 + 6]);
    assert.equal(finishes, 6);
  });

  it("sees memory that grew while it waited", async () => {
    const lengths: number[] = [];
    const grow = call(
      "measure",
      "",
      "i",
      (thread) => {
        lengths.push(thread.process.memory.byteLength);
        return sleepUntil(thread, thread.process.kernel.host.clock.monotonicNs() + 20e6);
      },
      (thread) => {
        thread.process.memory.bytes[thread.process.memory.byteLength - 1] = 1;
        lengths.push(thread.process.memory.byteLength);
        return 0;
      },
    );
    const made = machine({ calls: [grow] });
    const builder = command({ measure: ">i" }, (f) => [
      at(f, "measure"),
      code.drop,
      code.i32(2),
      code.memoryGrow,
      code.drop,
      at(f, "measure"),
      code.drop,
    ]);
    const process = made.spawn(builder.build());
    await made.ended(process);
    assert.deepEqual(lengths, [65_536, 65_536, 3 * 65_536, 3 * 65_536]);
    assert.equal(process.peakMemory, 3 * 65_536);
    assert.equal(process.memory.byteLength, 0);
  });
});

describe("a busy program", () => {
  it("lets the host's events have their turn", async () => {
    const made = machine();
    const endless = command({ nothing: ">i" }, (f) => [code.loop(at(f, "nothing"), code.drop, code.br(0))]);
    const process = made.spawn(endless.build());
    while (process.calls <= 10_000) await new Promise((resolve) => setTimeout(resolve, 1));
    made.kernel.kill(process, SIGTERM);
    assert.equal((await made.ended(process)).signal, SIGTERM);
  });

  it("gets the right answers from calls after which it gave way", async () => {
    const made = machine();
    // 300,000 times: add(i, 1) must be i + 1, else exit(1).
    const builder = new WasmBuilder().memory(1);
    const add = builder.import("test", "add", "ii>i");
    const exit = builder.import("test", "exit", "i>");
    const next = [...code.get(0), ...code.i32(1), ...code.call(add)];
    const body = [
      code.loop(
        next,
        [0x22, 1],
        code.get(0),
        code.i32(1),
        code.add,
        [0x47, 0x04, 0x40],
        code.i32(1),
        code.call(exit),
        [0x0b],
      ),
      code.get(1),
      code.set(0),
    ];
    const looped = code.loop(...body, code.get(0), code.i32(300_000), [0x48], code.brIf(0));
    builder.func(">", [looped], "_start", [2, 0x7f]);
    const process = made.spawn(builder.build());
    assert.deepEqual(await made.ended(process), { code: 0, signal: 0 });
    assert.equal(process.calls, 300_000);
  });
});

describe("our own bugs", () => {
  const bugs: [string, () => number][] = [
    ["throws", () => assert.fail("a bug")],
    ["answers NaN", () => Number.NaN],
    ["answers half a byte", () => 0.5],
    ["answers no number", () => [][0] ?? Number.POSITIVE_INFINITY],
    ["answers more than 32 bits", () => 2 ** 32],
  ];
  for (const [what, begin] of bugs) {
    it(`end the sandbox when a handler ${what}, and no guest survives`, async () => {
      const made = machine({ calls: [call("bug", "", "i", begin)] });
      const bystander = made.spawn(command({ forever: ">i" }, (f) => [at(f, "forever"), code.drop]).build());
      const process = made.spawn(
        command({ ...exits, bug: ">i" }, (f) => [
          code.tryCatchAll([...at(f, "bug"), ...code.drop], []),
          code.i32(0),
          at(f, "exit"),
        ]).build(),
      );
      const status = await made.ended(process);
      assert.equal(status.signal, SIGKILL);
      assert.match(status.message ?? "", /Linden failed/);
      assert.equal(made.faults.length, 1);
      assert.equal(process.calls, 1);
      made.kernel.kill(bystander, SIGKILL);
      await made.ended(bystander);
      assert.throws(() => made.spawn(command({}, () => []).build()), /spawn answered -/);
    });
  }

  it("end the sandbox when a finish throws", async () => {
    const bug = call(
      "bug",
      "",
      "i",
      (thread) => sleepUntil(thread, thread.process.kernel.host.clock.monotonicNs() + 1e6),
      () => assert.fail("a bug"),
    );
    const made = machine({ calls: [bug] });
    const status = await made.run(command({ bug: ">i" }, (f) => [at(f, "bug"), code.drop]).build());
    assert.equal(status.signal, SIGKILL);
    assert.equal(made.faults.length, 1);
  });
});

describe("answers", () => {
  it("may be unsigned, and are never mistaken for a verdict when 64 bits wide", async () => {
    const values: number[] = [0xffff_ffff, -1, 2 ** 40, -(2 ** 40), 2 ** 52 + 1, -4095];
    let next = 0;
    const made = machine({
      calls: [
        call("unsigned", "", "i", () => 0xffff_fffe),
        call("wide", "", "I", () => values[next++] ?? 0),
        call("check", "I", "i", (_thread, low = 0, high = 0) => {
          assert.equal(high * 2 ** 32 + (low >>> 0), values[next - 1]);
          return 0;
        }),
      ],
    });
    const builder = command({ ...exits, unsigned: ">i", wide: ">I", check: "I>i" }, (f) => [
      ...values.map(() => [...at(f, "wide"), ...at(f, "check"), ...code.drop]),
      at(f, "unsigned"),
      code.i32(-2),
      [0x46],
      at(f, "exit"),
    ]);
    assert.deepEqual(await made.run(builder.build()), { code: 1, signal: 0 });
    assert.deepEqual(made.faults, []);
  });

  it("of GONE end the program even if the kernel decided nothing", async () => {
    const made = machine({ calls: [call("gone", "", "i", () => GONE)] });
    const status = await made.run(command({ gone: ">i" }, (f) => [at(f, "gone"), code.drop]).build());
    assert.deepEqual(status, { code: 0, signal: SIGKILL });
  });
});
