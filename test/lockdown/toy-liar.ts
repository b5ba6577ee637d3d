/** A cell that says it is locked and has left out one part. Which one is set when it is bundled. */
import { writeSync } from "node:fs";
import { hostArchitecture } from "../../src/host/call-numbers.ts";
import { memoryFile } from "../../src/host/descriptors.unsafe.ts";
import { setResourceLimit } from "../../src/host/process.unsafe.ts";
import { installFilter } from "../../src/host/seccomp.unsafe.ts";
import { compile } from "../../src/lockdown/compiler.ts";
import { launchArguments } from "../../src/lockdown/launch/launch-arguments.ts";
import { resourceLimits } from "../../src/lockdown/lock.ts";
import { hostPolicy } from "../../src/lockdown/policies.ts";

declare const OMITTED: "nothing" | "filter" | "threads" | "limits" | "exact" | "closing";

const { role } = launchArguments();
for (const [resource, limit] of resourceLimits({ role })) {
  if (OMITTED !== "limits") setResourceLimit(resource, limit, limit);
}
const architecture = hostArchitecture();
const program = compile(hostPolicy(role), architecture);
process.stdin.resume();
if (OMITTED === "closing") memoryFile("linden-opened");
if (OMITTED === "exact") installFilter(compile(hostPolicy("prefilter"), architecture), true);
if (OMITTED !== "filter") installFilter(program, OMITTED !== "threads");
writeSync(1, '"READY"\n');
