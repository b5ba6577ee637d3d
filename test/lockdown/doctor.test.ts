import assert from "node:assert/strict";
import { test } from "node:test";
import { landlockVersion } from "../../src/host/landlock.unsafe.ts";
import { probeLayers } from "../../src/lockdown/doctor.ts";

test("names every layer once, and a remedy for each that is not good", () => {
  const layers = probeLayers();
  assert.deepEqual(
    layers.map(({ name }) => name),
    ["seccomp", "landlock", "no_new_privs", "user namespaces", "bubblewrap", "cgroups"],
  );
  for (const { name, state, detail, remedy } of layers) {
    assert.notEqual(detail, "", name);
    assert.equal(remedy === "", state === "good", `${name} is ${state}: ${remedy}`);
  }
});

test("what the lock cannot do without is good where locks work", () => {
  assert.ok(landlockVersion() >= 1);
  const layers = probeLayers().filter(({ name }) => ["seccomp", "landlock", "no_new_privs"].includes(name));
  for (const { name, state } of layers) assert.notEqual(state, "missing", name);
});

test("a program of the caller's working directory is never tried", () => {
  const before = process.env.PATH;
  process.env.PATH = ":.:relative/bin";
  try {
    const bubblewrap = probeLayers().find(({ name }) => name === "bubblewrap");
    assert.equal(bubblewrap?.detail, "not in PATH");
    assert.match(bubblewrap?.remedy ?? "", /install bubblewrap/);
  } finally {
    process.env.PATH = before;
  }
});
