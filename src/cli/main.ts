#!/usr/bin/env node
/**
 * Layer: cli. The command `linden`: picks the subcommand, prints errors, exits. Only this room does either.
 */
import { createRequire } from "node:module";
import { doctor } from "./doctor.ts";
import { explain } from "./explain.ts";
import { guests } from "./guests.ts";
import { print, say } from "./output.ts";
import { run, statusOf } from "./run.ts";
import { HELP, MAIN_HELP, UsageError } from "./usage.ts";

/** docker's: the command itself failed. */
const EXIT_LINDEN = 125;

type Command = (argv: readonly string[]) => number | Promise<number>;

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["run", run],
  ["guests", guests],
  ["doctor", doctor],
  ["explain", explain],
  ["help", help],
  ["version", version],
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

async function main(argv: readonly string[]): Promise<number> {
  const [word, ...rest] = argv;
  if (word === undefined) {
    print(2, MAIN_HELP);
    return EXIT_LINDEN;
  }
  if (word === "--help" || word === "-h") return help([]);
  if (word === "--version" || word === "-V") return version();
  const command = COMMANDS.get(word);
  if (command === undefined) throw new UsageError("", `there is no command ${word}`);
  return command(rest);
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

process.exit(await main(process.argv.slice(2)).catch(fail));
