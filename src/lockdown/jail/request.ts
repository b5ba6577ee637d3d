/**
 * Layer: lockdown, jail. From options to a plan: what implies what, what excludes what, minijail0's defaults. Everything
 * that can be wrong before a process starts is told here. It must not start anything.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { MS } from "../../host/mounts.unsafe.ts";
import { SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW } from "../../host/seccomp.unsafe.ts";
import { capabilityNames, heldByThisThread } from "../capabilities.ts";
import { errorCode } from "../failure.ts";
import type { WrittenPolicy } from "../formats/index.ts";
import { thisMachine } from "../formats/machine.ts";
import type { FileRight } from "../landlock.ts";
import { findGroup, findUser, groupsOf } from "./accounts.ts";
import { type FilterWish, filterOf } from "./filter.ts";
import { type CommandLine, type Given, JailOptionError, parseConfiguration } from "./options.ts";
import type { FileGrant, JailPlan, MountStep, Namespace } from "./plan.ts";
import { bindOf, capabilitiesOf, limitOf, mapOf, mountOf, sizeOf } from "./words.ts";

export type JailRequest = {
  readonly plan: JailPlan;
  readonly pidFile: string | undefined;
  /** The command ends once the program runs. */
  readonly background: boolean;
  readonly forwardSignals: boolean;
  readonly syslog: boolean;
  /** What of a policy could not be carried over, in words. */
  readonly lost: readonly string[];
};

const MOST_DESCRIPTOR = 1023;
const DEFAULT_TMPFS = "64M";
/** Minijail's DEFAULT_PIVOT_ROOT. */
const EMPTY_ROOT = "/var/empty";
const PROPAGATIONS = new Map([
  ["slave", MS.SLAVE],
  ["private", MS.PRIVATE],
  ["shared", MS.SHARED],
  ["unbindable", MS.UNBINDABLE],
]);

const READ: readonly FileRight[] = ["readFile", "readDir"];
const EDIT: readonly FileRight[] = ["writeFile", "truncate", "ioctlDev", "removeDir", "removeFile"];
const RIGHTS: Readonly<Record<string, readonly FileRight[]>> = {
  "fs-path-ro": READ,
  "fs-path-rx": [...READ, "execute"],
  "fs-path-rw": [...READ, ...EDIT, "makeDir", "makeReg"],
  "fs-path-advanced-rw": [
    ...[...READ, ...EDIT, "makeDir" as const, "makeReg" as const],
    ...(["makeChar", "makeSock", "makeFifo", "makeBlock", "makeSym", "refer"] as const),
  ],
};
const DEFAULT_PATHS = {
  "fs-path-rx": ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/bin", "/sbin", "/usr/sbin", "/usr/bin"],
  "fs-path-ro": ["/etc/group", "/etc/passwd"],
};

/** The plan, checked. Throws JailOptionError or PolicyError. */
export function jailRequest({ given, program }: CommandLine, environment: NodeJS.ProcessEnv): JailRequest {
  return new Builder(given.flatMap(withConfiguration)).build(program, environment);
}

function withConfiguration(each: Given): Given[] {
  if (each.option.name !== "config") return [each];
  const file = each.value ?? "";
  try {
    return parseConfiguration(readFileSync(file, "utf8"), file);
  } catch (error) {
    if (error instanceof JailOptionError) throw error;
    throw new JailOptionError(`${file}: the configuration cannot be read: ${errorCode(error)}`);
  }
}

class Builder {
  readonly #given: readonly Given[];
  readonly #namespaces = new Set<Namespace>();

  constructor(given: readonly Given[]) {
    this.#given = given;
  }

  #has(name: string): boolean {
    return this.#given.some(({ option }) => option.name === name);
  }
  /** Of an option given several times the last counts. */
  #value(name: string): string | undefined {
    return this.#given.findLast(({ option }) => option.name === name)?.value;
  }
  #values(name: string): string[] {
    return this.#given.flatMap(({ option, value }) => (option.name === name && value !== undefined ? [value] : []));
  }

  build(program: readonly string[], environment: NodeJS.ProcessEnv): JailRequest {
    this.#refuse();
    const profile = this.#profile();
    const mounts = this.#mounts(profile !== undefined, profile === "minimalistic-mountns");
    this.#chooseNamespaces(mounts, profile);
    const account = this.#account();
    const maps = this.#maps(account);
    const capabilities = this.#capabilities();
    const minimalDev = this.#has("d") || profile === "minimalistic-mountns";
    const root = this.#root(profile);
    const temporary = this.#has("t") || profile !== undefined ? sizeOf(this.#value("t") ?? DEFAULT_TMPFS) : undefined;
    const noDefaults = this.#has("no-default-runtime-environment");
    const wish = this.#filterWish();
    const filter =
      wish === undefined && noDefaults
        ? undefined
        : filterOf(wish, this.#machine(capabilities, account), this.#has("loader-calls"));
    const landlock = this.#landlock(filter?.written, profile !== undefined ? mounts : [], temporary !== undefined);
    const [name] = program;
    if (name === undefined || name === "") throw new JailOptionError("expected a program to run");
    const flags =
      (this.#has("L") ? SECCOMP_FILTER_FLAG_LOG : 0) |
      (this.#has("allow-speculative-execution") ? SECCOMP_FILTER_FLAG_SPEC_ALLOW : 0);
    const inUserNamespace = this.#namespaces.has("user");
    const mayMapGroups = maps.gid !== undefined && process.geteuid?.() === 0;
    const plan: JailPlan = {
      program: name,
      argv: program,
      env: this.#environment(environment),
      namespaces: [...this.#namespaces],
      enter: {
        ...(this.#value("V") === undefined ? {} : { mount: this.#value("V") ?? "" }),
        ...(this.#value("e") === undefined ? {} : { net: this.#value("e") ?? "" }),
      },
      maps,
      asInit: this.#has("I"),
      newSession: !this.#has("no-new-sessions"),
      propagation: this.#propagation(),
      hostName: this.#value("uts"),
      newKeyring: this.#has("w"),
      mounts,
      minimalDev,
      root,
      temporary,
      readOnlyProc: this.#namespaces.has("pid") || this.#has("r") || profile !== undefined,
      limits: this.#values("R").map(limitOf),
      user: account.uid ?? (maps.uid === undefined ? undefined : 0),
      group: account.gid ?? (maps.gid === undefined ? undefined : 0),
      groups: account.groups ?? (inUserNamespace && !mayMapGroups ? "keep" : undefined),
      capabilities,
      noNewPrivileges: !noDefaults || this.#has("n") || filter !== undefined || landlock !== undefined,
      landlock,
      filter: filter === undefined ? undefined : { program: Buffer.from(filter.program).toString("hex"), flags },
      descriptors: this.#descriptors(),
    };
    return {
      plan,
      pidFile: this.#value("f"),
      background: this.#has("i"),
      forwardSignals: !this.#has("z"),
      syslog: this.#logging() === "syslog",
      lost: filter?.written?.lost ?? [],
    };
  }

  /** What is possible nowhere, or not together. */
  #refuse(): void {
    if (this.#has("a"))
      throw new JailOptionError("-a: alternative call tables (PR_ALT_SYSCALL) are in Chrome OS kernels only");
    if (this.#has("preload-library"))
      throw new JailOptionError(
        "--preload-library: nothing is preloaded; every program is restricted before it starts",
      );
    const type = this.#value("T");
    if (type !== undefined && type !== "static" && type !== "dynamic")
      throw new JailOptionError(`-T ${type}: expected static or dynamic`);
    const together = (a: string, b: string, shownA: string, shownB: string) => {
      if (this.#has(a) && this.#has(b)) throw new JailOptionError(`${shownA} and ${shownB} are not for use together`);
    };
    together("C", "P", "-C", "-P");
    together("C", "profile", "-C", "--profile");
    together("G", "y", "-G", "-y");
    together("add-suppl-group", "G", "--add-suppl-group", "-G");
    together("add-suppl-group", "y", "--add-suppl-group", "-y");
    together("v", "V", "-v", "-V");
    if (this.#has("ambient") && !this.#has("c"))
      throw new JailOptionError("--ambient raises what -c keeps: it needs -c");
    if (this.#has("K") && !this.#has("v"))
      throw new JailOptionError("-K is about the mount namespace of -v: it needs -v");
    if (this.#has("L") && this.#has("seccomp-bpf-binary"))
      throw new JailOptionError("-L does not go with --seccomp-bpf-binary");
  }

  #logging(): string {
    const where = this.#value("logging") ?? "auto";
    if (!["auto", "syslog", "stderr"].includes(where))
      throw new JailOptionError(`--logging ${where}: expected auto, syslog or stderr`);
    return where;
  }

  #profile(): string | undefined {
    const profile = this.#value("profile");
    if (profile !== undefined && !["minimalistic-mountns", "minimalistic-mountns-nodev"].includes(profile)) {
      throw new JailOptionError(`--profile ${profile}: expected minimalistic-mountns or minimalistic-mountns-nodev`);
    }
    return profile;
  }

  #mounts(profiled: boolean, withDev: boolean): MountStep[] {
    const own = this.#given.flatMap(({ option, value = "" }) =>
      option.name === "b" ? [bindOf(value)] : option.name === "k" ? [mountOf(value)] : [],
    );
    return [...(profiled ? ["/", "/proc", ...(withDev ? ["/dev/log"] : [])].map(bindOf) : []), ...own];
  }

  #chooseNamespaces(mounts: readonly MountStep[], profile: string | undefined): void {
    const has = (...names: string[]) => names.some((name) => this.#has(name));
    const user = has("U", "m", "M");
    const pid = user || has("p", "I");
    const mount = pid || has("v", "P", "d", "t", "r") || profile !== undefined || mounts.length > 0;
    if (this.#has("V") && (user || (mount && !pid && !has("P", "d", "t", "r") && mounts.length > 0))) {
      throw new JailOptionError(
        "-V enters a mount namespace as it is: no user namespace and no mounts of its own go with it",
      );
    }
    const net = this.#given.some(({ option, value }) => option.name === "e" && value === undefined);
    const wanted: readonly (readonly [Namespace, boolean])[] = [
      ["user", user],
      ["mount", mount],
      ["pid", pid],
      ["net", net],
      ["ipc", has("l")],
      ["uts", has("uts")],
      ["cgroup", has("N")],
    ];
    for (const [namespace, chosen] of wanted) if (chosen) this.#namespaces.add(namespace);
  }

  #account(): { uid: number | undefined; gid: number | undefined; groups: readonly number[] | "keep" | undefined } {
    const name = this.#value("u");
    const found = name === undefined ? undefined : findUser(name);
    const group = this.#value("g");
    const gid = group === undefined ? found?.gid : findGroup(group);
    const added = this.#values("add-suppl-group").map(findGroup);
    if (this.#has("G")) {
      if (name === undefined || found?.gid === undefined)
        throw new JailOptionError("-G takes the groups of a user that -u names");
      return { uid: found.uid, gid, groups: groupsOf(name, found.gid) };
    }
    return { uid: found?.uid, gid, groups: this.#has("y") ? "keep" : added.length > 0 ? added : undefined };
  }

  #maps(account: { uid: number | undefined; gid: number | undefined }): JailPlan["maps"] {
    const map = (option: string, inside: number | undefined, outside: number) =>
      mapOf(this.#value(option) ?? `${inside ?? 0} ${outside} 1`, `-${option}`);
    return {
      ...(this.#has("m") ? { uid: map("m", account.uid, process.getuid?.() ?? 0) } : {}),
      ...(this.#has("M") ? { gid: map("M", account.gid, process.getgid?.() ?? 0) } : {}),
    };
  }

  #capabilities(): JailPlan["capabilities"] {
    const text = this.#value("c");
    if (text === undefined) return undefined;
    const keep = capabilitiesOf(text);
    const ambient = this.#has("ambient");
    if (keep !== 0n && !ambient) {
      throw new JailOptionError(
        "-c: a program only keeps capabilities over its start as ambient ones: add --ambient (nothing is preloaded here)",
      );
    }
    const mask = this.#value("B") ?? "0";
    if (!/^(0[xX])?[0-9a-fA-F]{1,8}$/.test(mask)) throw new JailOptionError(`-B ${mask}: expected hexadecimal`);
    return { keep: keep.toString(16), ambient, skipBits: Number(`0x${mask.replace(/^0[xX]/, "")}`) };
  }

  #machine(capabilities: JailPlan["capabilities"], account: { uid: number | undefined }) {
    const { permitted } = heldByThisThread();
    const kept =
      capabilities !== undefined
        ? BigInt(`0x${capabilities.keep}`)
        : account.uid === undefined || account.uid === 0
          ? permitted
          : 0n;
    return thisMachine(capabilityNames(kept));
  }

  #root(profile: string | undefined): JailPlan["root"] {
    const [pivot, chroot] = [this.#value("P") ?? (profile === undefined ? undefined : EMPTY_ROOT), this.#value("C")];
    if (pivot !== undefined) return { path: resolve(pivot), how: "pivot" };
    return chroot === undefined ? undefined : { path: resolve(chroot), how: "chroot" };
  }

  #propagation(): number {
    if (!this.#namespaces.has("mount")) return 0;
    if (!this.#has("K")) return this.#has("v") ? MS.SLAVE : MS.PRIVATE;
    const mode = this.#value("K");
    if (mode === undefined) return 0;
    const flag = PROPAGATIONS.get(mode);
    if (flag === undefined) throw new JailOptionError(`-K${mode}: expected ${[...PROPAGATIONS.keys()].join(", ")}`);
    return flag;
  }

  #filterWish(): FilterWish | undefined {
    const ways: FilterWish[] = [
      ...(this.#has("s") ? [{ how: "strict" as const, file: "" }] : []),
      ...this.#values("S").map((file) => ({ how: "minijail" as const, file })),
      ...this.#values("policy").map((file) => ({ how: "policy" as const, file })),
      ...this.#values("seccomp-bpf-binary").map((file) => ({ how: "binary" as const, file })),
    ];
    if (ways.length > 1) throw new JailOptionError("-s, -S, --policy and --seccomp-bpf-binary: one of them, once");
    if (this.#has("loader-calls") && (ways[0] === undefined || ways[0].how === "binary")) {
      throw new JailOptionError("--loader-calls adds to a policy (-S, --policy or -s)");
    }
    return ways[0];
  }

  #landlock(written: WrittenPolicy | undefined, shown: readonly MountStep[], hasTmp: boolean): JailPlan["landlock"] {
    const files: FileGrant[] = this.#given.flatMap(({ option, value = "" }) => {
      const rights = RIGHTS[option.name];
      return rights === undefined ? [] : [{ path: resolve("/", value), rights, optional: false }];
    });
    const restrictsProfile = this.#has("enable-profile-fs-restrictions");
    if (restrictsProfile && shown.length === 0)
      throw new JailOptionError("--enable-profile-fs-restrictions is about --profile: it needs it");
    if (restrictsProfile) {
      for (const { target, flags } of shown) {
        files.push(grant(target, "fs-path-rx"));
        if ((flags & MS.RDONLY) === 0) files.push(grant(target, "fs-path-rw"));
      }
      files.push({ path: "/dev", rights: EDIT, optional: true }, grant("/proc", "fs-path-ro"));
      if (hasTmp) files.push(grant("/tmp", "fs-path-rw"));
    }
    if (this.#has("fs-default-paths") || restrictsProfile) {
      for (const [kind, paths] of Object.entries(DEFAULT_PATHS)) files.push(...paths.map((path) => grant(path, kind)));
    }
    if (this.#has("no-fs-restrictions") && files.length > 0)
      throw new JailOptionError("--no-fs-restrictions does not go with other --fs options");
    const named = this.#has("no-fs-restrictions") ? [] : (written?.files ?? []);
    files.push(...named.map(({ path, accessRules, optional }) => ({ path, rights: accessRules, optional })));
    const ports = (written?.ports ?? []).map(({ port, accessRules }) => ({ port, rights: accessRules }));
    const abi = this.#value("landlock-abi");
    if (abi !== undefined && !/^[1-9][0-9]{0,2}$/.test(abi))
      throw new JailOptionError(`--landlock-abi ${abi}: expected a number from 1`);
    if (files.length === 0 && ports.length === 0) return undefined;
    return { files, ports, abi: abi === undefined ? undefined : Number(abi) };
  }

  #environment(environment: NodeJS.ProcessEnv): string[] {
    const env = new Map<string, string>();
    for (const [name, value] of Object.entries(environment)) if (value !== undefined) env.set(name, value);
    for (const { option, value = "" } of this.#given) {
      if (option.name === "env-reset") env.clear();
      if (option.name !== "env-add") continue;
      const equals = value.indexOf("=");
      if (equals < 1) throw new JailOptionError(`--env-add ${value}: expected NAME=VALUE`);
      env.set(value.slice(0, equals), value.slice(equals + 1));
    }
    return [...env].map(([name, value]) => `${name}=${value}`);
  }

  #descriptors(): number[] {
    return this.#values("preserve-fd").map((text) => {
      const number = /^[0-9]{1,4}$/.test(text) ? Number(text) : Number.NaN;
      if (!(number <= MOST_DESCRIPTOR))
        throw new JailOptionError(`--preserve-fd ${text}: expected a number from 0 to ${MOST_DESCRIPTOR}`);
      return number;
    });
  }
}

/** Usual places are not everywhere. */
function grant(path: string, kind: string): FileGrant {
  return { path, rights: RIGHTS[kind] ?? READ, optional: true };
}
