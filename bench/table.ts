/** Figures of one run, and how they are printed. */

export interface Row {
  readonly what: string;
  readonly unit: "ns" | "ms" | "MB";
  readonly native: number | undefined;
  readonly linden: number;
  /** What the project aims at, as a ratio to native or an absolute bound in the row's unit. */
  readonly goal?: { readonly ratio?: number; readonly atMost?: number };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function number(value: number | undefined): string {
  if (value === undefined) return "";
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

function verdict({ native, linden, goal }: Row): string {
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
    row.native === undefined ? "" : `${(row.linden / row.native).toFixed(2)} ×`,
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
