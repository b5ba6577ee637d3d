/** Layer: lockdown. The host policies of policies/, checked when first used. It must not hold a rule itself. */
import cellData from "../../policies/cell.json" with { type: "json" };
import fileServerData from "../../policies/file-server.json" with { type: "json" };
import jailDefaultData from "../../policies/jail-default.json" with { type: "json" };
import prefilterData from "../../policies/prefilter.json" with { type: "json" };
import programStartData from "../../policies/program-start.json" with { type: "json" };
import { type Policy, readPolicy } from "./policy.ts";

/** Which processes Linden locks. */
export type Role = "cell" | "fileServer";

const DATA = {
  cell: cellData,
  fileServer: fileServerData,
  prefilter: prefilterData,
  jailDefault: jailDefaultData,
  programStart: programStartData,
} as const;

export function hostPolicy(name: Role | "prefilter" | "jailDefault" | "programStart"): Policy {
  return readPolicy(DATA[name]);
}
