/** `linden jail`, option by option: each program really attempts what its jail forbids. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../processor-time.ts";
import { jailed, prints, program, rootSkip, scratch } from "./jailed.ts";

const skip = rootSkip();
const sh = (script: string): string[] => ["--", "/bin/sh", "-c", script];
const status = (text: string, name: string): string =>
  new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(text)?.[1]?.trim() ?? "";

let root = "";
before(() => {
  chmodSync(scratch, 0o755);
  root = join(scratch, "root");
  for (const name of ["bin", "lib", "lib64", "usr", "proc", "tmp", "dev", "data"])
    mkdirSync(join(root, name), { recursive: true });
});
const mounted = () => ["-P", root, ...["/bin", "/lib", "/lib64", "/usr"].flatMap((each) => ["-b", each])];

describe("who it is", { skip }, () => {
  test("-u and -g change user and group, and drop supplementary groups and capabilities", async () => {
    const text = await prints([
      "-u",
      "nobody",
      "-g",
      "nogroup",
      ...sh("cat /proc/self/status; cat /etc/shadow 2>&1 || true"),
    ]);
    assert.equal(status(text, "Uid"), "65534\t65534\t65534\t65534");
    assert.equal(status(text, "Gid"), "65534\t65534\t65534\t65534");
    assert.equal(status(text, "Groups"), "");
    assert.equal(status(text, "CapEff"), "0000000000000000");
    assert.match(text, /shadow: Permission denied/);
  });
  test("numbers do as well, and a user's own group comes with his name", async () => {
    assert.equal(
      status(await prints(["-u", "12345", "-g", "54321", "--", "cat", "/proc/self/status"]), "Uid"),
      "12345\t12345\t12345\t12345",
    );
    assert.equal(status(await prints(["-u", "daemon", "--", "cat", "/proc/self/status"]), "Gid"), "1\t1\t1\t1");
  });
  test("--add-suppl-group adds, -G takes the user's, -y keeps", async () => {
    const groups = async (...argv: string[]) =>
      status(await prints([...argv, "--", "cat", "/proc/self/status"]), "Groups");
    assert.equal(await groups("-u", "nobody", "--add-suppl-group", "audio", "--add-suppl-group", "77"), "29 77");
    assert.equal(await groups("-u", "daemon", "-G"), "1");
    assert.equal(await groups("-u", "nobody", "-y"), status(readFileSync("/proc/self/status", "utf8"), "Groups"));
  });
  test("-c 0 takes every capability, from root too, and no exec brings one back", async () => {
    const text = await prints(["-c", "0", ...sh("cat /proc/self/status; chown nobody /tmp 2>&1 || true")]);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.equal(status(text, set), "0000000000000000", set);
    assert.match(text, /Operation not permitted/);
  });
  test("-c with --ambient keeps what it names, in another user's hands", async () => {
    const text = await prints([
      "-u",
      "nobody",
      "-c",
      "cap_net_bind_service,cap_kill+ep",
      "--ambient",
      "--",
      "cat",
      "/proc/self/status",
    ]);
    const set = ((1n << 10n) | (1n << 5n)).toString(16).padStart(16, "0");
    for (const each of ["CapPrm", "CapEff", "CapBnd", "CapAmb"]) assert.equal(status(text, each), set, each);
    assert.equal((await jailed(["-c", "20", "--", "true"])).status, 125);
  });
  test("-B leaves securebits alone, others are locked", async () => {
    const source = `#include <stdio.h>\n#include <sys/prctl.h>\nint main(void) { printf("%x\\n", prctl(PR_GET_SECUREBITS)); return 0; }`;
    const bits = program("securebits", source);
    assert.equal(await prints(["-c", "0", "--", bits]), "2f\n");
    assert.equal(await prints(["-c", "0", "-B", "3", "--", bits]), "2c\n");
  });
  test("no_new_privs is set, and -n sets it where nothing else does", async () => {
    const privileges = async (...argv: string[]) =>
      status(await prints([...argv, "--", "cat", "/proc/self/status"]), "NoNewPrivs");
    assert.equal(await privileges(), "1");
    assert.equal(await privileges("--no-default-runtime-environment"), "0");
    assert.equal(await privileges("--no-default-runtime-environment", "-n"), "1");
  });
  test("-w joins a keyring of its own", async () => {
    const keyring = program(
      "keyring",
      `#include <stdio.h>\n#include <sys/syscall.h>\n#include <unistd.h>\nint main(void) { printf("%ld\\n", syscall(SYS_keyctl, 0, -3, 0)); return 0; }`,
    );
    const [first, second] = [await prints(["-w", "--", keyring]), await prints(["-w", "--", keyring])];
    assert.ok(Number(first) > 0 && Number(second) > 0 && first !== second);
  });
});

describe("namespaces", { skip }, () => {
  test("-p hides other processes, the program is not the first, and /proc is read-only", async () => {
    const text = await prints([
      "-p",
      ...sh(
        "echo $$; set -- /proc/[0-9]*; echo $#; echo x > /proc/sys/kernel/hostname || echo refused; kill -0 " +
          process.pid +
          " || echo unseen",
      ),
    ]);
    const [pid, processes, ...rest] = text.trim().split("\n");
    assert.ok(pid === "2" && processes === "2", text);
    assert.deepEqual(rest, ["refused", "unseen"]);
  });
  test("what the program leaves behind ends with it", async () => {
    const seconds = 600 + Math.floor(Math.random() * 300);
    const alive = () =>
      readdirSync("/proc").filter((name) => {
        try {
          return readFileSync(`/proc/${name}/cmdline`, "latin1").startsWith(`sleep\0${seconds}\0`);
        } catch {
          return false;
        }
      });
    await prints(["-v", ...sh(`sleep ${seconds} > /dev/null 2>&1 & exit 0`)]);
    // Its parent may end before it is the program.
    await until(() => alive().length === 1, 5000, "what stays without a pid namespace");
    for (const pid of alive()) process.kill(Number(pid), "SIGKILL");
    await prints(["-p", ...sh(`sleep ${seconds} & exit 0`)]);
    await until(() => alive().length === 0, 1000, "an end of all in the namespace");
  });
  test("-I makes it the first process", async () => {
    assert.equal(await prints(["-I", ...sh("echo $$")]), "1\n");
  });
  test("-v keeps mounts from the machine, -Kshared is told from -K", async () => {
    const before = readFileSync("/proc/self/mountinfo", "utf8");
    await prints(["-v", "--", "mount", "-t", "tmpfs", "none", "/mnt"]);
    assert.equal(readFileSync("/proc/self/mountinfo", "utf8"), before);
    assert.match(await prints(["-v", "-Kshared", "--", "cat", "/proc/self/mountinfo"]), / \/ \/ \S+ shared:\d+/);
    assert.doesNotMatch(await prints(["-v", "-Kprivate", "--", "cat", "/proc/self/mountinfo"]), /shared:|master:/);
    assert.equal((await jailed(["-Kprivate", "--", "true"])).status, 125);
  });
  test("-e has no way to the machine's network, loopback is up", async () => {
    const server = createServer((socket) => socket.end("reached"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const dial = ["--", "/bin/bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/${port} && cat <&3`];
    try {
      assert.equal(await prints(dial), "reached");
      assert.match((await jailed(["-e", ...dial])).stderr, /Connection refused/);
      assert.match(await prints(["-e", "--", "cat", "/proc/net/dev"]), /^[^:]*lo:[^:]*$/);
    } finally {
      server.close();
    }
  });
  test("-eFILE and -V FILE enter a namespace that is there", async () => {
    const link = (kind: string) => `readlink /proc/self/ns/${kind}`;
    await jailed(["-v", "-e", ...sh("echo ready; sleep 100")], {
      during: async (pid, stdout) => {
        while (stdout() === "") await sleep(5);
        const inside = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
        const names = ["net", "mnt"].map((kind) => [kind, `/proc/${inside}/ns/${kind}`] as const);
        for (const [kind, file] of names) {
          const expected = (await prints(["--", "readlink", file])).trim();
          const flag = kind === "net" ? [`-e${file}`] : ["-V", file];
          assert.equal((await prints([...flag, ...sh(link(kind))])).trim(), expected, kind);
        }
        process.kill(pid, "SIGTERM");
      },
    });
  });
  test("-l, -N and --uts are new ones; the host name is the jail's", async () => {
    const own = async (...argv: string[]) =>
      (
        await prints([...argv, ...sh("readlink /proc/self/ns/ipc /proc/self/ns/cgroup /proc/self/ns/uts; hostname")])
      ).split("\n");
    const [machine, jail] = [await own(), await own("-l", "-N", "--uts=jail")];
    for (const index of [0, 1, 2]) assert.notEqual(machine[index], jail[index]);
    assert.equal(jail[3], "jail");
    assert.equal((await own())[3], machine[3]);
  });
  test("-U with -m and -M is root over nothing but its own", async () => {
    const text = await prints([
      "-U",
      "-m0 0 1",
      "-M0 0 1",
      ...sh(
        "id -u; cat /proc/self/uid_map; mknod /tmp/linden-node c 1 3 2>&1 || true; date -s 2000-01-01 2>&1 || true",
      ),
    ]);
    assert.match(text, /^0\n\s+0\s+0\s+1\n/);
    assert.match(text, /mknod: .*not permitted/);
    assert.match(text, /date: cannot set date: Operation not permitted/);
  });
  test("an ordinary user gets one too, and maps others only as the machine lets him", async () => {
    const text = await prints(
      ["-m", "-M", ...sh("id -u; grep CapInh /proc/self/status; cat /etc/shadow 2>&1 || true")],
      { user: 65534 },
    );
    assert.match(text, /^0\nCapInh:\t0000000000000000\n.*shadow: Permission denied/);
    const other = await jailed(["-m0 0 1", "--", "true"], { user: 65534 });
    assert.equal(other.status, 125);
    assert.match(other.stderr, /user namespace/);
    assert.equal((await jailed(["-v", "--", "true"], { user: 65534 })).status, 125);
  });
});

describe("the tree of files", { skip }, () => {
  test("-P shows what is bound, read-only unless said, and nothing else", async () => {
    mkdirSync(join(scratch, "writable"), { recursive: true });
    const text = await prints([
      ...mounted(),
      "-b",
      `${scratch}/writable,/data,1`,
      ...sh("ls /; ls /etc /home 2>&1; touch /usr/x 2>&1; touch /data/made; cat /../../etc/passwd 2>&1; true"),
    ]);
    assert.match(text, /^bin\ndata\ndev\nlib\nlib64\nproc\ntmp\nusr\n/);
    assert.match(text, /ls: cannot access '\/etc'/);
    assert.match(text, /touch: cannot touch '\/usr\/x': Read-only file system/);
    assert.match(text, /passwd: No such file/);
    assert.ok(existsSync(join(scratch, "writable/made")));
  });
  test("-C changes the root by chroot", async () => {
    assert.match(
      await prints([
        "-C",
        root,
        ...["/bin", "/lib", "/lib64", "/usr"].flatMap((each) => ["-b", each]),
        ...sh("ls / /etc 2>&1; true"),
      ]),
      /cannot access '\/etc'/,
    );
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    assert.ok(!mounts.includes(root), "nothing stays mounted");
  });
  test("-k mounts with flags and data, safe ones unless said", async () => {
    const look = sh("grep -E ' /(data|tmp) ' /proc/mounts; cp /bin/true /data/true && /data/true || echo noexec");
    const text = await prints([...mounted(), "-b", "/proc", "-k", "none,/data,tmpfs", ...look]);
    assert.match(text, /none \/data tmpfs rw,nosuid,nodev,noexec,relatime,size=10240k,mode=755/);
    assert.match(text, /noexec\n$/);
    const other = await prints([
      ...mounted(),
      "-b",
      "/proc",
      "-k",
      "none,/data,tmpfs,MS_NOSUID|MS_RDONLY,size=4k,mode=700",
      ...sh("grep ' /data ' /proc/mounts"),
    ]);
    assert.match(other, /none \/data tmpfs ro,nosuid,relatime,size=4k,mode=700/);
  });
  test("-t is a tmpfs of its size", async () => {
    const { status, stderr } = await jailed([...mounted(), "-t1M", ...sh("head -c 2000000 /dev/zero > /tmp/big")]);
    assert.equal(status, 1);
    assert.match(stderr, /zero|No space left/);
    const text = await prints([
      ...mounted(),
      "-d",
      "-t1M",
      ...sh("head -c 2000000 /dev/zero > /tmp/big 2>&1; stat -c %s /tmp/big; stat -c %a /tmp"),
    ]);
    assert.match(text, /1048576\n1777\n$/);
  });
  test("-d has the devices every program expects, and no other", async () => {
    const text = await prints([
      ...mounted(),
      "-d",
      ...sh("ls /dev; head -c 4 /dev/zero | wc -c; echo x > /dev/null; cat /dev/vda 2>&1; true"),
    ]);
    assert.match(text, /^fd\nfull\nnull\nptmx\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n4\n.*No such file/s);
  });
  test("-d works in a user namespace, where nobody makes nodes", async () => {
    assert.equal(
      await prints(["-m", "-M", "-d", ...sh("head -c 4 /dev/zero | wc -c; ls /dev/vda 2>/dev/null; true")]),
      "4\n",
    );
  });
  test("an ordinary user has the same tree in a user namespace", async () => {
    const own = join(scratch, "own");
    for (const name of ["", "bin", "lib", "lib64", "usr", "proc", "tmp", "dev"]) {
      mkdirSync(join(own, name), { recursive: true });
      chownSync(join(own, name), 65534, 65534);
    }
    const binds = ["/bin", "/lib", "/lib64", "/usr"].flatMap((each) => ["-b", each]);
    const look = sh(
      "ls /; touch /usr/x 2>&1; head -c 3 /dev/zero | wc -c; set -- /proc/[0-9]*; echo $#; cat /etc/passwd 2>&1; true",
    );
    const text = await prints(["-m", "-M", "-e", "-d", "-t1M", "-P", own, ...binds, ...look], { user: 65534 });
    assert.match(
      text,
      /^bin\ndev\nlib\nlib64\nproc\ntmp\nusr\n.*'\/usr\/x': Read-only file system\n3\n2\n.*passwd: No such file/s,
    );
  });
  test("-r makes /proc read-only", async () => {
    assert.match(
      (await jailed(["-r", ...sh("echo 1 > /proc/sys/vm/swappiness")])).stderr,
      /Read-only file system|cannot create/,
    );
  });
  test("a mount does not follow a link out of the new root", async () => {
    rmSync(join(root, "out"), { force: true });
    symlinkSync("/mnt", join(root, "out"));
    const { status, stderr } = await jailed([...mounted(), "-k", "none,/out/inner,tmpfs", "--", "/bin/true"]);
    rmSync(join(root, "out"));
    assert.equal(status, 125);
    assert.match(stderr, /out is a symbolic link/);
    assert.equal((await jailed([...mounted(), "-k", "none,/../x,tmpfs", "--", "/bin/true"])).status, 125);
  });
  test("neither do a minimal /dev and a read-only /proc", async () => {
    for (const [name, ...more] of [
      ["dev", "-d"],
      ["proc", "-U", "-r"],
    ] as const) {
      const crooked = join(scratch, `crooked-${name}`);
      mkdirSync(crooked);
      symlinkSync("/mnt", join(crooked, name));
      const { status, stderr } = await jailed(["-P", crooked, "-b", "/bin", ...more, "--", "/bin/true"]);
      assert.equal(status, 125);
      assert.match(stderr, new RegExp(`crooked-${name}/${name} is a symbolic link`));
    }
  });
  test("--profile minimalistic-mountns is read-only around a /tmp of its own", async () => {
    mkdirSync("/var/empty", { recursive: true });
    const argv = ["--profile=minimalistic-mountns-nodev", ...sh("touch /etc/x /tmp/linden-made 2>&1; ls /tmp")];
    assert.match(await prints(argv), /'\/etc\/x': Read-only file system\nlinden-made\n$/);
    assert.ok(!existsSync("/tmp/linden-made"));
  });
});

describe("Landlock", () => {
  const paths = ["--fs-default-paths", "--fs-path-rw", "/dev"];
  test("--fs-path-ro reads and does not write, and what is not named is refused", async () => {
    writeFileSync(join(scratch, "note"), "a note");
    const text = await prints([
      ...paths,
      "--fs-path-ro",
      scratch,
      ...sh(
        `cat ${scratch}/note; echo; echo x 2>&1 > ${scratch}/note || echo no; cat /etc/hostname 2>&1 || true; ls / 2>&1 || true`,
      ),
    ]);
    assert.match(text, /^a note\n.*cannot create .*Permission denied\nno\n/);
    assert.match(text, /hostname: Permission denied/);
    assert.match(text, /cannot open directory '\/': Permission denied/);
  });
  test("--fs-path-rw makes files, not sockets and links; --fs-path-advanced-rw makes those", async () => {
    const directory = join(scratch, "rw");
    mkdirSync(directory, { recursive: true });
    const work = sh(
      `cd ${directory}; echo x > f && rm f && echo file; ln -s a b 2>/dev/null && rm b && echo link; mkfifo p 2>/dev/null && rm p && echo fifo; true`,
    );
    assert.equal(await prints([...paths, "--fs-path-rw", directory, ...work]), "file\n");
    assert.equal(await prints([...paths, "--fs-path-advanced-rw", directory, ...work]), "file\nlink\nfifo\n");
  });
  test("--fs-path-rx executes, --fs-path-ro does not", async () => {
    const copy = join(scratch, "echo");
    writeFileSync(copy, readFileSync("/bin/echo"), { mode: 0o755 });
    assert.equal(await prints([...paths, "--fs-path-rx", scratch, ...sh(`${copy} runs`)]), "runs\n");
    assert.match(
      (await jailed([...paths, "--fs-path-ro", scratch, ...sh(`${copy} runs`)])).stderr,
      /Permission denied/,
    );
    assert.equal((await jailed(["--fs-path-ro", "/", "--", copy])).status, 126);
  });
  test("a path that is not there, and an ABI the kernel has not, stop the start", async () => {
    const { status, stderr } = await jailed(["--fs-path-ro", "/no/where", "--", "true"]);
    assert.equal(status, 125);
    assert.match(stderr, /no\/where/);
    assert.equal((await jailed(["--fs-default-paths", "--landlock-abi", "99", "--", "true"])).status, 125);
    assert.equal((await jailed(["--fs-default-paths", "--landlock-abi", "1", "--", "true"])).status, 0);
    assert.equal((await jailed(["--fs-default-paths", "--no-fs-restrictions", "--", "true"])).status, 125);
  });
  test("--enable-profile-fs-restrictions leaves of a profile what it shows", { skip }, async () => {
    mkdirSync("/var/empty", { recursive: true });
    const argv = [
      "--profile=minimalistic-mountns-nodev",
      "--enable-profile-fs-restrictions",
      ...sh("echo x > /tmp/linden-made; ls /tmp; mkfifo /tmp/p 2>&1"),
    ];
    const { stdout } = await jailed(argv);
    assert.match(stdout, /linden-made\n.*mkfifo: .*Permission denied/s);
  });
});

describe("the rest", () => {
  test("-R limits what the program may use", async () => {
    const { stderr } = await jailed([
      "-R",
      "RLIMIT_FSIZE,1024,1024",
      "-R",
      "RLIMIT_CORE,0,0",
      ...sh(`ulimit -f; head -c 5000 /dev/zero > ${scratch}/limited`),
    ]);
    assert.match(stderr, /File size limit|too large/i);
    assert.equal(await prints(["-R", "RLIMIT_NOFILE,17,0x20", ...sh("ulimit -n; ulimit -Hn")]), "17\n32\n");
    assert.equal((await jailed(["-R", "RLIMIT_NOFILE,4,3", "--", "true"])).status, 125);
    assert.equal((await jailed(["-R", "RLIMIT_FILES,4,4", "--", "true"])).status, 125);
  });
  test("--env-reset and --env-add make the environment", async () => {
    assert.equal(
      await prints(["--env-reset", "--env-add", "A=1", "--env-add", "B=x=y", "--", "/usr/bin/env"]),
      "A=1\nB=x=y\n",
    );
    assert.match(
      await prints(["--env-add", "A=1", "--", "env"], { env: { SECRET: "shown" } }),
      /SECRET=shown\n(.*\n)*A=1\n/,
    );
  });
  test("only standard streams go in, and --preserve-fd's", async () => {
    const descriptor = openSync("/etc/hostname", "r");
    const stdio = ["ignore", "pipe", "pipe", descriptor, descriptor] as const;
    const list = sh("ls /proc/self/fd | tr '\\n' ' '");
    assert.equal(await prints(list, { stdio: [...stdio] }), "0 1 2 3 ");
    assert.equal(
      await prints(["--preserve-fd", "4", ...sh("cat <&4; ls /proc/self/fd | tr '\\n' ' '")], { stdio: [...stdio] }),
      `${readFileSync("/etc/hostname", "utf8")}0 1 2 3 4 `,
    );
    assert.equal((await jailed(["--preserve-fd", "99", "--", "true"])).status, 125);
  });
  test("it has a session of its own, and --no-new-sessions not", async () => {
    const session = sh("read _ _ _ _ _ sid _ < /proc/self/stat; echo $sid $$");
    const [own, pid] = (await prints(session)).trim().split(" ");
    assert.equal(own, pid);
    const [kept, other] = (await prints(["--no-new-sessions", ...session])).trim().split(" ");
    assert.notEqual(kept, other);
  });
  test("signals are as a fresh program finds them", async () => {
    assert.match(await prints(["--", "cat", "/proc/self/status"]), /SigBlk:\t0{16}\nSigIgn:\t0{16}\nSigCgt:\t0{16}/);
  });
  test("-f writes the pid, -i returns while the program runs", async () => {
    const file = join(scratch, "pid");
    assert.equal((await jailed(["-i", "-f", file, "--", "sleep", "30"], { stdio: "ignore" })).status, 0);
    const pid = Number(readFileSync(file, "utf8"));
    // It is told the moment there is a process, which becomes the program a little later.
    const line = () => readFileSync(`/proc/${pid}/cmdline`, "latin1");
    await until(() => line().startsWith("sleep"), 5000, "the program");
    process.kill(pid, "SIGKILL");
  });
  test("-f tells the pid this machine knows, in a pid namespace too", { skip }, async () => {
    const file = join(scratch, "inner-pid");
    assert.equal((await jailed(["-p", "-i", "-f", file, "--", "sleep", "31"], { stdio: "ignore" })).status, 0);
    const pid = Number(readFileSync(file, "utf8"));
    assert.match(readFileSync(`/proc/${pid}/status`, "latin1"), /^NSpid:\t\d+\t2$/m);
    process.kill(pid, "SIGKILL");
  });
  test("signals are handed on, and with -z not", async () => {
    const script = sh("trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.05; done");
    const during = async (pid: number, stdout: () => string) => {
      while (stdout() === "") await sleep(5);
      process.kill(pid, "SIGTERM");
    };
    const handed = await jailed(script, { during });
    assert.deepEqual([handed.status, handed.stdout], [9, "ready\ngot\n"]);
    let inner = 0;
    const kept = await jailed(["-z", ...sh("echo $$; exec sleep 32")], {
      stdio: ["ignore", "pipe", "ignore"],
      during: async (pid, stdout) => {
        while (!stdout().includes("\n")) await sleep(5);
        inner = Number(stdout());
        process.kill(pid, "SIGTERM");
        await sleep(100);
        assert.ok(existsSync(`/proc/${inner}`), "the program goes on");
        process.kill(inner, "SIGKILL");
      },
    });
    assert.equal(kept.signal, "SIGTERM");
  });
  test("exit statuses are the program's, 128+n, 126, 127 and 125", async () => {
    const of = async (...argv: string[]) => (await jailed(argv)).status;
    assert.equal(await of(...sh("exit 7")), 7);
    assert.equal(await of(...sh("kill -9 $$")), 137);
    assert.equal(await of("--", "linden-no-such-program"), 127);
    assert.equal(await of("--", "/no/such/program"), 127);
    assert.equal(await of("--", "/etc/passwd"), 126);
    const script = join(scratch, "broken");
    writeFileSync(script, "#!/no/such/interpreter\n", { mode: 0o755 });
    for (const file of [script, scratch]) {
      const { status, stderr } = await jailed(["--", file]);
      assert.equal(status, 126);
      assert.match(
        stderr,
        /^linden: \/.*: it cannot be executed: [^\n]+\n$/,
        "an ordinary user's access(2), or the kernel, says why",
      );
    }
    assert.equal(await of("--no-such-option"), 125);
    assert.equal(await of("-v"), 125);
    if (skip === false)
      assert.deepEqual([await of("-p", ...sh("exit 7")), await of("-p", ...sh("kill -9 $$"))], [7, 137]);
  });
  test("--config brings options, --gen-config writes them", async () => {
    const file = join(scratch, "jail.conf");
    rmSync(file, { force: true });
    assert.equal(
      (await jailed(["--gen-config", file, "--env-reset", "-R", "RLIMIT_NOFILE,20,20", "--env-add", "A=1"])).status,
      0,
    );
    assert.equal(
      readFileSync(file, "utf8"),
      "% minijail-config-file v0\n\nenv-reset\nR = RLIMIT_NOFILE,20,20\nenv-add = A=1\n",
    );
    assert.equal(
      await prints([
        "--config",
        file,
        "--env-add",
        "B=2",
        "--",
        "/bin/sh",
        "-c",
        "ulimit -n; /usr/bin/env | grep '^[AB]='",
      ]),
      "20\nA=1\nB=2\n",
    );
    assert.equal((await jailed(["--gen-config", file])).status, 125);
    writeFileSync(file, "env-reset\n");
    assert.match(
      (await jailed(["--config", file, "--", "true"])).stderr,
      /jail\.conf:1: expected "% minijail-config-file v0"/,
    );
    writeFileSync(file, "% minijail-config-file v0\nenv-rest\n");
    assert.match(
      (await jailed(["--config", file, "--", "true"])).stderr,
      /jail\.conf:2: there is no option "env-rest"/,
    );
  });
  test("-h and -H print, -a and --preload-library are refused with the reason", async () => {
    assert.match(await prints(["-h"]), /-b, --bind-mount SRC/);
    assert.match(await prints(["-H"]), /^read \[0\]$/m);
    assert.match((await jailed(["-a", "table", "--", "true"])).stderr, /Chrome OS kernels only/);
    assert.match((await jailed(["--preload-library", "x", "--", "true"])).stderr, /nothing is preloaded/);
  });
  test("what does not go together is refused by name", async () => {
    for (const argv of [
      ["-C", "/", "-P", "/"],
      ["-G", "-y", "-u", "nobody"],
      ["-G", "-u", "1"],
      ["--ambient"],
      ["-s", "-S", "x"],
      ["-T", "odd"],
      ["-t1X"],
      ["-b", "relative"],
      ["-c", "cap_all"],
      ["--logging", "x"],
      ["--profile", "x"],
      ["-m1 2"],
      ["-u", "linden-nobody"],
    ]) {
      const { status, stdout, stderr } = await jailed([...argv, "--", "echo", "started"]);
      assert.deepEqual([status, stdout], [125, ""], `${argv}: ${stderr}`);
      assert.match(stderr, /^linden: .+\nlinden: see linden jail --help\n$/);
    }
  });
});
