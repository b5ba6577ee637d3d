/** Layer: lockdown, learn. The files a program was seen to use, as Landlock rules; and whether rules are enough for a call. */
import { dirname } from "node:path";
import type { FileRight } from "../landlock.ts";
import type { FileNeed } from "./files.ts";

/** A rule as a policy file has it. */
export type FileRule = { path: string; rights: FileRight[]; ifPresent?: true; why: string };

/** From so many files on that were only read in one directory, the directory is named instead. */
const MANY = 12;
/** Directories whose files are always named one by one: strangers to each other, or secrets among them. */
const APART = /^\/(etc|proc|sys|dev|run|var|root|tmp|boot)(\/|$)/;
/** How deep a directory must lie to be named for its files: /usr/lib/python3. */
const DEEP = 3;

export class SeenFiles {
  readonly #rights = new Map<string, Set<FileRight>>();

  readonly #made = new Set<string>();

  add({ path, rights, makes }: FileNeed): void {
    if (makes !== undefined) this.#made.add(makes);
    const known = this.#rights.get(path) ?? new Set<FileRight>();
    for (const right of rights) known.add(right);
    this.#rights.set(path, known);
  }

  get isEmpty(): boolean {
    return this.#rights.size === 0;
  }

  /**
   * The path itself; or, for what the program made, and what lies in it, the directory it was made in: the next run may
   * find nothing there before it makes it anew, and a rule for it would name nothing.
   */
  #lasting(path: string): string {
    let place = path;
    for (let each = path; each !== "/"; each = dirname(each)) if (this.#made.has(each)) place = dirname(each);
    return place;
  }

  /** In the order of their paths; what a directory's rule gives already is not said again. */
  rules(program: string): FileRule[] {
    const all = new Map<string, Set<FileRight>>();
    for (const [path, rights] of this.#rights) {
      const place = this.#lasting(path);
      all.set(place, new Set([...(all.get(place) ?? []), ...rights]));
    }
    const read = [...all].filter(([, rights]) => rights.size === 1 && rights.has("readFile")).map(([path]) => path);
    const why = new Map<string, string>();
    for (const [directory, files] of Map.groupBy(read, dirname)) {
      if (files.length < MANY || APART.test(directory) || directory.split("/").length - 1 < DEEP) continue;
      const known = all.get(directory) ?? new Set<FileRight>();
      all.set(directory, known.add("readFile"));
      why.set(directory, `${program} read ${files.length} files in it`);
    }
    const rules = [...all].map(([path, rights]) => ({ path, rights: [...rights].sort() }));
    return rules
      .filter(({ path, rights }) => path === "/" || !isCovered({ path: dirname(path), rights }, rules) || why.has(path))
      .map(({ path, rights }) => ({
        path,
        rights,
        ifPresent: true as const,
        why: why.get(path) ?? `${program} used it`,
      }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}

/** Whether rules allow all of a need: each right by a rule for the path or for a directory above it. */
export function isCovered(
  { path, rights }: FileNeed,
  rules: readonly { readonly path: string; readonly rights: readonly FileRight[] }[],
): boolean {
  const above = rules.filter(
    (rule) => path === rule.path || path.startsWith(rule.path === "/" ? "/" : `${rule.path}/`),
  );
  return rights.every((right) => above.some((rule) => rule.rights.includes(right)));
}

/** Two lists of rules as one: each path with the rights of both. */
export function mergedRules(first: readonly FileRule[], second: readonly FileRule[]): FileRule[] {
  const all = new Map<string, FileRule>();
  for (const rule of [...first, ...second]) {
    const known = all.get(rule.path);
    if (known === undefined) all.set(rule.path, rule);
    else all.set(rule.path, { ...known, rights: [...new Set([...known.rights, ...rule.rights])].sort() });
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
