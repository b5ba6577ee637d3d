/** What a guest written in text may call, as $name. */
const SIGNATURES: Readonly<Record<string, string>> = {
  exit: "(param i32)",
  say: "(param i32)",
  nothing: "(result i32)",
  argument: "(result i32)",
  getpid: "(result i32)",
  fork: "(result i32)",
  fork64: "(result i64)",
  wait: "(result i32)",
  kill: "(param i32 i32) (result i32)",
  handle: "(param i32 i32 i32) (result i32)",
  block: "(param i32) (result i32)",
  unblock: "(param i32) (result i32)",
  mask: "(result i32)",
  clear: "(result i32)",
  exec: "(param i32 i32) (result i32)",
  spawn: "(param i32 i32) (result i32)",
  thread: "(param i32) (result i32)",
  endThread: "(param i32)",
  gettid: "(result i32)",
  futexWait: "(param i32 i32) (result i32)",
  futexWake: "(param i32 i32) (result i32)",
  clearAt: "(param i32) (result i32)",
  sleep: "(param i32) (result i32)",
  forever: "(result i32)",
};

export const POSIX_IMPORTS = Object.entries(SIGNATURES)
  .map(([name, signature]) => `(import "test" "${name}" (func $${name} ${signature}))`)
  .join("\n");
