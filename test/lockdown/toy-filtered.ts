/** Installs a random policy on itself and reports what the kernel answers to random calls. Bundled by the tests. */
import { readFileSync, writeFileSync } from "node:fs";
import { rawCall } from "../../src/host/calls.unsafe.ts";
import { setNoNewPrivileges } from "../../src/host/process.unsafe.ts";
import { installFilter } from "../../src/host/seccomp.unsafe.ts";

const [program] = process.argv.slice(2);
if (program === undefined) throw new Error("expected a program, and calls on standard input");
const calls = readFileSync(0, "utf8");
const bytes = new Uint8Array(new ArrayBuffer(program.length / 2));
bytes.set(Buffer.from(program, "hex"));
if (setNoNewPrivileges() !== 0 || installFilter(bytes, false) !== 0) throw new Error("no filter");
const answers = (JSON.parse(calls) as [number, ...string[]][]).map(([number, ...registers]) => {
  const [a, b, c, d, e, f] = registers.map(BigInt);
  return rawCall(number, a, b, c, d, e, f);
});
writeFileSync(1, JSON.stringify(answers));
