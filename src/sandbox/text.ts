/**
 * Layer: sandbox. The caller's border: JavaScript text outside, byte strings inside; and what is fit to be printed. It
 * must not know what the strings mean.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { OptionError } from "./errors.ts";

/** Its bytes are its characters. */
const ASCII = /^[ -~]*$/;

/** UTF-8 bytes of a text, as a ByteString. OptionError for NUL and lone surrogates, which no path or argument has. */
export function toBytes(text: string, option: string): ByteString {
  if (typeof text !== "string") throw new OptionError(option, "a string", text);
  if (text.includes("\0")) throw new OptionError(option, "a string without NUL", text);
  if (ASCII.test(text)) return text as ByteString;
  if (!text.isWellFormed()) throw new OptionError(option, "well-formed Unicode", text);
  return Buffer.from(text, "utf8").toString("latin1") as ByteString;
}

/** The text of a ByteString; bytes that are no UTF-8 become U+FFFD. */
export function toText(bytes: ByteString): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Foreign text with nothing left in it that a terminal would act on: C0, DEL, C1, bidirectional and line controls. */
export function escapeText(text: string, limit = 500): string {
  let safe = "";
  for (const character of text.slice(0, limit)) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) safe += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (isFormatting(code)) safe += `\\u{${code.toString(16)}}`;
    else safe += character;
  }
  return text.length > limit ? `${safe}…` : safe;
}

function isFormatting(code: number): boolean {
  return (
    code === 0xad ||
    code === 0x61c ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069) ||
    code === 0xfeff ||
    (code >= 0xd800 && code <= 0xdfff) ||
    (code >= 0xe0000 && code <= 0xe007f)
  );
}
