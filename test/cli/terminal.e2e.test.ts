/** `linden run -t` under a pseudo-terminal of script(1). dist/ must be built (./linden test does that). */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { builtImage } from "../../src/store/index.ts";
import { DEFAULT_IMAGE } from "../../src/toolchain/index.ts";
import { until } from "../processor-time.ts";
import { drawnScreen } from "./drawn-screen.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.cjs", import.meta.url));
const SCRIPT = "/usr/bin/script";
const skip = existsSync(SCRIPT) ? false : "needs script(1) of util-linux";

/**
 * Each step: what is typed once this text has shown up after the last step's, or what is done with the terminal's device and
 * all that was written to it so far, and then typed.
 */
type Step = readonly [shown: string, typed: string | ((device: string, screen: string) => string)];

/** What the screen got, with the settings of the terminal before and after between; and the exit status. */
async function onTerminal(args: readonly string[], steps: readonly Step[]) {
  const quoted = args.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(" ");
  const run = `tty; stty rows 33 cols 99; stty -g; '${process.execPath}' --disable-warning=ExperimentalWarning '${CLI}' ${quoted}; s=$?; echo; stty -g; exit $s`;
  const child = spawn(SCRIPT, ["-qefc", run, "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, SHELL: "/bin/sh" },
  });
  // Ends what hangs, and nothing else on a machine that is busy.
  const patience = setTimeout(() => child.kill("SIGKILL"), 120_000);
  let screen = "";
  let from = 0;
  let next = 0;
  child.stdout.on("data", (chunk: Uint8Array) => {
    screen += Buffer.from(chunk).toString("latin1");
    for (let step = steps[next]; step !== undefined; step = steps[next]) {
      const at = screen.indexOf(step[0], from);
      if (at < 0) break;
      from = at + step[0].length;
      next += 1;
      const [, does] = step;
      child.stdin.write(typeof does === "string" ? does : does(screen.slice(0, screen.indexOf("\r\n")), screen));
    }
  });
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(patience);
  const [, ...lines] = screen.trimEnd().split("\r\n");
  assert.equal(lines.at(-1), lines[0], "the terminal is as it was");
  const shown = lines.slice(1, -1);
  if (shown.at(-1) === "") shown.pop();
  return { status, shown };
}

test("keys are the program's: echoed and edited by its own terminal", { skip }, async () => {
  const code = "print('ready', flush=True); print('got', input())";
  const { status, shown } = await onTerminal(["run", "-t", "python", "-c", code], [["ready\r\n", "helx\x7flo\r"]]);
  assert.deepEqual(shown, ["ready", "helx\b \blo", "got hello"]);
  assert.equal(status, 0);
});

test("Ctrl-D is the end of input, and only for the program", { skip }, async () => {
  const code = "import sys; print('ready', flush=True); print(len(sys.stdin.read()))";
  const { shown } = await onTerminal(["run", "-t", "python", "-c", code], [["ready\r\n", "four\r\x04"]]);
  assert.deepEqual(shown, ["ready", "four", "5"]);
});

test("Ctrl-C ends a program that waits, and the terminal is put back", { skip }, async () => {
  const code = "import time; print('ready', flush=True); time.sleep(60)";
  const { status, shown } = await onTerminal(["run", "-t", "python", "-c", code], [["ready\r\n", "\x03"]]);
  assert.deepEqual(shown, ["ready", "^C"]);
  assert.equal(status, 130);
});

test("Ctrl-C ends a program that computes without end", { skip }, async () => {
  const code = "print('ready', flush=True)\nwhile True: pass";
  const { status } = await onTerminal(["run", "-t", "python", "-c", code], [["ready\r\n", "\x03"]]);
  assert.equal(status, 130);
});

const noImage = (await builtImage(DEFAULT_IMAGE)) === undefined && "needs the default image: linden image build";

test("a shell has job control, the window's size and an editor's keys", { skip: skip || noImage }, async () => {
  const { status, shown } = await onTerminal(
    ["shell"],
    [
      ["# ", "stty size\r"],
      ["33 99\r\n", "sh -c 'echo one; sleep 100'\r"],
      ["\none\r\n", "\x03"],
      ["# ", "sh -c 'echo two; cat'\r"],
      ["\ntwo\r\n", "\x1a"],
      ["# ", "fg\r"],
      ['cat"\r\n', "typed\r"],
      ["\ntyped\r\n", "\x04"],
      ["# ", "echo one\x1b[D\x1b[D\x1b[Dw\r"],
      ["wone\r\n", "exit 5\r"],
    ],
  );
  assert.equal(status, 5);
  const screen = shown.join("\n");
  for (const part of ["33 99", "^C", "Stopped", "typed\ntyped", "\nwone\n"]) {
    assert.ok(screen.includes(part), `${part} is not in ${JSON.stringify(screen)}`);
  }
});

/** A shell's prompt, before and after which everything is one command's. */
const PROMPT = "# ";

async function inShell(steps: readonly Step[]): Promise<string> {
  const { status, shown } = await onTerminal(["shell"], [...steps, [PROMPT, "exit 7\r"]]);
  const screen = shown.join("\n");
  assert.equal(status, 7, screen);
  return screen;
}

/** In this order on the screen. */
function shows(screen: string, ...parts: readonly string[]): void {
  let from = 0;
  for (const part of parts) {
    const at = screen.indexOf(part, from);
    assert.ok(at >= 0, `${JSON.stringify(part)} is not in ${JSON.stringify(screen.slice(from))}`);
    from = at + part.length;
  }
}

test("Ctrl-C ends a busy loop of the shell's own, and a busy job", { skip: skip || noImage }, async () => {
  const screen = await inShell([
    [PROMPT, "while :; do :; done\r"],
    ["done\r\n", "\x03"],
    [PROMPT, "echo first $?\r"],
    ["first 130\r\n", "sh -c 'echo up; while :; do :; done'\r"],
    ["\nup\r\n", "\x03"],
    [PROMPT, "echo second $?\r"],
    ["second 130\r\n", "\r"],
  ]);
  shows(screen, "^C", "first 130", "^C", "second 130");
});

test("a busy job is stopped, goes on behind, comes back and is killed; the shell answers meanwhile", {
  skip: skip || noImage,
}, async () => {
  const screen = await inShell([
    [PROMPT, "sh -c 'echo up; while :; do :; done'\r"],
    ["\nup\r\n", "\x1a"],
    [PROMPT, "jobs\r"],
    ["Stopped", "bg\r"],
    [PROMPT, "jobs; echo 'al'ive\r"],
    ["alive\r\n", "fg\r"],
    ['done"\r\n', "\x03"],
    [PROMPT, "sh -c 'while :; do :; done' &\r"],
    [PROMPT, "kill %1; wait %1; echo ended $?\r"],
    ["ended 143\r\n", "\r"],
  ]);
  shows(screen, "^Z", "Stopped", "Running", "alive", "^C", "ended 143");
});

test("pipelines, here-documents, globbing and line editing", { skip: skip || noImage }, async () => {
  const screen = await inShell([
    [PROMPT, "seq 1 1000 | sort -rn | head -3 | tr '\\n' ' '; echo\r"],
    ["1000 999 998", "cat <<END\r"],
    ["> ", "two is $((1+1))\r"],
    ["> ", "END\r"],
    ["two is 2\r\n", "cd /tmp && touch a1 a2 b1 && echo glob: a* [b]?\r"],
    ["glob: a1 a2 b1\r\n", "echo wrnog\x1b[D\x1b[D\x1b[D\x1b[D\x7f\x1b[3~\x01\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x05\r"],
    [PROMPT, "echo one two\x17three\r"],
    ["\none three\r\n", "echo kept; echo gone\x15echo only\r"],
    ["\nonly\r\n", "\x1b[A\x1b[A\r"],
    ["\none three\r\n", "\r"],
  ]);
  shows(screen, "1000 999 998", "two is 2", "glob: a1 a2 b1", "one three", "only", "one three");
});

/** Gives the window another size, as a person drags its corner. */
function resize(device: string, rows: number, columns: number): void {
  assert.equal(spawnSync("stty", ["-F", device, "rows", `${rows}`, "cols", `${columns}`]).status, 0);
}

test("vi draws its screen, what is typed into it, and all of it anew in a window of another size", {
  skip: skip || noImage,
}, async () => {
  const seen: string[][] = [];
  const look = (screen: string, rows: number, columns: number) => {
    // What was written since it last began to draw.
    seen.push(drawnScreen(screen.slice(screen.lastIndexOf("\x1b[H\x1b[J")), rows, columns));
  };
  await inShell([
    [PROMPT, "printf 'first\\nsecond\\n' > /tmp/text; vi /tmp/text\r"],
    [
      "- /tmp/text 1/2 50%",
      (_, screen) => {
        look(screen, 33, 99);
        return "Othe zeroth\x1b";
      },
    ],
    [
      "- /tmp/text [Modified] 1/3 33%",
      (device, screen) => {
        look(screen, 33, 99);
        resize(device, 21, 66);
        return "";
      },
    ],
    [
      "- /tmp/text [Modified] 1/3 33%",
      (_, screen) => {
        look(screen, 21, 66);
        return ":wq\r";
      },
    ],
    [PROMPT, "cat /tmp/text\r"],
    ["the zeroth\r\nfirst\r\nsecond\r\n", "\r"],
  ]);
  const rowsOf = (rows: number, text: readonly string[], last: string) => [
    ...text,
    ...new Array<string>(rows - 1 - text.length).fill("~"),
    last,
  ];
  const text = ["the zeroth", "first", "second"];
  const modified = "- /tmp/text [Modified] 1/3 33%";
  assert.deepEqual(seen, [
    rowsOf(33, ["first", "second"], "- /tmp/text 1/2 50%"),
    rowsOf(33, text, modified),
    rowsOf(21, text, modified),
  ]);
});

test("a change of the window's size reaches a program that waits for it", { skip: skip || noImage }, async () => {
  const screen = await inShell([
    [PROMPT, "sh -c 'trap \"stty size\" WINCH; echo trapped; while :; do sleep 0.1; done'\r"],
    [
      "\ntrapped\r\n",
      (device) => {
        resize(device, 21, 66);
        return "";
      },
    ],
    ["21 66\r\n", "\x03"],
  ]);
  shows(screen, "trapped", "21 66", "^C");
});

test("a shell that is built is there within a second", { skip: skip || noImage }, async () => {
  // The least of some, and as many milliseconds as it is given a processor: a busy machine is not the shell's doing.
  const times: number[] = [];
  for (let run = 0; run < 5 && !times.some((time) => time < 1000); run += 1) {
    let prompt = false;
    const come = () => {
      prompt = true;
      return "\r";
    };
    const ended = inShell([[PROMPT, come]]);
    times.push(await until(() => prompt, 10_000, "a prompt"));
    await ended;
  }
  assert.ok(Math.min(...times) < 1000, `prompts came after ${times.map(Math.round).join(", ")} ms`);
});

test("without a terminal -t changes nothing", () => {
  const code = "import sys; print(sys.stdin.isatty(), input())";
  const { status, stdout } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", CLI, "run", "-t", "python", "-c", code],
    { input: "in\n", encoding: "utf8" },
  );
  assert.deepEqual([status, stdout], [0, "False in\n"]);
});
