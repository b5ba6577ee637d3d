/** Layer: lockdown. The name that was meant where there is none of the name that was given. */

/** Edits between a word and a name beyond which nobody would take the one for the other. */
const EDITS = 2;

/** `; did you mean "NAME"?` with the nearest of the names, or nothing where none is near. */
export function didYouMean(word: string, names: Iterable<string>): string {
  const near = nearest(word, names);
  return near === undefined ? "" : `; did you mean "${near}"?`;
}

/** The name with the fewest edits to `word`, where these are fewer than its letters; the first of several. */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  let least = Math.min(EDITS, word.length - 1) + 1;
  let found: string | undefined;
  for (const name of names) {
    if (Math.abs(name.length - word.length) >= least) continue;
    const edits = distance(word, name);
    if (edits >= least) continue;
    least = edits;
    found = name;
  }
  return found;
}

/** Edits (change, insert, remove, swap neighbours) between two names. */
function distance(a: string, b: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (older[j - 2] ?? 0) + 1);
      row.push(best);
    }
    older = previous;
    previous = row;
  }
  return previous[b.length] ?? a.length;
}
