/**
 * Layer: kernel. What is thrown where state cannot become a snapshot, or a snapshot no kernel. It must not know either.
 */

/** The caller's data or state cannot become a snapshot, or a kernel. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

/** What does not fit together is refused. */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new SnapshotError(`This snapshot ${what}: it was changed, or belongs to other files and programs.`);
}
