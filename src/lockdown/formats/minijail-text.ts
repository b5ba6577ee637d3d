/**
 * Layer: lockdown, formats. The words of Minijail's policy language (minijail0(5), tools/README.md): lines, continuations,
 * comments, tokens, constant expressions. It must not know statements.
 */
import type { Architecture } from "../../host/call-numbers.ts";
import { PolicyError } from "../policy.ts";
import { constants } from "./constants.ts";

export type TokenKind =
  | "directive"
  | "path"
  | "number"
  | "argument"
  | "return"
  | "action"
  | "name"
  | "operator"
  | "or"
  | "and"
  | "mark";
export type Token = { readonly kind: TokenKind; readonly text: string; readonly line: number };

const TOKEN = new RegExp(
  [
    /(?<directive>@(?:include|frequency|default|denylist)\b)/,
    /(?<path>\.{0,2}\/\S+)/,
    /(?<number>-?(?:0[xX][0-9a-fA-F]+|[0-9]+))(?![a-zA-Z_0-9])/,
    /(?<argument>arg[0-9]+)\b/,
    /(?<return>return)\b/,
    /(?<action>allow|kill-process|kill-thread|kill|trap|trace|log|user-notify)(?![a-zA-Z_0-9-])/,
    /(?<operator>==|!=|<=|<|>=|>|&(?!&)|in\b)/,
    /(?<or>\|\|)/,
    /(?<and>&&)/,
    /(?<mark>[:;,~(){}[\]|=])/,
    /(?<name>[a-zA-Z_][a-zA-Z_0-9@-]*)/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "y",
);

/** The tokens of each statement. A "\" at a line's end goes on with the next line; # starts a comment. */
export function statements(text: string, file: string): Token[][] {
  const result: Token[][] = [];
  let current: Token[] = [];
  let carriedOn = false;
  text.split("\n").forEach((whole, index) => {
    const line = index + 1;
    const bare = whole.replace(/\r$/, "");
    carriedOn = bare.endsWith("\\");
    if (carriedOn && bare.includes("#")) {
      throw new PolicyError(`${file}:${line}: Minijail's tools disagree on a comment that ends with "\\"`);
    }
    const content = (carriedOn ? bare.slice(0, -1) : bare).replace(/#.*$/, "");
    let at = 0;
    for (;;) {
      at += /^\s*/.exec(content.slice(at))?.[0].length ?? 0;
      if (at >= content.length) break;
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(content);
      if (match === null) throw new PolicyError(`${file}:${line}: "${content.slice(at).trim()}" is not understood`);
      const [kind = "mark", piece = ""] =
        Object.entries(match.groups ?? {}).find(([, value]) => value !== undefined) ?? [];
      current.push({ kind: kind as TokenKind, text: piece, line });
      at += piece.length;
    }
    if (carriedOn) return;
    if (current.length > 0) result.push(current);
    current = [];
  });
  if (carriedOn) throw new PolicyError(`${file}: the last line ends with "\\", there is nothing to go on with`);
  return result;
}

const WORD = (1n << 64n) - 1n;
/** Parentheses of a constant nest no deeper. */
const DEEPEST = 32;

/** The tokens of one statement, taken one by one. */
export class Words {
  readonly file: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[], file: string) {
    this.#tokens = tokens;
    this.file = file;
  }

  get line(): number {
    return (this.#tokens[this.#at] ?? this.#tokens.at(-1))?.line ?? 0;
  }

  get next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  at(kind: TokenKind): boolean {
    return this.next?.kind === kind;
  }

  fail(what: string): never {
    throw new PolicyError(`${this.file}:${this.line}: ${what}`);
  }

  /** Takes the next token if it is this one. */
  take(text: string): boolean {
    if (this.next?.text !== text) return false;
    this.#at++;
    return true;
  }

  demand(text: string): void {
    if (!this.take(text)) this.fail(`expected "${text}", found ${this.#found()}`);
  }

  of(kind: TokenKind, what: string): string {
    const token = this.next;
    if (token?.kind !== kind) this.fail(`expected ${what}, found ${this.#found()}`);
    this.#at++;
    return token.text;
  }

  end(): void {
    if (this.next !== undefined) this.fail(`"${this.next.text}" stands after the end of the rule`);
  }

  #found(): string {
    return this.next === undefined ? "the end of the line" : `"${this.next.text}"`;
  }

  /** A constant expression: names, numbers, ~, | and parentheses. A 64-bit word. */
  value(architecture: Architecture, depth = 0): bigint {
    if (depth > DEEPEST) this.fail(`parentheses nest deeper than ${DEEPEST}`);
    let word = this.#term(architecture, depth);
    while (this.take("|")) word |= this.#term(architecture, depth);
    return word;
  }

  #term(architecture: Architecture, depth: number): bigint {
    const inverted = this.take("~");
    let word: bigint;
    if (this.take("(")) {
      word = this.value(architecture, depth + 1);
      this.demand(")");
    } else {
      word = this.constant(architecture);
    }
    return inverted ? ~word & WORD : word;
  }

  /** One name or number, as strtol(3) with base 0 reads it: 0x is hexadecimal, a leading 0 octal. */
  constant(architecture: Architecture): bigint {
    const token = this.next;
    if (token?.kind === "name") {
      const known = constants(architecture).get(token.text);
      if (known === undefined) this.fail(`there is no constant "${token.text}"`);
      this.#at++;
      return known;
    }
    const digits = this.of("number", "a constant");
    const [, minus = "", rest = "0"] = /^(-?)(.*)$/.exec(digits) ?? [];
    const octal = /^0[0-9]+$/.test(rest);
    if (octal && /[89]/.test(rest)) this.fail(`${digits}: a number with a leading 0 is octal`);
    const magnitude = BigInt(octal ? `0o${rest.slice(1)}` : rest);
    if (magnitude > (minus === "" ? WORD : 1n << 63n)) this.fail(`${digits} does not fit 64 bits`);
    return (minus === "" ? magnitude : -magnitude) & WORD;
  }
}
