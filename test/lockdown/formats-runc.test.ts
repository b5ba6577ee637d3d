/**
 * Docker's default profile under its own tools: real calls attempted in a container of runc's, in bubblewrap under the filter
 * made here, and in the simulator have the same fate.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Machine, parsePolicy, simulate, thisMachine, verdictText } from "linden/lockdown";
import { AUDIT_ARCH, callNumbers, hostArchitecture } from "../../src/host/call-numbers.ts";
import { compile } from "../../src/lockdown/compiler.ts";

/** Docker's own, where it is installed, and the one that podman made of it. */
const PROFILES = [
  process.env.LINDEN_DOCKER_PROFILE ?? "/usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json",
  "/usr/share/containers/seccomp.json",
].filter((file) => existsSync(file));
/** What docker run leaves a container. */
const CAPABILITIES = [
  ...["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP"],
  ...["NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"],
].map((name) => `CAP_${name}`);
/** They end or stop the one who asks, or the machine would notice. */
const NOT_TRIED = new Set([
  ...["exit", "exit_group", "pause", "rt_sigreturn", "fork", "vfork", "vhangup", "sync", "reboot", "rt_sigsuspend"],
  ...["restart_syscall", "kexec_load", "kexec_file_load", "uretprobe", "uprobe"],
]);

type Attempt = { readonly name: string; readonly number: number; readonly args: readonly bigint[] };
const BAD = 0xffffffffffffffffn;
const attempts: Attempt[] = [];
function attempt(name: string, ...args: bigint[]): void {
  const number = callNumbers(hostArchitecture()).get(name);
  if (number === undefined) return;
  attempts.push({ name, number, args: [...args, ...Array<bigint>(6 - args.length).fill(args.length > 0 ? 0n : BAD)] });
}
for (const name of callNumbers(hostArchitecture()).keys()) if (!NOT_TRIED.has(name)) attempt(name);
for (const persona of [0n, 8n, 0x20000n, 0x20008n, 0xffffffffn, 1n, 0x40000n]) attempt("personality", persona);
for (const family of [1n, 2n, 10n, 16n, 17n, 38n, 40n]) {
  for (const type of [1n, 2n, 3n]) for (const protocol of [0n, 9n]) attempt("socket", family, type, protocol);
}
for (const flags of [0x10000000n, 0x20000000n, 0x40000000n, 0x2000000n, 0x7e020000n, 0x20000n])
  attempt("unshare", flags);
for (const flags of [0x10000000n, 0x40000000n, 0x20000n]) attempt("clone", flags | 0x100n, 0n);
attempt("clone3", 0n, 0n);
attempt("ptrace", 16n, BAD);

const machine: Machine = thisMachine(CAPABILITIES);
let scratch = "";
const missing = ["runc", "bwrap", "gcc"].filter((tool) => spawnSync(tool, ["--version"]).error !== undefined);
const skip =
  process.getuid?.() !== 0
    ? "needs root: runc's containers here are root's"
    : missing.length > 0
      ? `needs ${missing.join(", ")} (Debian: runc, bubblewrap, gcc)`
      : PROFILES.length === 0
        ? "needs a profile (Debian: golang-github-containers-common)"
        : cannotRun();

/** A container's root, for one, can start none of its own. */
function cannotRun(): string | false {
  const result = spawnSync("unshare", ["--mount", "--pid", "--fork", "true"], { encoding: "utf8" });
  return result.status === 0 ? false : `needs a root that may make namespaces: ${result.stderr.trim()}`;
}

before(() => {
  scratch = mkdtempSync(join(tmpdir(), "linden-runc-"));
  mkdirSync(join(scratch, "rootfs/bin"), { recursive: true });
  if (skip === false)
    execFileSync("gcc", [
      "-static",
      "-O1",
      "-o",
      join(scratch, "rootfs/bin/attempts"),
      join(import.meta.dirname, "attempts.c"),
    ]);
});
after(() => rmSync(scratch, { recursive: true, force: true }));

const input = (): string =>
  `${attempts.map(({ number, args }) => [number, ...args].map((word) => word.toString(16)).join(" ")).join("\n")}\n`;
function linesOf(result: ReturnType<typeof spawnSync>, what: string): string[] {
  assert.equal(result.status, 0, `${what}: ${result.stderr}`);
  const lines = String(result.stdout).trim().split("\n");
  assert.equal(lines.length, attempts.length, `${what} said ${lines.length} lines of ${attempts.length}`);
  return lines;
}

/** The attempts in a container; `seccomp` is the runtime form of a profile. */
function underRunc(seccomp: object | undefined, id: string): string[] {
  rmSync(join(scratch, "config.json"), { force: true });
  execFileSync("runc", ["spec"], { cwd: scratch });
  const config = JSON.parse(readFileSync(join(scratch, "config.json"), "utf8"));
  Object.assign(config.process, { terminal: false, args: ["/bin/attempts"], noNewPrivileges: true });
  for (const set of ["bounding", "effective", "permitted"]) config.process.capabilities[set] = CAPABILITIES;
  if (seccomp !== undefined) config.linux.seccomp = seccomp;
  writeFileSync(join(scratch, "config.json"), JSON.stringify(config));
  return linesOf(spawnSync("runc", ["run", id], { cwd: scratch, input: input(), timeout: 60_000 }), "runc");
}

function underBubblewrap(filter: Uint8Array | undefined): string[] {
  const caps = CAPABILITIES.flatMap((name) => ["--cap-add", name]);
  const argv = [
    "--unshare-all",
    "--bind",
    join(scratch, "rootfs"),
    "/",
    "--proc",
    "/proc",
    "--cap-drop",
    "ALL",
    ...caps,
  ];
  mkdirSync(join(scratch, "rootfs/proc"), { recursive: true });
  writeFileSync(join(scratch, "filter"), filter ?? "");
  const descriptor = openSync(join(scratch, "filter"), "r");
  try {
    const result = spawnSync("bwrap", [...argv, ...(filter === undefined ? [] : ["--seccomp", "3"]), "/bin/attempts"], {
      input: input(),
      stdio: ["pipe", "pipe", "pipe", descriptor],
      timeout: 60_000,
    });
    return linesOf(result, "bwrap");
  } finally {
    closeSync(descriptor);
  }
}

type Template = Record<string, unknown> & {
  archMap?: { architecture: string; subArchitectures: string[] }[];
  syscalls: (Record<string, unknown> & { includes?: Filter; excludes?: Filter })[];
};
type Filter = { caps?: string[]; arches?: string[]; minKernel?: string };

/** What dockerd does with the template before it hands it to runc, for a kernel newer than any it asks for. */
function expanded(template: Template): object {
  const arch = hostArchitecture() === "x64" ? "amd64" : "arm64";
  const holds = ({ caps = [], arches = [] }: Filter) =>
    caps.every((cap) => CAPABILITIES.includes(cap)) && (arches.length === 0 || arches.includes(arch));
  const excluded = ({ caps = [], arches = [], minKernel }: Filter) =>
    caps.some((cap) => CAPABILITIES.includes(cap)) || arches.includes(arch) || minKernel !== undefined;
  const { archMap = [], defaultErrno: _, ...rest } = template;
  const own = hostArchitecture() === "x64" ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64";
  const mapped = archMap.find(({ architecture }) => architecture === own);
  const architectures = [own, ...(mapped?.subArchitectures ?? [])];
  const syscalls = template.syscalls
    .filter(({ includes, excludes }) => holds(includes ?? {}) && !excluded(excludes ?? {}))
    .map(({ name, names, action, args, errnoRet }) => ({
      names: names ?? [name],
      action,
      args: args ?? [],
      ...(errnoRet === undefined ? {} : { errnoRet }),
    }));
  return { ...rest, architectures, syscalls };
}

/** What an attempt comes to if the filter says this and the kernel, asked without a filter, says that. */
const fate = (verdict: string, unfiltered: string): string =>
  verdict === "allow" ? unfiltered : verdict.replace("errno ", "");

for (const file of PROFILES) {
  test(`${file}: runc, bubblewrap and the simulator agree on ${attempts.length} attempts`, { skip }, () => {
    const text = readFileSync(file, "utf8");
    const { policy } = parsePolicy(text, file, machine);
    const filter = compile(policy, hostArchitecture());
    const verdicts = attempts.map(({ number, args }) =>
      verdictText(simulate(filter, { number, audit: AUDIT_ARCH[hostArchitecture()], args })),
    );
    const refused = verdicts.filter((verdict) => verdict !== "allow").length;
    assert.ok(
      refused > 40 && refused < attempts.length - 200,
      `${refused} of ${attempts.length} refused shows nothing`,
    );

    const free = underBubblewrap(undefined);
    const inBubblewrap = underBubblewrap(filter);
    const freeInRunc = underRunc(undefined, `linden-free-${process.pid}`);
    const inRunc = underRunc(expanded(JSON.parse(text)), `linden-locked-${process.pid}`);
    const wrong: string[] = [];
    attempts.forEach(({ name, args }, index) => {
      const verdict = verdicts[index] ?? "";
      const said = `${name}(${args.map((word) => word.toString(16))}): ${verdict}`;
      if (inBubblewrap[index] !== fate(verdict, free[index] ?? ""))
        wrong.push(`${said}, in bubblewrap ${inBubblewrap[index]}, unfiltered ${free[index]}`);
      if (inRunc[index] !== fate(verdict, freeInRunc[index] ?? ""))
        wrong.push(`${said}, in runc ${inRunc[index]}, unfiltered ${freeInRunc[index]}`);
    });
    assert.deepEqual(wrong, []);
  });
}
