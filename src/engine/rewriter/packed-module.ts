/**
 * Layer: engine, rewriter. A rewritten module and its report as one run of bytes, for caches and pipes. What comes back is
 * not believed for safety: the image holds it against what V8 lists and instantiation checks every type; here only its
 * shape is checked. It must not know where the bytes were kept.
 *
 * Format: u32 little-endian length of the report, the report as JSON in ASCII, the module.
 */
import { ModuleRefused } from "./refusal.ts";
import type { ModuleReport } from "./report.ts";
import type { RewrittenModule } from "./rewrite.ts";

/** Bytes of a report: 100,000 functions' worth of imports and exports fit easily. */
const REPORT_BYTES = 16 * 1024 * 1024;

export function packModule(module: RewrittenModule): Uint8Array<ArrayBuffer> {
  const json = JSON.stringify(module.report).replace(
    /[^\x20-\x7e]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const packed = new Uint8Array(4 + json.length + module.bytes.length);
  new DataView(packed.buffer).setUint32(0, json.length, true);
  for (let i = 0; i < json.length; i++) packed[4 + i] = json.charCodeAt(i);
  packed.set(module.bytes, 4 + json.length);
  return packed;
}

/** Throws ModuleRefused when the bytes are not what packModule makes. */
export function unpackModule(packed: Uint8Array<ArrayBuffer>): RewrittenModule {
  if (packed.length < 4) throw broken("too short");
  const length = new DataView(packed.buffer, packed.byteOffset).getUint32(0, true);
  if (length > REPORT_BYTES || 4 + length > packed.length) throw broken("its report is cut off");
  let json = "";
  for (let at = 4; at < 4 + length; at += 4096) {
    json += String.fromCharCode(...packed.subarray(at, Math.min(at + 4096, 4 + length)));
  }
  let report: unknown;
  try {
    report = JSON.parse(json);
  } catch {
    throw broken("its report is no JSON");
  }
  if (!isReport(report)) throw broken("its report has another shape");
  return { bytes: packed.subarray(4 + length), report };
}

function broken(what: string): ModuleRefused {
  return new ModuleRefused("cache", `a packed module: ${what}`, "remove it from the cache; it is made again");
}

function isReport(value: unknown): value is ModuleReport {
  if (!isRecord(value) || !isRecord(value.memory)) return false;
  const { imports, exports, memory } = value;
  return (
    isListOf(
      imports,
      (item) => isText(item.module) && isText(item.name) && isText(item.parameters) && isText(item.result),
    ) &&
    isListOf(
      exports,
      (item) => isText(item.name) && isCount(item.index) && isText(item.parameters) && isText(item.results),
    ) &&
    isCount(memory.minimum) &&
    (memory.maximum === undefined || isCount(memory.maximum)) &&
    isCount(value.tableElements) &&
    isCount(value.functions) &&
    typeof value.hasStart === "boolean" &&
    typeof value.hasNames === "boolean" &&
    typeof value.mutatesTables === "boolean" &&
    typeof value.dropsSegments === "boolean" &&
    typeof value.catchesAll === "boolean" &&
    typeof value.hasSafepoints === "boolean" &&
    isCount(value.dataStart) &&
    isCount(value.dataEnd)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOf(value: unknown, check: (item: Record<string, unknown>) => boolean): boolean {
  return Array.isArray(value) && value.every((item) => isRecord(item) && check(item));
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
