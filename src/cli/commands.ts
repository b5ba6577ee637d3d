/**
 * Layer: cli. The subcommands: picks one, prints errors, answers the exit status. Each is loaded when it is asked for.
 */

import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { didYouMean } from "../lockdown/nearest.ts";
import type { LaunchedAhead } from "../sandbox/services.ts";
import { print, say, statusOf } from "./output.ts";
import { HELP, MAIN_HELP, parseMessage, UsageError } from "./usage.ts";

/** docker's: the command itself failed. */
const EXIT_LINDEN = 125;

type Command = (argv: readonly string[], launched: LaunchedAhead | undefined) => number | Promise<number>;

const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map<string, () => Promise<Command>>([
  ["run", async () => (await import("./run.ts")).run],
  ["guests", async () => (await import("./guests.ts")).guests],
  ["doctor", async () => (await import("./doctor.ts")).doctor],
  ["explain", async () => (await import("./explain.ts")).explain],
  ["jail", async () => (await import("./jail.ts")).jail],
  ["convert", async () => (await import("./convert.ts")).convert],
  ["learn", async () => (await import("./learn.ts")).learn],
  ["cc", async () => (await import("./cc.ts")).compiler("c")],
  ["c++", async () => (await import("./cc.ts")).compiler("c++")],
  ["ar", async () => (await import("./cc.ts")).binary("ar")],
  ["ranlib", async () => (await import("./cc.ts")).binary("ranlib")],
  ["nm", async () => (await import("./cc.ts")).binary("nm")],
  ["strip", async () => (await import("./cc.ts")).binary("strip")],
  ["image", async () => (await import("./image.ts")).image],
  ["shell", async () => (await import("./shell.ts")).shell],
  ["help", async () => help],
  ["version", async () => version],
]);

function help([command]: readonly string[]): number {
  const text = command === undefined || command === "--help" || command === "-h" ? MAIN_HELP : HELP.get(command);
  if (text === undefined) throw unknownCommand(command ?? "");
  print(1, text);
  return 0;
}

function version(): number {
  const here = import.meta.filename;
  const manifest: unknown = createRequire(here)(here.endsWith(".ts") ? "../../package.json" : "../package.json");
  const found = typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : "";
  print(1, `linden ${found} (node ${process.version})\n`);
  return 0;
}

/** The exit status. `launched` is what was launched ahead for "run". */
export function main(argv: readonly string[], launched: LaunchedAhead | undefined): Promise<number> {
  return command(argv, launched).catch((error: unknown) => fail(error, argv[0] ?? ""));
}

async function command(argv: readonly string[], launched: LaunchedAhead | undefined): Promise<number> {
  checkEncoding(argv);
  const [word, ...rest] = argv;
  if (word === undefined) {
    print(2, MAIN_HELP);
    return EXIT_LINDEN;
  }
  if (word === "--help" || word === "-h") return help([]);
  if (word === "--version" || word === "-V") return version();
  const load = COMMANDS.get(word);
  if (load === undefined) throw unknownCommand(word);
  return (await load())(rest, launched);
}

function unknownCommand(word: string): UsageError {
  return new UsageError("", `there is no command ${word}${didYouMean(word, COMMANDS.keys())}`);
}

/** Node reads words as UTF-8 and puts U+FFFD for what is none: a file would not be found, a guest would get another word. */
function checkEncoding(argv: readonly string[]): void {
  if (!argv.some((word) => word.includes("\ufffd"))) return;
  const raw = readFileSync("/proc/self/cmdline");
  if (isUtf8(raw)) return;
  const word =
    raw
      .toString("latin1")
      .split("\0")
      .find((each) => !isUtf8(Buffer.from(each, "latin1"))) ?? "";
  const shown = word.replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
  throw new UsageError("", `${shown}: words and names of files must be UTF-8 here`);
}

/** Prints what went wrong in one line. `word`: the command. The exit status. */
function fail(error: unknown, word: string): number {
  if (error instanceof UsageError || isParseError(error)) {
    say(error instanceof UsageError ? error.message : parseMessage(error));
    const command = error instanceof UsageError ? error.command : COMMANDS.has(word) ? word : "";
    say(`see linden ${command === "" ? "" : `${command} `}--help`);
    return EXIT_LINDEN;
  }
  say(isSystemError(error) ? systemMessage(error) : error instanceof Error ? error.message : String(error));
  return statusOf(error);
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "code" in error;
}

/** The file first, as in every message of ours. */
function systemMessage({ message, syscall, path, code }: NodeJS.ErrnoException): string {
  if (syscall === "uv_cwd") return "the current directory is not there any more: change into another one";
  const [, what] = /^\w+: ([^,]+), /.exec(message) ?? [];
  return path === undefined || what === undefined ? message : `${path}: ${what} (${code})`;
}

function isParseError(error: unknown): error is TypeError {
  return error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}
