/** Layer: cli. `linden jail`: a native program in a jail of the kernel's making; minijail0's words. */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { isatty } from "node:tty";
import {
  configurationText,
  JailFailed,
  JailOptionError,
  type JailRequest,
  jailRequest,
  OPTIONS,
  optionText,
  parseCommandLine,
  STATUS,
  startJail,
  systemCalls,
} from "../lockdown/jail/index.ts";
import { print, say } from "./output.ts";
import { UsageError } from "./usage.ts";

/** The exit status: the program's, and see STATUS for the others. */
export async function jail(argv: readonly string[]): Promise<number> {
  let request: JailRequest;
  try {
    const line = parseCommandLine(argv);
    const has = (name: string) => line.given.some(({ option }) => option.name === name);
    if (has("h")) return show(helpText());
    if (has("H")) return show(callNames());
    const generated = line.given.find(({ option }) => option.name === "gen-config")?.value;
    if (generated !== undefined) return generate(generated, configurationText(line.given));
    request = jailRequest(line, process.env);
  } catch (error) {
    if (error instanceof JailOptionError) throw new UsageError("jail", error.message);
    throw error;
  }
  const tell = request.syslog ? toSyslog : say;
  if (isatty(2) || request.syslog) for (const lost of request.lost) tell(`policy: not carried over: ${lost}`);
  try {
    const started = await startJail(request.plan, {
      forwardSignals: request.forwardSignals,
      detached: request.background,
    });
    if (request.pidFile !== undefined) writeFileSync(request.pidFile, `${started.pid}\n`);
    if (!request.background) return await started.ended;
    await started.running;
    started.release();
    return 0;
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error));
    return error instanceof JailFailed ? error.status : STATUS.FAILED;
  }
}

function show(text: string): number {
  print(1, text);
  return 0;
}

function generate(file: string, text: string): number {
  if (existsSync(file)) throw new UsageError("jail", `--gen-config ${file}: it exists already`);
  writeFileSync(file, text, { flag: "wx" });
  return 0;
}

function toSyslog(message: string): void {
  const { error, status } = spawnSync("logger", ["-t", "linden-jail", "--", message], { stdio: "ignore" });
  if (error !== undefined || status !== 0) say(message);
}

const COLUMN = 34;

function helpText(): string {
  const lines = OPTIONS.map((option) => {
    const left = `  ${optionText(option)}`;
    return left.length < COLUMN
      ? `${left.padEnd(COLUMN)}${option.help}`
      : `${left}\n${" ".repeat(COLUMN)}${option.help}`;
  });
  return `Usage: linden jail [OPTIONS] [--] PROGRAM [ARGS…]

Runs a native program in a jail of namespaces, capabilities, Landlock, limits and a seccomp filter, none of which it can
leave. The options are minijail0's; docs/jail.md tells of each. A step that cannot be done stops the start.

${lines.join("\n")}

Exit status: the program's; 128+n signal n ended it; 253 a call its filter forbids; 126 not executable; 127 not found;
125 a step of the jail failed, or the options are wrong.
`;
}

function callNames(): string {
  return [...systemCalls()].map(([name, number]) => `${name} [${number}]\n`).join("");
}
