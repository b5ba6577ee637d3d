/**
 * Layer: toolchain. The C header of the libc's system calls, from the call table. It must not know the libc's build.
 */
import { callNames, callOf, importName, signatureOf, WALI_MODULE } from "../abi/calls.ts";

const C_TYPES = { i: "int", I: "long" } as const;

/** These return twice or belong to the kernel: a program imports one by naming it, never by syscall(2). */
const NAMED_ONLY = new Set(["fork", "vfork", "clone", "clone3", "rt_sigreturn"]);

/**
 * Declares each call as a typed import and __wali_call(), a switch over all numbers that folds to one import where the
 * number is constant. WALI_ANY_NUMBER leaves out what only a named call may import.
 */
export function waliHeader(): string {
  const lines = ["/* Written from Linden's call table (src/abi/calls.ts). */"];
  for (const name of callNames()) {
    const types = [...signatureOf(name)].map((letter) => C_TYPES[letter === "I" ? "I" : "i"]).join(", ");
    const where = `__import_module__("${WALI_MODULE}"), __import_name__("${importName(name)}")`;
    lines.push(`long __wali_${name}(${types || "void"}) __attribute__((${where}));`);
  }
  lines.push(
    "static inline __attribute__((__always_inline__))",
    "long __wali_call(long n, long a, long b, long c, long d, long e, long f)",
    "{",
    "\tswitch (n) {",
  );
  for (const name of callNames()) {
    const values = [...signatureOf(name)].map((letter, index) => `${letter === "i" ? "(int)" : ""}${"abcdef"[index]}`);
    const line = `\tcase ${callOf(name).number}: return __wali_${name}(${values.join(", ")});`;
    lines.push(...(NAMED_ONLY.has(name) ? ["#ifndef WALI_ANY_NUMBER", line, "#endif"] : [line]));
  }
  lines.push("\t}", "\treturn -38;", "}", "");
  return lines.join("\n");
}
