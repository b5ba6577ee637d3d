/** What extrasafe's suite asserts about files: default deny, read-only opens, given descriptors, unions, stacked filters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { says } from "./locked.ts";

const SCRATCH = `
const scratch = fs.mkdtempSync(TEMPORARY);
const path = (name: string) => scratch + "/" + name;
for (const name of ["one", "two", "three"]) fs.writeFileSync(path(name), name);
`;

test("default deny: a file is neither read, written nor created", async () => {
  const said = await says(`${SCRATCH}
    const open = fs.openSync(path("one"), "r+");
    SafetyContext.bare().enable(stdio()).applyToCurrentThread();
    say(attempt(() => fs.openSync(path("one"), "r")));
    say(attempt(() => fs.writeSync(open, "x")));
    say(attempt(() => fs.readSync(open, Buffer.alloc(1))));
    say(attempt(() => fs.writeFileSync(path("new"), "x")));
    namedCall("exit_group", 0);`);
  assert.deepEqual(said, ["EPERM", "EPERM", "EPERM", "EPERM"]);
});

test("default deny of a single bare call name: everything else is refused", async () => {
  const said = await says(`
    SafetyContext.bare().enable("write").applyToCurrentThread();
    say(namedCall("getppid"));
    say(namedCall("getpid") > 0);
    namedCall("exit_group", 0);`);
  assert.deepEqual(said, [-1, true]);
});

test("opening read-only: reads go on, no way of opening changes a file", async () => {
  const said = await says(`${SCRATCH}
    new SafetyContext()
      .enable(stdio())
      .enable(SystemIO.nothing().allowOpenReadonly().allowRead().allowMetadata().allowClose())
      .applyToAllThreads();
    say(fs.readFileSync(path("one"), "utf8"));
    say(await fs.promises.readFile(path("two"), "utf8"));
    const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY } = fs.constants;
    const O_TMPFILE = 0o20200000;
    for (const flags of [O_WRONLY, O_RDWR, O_RDONLY | O_CREAT, O_CREAT | O_EXCL, O_RDONLY | O_TRUNC, O_APPEND, O_TMPFILE | O_RDWR]) {
      say(attempt(() => fs.openSync(flags & O_DIRECTORY ? scratch : path("one"), flags)));
    }
    say(attempt(() => fs.writeFileSync(path("new"), "x")));
    say(fs.readFileSync(path("one"), "utf8"));
    say(fs.readdirSync(scratch).length);`);
  assert.deepEqual(said, ["one", "two", ...Array(8).fill("EPERM"), "one", 3]);
});

test("only the descriptors that were given", async () => {
  const said = await says(`${SCRATCH}
    const [given, other] = [fs.openSync(path("one"), "r+"), fs.openSync(path("two"), "r+")];
    const buffer = Buffer.alloc(20);
    new SafetyContext()
      .enable(stdio().allowFileRead(given).allowFileWrite({ fd: given }).allowClose())
      .applyToAllThreads();
    say(buffer.toString("utf8", 0, fs.readSync(given, buffer, 0, 20, 0)));
    say(attempt(() => fs.writeSync(given, " more")));
    say(buffer.toString("utf8", 0, fs.readSync(given, buffer, 0, 20, 0)));
    say(attempt(() => fs.fsyncSync(given)));
    say(attempt(() => fs.readSync(other, buffer)));
    say(attempt(() => fs.writeSync(other, "x")));
    say(attempt(() => fs.openSync(path("one"), "r")));
    fs.closeSync(given);`);
  assert.deepEqual(said, ["one", 5, " more", "EPERM", "EPERM", "EPERM", "EPERM"]);
});

test("rule sets unite: streams of one, files of the others", async () => {
  const said = await says(`${SCRATCH}
    const files = ["one", "two", "three"].map((name) => fs.openSync(path(name), "r"));
    const left = fs.openSync(path("one"), "r");
    new SafetyContext()
      .enable(SystemIO.nothing().allowStdout())
      .enable(SystemIO.nothing().allowStderr().allowFileRead(files[0]))
      .enable(SystemIO.nothing().allowFileRead(files[1]))
      .enable(SystemIO.nothing().allowFileRead(files[2]))
      .applyToAllThreads();
    const buffer = Buffer.alloc(20);
    for (const file of files) say(buffer.toString("utf8", 0, fs.readSync(file, buffer)));
    say(fs.writeSync(2, "x"));
    say(attempt(() => fs.readSync(left, buffer)));`);
  assert.deepEqual(said, ["one", "two", "three", 1, "EPERM"]);
});

test("stacked filters: a call lives only if every one of them allows it", async () => {
  const said = await says(`
    new SafetyContext()
      .enable(stdio().allowMetadata().allowOpen().yesReally())
      .enable("prctl").enable("seccomp")
      .applyToAllThreads();
    say(attempt(() => fs.closeSync(fs.openSync("/etc/passwd"))));
    const second = new SafetyContext().enable(stdio()).enable(Threads.nothing().allowCreate());
    say(second.applyToAllThreads().steps);
    say(attempt(() => fs.openSync("/etc/passwd")));
    say(namedCall("clone3", new Uint8Array(88), 88));`);
  assert.deepEqual(said.slice(0, 3), ["done", ["no_new_privs", "seccomp filter"], "EPERM"]);
  assert.equal(said.at(-1), -1);
});

test("a later context needs leave for the calls that lock; without it, it says so and changes nothing", async () => {
  const said = await says(`
    new SafetyContext().enable(stdio().allowMetadata().allowOpen().yesReally()).applyToAllThreads();
    say(attempt(() => new SafetyContext().enable(stdio()).applyToAllThreads()));
    say(attempt(() => fs.closeSync(fs.openSync("/etc/passwd"))));`);
  assert.match(String(said[0]), /^LockdownError: no_new_privs: EPERM.*nothing was changed/);
  assert.equal(said[1], "done");
});
