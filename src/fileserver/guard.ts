/**
 * Layer: fileserver. Which files of a writable directory the host would execute later, and so may not be created or
 * changed through it. The rules are data (policies/host-execution.json). It must not know how files are reached.
 *
 * A pattern is names: it may begin at any component of a path. `**` stands for any number of names; a last `**` also for
 * none, so that "a/**" is `a` and all below it; "*.x" is any name that ends so.
 */
import type { ByteString } from "../abi/byte-string.ts";

export type GuardRule = {
  readonly name: string;
  readonly patterns: readonly string[];
  /** Where the rule does not hold. */
  readonly except?: readonly string[];
  readonly matchCase?: boolean;
  readonly why: string;
};

type Pattern = { readonly tokens: readonly string[]; readonly matchCase: boolean };
type Rule = { readonly name: string; readonly patterns: readonly Pattern[]; readonly except: readonly Pattern[] };
/** A path's names as they are and as case-insensitive directories take them. */
type Names = { readonly exact: readonly string[]; readonly folded: readonly string[] };

/** How names end that a file server gives for the moment between two steps of its own : nobody else makes or changes them. */
export const OWN_ENDING = ".linden-moving";
const OWN_RULE: GuardRule = {
  name: "linden-moving",
  patterns: [`*${OWN_ENDING}/**`],
  why: "A file server looks at what has such a name before it moves it on.",
};

/** How a pattern stands after a path: it matches it, it could match something below it, or neither. */
const WHOLE = 2;
const PART = 1;
const NONE = 0;

export class ExecutionGuard {
  readonly #rules: readonly Rule[];
  readonly #above: Names;
  /** Folded names, and endings of names, with which patterns begin: a path without any of them matches nothing. */
  readonly #beginnings = new Set<string>();
  readonly #endings: string[] = [];

  /** `allowed` names rules that are switched off; `above` are the host's names of the directory served, root first. */
  constructor(rules: readonly GuardRule[], allowed: ReadonlySet<string>, above: readonly string[]) {
    this.#above = { exact: above, folded: above.map(fold) };
    this.#rules = [...rules.filter((rule) => !allowed.has(rule.name)), OWN_RULE].map((rule) => ({
      name: rule.name,
      patterns: rule.patterns.map((pattern) => compile(pattern, rule.matchCase === true)),
      except: (rule.except ?? []).map((pattern) => compile(pattern, false)),
    }));
    for (const { patterns, except } of this.#rules) {
      for (const { tokens } of [...patterns, ...except]) {
        const first = fold(tokens[0] ?? "");
        if (first.startsWith("*.")) this.#endings.push(first.slice(1));
        else this.#beginnings.add(first);
      }
    }
  }

  /** The rule that forbids creating or changing this path, if any. */
  forbids(path: ByteString): string | undefined {
    const names = this.#namesOf(path);
    if (!this.#concerns(names)) return undefined;
    return this.#rules.find((rule) => stands(rule.patterns, names) === WHOLE && stands(rule.except, names) !== WHOLE)
      ?.name;
  }

  /**
   * The rule that forbids a symbolic link to `target` here: it is a way, for who follows it, from a name that a rule speaks of to what was
   * built in peace under another, or out of where a rule does not hold.
   */
  forbidsLink(path: ByteString, target: ByteString): string | undefined {
    const names = this.#namesOf(path);
    const exact = target.split("/").filter((name) => name !== "" && name !== ".");
    const led: Names = { exact, folded: exact.map(fold) };
    if (!this.#concerns(names) && !this.#concerns(led)) return undefined;
    return this.#rules.find(({ patterns, except }) => {
      if (stands(patterns, names) !== NONE && stands(except, names) !== WHOLE) return true;
      return stands(except, led) !== NONE && stands(except, names) === NONE;
    })?.name;
  }

  /**
   * The rule that forbids moving a directory or a symbolic link between these paths: what is built in peace under one name must not become
   * what the host executes under another, and what is protected must not lose its name.
   */
  forbidsMove(from: ByteString, to: ByteString): string | undefined {
    const source = this.#namesOf(from);
    const target = this.#namesOf(to);
    if (!this.#concerns(source) && !this.#concerns(target)) return undefined;
    return this.#rules.find((rule) => {
      if (stands(rule.patterns, source) !== NONE || stands(rule.patterns, target) !== NONE) return true;
      return stands(rule.except, source) !== NONE && stands(rule.except, target) === NONE;
    })?.name;
  }

  #namesOf(path: ByteString): Names {
    if (path === "") return this.#above;
    const names = path.split("/");
    return { exact: [...this.#above.exact, ...names], folded: [...this.#above.folded, ...names.map(fold)] };
  }

  #concerns({ folded }: Names): boolean {
    for (const name of folded) {
      if (this.#beginnings.has(name) || name.includes("~")) return true;
      for (const ending of this.#endings) if (name.endsWith(ending)) return true;
    }
    return false;
  }
}

function compile(pattern: string, matchCase: boolean): Pattern {
  const tokens = pattern.split("/");
  if (tokens.length > 30 || tokens.some((token) => token === "")) throw new RangeError(`not a pattern: ${pattern}`);
  return { tokens: matchCase ? tokens : tokens.map(fold), matchCase };
}

function stands(patterns: readonly Pattern[], names: Names): number {
  let best = NONE;
  for (const pattern of patterns) best = Math.max(best, standing(pattern, names));
  return best;
}

/** All ways to read the path at once: bit n is set while the first n tokens are matched by the names so far. */
function standing({ tokens, matchCase }: Pattern, { exact, folded }: Names): number {
  let reached = 0;
  for (const name of matchCase ? exact : folded) {
    let next = 0;
    for (let n = 0; n < tokens.length; n++) {
      if (n > 0 && (reached & (1 << n)) === 0) continue;
      const token = tokens[n] ?? "";
      if (token === "**") next |= 1 << n;
      else if (token === name || (token.startsWith("*.") && name.endsWith(token.slice(1))) || isShort(name, token))
        next |= 1 << (n + 1);
    }
    for (let n = 1; n < tokens.length; n++) if ((next & (1 << n)) !== 0 && tokens[n] === "**") next |= 1 << (n + 1);
    reached = next;
  }
  if ((reached & (1 << tokens.length)) !== 0) return WHOLE;
  return reached === 0 ? NONE : PART;
}

/**
 * Whether a name may be the short one that FAT and NTFS give a file beside its own: GIT~1 is .git. Six letters or fewer, or two
 * and four digits where many begin alike, and three of the ending.
 */
function isShort(name: string, token: string): boolean {
  const [, start, end = ""] = /^([^.~]{1,6})~\d(?:\.([^.]*))?$/.exec(name) ?? [];
  if (start === undefined) return false;
  const bare = token.replace(/^\.+/, "");
  const dot = bare.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [bare.slice(0, dot).replaceAll(".", ""), bare.slice(dot + 1)] : [bare, ""];
  const alike = start === stem.slice(0, 6) || (start.startsWith(stem.slice(0, 2)) && /^..[0-9a-f]{4}$/.test(start));
  return alike && end === ending.slice(0, 3);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Letters that fold into several of ASCII, or, in lower case already, into another one. */
const FOLDED = new Map(
  Object.entries({ ß: "ss", ſ: "s", ﬀ: "ff", ﬁ: "fi", ﬂ: "fl", ﬃ: "ffi", ﬄ: "ffl", ﬅ: "st", ﬆ: "st" }),
);

/**
 * One spelling for all that a case-insensitive directory (casefold of ext4 and f2fs, FAT) takes for the same name: canonically
 * decomposed, without the characters such directories ignore, with full case folding as far as it leads to ASCII, where all
 * patterns are. Names are UTF-8 bytes; what is no UTF-8 is taken as it is, as there.
 */
function fold(name: string): string {
  // FAT drops dots at the end.
  const lower = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).replace(/(?<=[^.])\.+$/, "");
  if (!/[\x80-\xff]/.test(lower)) return lower;
  try {
    return utf8
      .decode(Buffer.from(lower, "latin1"))
      .normalize("NFD")
      .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
      .toLowerCase()
      .replace(/[ßſﬀ-ﬆ]/g, (letter) => FOLDED.get(letter) ?? letter);
  } catch {
    return lower;
  }
}
