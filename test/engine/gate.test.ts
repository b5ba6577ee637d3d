import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ControlMemory, KILL } from "../../src/engine/control.ts";
import { type GateEntry, gateBytes, gateModule } from "../../src/engine/gate.ts";
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
}

/** A gate on an ordinary stack: it may return or trap, not suspend. */
function open(entries: readonly GateEntry[], handler: (...words: number[]) => number): OpenGate {
  const control = new ControlMemory();
  control.take();
  const slot = control.take();
  assert.ok(slot !== undefined);
  const trapped: number[] = [];
  const handlers = Object.fromEntries(entries.map((_, i) => [`${i}`, handler]));
  control.current = slot;
  const gate = {
    control: control.memory,
    trapped: (index: number) => void trapped.push(index),
    table: control.table,
    suspend: () => assert.fail("suspended"),
    next: () => assert.fail("looked for a signal"),
    done: () => assert.fail("ended a handler"),
  };
  const { exports } = new WebAssembly.Instance(gateModule(entries), { gate, handlers });
  return { control, slot, trapped, calls: entries.map((_, i) => exports[i] as Exported) };
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
    const { calls } = open([entry("iIi", "i")], (...words) => {
      seen = words;
      return 9;
    });
    assert.equal(calls[0]?.(1, 0x1234_5678_9abc_def0n, 2), 9);
    assert.deepEqual(seen, [1, 0x9abc_def0 | 0, 0x1234_5678, 2]);
    calls[0]?.(1, -1n, 2);
    assert.deepEqual(seen, [1, -1, -1, 2]);
  });

  it("answers 64 bits from the control memory", () => {
    for (const value of [0, -1, 2 ** 32, 2 ** 53 - 1, -(2 ** 53) + 1, -(2 ** 32), 2 ** 31]) {
      const gate = open([entry("", "I")], () => {
        gate.control.setResult(gate.slot, value);
        return 0;
      });
      assert.equal(gate.calls[0]?.(), BigInt(value));
    }
  });

  it("traps when the slot of the stack that runs says KILL, and looks at no other slot", () => {
    const gate = open([entry("", "i"), entry("", "")], () => 3);
    assert.equal(gate.calls[0]?.(), 3);
    gate.control.setVerdict(0, KILL);
    assert.equal(gate.calls[0]?.(), 3);
    gate.control.setVerdict(gate.slot, KILL);
    assert.throws(() => gate.calls[0]?.(), /unreachable/);
    assert.throws(() => gate.calls[1]?.(), /unreachable/);
    const other = gate.control.take() ?? 0;
    gate.control.current = other;
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
