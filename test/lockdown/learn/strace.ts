/** The oracle: what strace sees of the very same run that `linden learn` listens to. */
import { Recording } from "../../../src/lockdown/learn/recording.ts";

type Line = { readonly task: number; readonly name: string; readonly args: readonly string[]; readonly result: string };

/** Calls of `strace -f -e raw=all -o FILE`, in their order; a call that was interrupted in the log is put together again. */
function linesOf(log: string): Line[] {
  const unfinished = new Map<number, string>();
  const lines: Line[] = [];
  for (const text of log.split("\n")) {
    const [, task = "", rest = ""] = /^(\d+) +(.*)$/.exec(text) ?? [];
    const begun = /^(.*) <unfinished \.\.\.>$/.exec(rest);
    if (begun?.[1] !== undefined) {
      unfinished.set(Number(task), begun[1]);
      // A call that never comes back (the thread was killed in it) was made all the same.
      push(Number(task), `${begun[1]}) = ?`);
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    if (resumed === null) push(Number(task), rest);
    else push(Number(task), `${unfinished.get(Number(task)) ?? ""}${resumed[1] ?? ""}`);
  }
  return lines;

  function push(task: number, text: string): void {
    const [, name, args = "", result = ""] = /^(\w+)\((.*?)\) += (.*)$/.exec(text) ?? [];
    if (name !== undefined) lines.push({ task, name, args: args.split(", "), result });
  }
}

/**
 * What the program did, from its exec on, with everything it started. `stage` is the process that becomes the program: the
 * one that lays a filter with a listener.
 */
export function recordingOf(log: string): Recording {
  const lines = linesOf(log);
  const listener = 8; // SECCOMP_FILTER_FLAG_NEW_LISTENER
  const laid = lines.findIndex(
    ({ name, args, result }) => name === "seccomp" && (Number(args[1]) & listener) !== 0 && Number(result) > 0,
  );
  const program = lines[laid]?.task;
  if (program === undefined) throw new Error("the oracle saw no listening filter");
  const start = lines.findIndex(
    ({ task, name, result }, at) => at > laid && task === program && name === "execve" && result === "0",
  );
  const parents = new Map<number, number>();
  for (const { task, name, result } of lines.slice(start)) {
    if (["clone", "clone3", "fork", "vfork"].includes(name) && Number(result) > 0) parents.set(Number(result), task);
  }
  const isOurs = (task: number): boolean => {
    for (let each: number | undefined = task; each !== undefined; each = parents.get(each))
      if (each === program) return true;
    return false;
  };
  const recording = new Recording();
  for (const { task, name, args } of lines.slice(start + 1)) {
    if (isOurs(task))
      recording.add(
        name,
        args.map((arg) => (/^(0x[0-9a-f]+|\d+)$/.test(arg) ? BigInt(arg) : 0n)),
      );
  }
  return recording;
}
