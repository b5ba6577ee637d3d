/** CPython in a locked cell over host directories: what its user sees of the file server. Needs a built dist/. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Mount, Sandbox } from "../../src/sandbox/index.ts";

let home: string;
before(() => {
  home = mkdtempSync(join(tmpdir(), "linden-mounted-"));
  mkdirSync(join(home, "data"));
  writeFileSync(join(home, "outside"), "SECRET");
});
after(() => rmSync(home, { recursive: true, force: true }));

async function python(script: string, mount: Mount): Promise<string> {
  await using box = await Sandbox.create({ mounts: { "/data": mount } });
  const result = await box.run("python", ["-c", script]);
  assert.equal(result.exitCode, 0, result.stderr);
  return result.stdout;
}

test("50 MB are read as they are, and a tree is walked", async () => {
  const whole = Buffer.alloc(50 * 1024 * 1024);
  for (let i = 0; i < whole.length; i += 4) whole.writeUInt32LE(Math.imul(i + 1, 2_654_435_761) >>> 0, i);
  writeFileSync(join(home, "data/big"), whole);
  for (let d = 0; d < 20; d++) {
    mkdirSync(join(home, `data/tree/d${d}`), { recursive: true });
    for (let f = 0; f < 50; f++) writeFileSync(join(home, `data/tree/d${d}/f${f}`), "12345");
  }
  const script = `
import hashlib, os
print(hashlib.sha256(open("/data/big", "rb").read()).hexdigest())
print(sum(os.stat(os.path.join(at, name)).st_size for at, _, names in os.walk("/data/tree") for name in names))`;
  const expected = createHash("sha256").update(whole).digest("hex");
  assert.equal(await python(script, { host: join(home, "data"), readOnly: true }), `${expected}\n5000\n`);
});

test("what is written is on the host, renamed, linked, cut and removed", async () => {
  const script = `
import os
os.chdir("/data")
with open("a", "w") as f: f.write("hello world")
os.truncate("a", 5)
os.rename("a", "b")
os.link("b", "c")
os.mkdir("d")
os.symlink("../b", "d/l")
print(open("d/l").read(), os.stat("c").st_nlink, os.listdir("d"))
open("gone", "w").close()
os.remove("gone")
with open("c", "a") as f: f.write("!")
print(open("b").read())`;
  assert.equal(await python(script, join(home, "data")), "hello 2 ['l']\nhello!\n");
  assert.equal(readFileSync(join(home, "data/b"), "utf8"), "hello!");
  assert.equal(statSync(join(home, "data/c")).nlink, 2);
  assert.ok(!existsSync(join(home, "data/gone")));
});

const ATTEMPTS = `
import os
def attempt(what, *args):
    try:
        what(*args)
        print("done")
    except OSError as error:
        print(error.strerror)
os.chdir("/data")`;

test("a read-only mount answers EROFS", async () => {
  writeFileSync(join(home, "data/f"), "text");
  const script = `${ATTEMPTS}
attempt(open, "new", "w")
attempt(open, "f", "a")
attempt(os.mkdir, "m")
attempt(os.unlink, "f")
attempt(os.rename, "f", "g")`;
  const out = await python(script, { host: join(home, "data"), readOnly: true });
  assert.equal(out, "Read-only file system\n".repeat(5));
});

test("links and .. lead to the sandbox's own files, never to the host's", async () => {
  symlinkSync(join(home, "outside"), join(home, "data/absolute"));
  symlinkSync("../outside", join(home, "data/relative"));
  const script = `${ATTEMPTS}
attempt(open, "absolute")
attempt(open, "relative")
attempt(open, "../outside")
attempt(open, "/etc/passwd")`;
  assert.equal(await python(script, join(home, "data")), "No such file or directory\n".repeat(4));
});

test("what the host would execute is refused, until its rule is switched off", async () => {
  mkdirSync(join(home, "data/repo/.git/hooks"), { recursive: true });
  const script = `${ATTEMPTS}
attempt(open, "repo/.git/hooks/pre-commit", "w")
attempt(open, ".bashrc", "w")`;
  assert.equal(await python(script, join(home, "data")), "Operation not permitted\n".repeat(2));
  const allowing = { host: join(home, "data"), allow: ["git-hooks"] };
  assert.equal(await python(script, allowing), "done\nOperation not permitted\n");
});

test("an overlay is changed in memory, also where a writable mount refuses, and the host's directory stays as it is", async () => {
  mkdirSync(join(home, "data/below"), { recursive: true });
  writeFileSync(join(home, "data/below/kept"), "host");
  writeFileSync(join(home, "data/below/gone"), "host");
  const script = `
import os
os.chdir("/data/below")
os.remove("gone")
with open("kept", "a") as f: f.write(" and guest")
os.makedirs("../.git/hooks")
open("../.git/hooks/pre-commit", "w").write("x")
os.rename("kept", "moved")
print(sorted(os.listdir(".")), open("moved").read(), os.path.exists("/data/.git/hooks/pre-commit"))`;
  const mount = { host: join(home, "data"), overlay: "1m" } as const;
  assert.equal(await python(script, mount), "['moved'] host and guest True\n");
  assert.equal(readFileSync(join(home, "data/below/kept"), "utf8"), "host");
  assert.ok(existsSync(join(home, "data/below/gone")) && !existsSync(join(home, "data/.git")));
  const full = `
try: open("/data/big", "wb").write(bytes(2 << 20))
except OSError as error: print(error.errno == 51, error.strerror)`;
  assert.equal(await python(full, mount), "True No space left on device\n");
});
