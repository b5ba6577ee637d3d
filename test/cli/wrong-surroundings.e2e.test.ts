/**
 * Wrong words, and a machine that is in a bad way: each gives one message that names the culprit, with the status that the README's
 * table says. dist/ must be built (./linden test does that).
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readlinkSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { code } from "../engine/wasm-builder.ts";
import { command, goodProgram } from "../security/world.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.cjs", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "linden-surroundings-"));
after(() => rmSync(home, { recursive: true, force: true }));
writeFileSync(join(home, "good.wasm"), goodProgram());

/** What goodProgram ends with. */
const GOOD = 42;

const POLICY = { about: "short", default: { errno: "EPERM" }, syscalls: [{ syscall: "read", why: "it reads" }] };

/** A reason to skip, or false: a small file system takes root, or a user namespace. */
function whyNoTmpfs(): string | false {
  const { status } = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", home], { stdio: "ignore" });
  return status !== 0 && "mounting takes root";
}

/** By a shell, whose own words lay out descriptors and bytes; "$@" is Linden. */
function shell(script: string, env: NodeJS.ProcessEnv = {}, under: readonly string[] = []) {
  const own = [process.execPath, "--disable-warning=ExperimentalWarning", CLI];
  const [file = "", ...words] = [...under, "sh", "-c", script, "sh", ...own];
  return spawnSync(file, words, {
    cwd: home,
    encoding: "utf8",
    timeout: 30_000,
    env: { ...process.env, ...env },
  });
}

describe("wrong words", () => {
  const USAGE: readonly (readonly [words: string, message: RegExp, see: string])[] = [
    ["nope", /^there is no command nope$/, ""],
    ["rnu good.wasm", /^there is no command rnu; did you mean "run"\?$/, ""],
    ["help imgae", /^there is no command imgae; did you mean "image"\?$/, ""],
    ["shell -e A=b good.wasm", /^good\.wasm: expected options alone; /, "shell "],
    ["image lst", /^lst: expected build \[NAME…\], list, /, "image "],
    ["guests --nope", /^Unknown option '--nope'$/, "guests "],
    ["doctor x", /^Unexpected argument 'x'\. /, "doctor "],
    ["explain --tree --nope", /^Unknown option '--nope'$/, "explain "],
    ["run --memory -1 x.wasm", /^--memory: its value is missing, or begins with "-": /, "run "],
    [String.raw`run "$(printf 'caf\351.wasm')"`, /^caf\\xe9\.wasm: words .* must be UTF-8 here$/, ""],
    [String.raw`run good.wasm "$(printf '\351')"`, /^\\xe9: words .* must be UTF-8 here$/, ""],
  ];
  for (const [words, message, see] of USAGE) {
    test(words, () => {
      const { status, stdout, stderr } = shell(`"$@" ${words}`);
      const [first = "", ...rest] = stderr.split("\n");
      assert.match(first.replace(/^linden: /, ""), message);
      assert.deepEqual([rest, status, stdout], [[`linden: see linden ${see}--help`, ""], 125, ""]);
    });
  }

  test("a replacement character that was meant is taken", () => {
    assert.equal(shell(String.raw`"$@" run good.wasm "$(printf '\357\277\275')"`).status, GOOD);
  });
});

describe("files", () => {
  const FILES: readonly (readonly [words: string, message: RegExp, status: number])[] = [
    ["run --image bussybox sh", /^bussybox: no image of this name is built; "linden image list" tells which/, 127],
    ["run pyhton", /^pyhton: .*; did you mean "python"\?/, 127],
    ["run good", /^good: no guest of this name is installed .*no path of a \.wasm file/, 127],
    ["run .", /^\.: is a directory, not a program$/, 126],
    ["run -v /nowhere:/x good.wasm", /^mounts\["\/x"\]: expected a host directory, .*got "\/nowhere"$/, 125],
    ["run -v /dev/null:/x:ro good.wasm", /^mounts\["\/x"\]: expected .*regular file, got "\/dev\/null"$/, 125],
    [
      "image pack busybox -o /nowhere/x.tar",
      /^(\/nowhere\/x\.tar: cannot be written \(ENOENT\)$|busybox: it is not built)/,
      125,
    ],
    ["learn -o /nowhere/x -- true", /^\/nowhere: no such file or directory \(ENOENT\)$/, 125],
    ["jail --gen-config /nowhere/x -- true", /^\/nowhere\/x: no such file or directory \(ENOENT\)$/, 125],
  ];
  for (const [words, message, expected] of FILES) {
    test(words, () => {
      const { status, stdout, stderr } = shell(`"$@" ${words}`);
      assert.match(stderr.split("\n")[0]?.replace(/^linden: /, "") ?? "", message);
      assert.deepEqual([status, stdout], [expected, ""]);
    });
  }

  test("a misspelled program of an image is told the nearest one", () => {
    mkdirSync(join(home, "tools/bin"), { recursive: true });
    writeFileSync(join(home, "tools/bin/grep"), goodProgram(), { mode: 0o755 });
    const { status, stderr } = shell('"$@" run --image ./tools grpe x');
    assert.match(stderr, /^linden: grpe: [^\n]*; did you mean "grep"\?\n$/);
    assert.equal(status, 127);
  });

  test("a program with too little memory is told how much it needs, and that is enough", () => {
    const large = command({ proc_exit: "i>" }, (call) => [code.i32(GOOD), call("proc_exit")], 130);
    writeFileSync(join(home, "large.wasm"), large.build());
    const { status, stderr } = shell('"$@" run -m 8m large.wasm');
    const message =
      /^linden: large\.wasm: Cannot allocate memory \(ENOMEM\): it needs 8320 KiB to begin with, and the limit is 8192 KiB; -m (9m), or limits\.memory: "9m", raises that\n$/;
    assert.match(stderr, message);
    assert.equal(status, 126);
    assert.equal(shell(`"$@" run -m ${message.exec(stderr)?.[1]} large.wasm`).status, GOOD);
  });

  test("a refused module is named", () => {
    writeFileSync(join(home, "cut.wasm"), goodProgram().subarray(0, 60));
    assert.match(shell('"$@" run cut.wasm').stderr, /^linden: cut\.wasm: module refused: [^\n]+\n$/);
  });
});

describe("the surroundings", () => {
  test("standard output that takes no more is told, whoever writes; a reader that left is not", () => {
    for (const words of ["help", "run good.wasm"]) {
      const { status, stderr } = shell(`"$@" ${words} >/dev/full`);
      assert.deepEqual([status, stderr], [125, "linden: output cannot be written (ENOSPC)\n"], words);
    }
    const { status, stderr } = shell('"$@" help | true');
    assert.deepEqual([status, stderr], [0, ""]);
  });

  test("a file that cannot be written whole is not there, or stays as it was", { skip: whyNoTmpfs() }, () => {
    const full = join(home, "full");
    mkdirSync(full);
    writeFileSync(join(home, "wide.json"), JSON.stringify({ ...POLICY, about: "x".repeat(8192) }));
    // A page holds the file that was there, and none is left.
    const { status, stdout, stderr } = shell(
      `mount -t tmpfs -o size=4k tmpfs full && echo old > full/policy && "$@" convert -o full/policy wide.json
       status=$?; cat full/policy; ls full; exit $status`,
      {},
      ["unshare", "--mount"],
    );
    assert.deepEqual([status, stderr], [125, "linden: full/policy: cannot be written (ENOSPC)\n"]);
    assert.equal(stdout, "old\npolicy\n");
  });

  test("what is no plain file is written to, and stays what it is", () => {
    writeFileSync(join(home, "policy.json"), JSON.stringify(POLICY));
    symlinkSync("target", join(home, "link"));
    for (const words of ["/dev/stdout policy.json | cat", "link policy.json && cat link"]) {
      const { status, stdout } = shell(`"$@" convert -o ${words}`);
      assert.deepEqual([status, JSON.parse(stdout).about], [0, POLICY.about], words);
    }
    assert.equal(readlinkSync(join(home, "link")), "target");
  });

  test("closed standard streams are no obstacle", () => {
    for (const closed of ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
      assert.equal(shell(`"$@" run good.wasm ${closed}`).status, GOOD);
  });

  test("a file that the program was to see, and cannot, is told", () => {
    writeFileSync(join(home, "script.py"), "print(1)\n");
    const hint = "linden: script.py is a file here; the program sees only what is mounted: -v .:/work:ro -w /work\n";
    const { status, stderr } = shell('"$@" run python script.py');
    assert.equal(status, 2);
    assert.ok(stderr.startsWith("python: can't open file") && stderr.endsWith(`\n${hint}`), stderr);
    assert.equal(shell('"$@" run good.wasm script.py').stderr, hint);
    for (const words of [
      'good.wasm script "$(head -c 9000 /dev/zero | tr "\\0" a)" /etc/passwd',
      "-v .:/x good.wasm script.py",
    ]) {
      const { status, stderr } = shell(`"$@" run ${words}`);
      assert.deepEqual([status, stderr], [GOOD, ""], words);
    }
    const mounted = shell('"$@" run -v .:/work:ro -w /work python script.py');
    assert.deepEqual([mounted.status, mounted.stdout, mounted.stderr], [0, "1\n", ""]);
  });

  test("standard input that is a directory is told", () => {
    const { status, stderr } = shell('"$@" run python -c "import sys; sys.exit(len(sys.stdin.read()))" </tmp');
    assert.deepEqual([status, stderr], [0, "linden: standard input is a directory: the program finds it empty\n"]);
  });

  test("a current directory that is gone is told in one line", () => {
    const gone = join(home, "gone");
    for (const command of ["guests", "run good.wasm", "shell"]) {
      mkdirSync(gone);
      const { status, stderr } = shell(`cd gone && rmdir ../gone && "$@" ${command}`);
      const line = "linden: the current directory is not there any more: change into another one\n";
      assert.deepEqual([status, stderr], [125, line], command);
      assert.throws(() => rmdirSync(gone), /ENOENT/);
    }
  });

  test("a home that is empty, relative, a file, or not to be written, stands in no program's way", () => {
    writeFileSync(join(home, "file"), "");
    for (const HOME of ["", "relative", join(home, "file"), "/proc"]) {
      const { status, stdout, stderr } = shell(
        '"$@" run good.wasm; status=$?; ls -d relative .cache 2>/dev/null; exit $status',
        {
          HOME,
          XDG_CACHE_HOME: "",
        },
      );
      assert.deepEqual([status, stdout, stderr], [GOOD, "good", ""], HOME);
    }
  });

  test("a long list of words arrives whole, through a link and another directory", () => {
    const { status, stdout, stderr } = shell(
      'cd / && "$@" run python -c "import sys; print(len(sys.argv[1]))" "$(head -c 131000 /dev/zero | tr "\\0" a)"',
    );
    assert.deepEqual([status, stdout, stderr], [0, "131000\n", ""]);
  });
});
