/**
 * Layer: fs/procfs. What opening a process's file gives: a text made of its facts, or a file that takes words as well. It must not
 * know where such files stand.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EINVAL, ENOENT, ESRCH } from "../../abi/errno.ts";
import type { OpenFile } from "../../vfs/contracts.ts";
import type { KernelFacts, ProcessFacts } from "./facts.ts";
import type { ProcInode } from "./inode.ts";
import { oomScore, smapsPart, smapsRollupText } from "./memory-files.ts";
import { mountInfoText, mountsText } from "./mount-files.ts";
import { FD_INFO, PROCESS_ENTRIES, type ProcessNode } from "./nodes.ts";
import { type KeptTexts, MappingsFile, TextFile } from "./open-files.ts";
import {
  fdinfoText,
  idMapText,
  limitsText,
  mapLine,
  statmText,
  statText,
  statusText,
  stringsText,
  taskOf,
} from "./process-files.ts";

/** PROC_NUMBUF without its NUL. */
const NUMBER_BYTES = 12;

/** TASK_COMM_LEN without its NUL. */
const NAME_BYTES = 15;

/** The process as it is now; undefined once it is gone. */
type Found = () => ProcessFacts | undefined;

/** The process a node tells of, as long as the process, and the thread of a node of task/, lives. */
export function processOf(facts: KernelFacts, { id, task }: ProcessNode): ProcessFacts | undefined {
  const process = facts.process(id);
  if (process === undefined || !task || process.pid === id) return process;
  return process.tasks.some(({ tid }) => tid === id) ? process : undefined;
}

/** -ENOENT where the process is gone already. `all`: what the files of one /proc keep together. */
export function openProcessFile(
  inode: ProcInode,
  node: ProcessNode,
  facts: () => KernelFacts,
  all: KeptTexts,
): OpenFile | number {
  const process = () => processOf(facts(), node);
  if (process() === undefined) return -ENOENT;
  const tell = (write: (process: ProcessFacts) => string | undefined) => {
    const text = (): string | number => {
      const found = process();
      return found === undefined ? -ESRCH : (write(found) ?? -ENOENT);
    };
    // Files of the machine answer EIO, those of processes this.
    return new TextFile(inode, all, text, () => -EINVAL);
  };
  const { mounts } = facts();
  if (node.entry === FD_INFO) return tell((process) => fdinfoText(process, node.fd, mounts));
  switch (PROCESS_ENTRIES[node.entry]?.name) {
    case "stat":
      return tell((process) => statText(process, node.id));
    case "statm":
      return tell(statmText);
    case "status":
      return tell((process) => statusText(process, node.id));
    case "cmdline":
      return tell(({ argv }) => stringsText(argv));
    case "environ":
      return tell(({ env }) => stringsText(env));
    case "maps":
      return new MappingsFile(inode, () => process()?.mappings ?? -ESRCH, mapLine);
    case "smaps":
      return new MappingsFile(inode, () => process()?.mappings ?? -ESRCH, smapsPart);
    case "smaps_rollup":
      return tell(smapsRollupText);
    case "oom_score":
      return tell((process) => `${oomScore(process, facts().machine.memoryTotal)}\n`);
    case "oom_score_adj":
      return openOomAdjustment(inode, process, all);
    case "setgroups":
      return tell(() => "allow\n");
    case "personality":
      return tell(() => "00000000\n");
    case "wchan":
      return tell(() => "0");
    case "schedstat":
      return tell(({ cpuNs }) => `${Math.floor(cpuNs)} 0 0\n`);
    case "limits":
      return tell(limitsText);
    case "mounts":
      return tell((process) => mountsText(mounts, process));
    case "mountinfo":
      return tell((process) => mountInfoText(mounts, process));
    case "cgroup":
      return tell(() => "0::/\n");
    case "comm":
      return openName(inode, node.id, process, all);
    default:
      return tell(idMapText);
  }
}

/** A number on a line of its own, which the out-of-memory killer would look at; nothing here does. */
function openOomAdjustment(inode: ProcInode, process: Found, all: KeptTexts): OpenFile {
  const text = (): string | number => {
    const found = process();
    return found === undefined ? -ESRCH : `${found.oomAdjustment}\n`;
  };
  return new TextFile(inode, all, text, (bytes) => {
    const found = process();
    if (found === undefined) return -ESRCH;
    const words = String.fromCharCode(...bytes.subarray(0, NUMBER_BYTES)).trim();
    const value = /^[+-]?\d+$/.test(words) ? Number(words) : Number.NaN;
    const error = found.adjustOom(value);
    return error < 0 ? error : bytes.length;
  });
}

/** comm: what prctl(2) sets too. */
function openName(inode: ProcInode, id: number, process: Found, all: KeptTexts): OpenFile {
  const text = (): string | number => {
    const found = process();
    return found === undefined ? -ESRCH : `${taskOf(found, id).name}\n`;
  };
  return new TextFile(inode, all, text, (bytes) => {
    const found = process();
    if (found === undefined) return -ESRCH;
    const name = String.fromCharCode(...bytes.subarray(0, NAME_BYTES)).split("\0")[0] ?? "";
    const error = found.rename(id, name as ByteString);
    return error < 0 ? error : bytes.length;
  });
}
