/**
 * Layer: toolchain. The stage for programs that call functions through pointers of other types, as C programs do and other
 * machines let them. It must not know how.
 */
import { readFile, writeFile } from "node:fs/promises";
import { WALI_MODULE } from "../../abi/calls.ts";
import { reachOf } from "../wasm/call-graph.ts";
import { type Budget, type Extent, withCasts } from "../wasm/casts.ts";
import { functionNames } from "../wasm/names.ts";
import { barriersOf, RETURN_TWICE } from "./asyncify.ts";
import { type LinkRequest, type Stage, waliImports } from "./link.ts";

/** Added without being asked for: it takes some 10 microseconds of a start at most, and a tenth of a small program. */
const CHEAP: Budget = { functions: 512, places: 1024 };
const ANY: Budget = { functions: Number.POSITIVE_INFINITY, places: Number.POSITIVE_INFINITY };

async function cast(request: LinkRequest): Promise<void> {
  if (request.casts === "none") return;
  const linked = new Uint8Array(await readFile(request.file));
  const imports = await waliImports(request.file);
  const twice = RETURN_TWICE.filter((name) => imports.has(name)).map((name) => `${WALI_MODULE}.${name}`);
  const reach = twice.length === 0 ? undefined : reachOf(linked, new Set(twice), barriersOf(functionNames(linked)));
  const attempt = (extent: Extent, budget: Budget) => withCasts(linked, extent, budget, reach);
  const done = request.casts === "all" ? attempt("any", ANY) : (attempt("own", CHEAP) ?? attempt("likely", CHEAP));
  if (done !== undefined && done !== linked) await writeFile(request.file, done);
}

export const castsStage: Stage = { name: "casts", run: cast };
