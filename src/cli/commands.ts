/**
 * Layer: cli. The subcommands: picks one, prints errors, answers the exit status. Each is loaded when it is asked for.
 */

import { createRequire } from "node:module";
import type { LaunchedAhead } from "../sandbox/services.ts";
import { print, say, statusOf } from "./output.ts";
import { HELP, MAIN_HELP, UsageError } from "./usage.ts";

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
  ["ar", async () => (await import("./cc.ts")).binaryTool("ar")],
  ["ranlib", async () => (await import("./cc.ts")).binaryTool("ranlib")],
  ["nm", async () => (await import("./cc.ts")).binaryTool("nm")],
  ["strip", async () => (await import("./cc.ts")).binaryTool("strip")],
  ["image", async () => (await import("./image.ts")).image],
  ["shell", async () => (await import("./shell.ts")).shell],
  ["help", async () => help],
  ["version", async () => version],
]);

function help([command]: readonly string[]): number {
  const text = command === undefined ? MAIN_HELP : HELP.get(command);
  if (text === undefined) throw new UsageError("", `there is no command ${command}`);
  print(1, text);
  return 0;
}

function version(): number {
  const manifest: unknown = createRequire(import.meta.url)(
    import.meta.url.endsWith(".ts") ? "../../package.json" : "../package.json",
  );
  const found = typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : "";
  print(1, `linden ${found} (node ${process.version})\n`);
  return 0;
}

/** The exit status. `launched` is what was launched ahead for "run". */
export function main(argv: readonly string[], launched: LaunchedAhead | undefined): Promise<number> {
  return command(argv, launched).catch(fail);
}

async function command(argv: readonly string[], launched: LaunchedAhead | undefined): Promise<number> {
  const [word, ...rest] = argv;
  if (word === undefined) {
    print(2, MAIN_HELP);
    return EXIT_LINDEN;
  }
  if (word === "--help" || word === "-h") return help([]);
  if (word === "--version" || word === "-V") return version();
  const load = COMMANDS.get(word);
  if (load === undefined) throw new UsageError("", `there is no command ${word}`);
  return (await load())(rest, launched);
}

function fail(error: unknown): number {
  if (error instanceof UsageError || isParseError(error)) {
    say(error.message);
    const command = error instanceof UsageError && error.command !== "" ? `${error.command} ` : "";
    say(`see linden ${command}--help`);
    return EXIT_LINDEN;
  }
  say(error instanceof Error ? error.message : String(error));
  return statusOf(error);
}

function isParseError(error: unknown): error is TypeError {
  return error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}
