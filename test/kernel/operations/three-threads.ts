/** Layer: test. A process of three threads whose futexes are looked at word by word, and what became of their calls. */
import { Thread } from "../../../src/kernel/process.ts";
import { machine, spawn } from "../simulated.ts";

/** Where a word is, unless another address is given. */
export const WORD = 256;

export function threads() {
  const made = machine();
  const { process, program, thread: a } = spawn(made);
  const ended: [tid: number, outcome: number][] = [];
  program.onResume = (thread, outcome) => ended.push([thread.tid, outcome]);
  const [b, c] = [new Thread(process, 101), new Thread(process, 102)];
  const word = (at = WORD): number => process.memory.view.getInt32(at, true);
  const put = (value: number, at = WORD): void => process.memory.view.setInt32(at, value, true);
  return { made, process, ended, word, put, a, b, c, run: () => made.host.run(made.kernel) };
}
