/** Functions of a long double of 113 bits beside those of gcc's libquadmath, in units of the last place. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runBare } from "./bare-machine.ts";
import { compileProgram, programs, whyNoCompiler } from "./compiler.ts";

/** What both may be wrong together; libquadmath itself is, by a few. */
const PLACES = 12;
const BITS = 113;

const only = process.arch === "x64" ? false : "gcc has libquadmath for x86-64 alone";

/** A hexadecimal number as a whole one times a power of two, with 113 bits. */
function parts(text: string): { readonly mantissa: bigint; readonly power: number } {
  const found = /^(-?)0x([0-9a-f])(?:\.([0-9a-f]*))?p([+-]\d+)$/.exec(text);
  assert.ok(found, text);
  const [, sign, whole, fraction = "", power] = found;
  let mantissa = BigInt(`0x${whole}${fraction}`);
  let exponent = Number(power) - 4 * fraction.length;
  const missing = mantissa === 0n ? 0 : BITS - mantissa.toString(2).length;
  mantissa = missing >= 0 ? mantissa << BigInt(missing) : mantissa >> BigInt(-missing);
  exponent -= missing;
  return { mantissa: sign === "-" ? -mantissa : mantissa, power: exponent };
}

/** How far apart two numbers are, in places of the first; those of its zeros are told by an error beside 1. */
function places(expected: string, found: string): number {
  const [a, b] = [parts(expected), parts(found)];
  const low = Math.min(a.power, b.power);
  const scaled = ({ mantissa, power }: typeof a): bigint => mantissa << BigInt(power - low);
  return Number(scaled(a) - scaled(b)) / 2 ** (a.power - low);
}

test("exp, log, erf, erfc and the gamma functions are right to 113 bits", {
  skip: only || whyNoCompiler(),
  timeout: 300_000,
}, () => {
  const directory = mkdtempSync(join(tmpdir(), "linden-quad-"));
  try {
    const native = join(directory, "native");
    const built = spawnSync("gcc", ["-O1", "-o", native, join(programs, "quad.c"), "-lquadmath"], { encoding: "utf8" });
    assert.equal(built.status, 0, `gcc with libquadmath is needed: ${built.stderr}`);
    const expected = spawnSync(native, { encoding: "utf8" }).stdout.trim().split("\n");
    const { output } = runBare(compileProgram("quad.c"), ["quad"], "");
    const found = output.trim().split("\n");
    assert.equal(found.length, expected.length);
    assert.ok(found.length > 3_000);
    const wrong = expected.flatMap((line, index) => {
      const [name = "", at = "", value = ""] = line.split(" ");
      const [sameName, sameAt, ours = ""] = (found[index] ?? "").split(" ");
      assert.deepEqual([sameName, parts(sameAt ?? "")], [name, parts(at)]);
      const off = Math.abs(places(value, ours));
      // Left of 0 lgamma crosses zero, and only what is left of its terms' 113 bits can be told.
      const most = name === "lgamma" && at.startsWith("-") ? PLACES * 64 : PLACES;
      return off <= most ? [] : [`${line}: ${ours}, ${off} places`];
    });
    assert.deepEqual(wrong, []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
