/**
 * Layer: lockdown, learn. What a program was seen to do: calls, and the values of the arguments that tell a call's uses apart.
 * It must not know policies.
 */
import { keptArguments } from "./arguments.ts";

/** Different uses of one call that are told apart; beyond them every use counts as seen. */
const MOST_USES = 24;
/** The standard streams, which mean the same in every run. */
const STREAMS = 3n;

/** One way in which a call was used: the value of each kept argument, or undefined where any value is meant. */
export type Use = { readonly values: readonly (bigint | undefined)[] };

export type SeenCall = {
  readonly syscall: string;
  /** How often. */
  readonly count: number;
  /** Each way once. A use without any value stands for all of them, and then it is the only one. */
  readonly uses: readonly Use[];
};

type Entry = { count: number; uses: Map<string, Use> };

/** Grows call by call; nothing that was seen is ever lost. */
export class Recording {
  readonly #calls = new Map<string, Entry>();
  /** Calls that were answered instead of made, and how often: rings are never given. */
  readonly refused = new Map<string, number>();

  /** One call. Answers whether it was used in a way not seen before. */
  add(syscall: string, args: readonly bigint[]): boolean {
    const values = keptArguments(syscall).map(({ index, mask, kind }) => {
      const value = (args[index] ?? 0n) & mask;
      return kind === "stream" && value >= STREAMS ? undefined : value;
    });
    return this.#addUse(syscall, { values }, 1);
  }

  /** Everything another run saw. */
  merge(other: Recording): void {
    for (const { syscall, count, uses } of other.calls()) {
      this.#entry(syscall).count += count;
      for (const use of uses) this.#addUse(syscall, use, 0);
    }
    for (const [syscall, count] of other.refused) this.refused.set(syscall, (this.refused.get(syscall) ?? 0) + count);
  }

  refuse(syscall: string): void {
    this.refused.set(syscall, (this.refused.get(syscall) ?? 0) + 1);
  }

  clear(): void {
    this.#calls.clear();
    this.refused.clear();
  }

  /** In the order of their names. */
  calls(): readonly SeenCall[] {
    return [...this.#calls]
      .map(([syscall, { count, uses }]) => ({ syscall, count, uses: [...uses.values()] }))
      .sort((a, b) => (a.syscall < b.syscall ? -1 : 1));
  }

  #entry(syscall: string): Entry {
    const known = this.#calls.get(syscall);
    if (known !== undefined) return known;
    const entry: Entry = { count: 0, uses: new Map() };
    this.#calls.set(syscall, entry);
    return entry;
  }

  #addUse(syscall: string, use: Use, count: number): boolean {
    const entry = this.#entry(syscall);
    entry.count += count;
    const key = use.values.join(",");
    if (entry.uses.has(key) || entry.uses.has(anyKey(use))) return false;
    if (use.values.length > 0 && use.values.every((value) => value === undefined)) entry.uses.clear();
    entry.uses.set(key, use);
    if (entry.uses.size > MOST_USES) entry.uses = new Map([[anyKey(use), { values: use.values.map(() => undefined) }]]);
    return true;
  }
}

/** The key of the use that stands for all. */
function anyKey({ values }: Use): string {
  return values.map(() => "").join(",");
}
