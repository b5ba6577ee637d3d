import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ATTENTION, BARRED, ControlMemory, KILL, MOST_WORDS } from "../../src/engine/control.ts";
import { type GateEntry, gateBytes, gateModule } from "../../src/engine/gate.ts";
import { BLOCKED, GONE, RESTART, UNWIND } from "../../src/kernel/contracts.ts";
import { WebAssembly } from "./web-assembly.ts";

function entry(parameters: string, result: string, traps = false): GateEntry {
  return { module: "test", name: "call", parameters, result, traps };
}

type Exported = (...args: (number | bigint)[]) => unknown;

interface OpenGate {
  readonly control: ControlMemory;
  readonly slot: number;
  readonly calls: Exported[];
  readonly trapped: number[];
  /** What JavaScript was asked, in order; it answers `answer`. */
  readonly asked: unknown[];
  answer: number;
  readonly thread: object;
}

/** A gate on an ordinary stack: it may return or trap, not suspend. */
function open(entries: readonly GateEntry[], handler: (thread: object, ...words: number[]) => number): OpenGate {
  const control = new ControlMemory();
  control.take();
  const slot = control.take();
  assert.ok(slot !== undefined);
  const trapped: number[] = [];
  const asked: unknown[] = [];
  const thread = {};
  const handlers = Object.fromEntries(entries.map((_, i) => [`${i}`, handler]));
  control.current = slot;
  control.seat(slot, thread);
  control.setNotice(slot, 0);
  control.left = 1000;
  const ask = (...what: unknown[]): number => {
    asked.push(what);
    return opened.answer;
  };
  const gate = {
    control: control.memory,
    trapped: (index: number) => void trapped.push(index),
    table: control.table,
    threads: control.threads,
    exception: WebAssembly.JSTag,
    refuse: (index: number) => ask("refuse", index),
    ask: (index: number, value: number) => ask("ask", index, value),
    fault: (error: unknown) => ask("fault", error),
    suspend: () => assert.fail("suspended"),
    next: () => assert.fail("looked for a signal"),
    done: () => assert.fail("ended a handler"),
  };
  const { exports } = new WebAssembly.Instance(gateModule(entries), { gate, handlers });
  const calls = entries.map((_, i) => exports[i] as Exported);
  const opened: OpenGate = { control, slot, trapped, calls, asked, answer: 0, thread };
  return opened;
}

describe("the gate", () => {
  it("is valid for every type of call", () => {
    const parameters = ["", "i", "I", "iIiI", "iiiiiIIii", "IIIIIIIIII"];
    const entries = parameters.flatMap((list) => ["", "i", "I"].map((result) => entry(list, result)));
    assert.ok(WebAssembly.validate(gateBytes([...entries, entry("fFiI", "F", true), entry("", "f", true)])));
    assert.ok(WebAssembly.validate(gateBytes([])));
  });

  it("passes each i64 as two exact words", () => {
    let seen: number[] = [];
    let caller: object | undefined;
    const { calls, thread } = open([entry("iIi", "i")], (whose, ...words) => {
      caller = whose;
      seen = words;
      return 9;
    });
    assert.equal(calls[0]?.(1, 0x1234_5678_9abc_def0n, 2), 9);
    assert.deepEqual(seen, [1, 0x9abc_def0 | 0, 0x1234_5678, 2]);
    calls[0]?.(1, -1n, 2);
    assert.deepEqual(seen, [1, -1, -1, 2]);
    assert.equal(caller, thread);
  });

  it("returns every integer of 32 bits itself, and counts the calls", () => {
    for (const value of [0, -0, 1, -4095, 2 ** 31 - 1, -(2 ** 31), BLOCKED + 1, UNWIND - 1]) {
      const gate = open([entry("", "I"), entry("", "i"), entry("", "")], () => value);
      assert.equal(gate.calls[0]?.(), BigInt(value));
      assert.equal(gate.calls[1]?.(), value + 0);
      assert.equal(gate.calls[2]?.(), undefined);
      assert.deepEqual(gate.asked, []);
      assert.equal(gate.control.left, 997);
      assert.equal(gate.control.takeCalls(gate.slot), 3);
      assert.equal(gate.control.takeCalls(gate.slot), 0);
    }
  });

  it("asks about every other answer, which may be 64 bits in the control memory", () => {
    const answers = [2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 53) + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY];
    for (const value of [...answers, BLOCKED, GONE, RESTART, UNWIND]) {
      const gate = open([entry("iI", "I")], () => value);
      const wide = Number.isInteger(value) ? value : 7;
      gate.control.setResult(gate.slot, wide);
      assert.equal(gate.calls[0]?.(5, -2n), BigInt(wide));
      assert.deepEqual(gate.asked, [["ask", 0, value]]);
      assert.deepEqual(gate.control.arguments(3), [5, -2, -1]);
    }
    assert.throws(() => gateBytes([entry("I".repeat(MOST_WORDS / 2 + 1), "i")]), /words/);
  });

  it("asks about ordinary answers while a notice stands, and when the countdown is over", () => {
    const gate = open([entry("", "i")], () => 3);
    gate.answer = 8;
    gate.control.setNotice(gate.slot, ATTENTION);
    assert.equal(gate.calls[0]?.(), 8);
    gate.control.setNotice(gate.slot, 0);
    gate.control.left = 2;
    assert.deepEqual([gate.calls[0]?.(), gate.calls[0]?.(), gate.calls[0]?.()], [3, 8, 8]);
    assert.deepEqual(gate.asked, Array(3).fill(["ask", 0, 3]));
    assert.equal(gate.control.left, -1);
  });

  it("sees a notice that the handler itself brings about", () => {
    const gate = open([entry("", "i")], () => {
      gate.control.setNotice(gate.slot, ATTENTION);
      return 3;
    });
    assert.equal(gate.calls[0]?.(), 0);
    assert.deepEqual(gate.asked, [["ask", 0, 3]]);
  });

  it("lets no call pass where calls are barred, and none in a slot without a thread", () => {
    const gate = open([entry("i", "i")], () => assert.fail("a call passed"));
    gate.answer = -4;
    gate.control.setNotice(gate.slot, BARRED | ATTENTION);
    assert.equal(gate.calls[0]?.(1), -4);
    gate.control.setNotice(gate.slot, 0);
    gate.control.give(gate.slot);
    assert.equal(gate.calls[0]?.(1), -4);
    gate.control.take();
    assert.equal(gate.calls[0]?.(1), -4);
    assert.throws(() => {
      gate.control.current = 4095 * 64;
    }, /slot 262080 was never taken/);
    gate.control.current = 0;
    assert.equal(gate.calls[0]?.(1), -4);
    assert.deepEqual(gate.asked, Array(4).fill(["refuse", 0]));
    assert.equal(gate.control.takeCalls(gate.slot), 0);
  });

  it("tells what a handler throws, and that it was inside", () => {
    const bug = new Error("a bug");
    const gate = open([entry("", "i")], () => {
      assert.ok(gate.control.isInside(gate.slot));
      throw bug;
    });
    gate.answer = 6;
    assert.equal(gate.calls[0]?.(), 6);
    assert.deepEqual(gate.asked, [["fault", bug]]);
    const fine = open([entry("", "i")], () => 1);
    fine.calls[0]?.();
    assert.ok(!fine.control.isInside(fine.slot));
  });

  it("does not catch a trap inside a handler, but leaves it known", () => {
    const unreachable = new WebAssembly.Instance(
      new WebAssembly.Module(
        new Uint8Array([
          0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0, 10, 5, 1, 3, 0, 0, 11,
        ]),
      ),
      {},
    ).exports.f as () => number;
    const gate = open([entry("", "i")], () => unreachable());
    assert.throws(() => gate.calls[0]?.(), /unreachable/);
    assert.ok(gate.control.isInside(gate.slot));
  });

  it("traps when the slot of the stack that runs says KILL, and looks at no other slot", () => {
    const gate = open([entry("", "i"), entry("", "")], () => 3);
    gate.answer = 3;
    assert.equal(gate.calls[0]?.(), 3);
    gate.control.setVerdict(0, KILL);
    assert.equal(gate.calls[0]?.(), 3);
    gate.control.setVerdict(gate.slot, KILL);
    assert.throws(() => gate.calls[0]?.(), /unreachable/);
    assert.throws(() => gate.calls[1]?.(), /unreachable/);
    const other = gate.control.take() ?? 0;
    gate.control.current = other;
    gate.control.seat(other, {});
    gate.control.setNotice(other, 0);
    assert.equal(gate.calls[0]?.(), 3);
    gate.control.setVerdict(other, KILL);
    assert.throws(() => gate.calls[0]?.(), /unreachable/);
  });

  it("tells which import that is not offered was called, and never returns from it", () => {
    const gate = open([entry("", "i"), entry("fFI", "F", true)], () => 3);
    assert.throws(() => gate.calls[1]?.(1, 2, 3n), /unreachable/);
    assert.deepEqual(gate.trapped, [1]);
  });

  it("is compiled once for one list of types", () => {
    assert.equal(gateModule([entry("i", "i")]), gateModule([{ ...entry("i", "i"), name: "other" }]));
    assert.notEqual(gateModule([entry("i", "i")]), gateModule([entry("i", "i", true)]));
  });
});

describe("the control memory", () => {
  it("has 4,096 slots, each clean when taken", () => {
    const control = new ControlMemory();
    const slots: number[] = [];
    for (let slot = control.take(); slot !== undefined; slot = control.take()) slots.push(slot);
    assert.equal(new Set(slots).size, 4096);
    const [first = 0] = slots;
    control.setVerdict(first, KILL);
    control.give(first);
    assert.equal(control.take(), first);
    assert.equal(control.verdict(first), 0);
  });
});
