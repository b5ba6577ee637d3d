import assert from "node:assert/strict";
import { test } from "node:test";
import { CLOCK_MONOTONIC } from "../../src/abi/clock.ts";
import { SIG_SETMASK, SIGRTMIN, SIGUSR1, SIGUSR2 } from "../../src/abi/signal.ts";
import { changeMask } from "../../src/kernel/operations/signals.ts";
import { createTimer, setTimer } from "../../src/kernel/operations/timers.ts";
import { SignalSet } from "../../src/kernel/signal-set.ts";
import { takeSnapshot } from "../../src/kernel/snapshot/snapshot.ts";
import { SharedWorld } from "./shared-world.ts";

test("signals that lost what they told, who pays for the others, and a timer whose signal waits come back", () => {
  const world = new SharedWorld();
  const process = world.process();
  const blocked = new SignalSet();
  for (const signal of [SIGRTMIN, SIGUSR1, SIGUSR2]) blocked.add(signal);
  world.as(process, (thread) => {
    changeMask(thread, SIG_SETMASK, blocked);
    createTimer(thread, CLOCK_MONOTONIC, SIGRTMIN, 4, undefined);
    const out = { valueNs: 0, intervalNs: 0 };
    return setTimer(thread, 0, { valueNs: 10, intervalNs: 10 }, false, out);
  });
  process.signals.lose(SIGUSR1);
  world.kernel.signal(process, SIGUSR2);
  world.host.advance(world.kernel, 15);
  const copy = world.restored();
  const twin = copy.kernel.process(process.pid);
  assert.ok(twin !== undefined);
  assert.deepEqual(takeSnapshot(copy.kernel).processes[0]?.signals, takeSnapshot(world.kernel).processes[0]?.signals);
  assert.equal(copy.kernel.signalAccounts.queued, 2);
  // Its next times are counted, and send nothing while it waits.
  copy.host.advance(copy.kernel, 30);
  assert.equal(copy.kernel.signalAccounts.queued, 2);
  assert.equal(twin.timers.created[0]?.overrun, 3);
  // Taken, the next one is sent.
  twin.signals.take(SIGRTMIN);
  assert.equal(copy.kernel.signalAccounts.queued, 1);
  copy.host.advance(copy.kernel, 10);
  assert.equal(copy.kernel.signalAccounts.queued, 2);
});
