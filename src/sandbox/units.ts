/**
 * Layer: sandbox. Times and sizes as people write them. It must not know which option they belong to.
 */
import { OptionError } from "./errors.ts";

/** Milliseconds, or text: "500ms", "5s", "2m", "1h". */
export type Duration = number | string;
/** Bytes, or text with docker's units, each 1024 times the one before: "64k", "256m", "2g"; "256MiB" too. */
export type Size = number | string;

const TIME_UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["min", 60_000],
  ["h", 3_600_000],
]);

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["k", 1024],
  ["m", 1024 ** 2],
  ["g", 1024 ** 3],
  ["t", 1024 ** 4],
]);

/** Milliseconds, above zero. OptionError otherwise. */
export function parseDuration(value: unknown, option: string): number {
  const ms = typeof value === "string" ? fromText(value.trim(), TIME_UNITS) : value;
  if (typeof ms !== "number" || !(ms > 0) || ms > MAX_MS) {
    throw new OptionError(option, 'a time above zero: milliseconds, or "500ms", "5s", "2m", "1h"', value);
  }
  return ms;
}

/** A timer of Node takes no more than this (24.8 days). */
const MAX_MS = 2 ** 31 - 1;

/** A whole number of bytes, above zero. OptionError otherwise. */
export function parseSize(value: unknown, option: string): number {
  let bytes: unknown = value;
  if (typeof value === "string") {
    const plain = value
      .trim()
      .toLowerCase()
      .replace(/(?<=[kmgt])(i?b)$/, "");
    const scaled = fromText(plain, SIZE_UNITS);
    bytes = scaled === undefined ? undefined : Math.floor(scaled);
  }
  if (typeof bytes !== "number" || !Number.isSafeInteger(bytes) || bytes <= 0) {
    throw new OptionError(option, 'a size above zero: bytes, or "64k", "256m", "2g"', value);
  }
  return bytes;
}

function fromText(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)\s*([a-z]*)$/.exec(text);
  const unit = units.get(match?.[2] ?? "?");
  return match?.[1] === undefined || unit === undefined ? undefined : Number(match[1]) * unit;
}
