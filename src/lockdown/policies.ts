/** Layer: lockdown. The host policies of policies/, checked when first used. It must not hold a rule itself. */
import cellData from "../../policies/cell.json" with { type: "json" };
import fileServerData from "../../policies/file-server.json" with { type: "json" };
import prefilterData from "../../policies/prefilter.json" with { type: "json" };
import { type Policy, readPolicy } from "./policy.ts";

/** Which processes Linden locks. */
export type Role = "cell" | "fileServer";

const DATA = { cell: cellData, fileServer: fileServerData, prefilter: prefilterData } as const;

export function hostPolicy(name: Role | "prefilter"): Policy {
  return readPolicy(DATA[name]);
}
