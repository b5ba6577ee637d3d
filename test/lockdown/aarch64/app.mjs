/** A program of the aarch64 machine: locks itself, and attempts what it may and what it may not. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { promises, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { LockedWorker, Networking, NodeRuntime, SafetyContext, SystemIO, Threads } from "/linden/dist/lockdown.js";

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const attempt = async (work) => {
  try {
    return (await work()) ?? "done";
  } catch (error) {
    return error.code ?? String(error);
  }
};
const server = createServer((_request, response) => response.end("hello"));
await once(server.listen(0, "127.0.0.1"), "listening");
const { port } = server.address();
say([
  process.arch,
  await new SafetyContext().enable("uname").run((a, b) => a + b, [1, 2]),
  await attempt(() =>
    new SafetyContext().enable("uname").run(() => process.getBuiltinModule("node:fs").openSync("/init")),
  ),
  typeof LockedWorker.start,
]);
const report = new SafetyContext()
  .enable(SystemIO.nothing().allowStdout().allowStderr())
  .enable(Networking.nothing().allowRunningTcpServers().allowStartTcpClients())
  .enable(Threads.nothing().allowCreate())
  .enable(new NodeRuntime().allowWorkers().yesReally())
  .withLimits({ core: 0 })
  .dropCapabilities()
  .applyToAllThreads({ restart: true });
say([report.scope, report.noNewPrivileges, report.capabilities.kept, report.seccomp.tried]);
await new Promise((resolve) => setTimeout(resolve, 5));
say([
  await attempt(() => readFileSync("/init").length),
  await attempt(() => promises.readFile("/init")),
  await attempt(async () => (await fetch(`http://127.0.0.1:${port}`)).text()),
  await attempt(() => once(createServer().listen(0, "127.0.0.1"), "listening")),
  randomBytes(8).length,
]);
// The compilers and the collector at work, and a thread of its own.
let sum = 0;
for (let i = 0; i < 3e6; i++) sum += i % 7;
const things = Array.from({ length: 200_000 }, (_, i) => ({ text: String(i) }));
say([sum, things.length, process.cpuUsage().user > 0]);
server.close();
server.closeAllConnections();
