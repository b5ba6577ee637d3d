/** Layer: engine, rewriter. The caps one rewriting works under. It must not know where a caller takes them from. */
import {
  MODULE_BODY_BYTES,
  MODULE_BODY_STATES,
  MODULE_BR_TABLE,
  MODULE_BRANCHES,
  MODULE_BYTES,
  MODULE_CONSTANT_OPERATIONS,
  MODULE_DATA_SEGMENTS,
  MODULE_ELEMENT_SEGMENTS,
  MODULE_EXPORTS,
  MODULE_FUNCTIONS,
  MODULE_GLOBALS,
  MODULE_IMPORTS,
  MODULE_LOCALS,
  MODULE_LOCALS_SUM,
  MODULE_NAME_BYTES,
  MODULE_NESTING,
  MODULE_PARAMETERS,
  MODULE_RESULTS,
  MODULE_SAFEPOINTS,
  MODULE_TABLE_ELEMENTS,
  MODULE_TABLES,
  MODULE_TAG_PARAMETERS,
  MODULE_TAGS,
  MODULE_TYPES,
} from "../../limits.ts";

/** Caps by name; the units stand in limits.ts. */
export interface RewriteLimits {
  readonly bytes: number;
  readonly types: number;
  readonly parameters: number;
  readonly results: number;
  readonly imports: number;
  readonly functions: number;
  readonly tables: number;
  readonly tableElements: number;
  readonly globals: number;
  readonly tags: number;
  readonly tagParameters: number;
  readonly exports: number;
  readonly nameBytes: number;
  readonly elementSegments: number;
  readonly dataSegments: number;
  readonly constantOperations: number;
  readonly bodyBytes: number;
  readonly bodyStates: number;
  readonly locals: number;
  readonly localsSum: number;
  readonly nesting: number;
  readonly brTable: number;
  readonly branches: number;
  readonly safepoints: number;
}

export const DEFAULT_LIMITS: RewriteLimits = {
  bytes: MODULE_BYTES,
  types: MODULE_TYPES,
  parameters: MODULE_PARAMETERS,
  results: MODULE_RESULTS,
  imports: MODULE_IMPORTS,
  functions: MODULE_FUNCTIONS,
  tables: MODULE_TABLES,
  tableElements: MODULE_TABLE_ELEMENTS,
  globals: MODULE_GLOBALS,
  tags: MODULE_TAGS,
  tagParameters: MODULE_TAG_PARAMETERS,
  exports: MODULE_EXPORTS,
  nameBytes: MODULE_NAME_BYTES,
  elementSegments: MODULE_ELEMENT_SEGMENTS,
  dataSegments: MODULE_DATA_SEGMENTS,
  constantOperations: MODULE_CONSTANT_OPERATIONS,
  bodyBytes: MODULE_BODY_BYTES,
  bodyStates: MODULE_BODY_STATES,
  locals: MODULE_LOCALS,
  localsSum: MODULE_LOCALS_SUM,
  nesting: MODULE_NESTING,
  brTable: MODULE_BR_TABLE,
  branches: MODULE_BRANCHES,
  safepoints: MODULE_SAFEPOINTS,
};
