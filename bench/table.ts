/** Figures of one run, and how they are printed. */

export interface Row {
  readonly what: string;
  readonly unit: "ns" | "µs" | "ms" | "MB";
  /** undefined where there is nothing native to compare with. */
  readonly native: number | undefined;
  /** undefined when it could not be measured: `missing` says why. */
  readonly linden: number | undefined;
  readonly missing?: string;
  /** What the project aims at, as a ratio to native or an absolute bound in the row's unit. */
  readonly goal?: Goal;
}

export interface Goal {
  readonly ratio?: number;
  readonly atMost?: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function number(value: number | undefined): string {
  if (value === undefined) return "";
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

function ratio({ native, linden }: Row): string {
  return native === undefined || linden === undefined ? "" : `${(linden / native).toFixed(2)} ×`;
}

function verdict({ native, linden, goal, missing }: Row): string {
  if (linden === undefined) return `not measured: ${missing}`;
  if (goal === undefined) return "";
  if (goal.atMost !== undefined) return `${linden <= goal.atMost ? "met" : "missed"} (≤ ${goal.atMost})`;
  if (goal.ratio !== undefined && native !== undefined) {
    return `${linden <= native * goal.ratio ? "met" : "missed"} (≤ ${number(goal.ratio)} ×)`;
  }
  return "";
}

export function format(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    row.unit,
    number(row.native),
    number(row.linden),
    ratio(row),
    verdict(row),
  ]);
  const table = [["what", "unit", "native", "Linden", "ratio", "goal"], ...cells];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0))) ?? [];
  return table
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 || column === 5 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
