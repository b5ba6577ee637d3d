/** What the list of rows is made of: rows that are measured together, because they share programs and sandboxes. */
import type { Row } from "./table.ts";

export interface Bench {
  /** A directory of the run's own. */
  readonly scratch: string;
  /** Whether somebody wants this row: others need not be measured. */
  wants(what: string): boolean;
}

export interface Group {
  readonly name: string;
  /** What its rows are called, in the order they are printed. */
  readonly rows: readonly string[];
  measure(bench: Bench): Promise<Row[]>;
}

/** The groups that have rows named by one of these words: a group's name, or a part of a row's. All without words. */
export function select(groups: readonly Group[], words: readonly string[]): (group: Group, what: string) => boolean {
  const unknown = words.filter(
    (word) => !groups.some(({ name, rows }) => name === word || rows.some((what) => what.includes(word))),
  );
  if (unknown.length > 0) throw new Error(`no row is called ${unknown.join(", ")}: ./linden bench --list names them`);
  return ({ name }, what) => words.length === 0 || words.some((word) => name === word || what.includes(word));
}
