import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { SIGKILL, SIGSEGV } from "../../src/abi/signal.ts";

describe("stacks as big as a cell's", () => {
  it("hold 60,000 frames, overflow into SIGSEGV, and are unwound when killed 60,000 frames deep", () => {
    // Both flags, as the cell has them: the smaller one rules.
    const flags = ["--stack-size=7168", "--wasm-stack-switching-stack-size=7168"];
    const fixture = fileURLToPath(new URL("deep-stacks.ts", import.meta.url));
    const printed = execFileSync(process.execPath, [...flags, fixture], { encoding: "utf8", timeout: 60_000 });
    const { shallow, bottomless, killed, after, faults, programs } = JSON.parse(printed);
    assert.deepEqual(shallow, { code: 5, signal: 0 });
    assert.equal(bottomless.signal, SIGSEGV);
    assert.match(bottomless.message, /stack overflow/);
    assert.deepEqual(new Set(killed.map(({ signal }: { signal: number }) => signal)), new Set([SIGKILL]));
    assert.deepEqual([after, faults, programs], [{ code: 5, signal: 0 }, 0, 0]);
  });
});
