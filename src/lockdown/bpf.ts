/**
 * Layer: lockdown. Classic BPF as seccomp takes it (bpf(4) of the BSDs; Linux's filter.h, seccomp(2)): an assembler and a
 * simulator. It must not know policies.
 */

/** Opcodes, include/uapi/linux/bpf_common.h. */
const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP = 0x05; // BPF_JMP | BPF_JA
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_ABOVE = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const JUMP_AT_LEAST = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const JUMP_SET = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const STORE = 0x02; // BPF_ST
const LOAD_STORED = 0x60; // BPF_LD | BPF_W | BPF_MEM
const AND = 0x54; // BPF_ALU | BPF_AND | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

/** include/uapi/linux/seccomp.h */
export const SECCOMP_RET_KILL_PROCESS = 0x80000000;
export const SECCOMP_RET_KILL_THREAD = 0x00000000;
export const SECCOMP_RET_TRAP = 0x00030000;
export const SECCOMP_RET_TRACE = 0x7ff00000;
export const SECCOMP_RET_ERRNO = 0x00050000;
export const SECCOMP_RET_USER_NOTIF = 0x7fc00000;
export const SECCOMP_RET_LOG = 0x7ffc0000;
export const SECCOMP_RET_ALLOW = 0x7fff0000;

/** BPF_MEMWORDS, include/uapi/linux/bpf_common.h: words a program can put aside. */
const MEMORY_WORDS = 16;
/** BPF_MAXINSNS, include/uapi/linux/bpf_common.h: instructions of one program. */
export const MAXIMUM_INSTRUCTIONS = 4096;
/** A conditional jump's offset is a byte. */
const MAXIMUM_OFFSET = 255;

type Instruction = { readonly code: number; readonly yes: number; readonly no: number; readonly k: number };
/** A place in a program: how many instructions there are from it to the end. */
export type Label = number;

export class ProgramTooLong extends Error {
  override readonly name = "ProgramTooLong";
}

/**
 * Builds a program from its end to its start. BPF only jumps forward, so whoever writes a jump here already knows where
 * its target is, and a target too far for a byte gets a long jump placed right behind the conditional one.
 */
export class BackwardAssembler {
  readonly #reversed: Instruction[] = [];

  #push(code: number, k: number, yes = 0, no = 0): Label {
    if (this.#reversed.length === MAXIMUM_INSTRUCTIONS) {
      throw new ProgramTooLong(`the filter needs more than ${MAXIMUM_INSTRUCTIONS} instructions`);
    }
    this.#reversed.push({ code, k: k >>> 0, yes, no });
    return this.#reversed.length;
  }

  /** Where the instruction written last stands. */
  get here(): Label {
    return this.#reversed.length;
  }

  answer(value: number): Label {
    return this.#push(RETURN, value);
  }

  load(offset: number): Label {
    return this.#push(LOAD_WORD, offset);
  }

  and(mask: number): Label {
    return this.#push(AND, mask);
  }

  jumpIfEqual(value: number, yes: Label, no: Label): Label {
    return this.#branch(JUMP_EQUAL, value, yes, no);
  }

  jumpIfAtLeast(value: number, yes: Label, no: Label): Label {
    return this.#branch(JUMP_AT_LEAST, value, yes, no);
  }

  jumpIfAbove(value: number, yes: Label, no: Label): Label {
    return this.#branch(JUMP_ABOVE, value, yes, no);
  }

  #branch(code: number, value: number, yes: Label, no: Label): Label {
    // A long jump written for one target moves the other one instruction further away: leave room for it.
    const nearYes = this.here - yes < MAXIMUM_OFFSET ? yes : this.#push(JUMP, this.here - yes);
    const nearNo = this.here - no <= MAXIMUM_OFFSET ? no : this.#push(JUMP, this.here - no);
    return this.#push(code, value, this.here - nearYes, this.here - nearNo);
  }

  /** The bytes of struct sock_filter[] in this machine's (little-endian) order. */
  finish(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(new ArrayBuffer(this.#reversed.length * 8));
    const words = new DataView(bytes.buffer);
    let at = bytes.length;
    for (const { code, yes, no, k } of this.#reversed) {
      at -= 8;
      words.setUint16(at, code, true);
      words.setUint8(at + 2, yes);
      words.setUint8(at + 3, no);
      words.setUint32(at + 4, k, true);
    }
    return bytes;
  }
}

/** What a filter sees of a call: struct seccomp_data. */
export type Call = { readonly number: number; readonly audit: number; readonly args: readonly bigint[] };

/** One executed instruction of a simulation: which one, and what the accumulator held after it. */
export type Step = { readonly at: number; readonly accumulator: number };

/**
 * Runs a program over a call as the kernel would and answers its 32-bit verdict; `path`, when given, receives every
 * instruction on the way. Throws on a malformed program.
 */
export function simulate(program: Uint8Array<ArrayBuffer>, call: Call, path?: Step[]): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call.number >>> 0, true);
  data.setUint32(4, call.audit >>> 0, true);
  call.args.forEach((value, index) => {
    data.setBigUint64(16 + 8 * index, value & 0xffffffffffffffffn, true);
  });
  const words = new DataView(program.buffer, program.byteOffset, program.length);
  let accumulator = 0;
  const memory = new Uint32Array(MEMORY_WORDS);
  for (let at = 0; at < program.length; at += 8) {
    const code = words.getUint16(at, true);
    const k = words.getUint32(at + 4, true);
    const start = at / 8;
    if (code === LOAD_WORD) accumulator = data.getUint32(k, true);
    else if (code === AND) accumulator = (accumulator & k) >>> 0;
    else if (code === STORE) memory[k] = accumulator;
    else if (code === LOAD_STORED) accumulator = memory[k] ?? 0;
    else if (code === JUMP) at += 8 * k;
    else if (code === JUMP_SET) at += 8 * words.getUint8(at + ((accumulator & k) !== 0 ? 2 : 3));
    else if (code === JUMP_EQUAL) at += 8 * words.getUint8(at + (accumulator === k ? 2 : 3));
    else if (code === JUMP_ABOVE) at += 8 * words.getUint8(at + (accumulator > k ? 2 : 3));
    else if (code === JUMP_AT_LEAST) at += 8 * words.getUint8(at + (accumulator >= k ? 2 : 3));
    else if (code !== RETURN) throw new RangeError(`instruction ${start} has the unknown code ${code}`);
    path?.push({ at: start, accumulator });
    if (code === RETURN) return k;
  }
  throw new RangeError("the program runs past its end");
}

const FIELD = (offset: number): string => {
  if (offset === 0) return "call number";
  if (offset === 4) return "architecture";
  if (offset === 8 || offset === 12) return `instruction pointer, ${offset === 8 ? "low" : "high"} half`;
  return `arg${Math.floor((offset - 16) / 8)}, ${(offset & 4) === 0 ? "low" : "high"} half`;
};
const hex = (value: number): string => `0x${value.toString(16)}`;

/** What a verdict says, in words: "allow", "errno 1", "kill process", … */
export function verdictText(value: number): string {
  const action = (value & 0xffff0000) >>> 0;
  if (action === SECCOMP_RET_ALLOW) return "allow";
  if (action === SECCOMP_RET_LOG) return "allow and log";
  if (action === SECCOMP_RET_USER_NOTIF) return "notify";
  if (action === SECCOMP_RET_ERRNO) return `errno ${value & 0xffff}`;
  if (action === SECCOMP_RET_KILL_PROCESS) return "kill process";
  if (action === SECCOMP_RET_KILL_THREAD) return "kill thread";
  if (action === SECCOMP_RET_TRAP) return "trap (SIGSYS)";
  if (action === SECCOMP_RET_TRACE) return `trace ${value & 0xffff}`;
  return `verdict ${hex(value)}`;
}

/** One line of text for each instruction, with jump targets as instruction numbers. */
export function disassemble(program: Uint8Array<ArrayBuffer>): string[] {
  const words = new DataView(program.buffer, program.byteOffset, program.length);
  const lines: string[] = [];
  for (let at = 0; at < program.length; at += 8) {
    const index = at / 8;
    const code = words.getUint16(at, true);
    const k = words.getUint32(at + 4, true);
    const branch = (operator: string) =>
      `if A ${operator} ${hex(k)} goto ${index + 1 + words.getUint8(at + 2)} else ${index + 1 + words.getUint8(at + 3)}`;
    const text =
      code === LOAD_WORD
        ? `A = ${FIELD(k)}`
        : code === AND
          ? `A &= ${hex(k)}`
          : code === JUMP
            ? `goto ${index + 1 + k}`
            : code === STORE
              ? `M[${k}] = A`
              : code === LOAD_STORED
                ? `A = M[${k}]`
                : code === JUMP_SET
                  ? branch("&")
                  : code === JUMP_EQUAL
                    ? branch("==")
                    : code === JUMP_ABOVE
                      ? branch(">")
                      : code === JUMP_AT_LEAST
                        ? branch(">=")
                        : code === RETURN
                          ? `return ${verdictText(k)}`
                          : `unknown code ${hex(code)}`;
    lines.push(`${String(index).padStart(4)}: ${text}`);
  }
  return lines;
}
