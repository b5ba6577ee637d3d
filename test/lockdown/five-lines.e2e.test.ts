/** The five-line example in a whole program, started as its reader starts it. dist/ must be built. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { home } from "./locked.ts";

const PROGRAM = `
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Networking, SafetyContext, SystemIO } from "linden/lockdown";
const server = createServer((_request, response) => response.end("hello from the socket"));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as { port: number };

new SafetyContext()
  .enable(SystemIO.nothing().allowStdout().allowStderr())
  .enable(Networking.nothing().allowRunningTcpServers().allowStartTcpClients())
  .applyToAllThreads();

const begin = performance.now();
await new Promise((resolve) => setTimeout(resolve, 30));
console.log("timer", performance.now() - begin >= 29);
try { readFileSync("/etc/hostname"); } catch (error) { console.log(String(error)); }
console.log(await (await fetch("http://127.0.0.1:" + port)).text());
server.close();
server.closeAllConnections();
`;

const scratch = mkdtempSync(join(tmpdir(), "linden-five-"));
mkdirSync(join(scratch, "node_modules"));
symlinkSync(home, join(scratch, "node_modules/linden"));
writeFileSync(join(scratch, "package.json"), '{"type":"module"}');
writeFileSync(join(scratch, "app.ts"), PROGRAM);
after(() => rmSync(scratch, { recursive: true, force: true }));

function run(...options: string[]) {
  const quiet = "--disable-warning=ExperimentalWarning";
  return spawnSync(process.execPath, [quiet, ...options, "app.ts"], {
    cwd: scratch,
    encoding: "utf8",
    timeout: 20_000,
  });
}

test("behind the boot hook: a timer, a file refused, standard output, a request on an allowed socket, and status 0", () => {
  const { status, stdout, stderr } = run("--import", "linden/lockdown/boot");
  assert.equal(stderr, "");
  assert.equal(
    stdout,
    "timer true\nError: EPERM: operation not permitted, open '/etc/hostname'\nhello from the socket\n",
  );
  assert.equal(status, 0);
});

test("without the hook it refuses with a sentence", () => {
  const { status, stdout, stderr } = run();
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(
    stderr,
    /RingsExist: this process holds \d+ io_uring rings?, .*node --import linden\/lockdown\/boot app\.ts/,
  );
});
