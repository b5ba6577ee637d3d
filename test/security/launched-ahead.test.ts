/**
 * The cell that `linden run` launches from its main thread before it has read its command line: what it inherits, and what becomes
 * of it when either side is killed, at any moment.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pipe, socketPair } from "../../src/host/descriptors.unsafe.ts";
import { until } from "../processor-time.ts";
import { childrenOf, descendantsOf, Guests, goodProgram, HOME, lives, scratch } from "./world.ts";

const LINDEN = join(HOME, "dist/cli.cjs");
const root = scratch();
const guests = new Guests();
const good = guests.path(goodProgram());
const started = new Set<ChildProcess>();
after(() => {
  for (const each of started) each.kill("SIGKILL");
});

/** `linden run` as a shell starts it, with more descriptors open than it knows of. */
function start(args: readonly string[], more: readonly number[] = []): ChildProcess {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "--", LINDEN, "run", ...args], {
    stdio: ["pipe", "pipe", "pipe", ...more],
    env: { PATH: process.env.PATH, HOME: root, XDG_CACHE_HOME: join(root, "cache"), SECRET_OF_CALLER: "1" },
  });
  started.add(child);
  return child;
}

const WAITING = ["python", "-c", "import sys; print('up', flush=True); sys.stdin.read()"];

async function untilUp(child: ChildProcess): Promise<number[]> {
  assert.ok(child.stdout);
  await once(child.stdout, "data");
  return descendantsOf(child.pid ?? assert.fail());
}

/** What a process has open, by number. */
function openIn(pid: number): Map<number, string> {
  const names = readdirSync(`/proc/${pid}/fd`);
  return new Map(names.map((name) => [Number(name), readlinkSync(`/proc/${pid}/fd/${name}`)]));
}

const zombies = (pid: number) =>
  childrenOf(pid).filter((each) => /^State:\s+Z/m.test(readFileSync(`/proc/${each}/status`, "latin1")));

describe("the first cell of a command", () => {
  it("has four descriptors and what its engine made, whatever the command was started with", {
    timeout: 60_000,
  }, async () => {
    const file = join(root, "stray");
    writeFileSync(file, "secret");
    const [strayPipe, straySocket] = [pipe(), socketPair()];
    assert.ok(typeof strayPipe === "object" && typeof straySocket === "object");
    const strays = [openSync(file, "r+"), openSync("/", "r"), strayPipe.second, strayPipe.first, straySocket.first];
    const names = strays.map((descriptor) => readlinkSync(`/proc/self/fd/${descriptor}`));
    const command = start(WAITING, strays);
    const [cell, ...others] = await untilUp(command);
    assert.ok(cell !== undefined && others.length === 0);
    const callers = new Map(openIn(command.pid ?? 0));
    for (const name of names) assert.ok([...callers.values()].includes(name), `the command has ${name}`);
    const found = openIn(cell);
    for (const [descriptor, name] of found) {
      assert.ok(!names.includes(name), `${descriptor} is ${name}`);
      const kind =
        descriptor < 3 ? /^pipe:/ : descriptor === 3 ? /^socket:/ : /^(pipe:|anon_inode:\[event(poll|fd)\]$)/;
      assert.match(name, kind, `${descriptor}`);
    }
    // Frames down, frames up, crash text: a pipe each. The other pipes are the engine's own: both of their ends are here.
    const [down, up, crash] = [0, 1, 2].map((descriptor) => found.get(descriptor));
    assert.equal(new Set([down, up, crash]).size, 3);
    const own = [...found]
      .filter(([descriptor, name]) => descriptor > 3 && name.startsWith("pipe:"))
      .map(([, name]) => name);
    for (const name of own) {
      assert.equal(own.filter((each) => each === name).length, 2, `${name} leads out of the cell`);
      assert.ok(![...callers.values()].includes(name), `${name} is the command's`);
    }
    assert.ok(found.size <= 24, [...found.values()].join(" "));
    const environ = readFileSync(`/proc/${cell}/environ`, "latin1");
    assert.deepEqual(
      environ
        .split("\0")
        .filter(Boolean)
        .map((each) => each.split("=")[0])
        .sort(),
      ["OPENSSL_CONF", "TZ"],
    );
    assert.equal(readlinkSync(`/proc/${cell}/cwd`), "/");
    assert.ok(!readFileSync(`/proc/${cell}/cmdline`, "latin1").includes(HOME));
    command.stdin?.end();
    await once(command, "exit");
    for (const descriptor of [...strays, straySocket.second]) closeSync(descriptor);
  });

  it("is killed and waited for when one with other limits is wanted", { timeout: 60_000 }, async () => {
    for (const limit of [
      ["--cpu-time", "20s"],
      ["--cpu-time", "20s", "-m", "64m"],
    ]) {
      const command = start([...limit, ...WAITING]);
      const pid = command.pid ?? assert.fail();
      await untilUp(command);
      await until(() => childrenOf(pid).length === 1, 2000, "one cell alone");
      assert.deepEqual(zombies(pid), []);
      command.stdin?.end();
      const [code] = await once(command, "exit");
      assert.equal(code, 0);
    }
  });

  it("goes when the command line is wrong, or there is no such program", { timeout: 60_000 }, async () => {
    for (const args of [["--no-such-option"], [join(root, "nothing.wasm")], ["-v", "/nonexistent:/x", good], []]) {
      const command = start(args);
      const pid = command.pid ?? assert.fail();
      const seen = new Set<number>();
      const look = setInterval(() => {
        for (const each of descendantsOf(pid)) seen.add(each);
      }, 2);
      const [code, signal] = await once(command, "exit");
      clearInterval(look);
      assert.ok(signal === null && code !== 0, `${args}: ${code} ${signal}`);
      await until(() => [...seen].every((each) => !lives(each)), 1000, `its cell gone: ${args}`);
    }
  });

  it("is killed at any moment: the command says so and ends, with nothing left", { timeout: 120_000 }, async () => {
    for (const delay of [0, 2, 5, 10, 20, 30, 40, 60, 80, 120, 200, 400]) {
      const command = start(WAITING);
      const pid = command.pid ?? assert.fail();
      let said = "";
      command.stderr?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      command.stdout?.resume();
      let [cell] = childrenOf(pid);
      while (cell === undefined) {
        await sleep(1);
        [cell] = childrenOf(pid);
      }
      await sleep(delay);
      try {
        process.kill(cell, "SIGKILL");
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "ESRCH");
      }
      let over = false;
      command.once("close", () => {
        over = true;
      });
      await until(() => over, 10_000, `an end, after ${delay} ms`);
      const { exitCode: code, signalCode: signal } = command;
      assert.ok(
        typeof code === "number" && code !== 0 && signal === null,
        `after ${delay} ms: ${code} ${signal} ${said}`,
      );
      assert.match(said, /^linden: /, `after ${delay} ms`);
      assert.ok(!said.includes("    at "), said);
      await until(() => !lives(cell), 1000, "the cell gone");
    }
  });

  it("goes with the command when that is sent a signal at any moment", { timeout: 120_000 }, async () => {
    for (const [round, delay] of [0, 10, 30, 50, 70, 90, 120, 160, 250, 400].entries()) {
      const signal = (["SIGTERM", "SIGINT", "SIGHUP"] as const)[round % 3] ?? "SIGTERM";
      const command = start(WAITING);
      const pid = command.pid ?? assert.fail();
      command.stdout?.resume();
      command.stderr?.resume();
      const seen = new Set<number>();
      for (const end = performance.now() + delay; performance.now() < end; await sleep(2)) {
        for (const each of descendantsOf(pid)) seen.add(each);
      }
      for (const each of descendantsOf(pid)) seen.add(each);
      command.kill(signal);
      const over = () => command.exitCode !== null || command.signalCode !== null;
      await until(over, 10_000, `an end, ${signal} after ${delay} ms`);
      await until(() => [...seen].every((each) => !lives(each)), 1500, `processes gone, ${signal} after ${delay} ms`);
    }
  });
});
