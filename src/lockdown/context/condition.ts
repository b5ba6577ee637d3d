/** Layer: lockdown. Conditions on a call's arguments, and rules made of them. It must not know filters. */
import { callNumbers } from "../../host/call-numbers.ts";
import { nearest } from "../nearest.ts";
import { type Comparison, type Condition, emptyMeaning } from "../policy.ts";
import { InvalidCondition, UnknownSystemCall } from "./errors.ts";

/** One condition on one argument: "argument 1, the bits 0x3 of it, equals 0". Made by `arg(n)` and `arg32(n)`. */
export type SeccompArgumentFilter = Condition;

const WIDTH = { 32: 0xffffffffn, 64: 0xffffffffffffffffn } as const;

/** What to compare one argument with. Values are unsigned; negative ones are taken as two's complement. */
export class Argument {
  readonly #index: number;
  readonly #bits: 32 | 64;
  readonly #mask: bigint;

  constructor(index: number, bits: 32 | 64, mask: bigint = WIDTH[bits]) {
    if (!Number.isInteger(index) || index < 0 || index > 5) {
      throw new InvalidCondition(`arg(${index}): a system call has the arguments 0 to 5`);
    }
    this.#index = index;
    this.#bits = bits;
    this.#mask = mask;
  }

  /** Looks only at these bits: `arg(1).masked(3).eq(0)` is (arg1 & 3) == 0. */
  masked(mask: number | bigint): Argument {
    const bits = word(mask, this.#bits, `${this.#text()}.masked`) & this.#mask;
    if (bits === 0n) throw new InvalidCondition(`${this.#text()}: a mask of 0 says nothing about the argument`);
    return new Argument(this.#index, this.#bits, bits);
  }

  eq(value: number | bigint): SeccompArgumentFilter {
    return this.#compare("==", [value]);
  }
  ne(value: number | bigint): SeccompArgumentFilter {
    return this.#compare("!=", [value]);
  }
  lt(value: number | bigint): SeccompArgumentFilter {
    return this.#compare("<", [value]);
  }
  le(value: number | bigint): SeccompArgumentFilter {
    return this.#compare("<=", [value]);
  }
  gt(value: number | bigint): SeccompArgumentFilter {
    return this.#compare(">", [value]);
  }
  ge(value: number | bigint): SeccompArgumentFilter {
    return this.#compare(">=", [value]);
  }
  /** Equals one of the values. */
  in(...values: readonly (number | bigint)[]): SeccompArgumentFilter {
    if (values.length === 0) throw new InvalidCondition(`${this.#text()}.in(): expected at least one value`);
    return this.#compare("==", values);
  }

  #text(): string {
    return `${this.#bits === 32 ? "arg32" : "arg"}(${this.#index})`;
  }

  #compare(comparison: Comparison, values: readonly (number | bigint)[]): SeccompArgumentFilter {
    const where = `${this.#text()} ${comparison} ${values.join(", ")}`;
    const condition: Condition = {
      argument: this.#index,
      mask: this.#mask,
      comparison,
      values: values.map((value) => word(value, this.#bits, where)),
    };
    const complaint = emptyMeaning(condition);
    if (complaint !== undefined) throw new InvalidCondition(`${where}: ${complaint}`);
    return condition;
  }
}

function word(value: number | bigint, bits: 32 | 64, where: string): bigint {
  if (typeof value !== "bigint" && !Number.isSafeInteger(value)) {
    throw new InvalidCondition(`${where}: expected a whole number or a bigint, got ${String(value)}`);
  }
  const wide = BigInt(value);
  const least = -(1n << BigInt(bits - 1));
  if (wide < least || wide > WIDTH[bits]) throw new InvalidCondition(`${where}: the value does not fit ${bits} bits`);
  return wide & WIDTH[bits];
}

/** All 64 bits of an argument: sizes, offsets, addresses, clone flags. */
export function arg(index: number): Argument {
  return new Argument(index, 64);
}

/** The lower 32 bits, which is all the kernel reads where it takes an int: descriptors, open flags, modes, ioctl requests. */
export function arg32(index: number): Argument {
  return new Argument(index, 32);
}

/** "arg0 == 1, 2", "arg1 & 0x3 != 0x0". */
export function conditionText({ argument, mask, values, comparison = "==" }: Condition): string {
  const bits = mask === WIDTH[64] || mask === WIDTH[32] ? "" : ` & 0x${mask.toString(16)}`;
  const text = (value: bigint) => (value < 4096n ? String(value) : `0x${value.toString(16)}`);
  return `arg${argument}${bits} ${comparison} ${values.map(text).join(" or ")}`;
}

/** A rule for one call: it holds when all of its conditions do. Rules for the same call are alternatives. */
export class SeccompRule {
  readonly syscall: string;
  readonly conditions: readonly SeccompArgumentFilter[];
  /** Why the program needs it; shown by reports and `explain`. */
  readonly why: string;
  /** True: a rule without conditions elsewhere is no conflict, it simply grants more than this one asked for. */
  readonly yields: boolean;

  constructor(
    syscall: string,
    conditions: readonly SeccompArgumentFilter[] = [],
    { why = "", yields = false }: { readonly why?: string; readonly yields?: boolean } = {},
  ) {
    this.syscall = syscall;
    this.conditions = conditions;
    this.why = why;
    this.yields = yields;
  }

  andCondition(condition: SeccompArgumentFilter): SeccompRule {
    return new SeccompRule(this.syscall, [...this.conditions, condition], this);
  }

  because(why: string): SeccompRule {
    return new SeccompRule(this.syscall, this.conditions, { ...this, why });
  }

  /** "At least this": where another rule set allows the whole call, that is no conflict. */
  orMore(): SeccompRule {
    return new SeccompRule(this.syscall, this.conditions, { ...this, yields: true });
  }
}

/** Throws UnknownSystemCall, with the nearest name, unless some architecture has the call. */
export function demandCall(syscall: string, origin: string): void {
  const x64 = callNumbers("x64");
  const arm64 = callNumbers("arm64");
  if (x64.has(syscall) || arm64.has(syscall)) return;
  throw new UnknownSystemCall(syscall, origin, nearest(syscall, x64.keys()));
}
