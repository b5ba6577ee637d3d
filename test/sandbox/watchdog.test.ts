import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ModuleCache } from "../../src/sandbox/module-cache.ts";
import { parseSandboxOptions } from "../../src/sandbox/options.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { bytesOf, cpuTime, residentBytes, Watchdog } from "../../src/sandbox/watchdog.ts";
import { FakeCell, FakeLauncher } from "./fake-cell.ts";

function child(code: string) {
  const started = spawn(process.execPath, ["-e", code], { stdio: "ignore" });
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    started.once("exit", (exit, signal) => resolve({ code: exit, signal }));
  });
  return { pid: started.pid ?? 0, exited, kill: () => void started.kill("SIGKILL") };
}

type Limits = { readonly cpuMs?: number; readonly bytes?: number };

async function bite(code: string, limits: Limits, then = (_: Watchdog) => {}): Promise<string> {
  const process = child(code);
  try {
    return await new Promise<string>((resolve) => {
      const { cpuMs, bytes = Infinity } = limits;
      const watchdog = new Watchdog(process, { cpuMs, residentBytes: () => bytes }, resolve);
      watchdog.watch();
      then(watchdog);
      // The watchdog itself keeps nothing alive.
      const keep = setInterval(() => {}, 1000);
      process.exited.then(() => {
        clearInterval(keep);
        resolve("exited");
      });
    });
  } finally {
    process.kill();
    await process.exited;
  }
}

test("a process that spins runs out of CPU time", async () => {
  assert.equal(await bite("for(;;);", { cpuMs: 300 }), "cpu");
});

test("a process that fills its memory is seen", async () => {
  assert.equal(await bite("const b=Buffer.alloc(200e6,1);setInterval(()=>b,1e3)", { bytes: 150e6 }), "memory");
});

test("a process that nobody has anything run in is looked at all the same", async () => {
  for (const [code, limits, told] of [
    ["setTimeout(()=>{globalThis.b=Buffer.alloc(200e6,1);setInterval(()=>{},1e3)},900)", { bytes: 150e6 }, "memory"],
    ["setTimeout(()=>{for(;;);},900)", { cpuMs: 600 }, "cpu"],
  ] as const) {
    assert.equal(await bite(code, limits, (watchdog) => watchdog.rest()), told);
  }
});

test("what the host has put aside to its swap counts, and page tables", () => {
  const status = "Name:\tnode\nVmRSS:\t    1000 kB\nVmPTE:\t      20 kB\nVmSwap:\t     300 kB\nThreads:\t1\n";
  assert.equal(bytesOf(status), 1320 * 1024);
  assert.equal(bytesOf("Name:\tkthreadd\n"), undefined);
});

test("a process within its limits is left alone until it ends", async () => {
  assert.equal(await bite("setTimeout(()=>{},300)", { cpuMs: 10_000, bytes: 1e9 }), "exited");
});

test("a process that is gone has neither time nor memory", () => {
  const nobody = 2 ** 22 + 1;
  assert.equal(cpuTime(nobody), undefined);
  assert.equal(residentBytes(nobody), undefined);
  assert.ok((residentBytes(process.pid) ?? 0) > 10e6);
  assert.ok((cpuTime(process.pid) ?? -1) >= 0);
});

test("processor time is counted together with that of who joins, and memory of each for itself", async () => {
  const half = "const end=performance.now()+400;while(performance.now()<end);setInterval(()=>{},1e3)";
  const cases = [
    { first: half, second: "for(;;);", limits: { cpuMs: 600 }, told: "cpu" },
    { first: half, second: "process.exit()", limits: { cpuMs: 5000 }, told: "nothing" },
    {
      first: "setInterval(()=>{},1e3)",
      second: "const b=Buffer.alloc(200e6,1);setInterval(()=>b,1e3)",
      limits: { cpuMs: undefined, bytes: 150e6 },
      told: "memory",
    },
  ];
  for (const { first, second, limits, told } of cases) {
    const [one, other] = [child(first), child(second)];
    const { cpuMs, bytes = Infinity } = limits;
    const bitten = Promise.withResolvers<string>();
    const watchdog = new Watchdog(one, { cpuMs, residentBytes: () => bytes }, bitten.resolve);
    // Nobody asks it to watch: who joins is watched all the same.
    watchdog.join(other);
    // The watchdog itself keeps nothing alive.
    const patience = setTimeout(() => bitten.resolve("nothing"), told === "nothing" ? 800 : 60_000);
    assert.equal(await bitten.promise, told);
    clearTimeout(patience);
    for (const each of [one, other]) each.kill();
    await Promise.all([one.exited, other.exited]);
  }
});

test("what the file server of a sandbox computes is the sandbox's", async () => {
  const home = mkdtempSync(join(tmpdir(), "linden-test-"));
  const program = join(home, "program.wasm");
  writeFileSync(program, new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]));
  const [idle, server] = [child("setInterval(()=>{},1e3)"), child("setTimeout(()=>{for(;;);},300)")];
  const cell = new FakeCell().behave();
  cell.pid = idle.pid;
  cell.serve = async () => server;
  const services = { launcher: new FakeLauncher(cell), cache: new ModuleCache("/dev/null/cache") };
  const options = { mounts: { "/work": { host: home, readOnly: true } }, limits: { cpu: "500ms" } };
  try {
    const box = await startSandbox(services, parseSandboxOptions(options, home));
    assert.equal((await box.run(program)).limit, "cpu");
    await box.close();
    assert.equal((await server.exited).signal, "SIGKILL");
  } finally {
    for (const each of [idle, server]) each.kill();
    await idle.exited;
    rmSync(home, { recursive: true });
  }
});
