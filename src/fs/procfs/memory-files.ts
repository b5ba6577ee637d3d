/**
 * Layer: fs/procfs. What a process's memory comes to: smaps, smaps_rollup, oom_score (proc_pid_smaps(5)). A linear memory is all there
 * once it is mapped, nothing is paged out, and what was mapped privately is the process's own. It must not know how they are read.
 */
import type { MappingFacts, ProcessFacts } from "./facts.ts";
import { hex } from "./lines.ts";
import { mapLine } from "./process-files.ts";

const PAGE_KIB = 4;
/** Every process begins at two thirds of 1000 (mm/oom_kill.c, fs/proc/base.c). */
const OOM_SCALE = 1000;
const OOM_NEVER = -1000;

interface Sizes {
  readonly size: number;
  readonly proportional: number;
  readonly shared: number;
  readonly own: number;
  readonly anonymous: number;
}

function sizesOf({ start, end, sharers, inode }: MappingFacts): Sizes {
  const size = (end - start) / 1024;
  const together = sharers > 1;
  return {
    size,
    proportional: Math.floor(size / Math.max(1, sharers)),
    shared: together ? size : 0,
    own: together ? 0 : size,
    anonymous: inode === undefined ? size : 0,
  };
}

function line(name: string, kibibytes: number): string {
  return `${`${name}:`.padEnd(16)}${String(Math.floor(kibibytes)).padStart(8)} kB\n`;
}

/** What nothing here has, and what every page is, told alike of every mapping: there may be 65,530 of them. */
const HUGE = [
  "KSM",
  "LazyFree",
  "AnonHugePages",
  "ShmemPmdMapped",
  "FilePmdMapped",
  "Shared_Hugetlb",
  "Private_Hugetlb",
];
const ZEROS = [...HUGE, "Swap", "SwapPss", "Locked"].map((name) => line(name, 0)).join("");
const PAGE_SIZES = line("KernelPageSize", PAGE_KIB) + line("MMUPageSize", PAGE_KIB);

/** From "Rss" to "Locked", as show_smap() orders them. */
function accounts({ size, proportional, shared, own, anonymous }: Sizes): string {
  return [
    line("Rss", size),
    line("Pss", proportional),
    line("Pss_Dirty", proportional),
    line("Shared_Clean", 0),
    line("Shared_Dirty", shared),
    line("Private_Clean", 0),
    line("Private_Dirty", own),
    line("Referenced", size),
    line("Anonymous", anonymous),
    ZEROS,
  ].join("");
}

/** Readable, writable, executable, shared, and that all of that may be asked for. */
function flags({ protection, shared }: MappingFacts): string {
  const words = [protection & 1 ? "rd" : "", protection & 2 ? "wr" : "", protection & 4 ? "ex" : ""];
  return [...words, shared ? "sh" : "", "mr", "mw", "me", shared ? "ms" : ""].filter((word) => word !== "").join(" ");
}

/** What smaps says of one mapping. */
export function smapsPart(mapping: MappingFacts): string {
  const sizes = sizesOf(mapping);
  return `${mapLine(mapping)}${line("Size", sizes.size)}${PAGE_SIZES}${accounts(sizes)}THPeligible:           0\nVmFlags: ${flags(mapping)} \n`;
}

export function smapsRollupText({ mappings }: ProcessFacts): string {
  const sum = { size: 0, proportional: 0, shared: 0, own: 0, anonymous: 0 };
  for (const one of mappings) {
    const sizes = sizesOf(one);
    sum.size += sizes.size;
    sum.proportional += sizes.proportional;
    sum.shared += sizes.shared;
    sum.own += sizes.own;
    sum.anonymous += sizes.anonymous;
  }
  const [start, end] = [mappings[0]?.start ?? 0, mappings.at(-1)?.end ?? 0];
  const head = `${hex(start, 8)}-${hex(end, 8)} ---p 00000000 00:00 0 `;
  return `${head.padEnd(73)}[rollup]\n${accounts(sum)}`;
}

/** `total`: bytes of memory there are. */
export function oomScore({ memory, oomAdjustment }: ProcessFacts, total: number): number {
  if (oomAdjustment === OOM_NEVER) return 0;
  const points = OOM_SCALE + oomAdjustment + (memory * OOM_SCALE) / Math.max(1, total);
  return Math.max(0, Math.floor((points * 2) / 3));
}
