/**
 * Layer: lockdown, formats. JSON that remembers on which line each value stands, and keeps whole numbers exact: a policy's
 * 64-bit words do not fit a double. It must not know what the values mean.
 */
import { PolicyError } from "../policy.ts";

export type JsonValue = { readonly line: number } & (
  | { readonly kind: "object"; readonly entries: ReadonlyMap<string, JsonValue> }
  | { readonly kind: "list"; readonly items: readonly JsonValue[] }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "number"; readonly digits: string }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "null" }
);

const TOKEN = /[ \t\r\n]*(?:([{}[\],:])|("(?:[^"\\\n]|\\.)*")|(-?[0-9][0-9.eE+-]*)|([a-z]+))/y;
/** No policy nests deeper; a text that does is not read further. */
const DEEPEST = 32;

type Open = { readonly line: number } & (
  | { readonly kind: "object"; readonly entries: Map<string, JsonValue>; key: string | undefined }
  | { readonly kind: "list"; readonly items: JsonValue[] }
);

/** Reads a JSON text. Throws PolicyError with file and line. */
export function readJson(text: string, file: string): JsonValue {
  return new JsonReader(text, file).read();
}

class JsonReader {
  readonly #text: string;
  readonly #file: string;
  readonly #open: Open[] = [];
  #at = 0;
  #line = 1;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  read(): JsonValue {
    for (;;) {
      const finished = this.#value();
      if (finished === undefined) continue;
      const result = this.#place(finished);
      if (result === undefined) continue;
      if (/\S/.test(this.#text.slice(this.#at))) this.#fail("something stands after the end of the JSON");
      return result;
    }
  }

  #fail(what: string): never {
    throw new PolicyError(`${this.#file}:${this.#line}: ${what}`);
  }

  #token(): { readonly mark?: string; readonly text?: string; readonly number?: string; readonly word?: string } {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    const piece = match?.[0] ?? "";
    const upTo =
      match === null ? (/\S/.exec(this.#text.slice(this.#at))?.index ?? 0) + this.#at : this.#at + piece.length;
    for (let at = this.#at; at < upTo; at++) if (this.#text.charCodeAt(at) === 10) this.#line++;
    if (match === null) this.#fail(upTo >= this.#text.trimEnd().length ? "the JSON ends too early" : "this is no JSON");
    this.#at = upTo;
    const [, mark, text, number, word] = match;
    return {
      ...(mark === undefined ? {} : { mark }),
      ...(text === undefined ? {} : { text }),
      ...(number === undefined ? {} : { number }),
      ...(word === undefined ? {} : { word }),
    };
  }

  /** One value, or undefined when an object or list was opened. */
  #value(): JsonValue | undefined {
    const token = this.#token();
    const line = this.#line;
    if (token.text !== undefined) return { kind: "text", line, text: this.#string(token.text) };
    if (token.number !== undefined) {
      if (!/^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(token.number))
        this.#fail(`${token.number}: no number`);
      return { kind: "number", line, digits: token.number };
    }
    if (token.word === "true" || token.word === "false") return { kind: "boolean", line, value: token.word === "true" };
    if (token.word === "null") return { kind: "null", line };
    if (this.#open.length === DEEPEST) this.#fail(`nested deeper than ${DEEPEST}`);
    if (token.mark === "{") return this.#start({ kind: "object", line, entries: new Map(), key: undefined }, "}");
    if (token.mark === "[") return this.#start({ kind: "list", line, items: [] }, "]");
    this.#fail(`expected a value, found ${token.mark ?? token.word}`);
  }

  #start(open: Open, end: string): JsonValue | undefined {
    if (this.#peek() === end) {
      this.#token();
      return closed(open);
    }
    this.#open.push(open);
    if (open.kind === "object") this.#key(open);
    return undefined;
  }

  #peek(): string {
    return /\S/.exec(this.#text.slice(this.#at, this.#at + 4096))?.[0] ?? "";
  }

  #key(open: Open & { kind: "object" }): void {
    const { text } = this.#token();
    if (text === undefined) this.#fail("expected a key");
    const key = this.#string(text);
    if (open.entries.has(key)) this.#fail(`the key ${JSON.stringify(key)} stands there twice`);
    if (this.#token().mark !== ":") this.#fail(`expected a colon after ${JSON.stringify(key)}`);
    open.key = key;
  }

  /** Puts a finished value where it belongs; answers the outermost one once it is finished. */
  #place(value: JsonValue): JsonValue | undefined {
    for (let done = value; ; ) {
      const open = this.#open.at(-1);
      if (open === undefined) return done;
      if (open.kind === "list") open.items.push(done);
      else open.entries.set(open.key ?? "", done);
      const { mark } = this.#token();
      if (mark === ",") {
        if (open.kind === "object") this.#key(open);
        return undefined;
      }
      if (mark !== (open.kind === "object" ? "}" : "]")) this.#fail("expected a comma or the end");
      this.#open.pop();
      done = closed(open);
    }
  }

  #string(quoted: string): string {
    try {
      const text: unknown = JSON.parse(quoted);
      if (typeof text === "string") return text;
    } catch {}
    this.#fail(`${quoted}: no text`);
  }
}

function closed(open: Open): JsonValue {
  return open.kind === "list"
    ? { kind: "list", line: open.line, items: open.items }
    : { kind: "object", line: open.line, entries: open.entries };
}

/** Reads the fields of one object and complains with file and line. */
export class JsonFields {
  readonly line: number;
  readonly #entries: ReadonlyMap<string, JsonValue>;
  readonly #file: string;

  constructor(value: JsonValue, file: string, what: string, known?: readonly string[]) {
    this.line = value.line;
    this.#file = file;
    if (value.kind !== "object") throw new PolicyError(`${file}:${value.line}: ${what}: expected an object`);
    this.#entries = value.entries;
    for (const [key, entry] of value.entries) {
      if (known !== undefined && !known.includes(key)) {
        throw new PolicyError(`${file}:${entry.line}: ${what}: unknown word "${key}"; expected ${known.join(", ")}`);
      }
    }
  }

  fail(what: string, line: number = this.line): never {
    throw new PolicyError(`${this.#file}:${line}: ${what}`);
  }

  /** The value, or undefined where it is absent or null. */
  get(key: string): JsonValue | undefined {
    const value = this.#entries.get(key);
    return value === undefined || value.kind === "null" ? undefined : value;
  }

  text(key: string): string | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (value.kind !== "text") this.fail(`${key}: expected text`, value.line);
    return value.text;
  }

  texts(key: string): readonly string[] {
    return this.list(key).map((item) =>
      item.kind === "text" ? item.text : this.fail(`${key}: expected texts`, item.line),
    );
  }

  list(key: string): readonly JsonValue[] {
    const value = this.get(key);
    if (value === undefined) return [];
    if (value.kind !== "list") this.fail(`${key}: expected a list`, value.line);
    return value.items;
  }

  /** A whole number from `least` to `most`. */
  whole(key: string, least: bigint, most: bigint): bigint | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (value.kind !== "number" || !/^-?[0-9]+$/.test(value.digits))
      this.fail(`${key}: expected a whole number`, value.line);
    const number = BigInt(value.digits);
    if (number < least || number > most) this.fail(`${key}: ${number} is not from ${least} to ${most}`, value.line);
    return number;
  }
}
