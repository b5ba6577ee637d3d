/**
 * Layer: toolchain. A program with exceptions and longjmp has a tag for each, and clang's clean-ups catch whatever comes. longjmp(3)
 * runs none on Linux, so they are made to catch exceptions alone. It must not know who throws.
 */

import { skipLocals } from "./call-graph.ts";
import { bodiesOf, withBodies } from "./code-section.ts";
import { functionImports } from "./imports.ts";
import { CATCH, CATCH_ALL, DROP, walkExpression } from "./instructions.ts";
import { encodeNumber, functionNames } from "./names.ts";
import { Reader } from "./reader.ts";
import { tagTypes } from "./signatures.ts";

/** libunwind's function in which every C++ exception is thrown. */
const THROWS = "_Unwind_RaiseException";

interface Scanned {
  readonly start: number;
  readonly end: number;
  /** Where a catch_all stands. */
  readonly catches: readonly number[];
  /** The first tag thrown. */
  readonly thrown: number | undefined;
}

/** The module with `catch_all` as `catch` of C++'s exceptions; as it was where it does not have two tags. */
export function withNarrowCatches(bytes: Uint8Array): Uint8Array {
  if (tagTypes(bytes).length !== 2) return bytes;
  const bodies = scanBodies(bytes);
  const thrower = [...functionNames(bytes)].find(([, name]) => name === THROWS)?.[0];
  const tag = thrower === undefined ? undefined : bodies[thrower - functionImports(bytes).length]?.thrown;
  if (tag === undefined) return bytes;
  const instead = Buffer.concat([Uint8Array.of(CATCH), encodeNumber(tag), Uint8Array.of(DROP)]);
  const changed = bodies.map(({ start, end, catches }) => {
    const parts: Uint8Array[] = [];
    let from = start;
    for (const at of catches) {
      parts.push(bytes.subarray(from, at), instead);
      from = at + 1;
    }
    return Buffer.concat([...parts, bytes.subarray(from, end)]);
  });
  return withBodies(bytes, changed);
}

function scanBodies(bytes: Uint8Array): Scanned[] {
  return bodiesOf(bytes).map(({ start, end }) => {
    const reader = new Reader(bytes, start);
    const catches: number[] = [];
    let thrown: number | undefined;
    skipLocals(reader);
    walkExpression(reader, {
      call() {},
      indirect() {},
      reference() {},
      control(code, place) {
        if (code === CATCH_ALL) catches.push(place);
      },
      thrown(tag) {
        thrown ??= tag;
      },
    });
    return { start, end, catches, thrown };
  });
}
