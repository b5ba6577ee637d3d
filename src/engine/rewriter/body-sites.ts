/**
 * Layer: engine, rewriter. What is noted of each function body while it is read, so that safepoints can be put in when the
 * module is written. It must not know what a safepoint looks like.
 */

/** One body. Positions are offsets in the guest's file. */
export interface BodySites {
  /** Groups of declared locals, and where the first stands. */
  readonly groups: number;
  readonly groupsAt: number;
  /** The first instruction. */
  readonly codeAt: number;
  /** Parameters and locals. */
  readonly locals: number;
  /** Behind the last instruction. */
  end: number;
  /** Positions, ascending: behind each `loop` and its type, and before each operation on a range (see `isBulk`). */
  readonly sites: number[];
  /** Functions called by index, once for each call. */
  readonly calls: number[];
  /** Calls that may lead anywhere: through a table, or to functions that were not noted because there were so many. */
  openCalls: number;
  hasLoops: boolean;
  hasBulk: boolean;
}

export function bodySites(groups: number, groupsAt: number, codeAt: number, locals: number): BodySites {
  return {
    groups,
    groupsAt,
    codeAt,
    locals,
    end: codeAt,
    sites: [],
    calls: [],
    openCalls: 0,
    hasLoops: false,
    hasBulk: false,
  };
}

/** A position and what stands there as one number. */
export function site(at: number, bulk: boolean): number {
  return at * 2 + (bulk ? 1 : 0);
}

export function isBulk(mark: number): boolean {
  return mark % 2 === 1;
}

export function placeOf(mark: number): number {
  return Math.floor(mark / 2);
}
