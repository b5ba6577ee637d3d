/** Calls of the module "test" for guests that have children and handlers: plain numbers in, plain numbers out. */
import { SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK } from "../../src/abi/signal.ts";
import type { GuestCall } from "../../src/kernel/contracts.ts";
import { execute, fork, spawnProgram } from "../../src/kernel/operations/exec.ts";
import { futexWait, futexWake } from "../../src/kernel/operations/futexes.ts";
import { wait4 } from "../../src/kernel/operations/processes.ts";
import { changeMask, kill, setDisposition } from "../../src/kernel/operations/signals.ts";
import { exitThread, setClearAddress, spawnThread } from "../../src/kernel/operations/threads.ts";
import { DISPOSITION_HANDLER, type Thread } from "../../src/kernel/process.ts";
import { SignalSet } from "../../src/kernel/signal-set.ts";
import { bytes } from "../kernel/simulated.ts";
import { call } from "./machine.ts";

/** Numbers the guests reported, in order: the process and what it said. */
export type Said = [pid: number, value: number][];

export function posixCalls(said: Said): readonly GuestCall[] {
  const path = (thread: Thread, address: number): string => {
    const { bytes: memory } = thread.process.memory;
    return String.fromCharCode(...memory.subarray(address, memory.indexOf(0, address)));
  };
  const request = (thread: Thread, address: number, argument: number) => {
    const file = bytes(path(thread, address));
    return { path: file, argv: [file, bytes(`${argument}`)], env: [] };
  };
  const status = (thread: Thread): number =>
    (thread.child?.status.signal ?? 0) * 256 + (thread.child?.status.code ?? 0);
  return [
    call("say", "i", "", (thread, value = 0) => {
      said.push([thread.process.pid, value]);
      return 0;
    }),
    /** The first argument; a blank in it counts as 00. */
    call("argument", "", "i", (thread) => Number((thread.process.argv[1] ?? "-1").replace(" ", "00"))),
    call("getpid", "", "i", (thread) => thread.process.pid),
    call("fork", "", "i", (thread) => fork(thread)),
    call("fork64", "", "I", (thread) => fork(thread)),
    /** Waits for any child: its code, and its signal times 256. */
    call(
      "wait",
      "",
      "i",
      (thread) => {
        const found = wait4(thread, -1, 0);
        return found > 0 ? status(thread) : found;
      },
      (thread, _args, outcome) => (outcome > 0 ? status(thread) : outcome),
    ),
    call("kill", "ii", "i", (thread, pid = 0, signal = 0) => kill(thread, pid, signal)),
    call("handle", "iii", "i", (thread, signal = 0, handler = 0, flags = 0) =>
      setDisposition(thread, signal, {
        kind: DISPOSITION_HANDLER,
        action: { handler, flags: flags >>> 0, maskLow: 0, maskHigh: 0 },
      }),
    ),
    call("block", "i", "i", (thread, signal = 0) => {
      const set = new SignalSet();
      set.add(signal);
      return changeMask(thread, SIG_BLOCK, set);
    }),
    call("unblock", "i", "i", (thread, signal = 0) => {
      const set = new SignalSet();
      set.add(signal);
      return changeMask(thread, SIG_UNBLOCK, set);
    }),
    call("mask", "", "i", (thread) => thread.mask.low),
    call("clear", "", "i", (thread) => changeMask(thread, SIG_SETMASK, new SignalSet())),
    call("thread", "i", "i", (thread, argument = 0) => spawnThread(thread, argument)),
    call("endThread", "i", "", (thread, code = 0) => exitThread(thread, code)),
    call("gettid", "", "i", (thread) => thread.tid),
    call("futexWait", "ii", "i", (thread, at = 0, value = 0) => futexWait(thread, at, value, -1, Infinity)),
    call("futexWake", "ii", "i", (thread, at = 0, most = 0) => futexWake(thread, at, most, -1)),
    call("clearAt", "i", "i", (thread, at = 0) => setClearAddress(thread, at)),
    call("exec", "ii", "i", (thread, address = 0, argument = 0) => execute(thread, request(thread, address, argument))),
    call("spawn", "ii", "i", (thread, address = 0, argument = 0) =>
      spawnProgram(thread, request(thread, address, argument)),
    ),
  ];
}
