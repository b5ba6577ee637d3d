/** The default image in a locked cell. It is built by `linden image build`, which takes minutes: never by a test. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ImageNotFound, ImageRefused, OptionError, Sandbox } from "../../src/sandbox/index.ts";
import { builtImage, packImage } from "../../src/store/index.ts";
import { DEFAULT_IMAGE } from "../../src/toolchain/index.ts";
import { linden } from "../toolchain/compiler.ts";

const image = await builtImage(DEFAULT_IMAGE);
const skip = image === undefined && "the image is not built: ./linden image build";

const work = mkdtempSync(join(tmpdir(), "linden-busybox-"));
after(() => rmSync(work, { recursive: true }));

describe("busybox", { skip, timeout: 120_000 }, () => {
  let box: Sandbox;
  before(async () => {
    box = await Sandbox.create(image === undefined ? {} : { image });
  });
  after(() => box?.close());

  const sh = async (script: string, stdin = "") => {
    const { stdout, stderr, exitCode } = await box.run("sh", ["-c", script], { stdin });
    return { stdout, stderr, exitCode };
  };
  const says = async (script: string, stdout: string, stdin = "") => {
    assert.deepEqual(await sh(script, stdin), { stdout, stderr: "", exitCode: 0 });
  };

  test("a pipeline runs through processes of the kernel", async () => {
    await says("echo hi | cat", "hi\n");
    await says("seq 1 1000 | sort -rn | head -3", "1000\n999\n998\n");
    await says("cat | tr a-z A-Z | rev", "CBA\n", "abc\n");
  });

  test("the shell's own words: loops, functions, substitutions, here-documents, globs", async () => {
    await says("i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; echo $i", "1000\n");
    await says("f() { echo $(($1 * 2)); }; echo $(f 21) `f 4`", "42 8\n");
    await says("x=42; cat <<END\nx is $x\nEND", "x is 42\n");
    await says("mkdir -p /tmp/g; cd /tmp/g; touch a.c b.c c.h; echo *.c; rm -r /tmp/g", "a.c b.c\n");
    await says("(exit 3); echo $?; false || echo no", "3\nno\n");
  });

  test("exit codes and what ends a process come through", async () => {
    assert.equal((await sh("exit 7")).exitCode, 7);
    assert.equal((await sh("nosuchprogram")).exitCode, 127);
    assert.equal((await sh("kill -TERM $$")).exitCode, 143);
    assert.equal((await sh("sleep 10 & kill $!; wait $!; echo $?")).stdout, "143\n");
    await says("trap 'echo caught' USR1; kill -USR1 $$; echo after", "caught\nafter\n");
  });

  test("tools over files", async () => {
    await says(
      "printf 'b 2\\na 1\\n' > /tmp/t; sort /tmp/t | awk '{ s += $2; print $1 } END { print s }'",
      "a\nb\n3\n",
    );
    await says("echo foobar | sed 's/o\\+/0/' | grep -c f0b", "1\n");
    await says(
      "mkdir /tmp/d; echo x > /tmp/d/f; tar -C /tmp -czf /tmp/d.tgz d; tar -tzf /tmp/d.tgz; rm -r /tmp/d",
      "d/\nd/f\n",
    );
    await says("echo hello | sha256sum | cut -c1-16", "5891b5b522d5df08\n");
    await says("find /bin -name 'b*box'; ls -l /bin/busybox | cut -c1-10", "/bin/busybox\n-rwxr-xr-x\n");
  });

  test("processes and the machine are seen through /proc", async () => {
    const { stdout: list } = await sh("sleep 9 & ps -o pid,comm,args; kill $!");
    assert.match(list, /^\s*\d+ sleep\s+sleep 9$/m);
    assert.match((await sh("free")).stdout, /^Mem:\s+\d+\s+\d+\s+\d+/m);
    assert.match((await sh("top -b -n1")).stdout, /^Mem: \d+K used.*^\s*PID.*\btop -b -n1$/ms);
    assert.match((await sh("uptime")).stdout, /up 0 min, {2}load average: \d\.\d\d, /);
    assert.match((await sh("df /tmp")).stdout, /^tmpfs\s+\d+\s+\d+\s+\d+\s+\d+% \/$/m);
    await says("sleep 9 & sleep 0.1; pidof sleep | wc -w; killall sleep", "1\n");
    await says("echo one > /tmp/o; cat /dev/fd/3 3< /tmp/o; echo two > /dev/stdout", "one\ntwo\n");
    await says("mkfifo /tmp/p; echo through > /tmp/p & cat /tmp/p", "through\n");
    await says("cut -d' ' -f2 /proc/self/stat; readlink /proc/self/exe", "(cut)\n/bin/busybox\n");
  });

  test("a script is executed through its first line", async () => {
    await box.files.write("/tmp/s", "#!/bin/sh\necho from $0 with $1\n", { mode: 0o755 });
    await says("/tmp/s one", "from /tmp/s with one\n");
  });

  test("a sandbox that cannot be written keeps its image", async () => {
    assert.ok(image);
    await using sealed = await Sandbox.create({ image, readOnly: true });
    const { stdout, exitCode } = await sealed.run("sh", ["-c", "cat /bin/none; echo x > /bin/sh; echo $? | cat"]);
    assert.deepEqual({ stdout, exitCode }, { stdout: "1\n", exitCode: 0 });
  });

  test("a sandbox takes an image by its name, packed, and under others", async () => {
    assert.ok(image);
    const file = join(work, "busybox.tar.gz");
    writeFileSync(file, packImage("busybox", image, file).bytes);
    mkdirSync(join(work, "own/etc"), { recursive: true });
    writeFileSync(join(work, "own/etc/shells"), "mine\n");
    for (const images of [DEFAULT_IMAGE, file, [file, join(work, "own")]]) {
      await using taken = await Sandbox.create({ image: images });
      const { stdout } = await taken.run("sh", ["-c", "cat /etc/shells | head -1"]);
      assert.equal(stdout, Array.isArray(images) ? "mine\n" : "/bin/sh\n");
    }
    writeFileSync(file, readFileSync(file).subarray(0, 5000));
    await assert.rejects(Sandbox.create({ image: file }), ImageRefused);
    await assert.rejects(Sandbox.create({ image: join(work, "none.tar") }), ImageNotFound);
  });

  test("no guest may write where images come from", async () => {
    assert.ok(image);
    const over = Sandbox.create({ image, mounts: { "/x": { host: `${image}/bin` } } });
    await assert.rejects(over, OptionError);
  });

  test("linden shell reads commands from a pipe and ends as they say", () => {
    const { stdout, status } = linden(["shell"], "/", "cd /tmp && pwd\nwhoami | cat\nexit 3\n");
    assert.deepEqual({ stdout, status }, { stdout: "/tmp\nroot\n", status: 3 });
  });

  test("another image lies over the shell's own", () => {
    mkdirSync(join(work, "over/etc"), { recursive: true });
    writeFileSync(join(work, "over/etc/shells"), "over\n");
    const { stdout, status } = linden(["shell", "--image", join(work, "over")], "/", "cat /etc/shells | rev\n");
    assert.deepEqual({ stdout, status }, { stdout: "revo\n", status: 0 });
  });

  test("linden run takes a program from the image, and a guest's own name comes first", () => {
    const { stdout, status } = linden(["run", "seq", "3"], "/");
    assert.deepEqual({ stdout, status }, { stdout: "1\n2\n3\n", status: 0 });
    assert.equal(linden(["run", "nothing-of-this-name"], "/").status, 127);
  });
});
