/**
 * Layer: lockdown, jail. Lets the stage make its last calls under the program's filter: execve, and telling why that
 * failed. They are known by 192 random bits in registers those calls do not read; the program that starts then never
 * learns them, for the stage's memory is gone and the kernel clears the registers. So a policy need not allow execve.
 */
import { type Architecture, AUDIT_ARCH, callNumbers } from "../../host/call-numbers.ts";
import type { Pass } from "../../host/credentials.unsafe.ts";
import { RandomSource } from "../../host/random.unsafe.ts";
import { MAXIMUM_INSTRUCTIONS, ProgramTooLong, SECCOMP_RET_ALLOW } from "../bpf.ts";

/** Opcodes, include/uapi/linux/bpf_common.h. */
const LOAD = 0x20;
const JUMP = 0x05;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;
const PASSING = ["execve", "write", "exit_group"];

export function newPass(): Pass {
  const bytes = new Uint8Array(24);
  new RandomSource().fill(bytes, 0, bytes.length);
  const words = new DataView(bytes.buffer);
  return [words.getBigUint64(0, true), words.getBigUint64(8, true), words.getBigUint64(16, true)];
}

/** The filter with the pass before it: what does not carry it goes on to the filter's first instruction. */
export function withPass(filter: Uint8Array, pass: Pass, architecture: Architecture): Uint8Array<ArrayBuffer> {
  const numbers = callNumbers(architecture);
  const code: [code: number, yes: number, no: number, k: number][] = [];
  const halves = pass.flatMap((word, index) => [
    [40 + 8 * index, Number(word & 0xffffffffn)] as const,
    [44 + 8 * index, Number(word >> 32n)] as const,
  ]);
  // From the first comparison of halves to behind the last return: two for each half, and the return itself.
  const checks = halves.length * 2 + 1;
  code.push(
    [LOAD, 0, 0, 4],
    [JUMP_EQUAL, 0, 1 + PASSING.length + 1 + checks, AUDIT_ARCH[architecture]],
    [LOAD, 0, 0, 0],
  );
  PASSING.forEach((name, index) => {
    code.push([JUMP_EQUAL, PASSING.length - index, 0, numbers.get(name) ?? 0]);
  });
  code.push([JUMP, 0, 0, checks]);
  halves.forEach(([offset, value], index) => {
    code.push([LOAD, 0, 0, offset], [JUMP_EQUAL, 0, checks - 2 * (index + 1), value]);
  });
  code.push([RETURN, 0, 0, SECCOMP_RET_ALLOW]);
  if (code.length + filter.length / 8 > MAXIMUM_INSTRUCTIONS) {
    throw new ProgramTooLong(`the filter and ${code.length} instructions to start the program behind it are too long`);
  }
  const bytes = new Uint8Array(new ArrayBuffer(code.length * 8 + filter.length));
  const words = new DataView(bytes.buffer);
  code.forEach(([operation, yes, no, k], index) => {
    words.setUint16(8 * index, operation, true);
    words.setUint8(8 * index + 2, yes);
    words.setUint8(8 * index + 3, no);
    words.setUint32(8 * index + 4, k, true);
  });
  bytes.set(filter, code.length * 8);
  return bytes;
}
