/**
 * A caller of its own process: starts a launcher and a toy cell, prints what the cell reports of itself, then stays or ends.
 * Before, it may put itself behind a filter that makes one host call fail for it and for all it starts: real faults, with
 * no hook in the code under test. Arguments: bundle of the toy, "stay" or "end", and the sabotage as a policy's rules.
 */
import { writeSync } from "node:fs";
import { hostArchitecture } from "../../src/host/call-numbers.ts";
import { setNoNewPrivileges } from "../../src/host/process.unsafe.ts";
import { installFilter } from "../../src/host/seccomp.unsafe.ts";
import { compile } from "../../src/lockdown/compiler.ts";
import { LockFailed } from "../../src/lockdown/failure.ts";
import { readPolicy } from "../../src/lockdown/policy.ts";
import { startLauncher, Toy } from "./toy.ts";

const [toy, ending, sabotage] = process.argv.slice(2);
if (toy === undefined) throw new Error("expected the toy's bundle");
const say = (value: unknown) => writeSync(1, `${JSON.stringify(value)}\n`);

if (sabotage !== undefined) {
  const policy = readPolicy({ about: "sabotage", default: "allow", syscalls: JSON.parse(sabotage) });
  if (setNoNewPrivileges() !== 0 || installFilter(compile(policy, hostArchitecture()), true) !== 0) process.exit(3);
}
try {
  const launcher = await startLauncher({ cellBundle: toy });
  const { process: launched } = await launcher.launchCell();
  const cell = await Toy.from(launched);
  await launched.verify();
  say({ pid: launched.pid, report: await cell.ask({ run: "report" }) });
  if (ending === "end") await launcher.close();
} catch (error) {
  say({ step: error instanceof LockFailed ? error.step : undefined, message: String(error) });
  process.exit(1);
}
