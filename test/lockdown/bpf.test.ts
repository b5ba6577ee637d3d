import assert from "node:assert/strict";
import { test } from "node:test";
import { BackwardAssembler, disassemble, type Step, simulate, verdictText } from "../../src/lockdown/bpf.ts";

/** struct sock_filter, by hand: [code, jt, jf, k]. */
function program(...instructions: readonly (readonly [number, number, number, number])[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(instructions.length * 8));
  const words = new DataView(bytes.buffer);
  instructions.forEach(([code, yes, no, k], index) => {
    words.setUint16(index * 8, code, true);
    words.setUint8(index * 8 + 2, yes);
    words.setUint8(index * 8 + 3, no);
    words.setUint32(index * 8 + 4, k, true);
  });
  return bytes;
}
const LOAD = 0x20;
const RETURN = 0x06;
const call = { number: 7, audit: 0xc000003e, args: [0x1122334455667788n, 0n, 0n, 0n, 0n, 0xffffffffffffffffn] };
/** Returns 1 or 2 by the branch taken on arg0's low half. */
const branch = (code: number, k: number) =>
  simulate(program([LOAD, 0, 0, 16], [code, 0, 1, k], [RETURN, 0, 0, 1], [RETURN, 0, 0, 2]), call);

test("load: number, architecture, and both halves of the first and the last argument", () => {
  const loaded = (offset: number, expected: number) =>
    assert.equal(
      simulate(program([LOAD, 0, 0, offset], [0x15, 0, 1, expected], [RETURN, 0, 0, 1], [RETURN, 0, 0, 2]), call),
      1,
    );
  loaded(0, 7);
  loaded(4, 0xc000003e);
  loaded(16, 0x55667788);
  loaded(20, 0x11223344);
  loaded(56, 0xffffffff);
  loaded(60, 0xffffffff);
});

test("jump if equal, above, at least: unsigned, on either side of the value", () => {
  assert.deepEqual(
    [0x55667787, 0x55667788, 0x55667789].map((k) => branch(0x15, k)),
    [2, 1, 2],
  );
  assert.deepEqual(
    [0x55667787, 0x55667788, 0xffffffff].map((k) => branch(0x25, k)),
    [1, 2, 2],
  );
  assert.deepEqual(
    [0x55667787, 0x55667788, 0xffffffff].map((k) => branch(0x35, k)),
    [1, 1, 2],
  );
});

test("and, jump and return", () => {
  const masked = program(
    [LOAD, 0, 0, 16],
    [0x54, 0, 0, 0xff],
    [0x15, 0, 1, 0x88],
    [RETURN, 0, 0, 1],
    [RETURN, 0, 0, 2],
  );
  assert.equal(simulate(masked, call), 1);
  assert.equal(simulate(program([0x05, 0, 0, 1], [RETURN, 0, 0, 1], [RETURN, 0, 0, 0xffffffff]), call), 0xffffffff);
});

test("a malformed program is refused, not guessed at", () => {
  assert.throws(() => simulate(program([LOAD, 0, 0, 0]), call), /past its end/);
  assert.throws(() => simulate(program([0x16, 0, 0, 0]), call), /instruction 0 has the unknown code 22/);
});

test("every instruction has its line, with targets as numbers, and a simulation tells its path", () => {
  const out = new BackwardAssembler();
  const kill = out.answer(0x80000000);
  const refuse = out.answer(0x00050001);
  const allow = out.answer(0x7fff0000);
  out.jumpIfAbove(9, kill, out.jumpIfAtLeast(3, refuse, allow));
  out.and(0xff);
  out.load(16);
  const bytes = out.finish();
  assert.deepEqual(disassemble(bytes), [
    "   0: A = arg0, low half",
    "   1: A &= 0xff",
    "   2: if A > 0x9 goto 6 else 3",
    "   3: if A >= 0x3 goto 5 else 4",
    "   4: return allow",
    "   5: return errno 1",
    "   6: return kill process",
  ]);
  const path: Step[] = [];
  assert.equal(verdictText(simulate(bytes, { ...call, args: [0x105n] }, path)), "errno 1");
  assert.deepEqual(
    path.map(({ at }) => at),
    [0, 1, 2, 3, 5],
  );
  assert.equal(path[1]?.accumulator, 5);
});
