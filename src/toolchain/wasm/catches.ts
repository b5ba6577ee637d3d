/**
 * Layer: toolchain. A program with exceptions and longjmp has a tag for each, and clang's clean-ups catch whatever comes. longjmp(3)
 * runs none on Linux, so they are made to catch exceptions alone. It must not know who throws.
 */

import { skipLocals } from "./call-graph.ts";
import { functionImports } from "./imports.ts";
import { walkExpression } from "./instructions.ts";
import { encodeNumber, functionNames } from "./names.ts";
import { Reader, sectionsOf } from "./reader.ts";

const CODE_SECTION = 10;
const TAG_SECTION = 13;
/** libunwind's function in which every C++ exception is thrown. */
const THROWS = "_Unwind_RaiseException";

const CATCH = 0x07;
const DROP = 0x1a;

interface Body {
  readonly start: number;
  readonly end: number;
  /** Where a catch_all stands. */
  readonly catches: readonly number[];
  /** The first tag thrown. */
  readonly thrown: number | undefined;
}

/** The module with `catch_all` as `catch` of C++'s exceptions; as it was where it does not have two tags. */
export function withNarrowCatches(bytes: Uint8Array): Uint8Array {
  const sections = sectionsOf(bytes);
  const tags = sections.find(({ id }) => id === TAG_SECTION);
  const code = sections.find(({ id }) => id === CODE_SECTION);
  if (tags === undefined || code === undefined || new Reader(bytes, tags.start).number() !== 2) return bytes;
  const bodies = readBodies(bytes, code.start);
  const thrower = [...functionNames(bytes)].find(([, name]) => name === THROWS)?.[0];
  const tag = thrower === undefined ? undefined : bodies[thrower - functionImports(bytes).length]?.thrown;
  if (tag === undefined) return bytes;
  const instead = Buffer.concat([Uint8Array.of(CATCH), encodeNumber(tag), Uint8Array.of(DROP)]);
  const parts: Uint8Array[] = [encodeNumber(bodies.length)];
  for (const { start, end, catches } of bodies) {
    const body: Uint8Array[] = [];
    let from = start;
    for (const at of catches) {
      body.push(bytes.subarray(from, at), instead);
      from = at + 1;
    }
    body.push(bytes.subarray(from, end));
    const whole = Buffer.concat(body);
    parts.push(encodeNumber(whole.length), whole);
  }
  const content = Buffer.concat(parts);
  const before = sections.filter(({ start }) => start < code.start).at(-1)?.end ?? 8;
  const head = Buffer.concat([Uint8Array.of(CODE_SECTION), encodeNumber(content.length)]);
  return Buffer.concat([bytes.subarray(0, before), head, content, bytes.subarray(code.end)]);
}

function readBodies(bytes: Uint8Array, at: number): Body[] {
  const reader = new Reader(bytes, at);
  return Array.from({ length: reader.number() }, () => {
    const size = reader.number();
    const [start, end] = [reader.at, reader.at + size];
    const catches: number[] = [];
    let thrown: number | undefined;
    skipLocals(reader);
    walkExpression(reader, {
      call() {},
      indirect() {},
      reference() {},
      catchAll: (place) => catches.push(place),
      thrown(tag) {
        thrown ??= tag;
      },
    });
    reader.at = end;
    return { start, end, catches, thrown };
  });
}
