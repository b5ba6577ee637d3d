/** Recordings and policies as data: nothing seen is lost, nothing that was refused is given, nothing dangerous comes along. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUDIT_ARCH, callNumbers, hostArchitecture } from "../../../src/host/call-numbers.ts";
import { SECCOMP_RET_ALLOW, simulate } from "../../../src/lockdown/bpf.ts";
import { compile } from "../../../src/lockdown/compiler.ts";
import { parsePolicy } from "../../../src/lockdown/formats/index.ts";
import { HARMLESS } from "../../../src/lockdown/learn/arguments.ts";
import { type LearnOptions, mergePolicy, policyText, writePolicy } from "../../../src/lockdown/learn/policy-data.ts";
import { Recording } from "../../../src/lockdown/learn/recording.ts";

const OPTIONS: LearnOptions = { program: "p", from: "start" };
const architecture = hostArchitecture();
const numbers = callNumbers(architecture);
const CALLS = [...numbers.keys()];
type Made = { readonly syscall: string; readonly args: readonly bigint[] };

/** A small generator with a seed, so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const VALUES = [0n, 1n, 2n, 3n, 5n, 10n, 0x1000n, 0x80000n, 0xffffff9cn, 0xffffffffffffff9cn, 0x7f0000001000n];

function run(next: (below: number) => number): Made[] {
  // Few different calls, so that runs meet in them.
  const calls = Array.from({ length: 3 + next(40) }, () => CALLS[next(CALLS.length)] ?? "read");
  return Array.from({ length: 1 + next(150) }, () => ({
    syscall: calls[next(calls.length)] ?? "read",
    args: Array.from({ length: 6 }, () => VALUES[next(VALUES.length)] ?? 0n),
  }));
}

function recordingOf(made: readonly Made[]): Recording {
  const recording = new Recording();
  for (const { syscall, args } of made) recording.add(syscall, args);
  return recording;
}

function filterOf(data: unknown): (made: Made) => number {
  const program = compile(parsePolicy(JSON.stringify(data), "p").policy, architecture);
  return ({ syscall, args }) =>
    simulate(program, { number: numbers.get(syscall) ?? -1, audit: AUDIT_ARCH[architecture], args });
}

test("merging runs never loses a call, in any order, by the filter's own verdict", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const next = random(seed);
    const runs = Array.from({ length: 2 + next(3) }, () => run(next));
    const [first = [], ...others] = runs;
    const options = { ...OPTIONS, exact: next(2) === 0, untrusted: next(2) === 0 };
    let { data } = writePolicy(recordingOf(first), options);
    for (const [index, made] of others.entries()) {
      ({ data } = mergePolicy(JSON.parse(policyText(data)), recordingOf(made), options));
      const verdict = filterOf(data);
      for (const call of [first, ...others.slice(0, index + 1)].flat()) {
        assert.equal(verdict(call), SECCOMP_RET_ALLOW, `seed ${seed}: ${call.syscall}(${call.args})`);
      }
    }
    const all = new Recording();
    for (const made of runs) all.merge(recordingOf(made));
    const verdict = filterOf(writePolicy(all, options).data);
    for (const call of runs.flat()) assert.equal(verdict(call), SECCOMP_RET_ALLOW, `seed ${seed}: ${call.syscall}`);
  }
});

test("what was not seen comes along only where it is harmless", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = random(1000 + seed);
    const made = run(next);
    const seen = new Set(made.map(({ syscall }) => syscall));
    const verdict = filterOf(writePolicy(recordingOf(made), OPTIONS).data);
    for (const syscall of CALLS) {
      if (seen.has(syscall) || HARMLESS.has(syscall) || syscall === "execve") continue;
      assert.notEqual(
        verdict({ syscall, args: [0n, 0n, 0n, 0n, 0n, 0n] }),
        SECCOMP_RET_ALLOW,
        `seed ${seed}: ${syscall}`,
      );
    }
  }
});

test("arguments that are always the same become conditions; those that vary without end do not", () => {
  const recording = new Recording();
  for (let fd = 3; fd < 60; fd++) recording.add("read", [BigInt(fd), 0n, 0n, 0n, 0n, 0n]);
  recording.add("socket", [1n, 1n, 0n, 0n, 0n, 0n]);
  recording.add("socket", [1n, 2n, 0n, 0n, 0n, 0n]);
  for (let request = 0; request < 40; request++) recording.add("ioctl", [1n, BigInt(request), 0n, 0n, 0n, 0n]);
  recording.add("prctl", [15n, 0x7f0000001000n, 0n, 0n, 0n, 0n]);
  const { data } = writePolicy(recording, { ...OPTIONS, exact: true });
  const rule = (syscall: string) => data.syscalls?.filter((each) => each.syscall === syscall).map(({ args }) => args);
  assert.deepEqual(rule("read"), [undefined]);
  assert.deepEqual(rule("ioctl"), [undefined]);
  assert.deepEqual(rule("prctl"), [[{ arg: 0, eq: 15 }]]);
  assert.deepEqual(rule("socket"), [
    [
      { arg: 0, bits: 32, eq: 1 },
      { arg: 1, bits: 32, in: [1, 2] },
      { arg: 2, bits: 32, eq: 0 },
    ],
  ]);
});

test("standard streams are told apart from other descriptors, and rule sets are named for them", () => {
  const recording = new Recording();
  for (const syscall of ["write", "writev"]) recording.add(syscall, [1n, 0n, 0n, 0n, 0n, 0n]);
  const verdict = filterOf(writePolicy(recording, OPTIONS).data);
  const write = (fd: bigint) => verdict({ syscall: "write", args: [fd, 0n, 0n, 0n, 0n, 0n] });
  assert.equal(write(1n), SECCOMP_RET_ALLOW);
  assert.notEqual(write(2n), SECCOMP_RET_ALLOW);
  assert.deepEqual(
    writePolicy(recording, OPTIONS).data.ruleSets?.map(({ use }) => use),
    ["SystemIO.allowStdout"],
  );
});

test("a merge keeps what the file refuses on purpose, and tells of it", () => {
  const file = {
    about: "mine",
    default: { errno: "EPERM" },
    syscalls: [
      { syscall: "ptrace", why: "never", action: { errno: "ENOSYS" } },
      { syscall: "ioctl", why: "one", args: [{ arg: 1, bits: 32, eq: 1 }] },
    ],
  };
  const recording = recordingOf([
    { syscall: "ptrace", args: [0n, 0n, 0n, 0n, 0n, 0n] },
    { syscall: "ioctl", args: [0n, 7n, 0n, 0n, 0n, 0n] },
    { syscall: "getppid", args: [0n, 0n, 0n, 0n, 0n, 0n] },
  ]);
  const { data, added, refused } = mergePolicy(file, recording, OPTIONS);
  assert.deepEqual(refused, ["ptrace"]);
  assert.ok(added.includes("getppid") && added.includes("ioctl") && !added.includes("ptrace"));
  const verdict = filterOf(data);
  for (const request of [1n, 7n]) {
    assert.equal(verdict({ syscall: "ioctl", args: [0n, request, 0n, 0n, 0n, 0n] }), SECCOMP_RET_ALLOW);
  }
  assert.notEqual(verdict({ syscall: "ioctl", args: [0n, 2n, 0n, 0n, 0n, 0n] }), SECCOMP_RET_ALLOW);
  assert.notEqual(verdict({ syscall: "ptrace", args: [0n, 0n, 0n, 0n, 0n, 0n] }), SECCOMP_RET_ALLOW);
  assert.equal(data.about, "mine");
});

test("like is merged with like alone, and rings are refused by the policy too", () => {
  const { data } = writePolicy(new Recording(), { ...OPTIONS, from: "lock" });
  assert.deepEqual(
    data.ruleSets?.map(({ use }) => use),
    ["NodeRuntime"],
  );
  assert.throws(() => mergePolicy(data, new Recording(), OPTIONS), /merge like with like/);
  const recording = new Recording();
  recording.refuse("io_uring_setup");
  const verdict = filterOf(writePolicy(recording, OPTIONS).data);
  assert.equal(verdict({ syscall: "io_uring_setup", args: [0n, 0n, 0n, 0n, 0n, 0n] }) & 0xffff, 38);
});
