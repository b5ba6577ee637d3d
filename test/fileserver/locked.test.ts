/** The file server as it is built and launched: locked, verified, and still a whole file system. */
import assert from "node:assert/strict";
import { chmodSync, closeSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { EACCES, EPERM, EROFS } from "../../src/abi/errno.ts";
import { FileLine } from "../../src/cell/file-line.ts";
import { LineDirectory } from "../../src/cell/host-directory.ts";
import { ReadingDescriptors } from "../../src/cell/reading-descriptors.ts";
import { emptyHostAttributes, OPEN_READ } from "../../src/fs/hostfs/host-directory.ts";
import { HostFileSystem } from "../../src/fs/hostfs/hostfs.ts";
import { socketPair } from "../../src/host/descriptors.unsafe.ts";
import type { LaunchedProcess, Launcher } from "../../src/lockdown/launch/index.ts";
import { fileSystemContract } from "../fs/contract.ts";
import { bundle, startLauncher } from "../lockdown/toy.ts";
import { below, owner, TestClock } from "./served.ts";

const bytes = (text: string) => text as ByteString;
const out = emptyHostAttributes();

let launcher: Launcher;
let server: LaunchedProcess;
let home: string;
let socket: number;
let writable: LineDirectory;
let readable: LineDirectory;
let count = 0;

before(async () => {
  home = mkdtempSync(join(tmpdir(), "linden-locked-"));
  for (const name of ["open", "closed", "secret"]) mkdirSync(join(home, name));
  writeFileSync(join(home, "closed/f"), "text");
  writeFileSync(join(home, "secret/f"), "SECRET");
  launcher = await startLauncher({ fileServerBundle: await bundle("../../src/fileserver/main.ts") });
  const pair = socketPair();
  if (typeof pair === "number") assert.fail(`socketpair: ${pair}`);
  socket = pair.first;
  server = await launcher.launchFileServer({
    directories: [
      { source: join(home, "open"), readOnly: false, allow: ["direnv"] },
      { source: join(home, "closed"), readOnly: true },
    ],
    line: pair.second,
  });
  const [ready] = await server.stdout.take(1).toArray();
  assert.equal(String(ready), '"READY"\n');
  await server.verify();
  const line = new FileLine(socket);
  const descriptors = new ReadingDescriptors();
  writable = new LineDirectory(line, 0, descriptors);
  readable = new LineDirectory(line, 1, descriptors);
});

after(async () => {
  closeSync(socket);
  assert.deepEqual(await server.exited, { code: 0, signal: null }, String(server.crashText()));
  await launcher.close();
  rmSync(home, { recursive: true, force: true });
});

fileSystemContract("hostfs over a locked file server", () => {
  const host = below(writable, `t${count++}`);
  const fs = HostFileSystem.mount(host, { dev: 9, clock: new TestClock(), owner });
  if (typeof fs === "number") assert.fail(`mount: ${fs}`);
  return { fs };
});

describe("a locked file server", () => {
  it("serves each directory as it was told to, and reads large files by descriptor", () => {
    const made = writable.create(bytes("big"), 0o600);
    assert.ok(typeof made === "object");
    const whole = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7) ^ (i >> 9));
    for (let at = 0; at < whole.length; ) {
      const written = writable.write(made.handle, at, whole, at, Math.min(700_000, whole.length - at), out);
      assert.ok(written > 0, `${written}`);
      at += written;
    }
    const back = new Uint8Array(whole.length);
    for (let at = 0; at < back.length; ) {
      const got = writable.read(made.handle, at, back, at, back.length - at);
      assert.ok(got > 0, `${got}`);
      at += got;
    }
    assert.deepEqual(back, whole);
    assert.deepEqual(new Uint8Array(readFileSync(join(home, "open/big"))), whole);
    writable.close(made.handle);
    assert.equal(readable.create(bytes("new"), 0o600), -EROFS);
    assert.equal(typeof readable.open(bytes("f"), 1), "object");
    assert.equal(writable.create(bytes(".bashrc"), 0o600), -EPERM);
    assert.equal(typeof writable.create(bytes(".envrc"), 0o600), "object");
    assert.equal(typeof writable.statistics(), "object");
  });

  it("has its user's permissions and no capability that overrides them", () => {
    writeFileSync(join(home, "open/shut"), "secret");
    chmodSync(join(home, "open/shut"), 0);
    assert.equal(writable.open(bytes("shut"), OPEN_READ), -EACCES);
  });

  it("runs as the caller's user", async () => {
    const report = await server.verify();
    assert.equal(report?.user, process.geteuid?.());
  });
});
