/** The types of a module's function imports, beside those of the call table. */
import { lettersOf } from "./bare-machine.ts";

const LETTERS = new Map([
  [0x7f, "i"],
  [0x7e, "I"],
  [0x7d, "f"],
  [0x7c, "F"],
]);

/** Import name to its type as letters, "ii:I" for (i32, i32) -> i64, and the type the call table gives it. */
export function importTypes(bytes: Uint8Array): Map<string, { found: string; expected: string }> {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const part = bytes[at] ?? 0;
      at += 1;
      value += (part & 0x7f) * 2 ** shift;
      if (part < 0x80) return value;
    }
  };
  const text = () => {
    const length = number();
    at += length;
    return Buffer.from(bytes.subarray(at - length, at)).toString();
  };
  const letters = () => Array.from({ length: number() }, () => LETTERS.get(number()) ?? "?").join("");
  const types: string[] = [];
  const imports = new Map<string, { found: string; expected: string }>();
  while (at < bytes.length) {
    const section = number();
    const size = number();
    const end = at + size;
    if (section === 1) {
      for (let count = number(); count > 0; count -= 1) {
        at += 1;
        types.push(`${letters()}:${letters()}`);
      }
    } else if (section === 2) {
      for (let count = number(); count > 0; count -= 1) {
        text();
        const name = text();
        const kind = number();
        if (kind !== 0) throw new Error(`${name} is no function`);
        imports.set(name, { found: types[number()] ?? "", expected: lettersOf(name) });
      }
    }
    at = end;
  }
  return imports;
}
