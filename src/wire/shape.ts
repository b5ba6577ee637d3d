/**
 * Layer: wire. Reading untrusted JSON values: own properties only, everything ranged and capped, nothing kept of the
 * parsed object. It must not know any message.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { WireViolation } from "./violation.ts";

/** An object that has exactly these keys, in any order, behind readers that name the place in what they throw. */
export class Fields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #what: string;

  constructor(value: unknown, what: string, required: readonly string[], optional: readonly string[] = []) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) fail(what, "is no object");
    this.#object = value as Readonly<Record<string, unknown>>;
    this.#what = what;
    for (const key of required) if (!Object.hasOwn(value, key)) fail(what, `lacks "${key}"`);
    for (const key of Object.keys(value)) {
      if (!required.includes(key) && !optional.includes(key)) fail(what, "has a key that is not known");
    }
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#object, key);
  }

  raw(key: string): unknown {
    // What JSON.parse made has plain values, also under names that mean something on a prototype.
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
  }

  object(key: string, required: readonly string[], optional: readonly string[] = []): Fields {
    return new Fields(this.raw(key), `${this.#what}.${key}`, required, optional);
  }

  /** A safe integer in [from, to]. */
  integer(key: string, from: number, to: number): number {
    return integer(this.raw(key), `${this.#what}.${key}`, from, to);
  }

  /** A finite number in [from, to]. */
  number(key: string, from: number, to: number): number {
    return number(this.raw(key), `${this.#what}.${key}`, from, to);
  }

  boolean(key: string): boolean {
    const value = this.raw(key);
    if (typeof value !== "boolean") fail(`${this.#what}.${key}`, "is no boolean");
    return value;
  }

  /** Text for people, at most `limit` UTF-16 units. */
  text(key: string, limit: number): string {
    const value = this.raw(key);
    if (typeof value !== "string" || value.length > limit) fail(`${this.#what}.${key}`, `is no text up to ${limit}`);
    return value;
  }

  oneOf<T extends string>(key: string, known: readonly T[]): T {
    const value = this.raw(key);
    const found = known.find((each) => each === value);
    if (found === undefined) fail(`${this.#what}.${key}`, `is none of ${known.join(", ")}`);
    return found;
  }

  /** Bytes without NUL, at most `limit`. */
  bytes(key: string, limit: number): ByteString {
    return checkBytes(this.raw(key), `${this.#what}.${key}`, limit);
  }

  /** An absolute path without NUL. */
  path(key: string): ByteString {
    return path(this.raw(key), `${this.#what}.${key}`);
  }

  list(key: string, limit: number): readonly unknown[] {
    const value = this.raw(key);
    if (!Array.isArray(value) || value.length > limit) fail(`${this.#what}.${key}`, `is no list up to ${limit}`);
    return value;
  }

  /** A list of byte strings whose lengths, plus one each for a NUL, sum up to `bytes` at most. */
  byteStrings(key: string, bytes: number): readonly ByteString[] {
    let rest = bytes;
    return this.list(key, bytes).map((value) => {
      const each = checkBytes(value, `${this.#what}.${key}`, rest - 1);
      rest -= each.length + 1;
      return each;
    });
  }
}

/** PATH_MAX, include/uapi/linux/limits.h, without its NUL. */
const PATH_BYTES = 4095;

/** A safe integer in [from, to]; `what` names its place. */
export function integer(value: unknown, what: string, from: number, to: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < from || value > to) {
    fail(what, `is no integer from ${from} to ${to}`);
  }
  return value;
}

/** A finite number in [from, to]. */
export function number(value: unknown, what: string, from: number, to: number): number {
  if (typeof value !== "number" || !(value >= from && value <= to)) fail(what, `is no number from ${from} to ${to}`);
  return value;
}

/** An absolute path without NUL. */
export function path(value: unknown, what: string): ByteString {
  const found = checkBytes(value, what, PATH_BYTES);
  if (!found.startsWith("/")) fail(what, "is no absolute path");
  return found;
}

function checkBytes(value: unknown, what: string, limit: number): ByteString {
  if (typeof value !== "string" || value.length > limit || value.includes("\0") || WIDE.test(value)) {
    fail(what, `is no byte string without NUL up to ${limit}`);
  }
  return value as ByteString;
}

/** What no byte is. */
const WIDE = /[\u0100-\uffff]/;

export function fail(what: string, problem: string): never {
  throw new WireViolation("schema", `${what} ${problem}`);
}
