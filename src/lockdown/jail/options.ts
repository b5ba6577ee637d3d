/**
 * Layer: lockdown, jail. minijail0's options as data, and reading them off a command line or a configuration file
 * (minijail0(1), minijail0(5)). It must not know what they mean.
 */
import { LockdownError } from "../context/errors.ts";

/** Wrong words on the command line or in a configuration file. */
export class JailOptionError extends LockdownError {
  override readonly name = "JailOptionError";
}

export type Option = {
  /** A letter, or a long name. */
  readonly name: string;
  /** The long name of an option with a letter. */
  readonly long?: string;
  /** What its argument is called; absent: it has none. */
  readonly argument?: string;
  /** The argument may be left out; where there is one, it is attached. */
  readonly optional?: true;
  readonly help: string;
};

export const OPTIONS: readonly Option[] = [
  { name: "u", argument: "USER", help: "run as this user, by name or number" },
  { name: "g", argument: "GROUP", help: "run as this group" },
  { name: "G", help: "with the supplementary groups of -u's user, which must be a name" },
  { name: "y", help: "keep the supplementary groups there are" },
  { name: "add-suppl-group", argument: "GROUP", help: "add a supplementary group; not with -G or -y" },
  { name: "c", argument: "CAPS", help: "keep these capabilities alone: hexadecimal, or text such as cap_net_raw+ep" },
  { name: "ambient", help: "the program gets them (-c) as ambient ones; without, only -c 0 makes sense" },
  { name: "B", argument: "MASK", help: "leave these securebits as they are (hexadecimal); -c locks the others" },
  { name: "n", help: "no_new_privs; it is set anyway, but with --no-default-runtime-environment" },
  { name: "w", help: "a new anonymous session keyring" },
  { name: "v", long: "ns-mount", help: "a mount namespace of its own" },
  { name: "V", argument: "FILE", help: "enter the mount namespace this file stands for" },
  { name: "p", help: "a pid namespace of its own (implies -v -r)" },
  { name: "I", help: "run as its first process (implies -p)" },
  { name: "U", help: "a user namespace of its own (implies -p)" },
  {
    name: "m",
    argument: "MAP",
    optional: true,
    help: 'its users, "INSIDE OUTSIDE COUNT,…"; no MAP: the caller is -u, or root (implies -U)',
  },
  { name: "M", argument: "MAP", optional: true, help: "its groups, likewise" },
  {
    name: "e",
    argument: "FILE",
    optional: true,
    help: "a network namespace of its own, or the one this file stands for",
  },
  { name: "l", help: "an ipc namespace of its own" },
  { name: "uts", argument: "NAME", optional: true, help: "a uts namespace of its own, with this host name" },
  { name: "N", help: "a cgroup namespace of its own" },
  { name: "P", argument: "DIR", help: "make DIR the root by pivot_root(2) (implies -v)" },
  { name: "C", argument: "DIR", help: "make DIR the root by chroot(2)" },
  { name: "b", long: "bind-mount", argument: "SRC[,DST[,1]]", help: "show SRC at DST in the new root; 1: writable" },
  {
    name: "k",
    long: "mount",
    argument: "SRC,DST,TYPE[,FLAGS[,DATA]]",
    help: "mount a file system; FLAGS as MS_NODEV|MS_NOSUID",
  },
  { name: "d", long: "mount-dev", help: "a minimal /dev (implies -v)" },
  { name: "t", argument: "SIZE", optional: true, help: "a tmpfs on /tmp, 64M unless said (implies -v)" },
  { name: "r", help: "/proc anew and read-only (implies -v)" },
  {
    name: "K",
    argument: "MODE",
    optional: true,
    help: "mounts are slave (as without -K), private, shared or unbindable; no MODE: left",
  },
  { name: "profile", argument: "NAME", help: "minimalistic-mountns or minimalistic-mountns-nodev" },
  { name: "fs-default-paths", help: "Landlock: where programs and their libraries usually lie may be executed" },
  { name: "fs-path-rx", argument: "PATH", help: "Landlock: read and execute beneath PATH" },
  { name: "fs-path-ro", argument: "PATH", help: "Landlock: read beneath PATH" },
  { name: "fs-path-rw", argument: "PATH", help: "Landlock: read and write beneath PATH, make files and directories" },
  { name: "fs-path-advanced-rw", argument: "PATH", help: "Landlock: and everything else that can be made there" },
  { name: "enable-profile-fs-restrictions", help: "Landlock: what --profile shows, and no more" },
  { name: "no-fs-restrictions", help: "no Landlock; not with the options before" },
  {
    name: "landlock-abi",
    argument: "N",
    help: "ask Landlock for what its version N knows, no more (default: all there is)",
  },
  { name: "S", argument: "FILE", help: "a seccomp policy in Minijail's language" },
  { name: "policy", argument: "FILE", help: "a policy in any format: Linden's JSON, a container profile, Minijail's" },
  { name: "seccomp-bpf-binary", argument: "FILE", help: "a filter's bytes, for this architecture" },
  { name: "s", help: "read, write, exit and rt_sigreturn alone" },
  { name: "loader-calls", help: "add to the policy what starting a dynamically linked program takes" },
  { name: "L", help: "the kernel's audit log tells of refused calls" },
  { name: "Y", help: "accepted: the filter is there before the program has threads" },
  { name: "allow-speculative-execution", help: "leave the processor's mitigations off for the filter's sake" },
  { name: "a", argument: "TABLE", help: "refused: alternative call tables are in no mainline kernel" },
  { name: "T", argument: "TYPE", help: "accepted (static, dynamic): every program is restricted before it starts" },
  { name: "preload-library", argument: "FILE", help: "refused: nothing is preloaded" },
  { name: "R", argument: "TYPE,CUR,MAX", help: "a resource limit: RLIMIT_NOFILE,64,64; unlimited is a word" },
  { name: "f", argument: "FILE", help: "write the program's pid there" },
  { name: "i", help: "exit once the program runs" },
  { name: "z", help: "do not hand signals on" },
  { name: "no-new-sessions", help: "stay in the terminal's session" },
  { name: "preserve-fd", argument: "N", help: "the program gets this descriptor too" },
  { name: "env-reset", help: "start from an empty environment" },
  { name: "env-add", argument: "NAME=VALUE", help: "set a variable" },
  { name: "no-default-runtime-environment", help: "without a policy: neither refuse bpf(2) nor set no_new_privs" },
  { name: "logging", argument: "WHERE", help: "auto or stderr: standard error; syslog: by logger(1)" },
  { name: "config", argument: "FILE", help: "options from a configuration file" },
  { name: "gen-config", argument: "FILE", help: "write the options as a configuration file, and run nothing" },
  { name: "h", long: "help", help: "this" },
  { name: "H", help: "the names of the system calls" },
];

export type Given = { readonly option: Option; readonly value: string | undefined; readonly where: string };
export type CommandLine = { readonly given: readonly Given[]; readonly program: readonly string[] };

const byName = new Map(
  OPTIONS.flatMap((option) =>
    [option.name, ...(option.long === undefined ? [] : [option.long])].map((name) => [name, option] as const),
  ),
);

/** Reads options up to the first word that is none, or "--". Throws JailOptionError. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const given: Given[] = [];
  let at = 0;
  const argument = (shown: string): string => {
    const value = argv[++at];
    if (value === undefined) throw new JailOptionError(`${shown}: an argument is missing`);
    return value;
  };
  for (; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "--") return { given, program: argv.slice(at + 1) };
    if (!word.startsWith("-") || word === "-") break;
    if (word.startsWith("--")) {
      const [name = "", ...rest] = word.slice(2).split("=");
      const attached = rest.length > 0 ? rest.join("=") : undefined;
      const option = name.length > 1 ? byName.get(name) : undefined;
      if (option === undefined) throw new JailOptionError(`there is no option --${name}`);
      if (option.argument === undefined && attached !== undefined)
        throw new JailOptionError(`--${name} takes no argument`);
      const needs = option.argument !== undefined && option.optional === undefined;
      given.push({ option, value: attached ?? (needs ? argument(`--${name}`) : undefined), where: "" });
      continue;
    }
    for (let letters = word.slice(1); letters !== ""; ) {
      const letter = letters[0] ?? "";
      const option = byName.get(letter);
      if (option === undefined) throw new JailOptionError(`there is no option -${letter}`);
      const attached = letters.slice(1);
      if (option.argument === undefined) {
        given.push({ option, value: undefined, where: "" });
        letters = attached;
        continue;
      }
      const value = attached !== "" ? attached : option.optional ? undefined : argument(`-${letter}`);
      given.push({ option, value, where: "" });
      break;
    }
  }
  return { given, program: argv.slice(at) };
}

const FIRST_LINE = /^%\s*minijail-config-file\s+v0\s*$/;

/** Reads a configuration file's text (minijail0(5)): options by name, "=" before an argument. Throws JailOptionError. */
export function parseConfiguration(text: string, file: string): Given[] {
  const given: Given[] = [];
  let started = false;
  let carried = "";
  text.split("\n").forEach((raw, index) => {
    const where = `${file}:${index + 1}`;
    const whole = carried + raw;
    carried = "";
    if (whole.endsWith("\\")) {
      carried = `${whole.slice(0, -1)} `;
      return;
    }
    const line = whole.trim();
    if (!started) {
      if (!FIRST_LINE.test(line))
        throw new JailOptionError(`${where}: expected "% minijail-config-file v0" in the first line`);
      started = true;
      return;
    }
    if (line === "" || line.startsWith("#")) return;
    const equals = line.indexOf("=");
    const name = (equals < 0 ? line : line.slice(0, equals)).trim();
    const value = equals < 0 ? undefined : line.slice(equals + 1).trim();
    const option = byName.get(name);
    if (option === undefined || ["config", "gen-config", "h", "H"].includes(option.name)) {
      throw new JailOptionError(`${where}: there is no option "${name}" for configuration files`);
    }
    if (value === "") throw new JailOptionError(`${where}: ${name}: nothing stands after "="`);
    if (option.argument === undefined && value !== undefined)
      throw new JailOptionError(`${where}: ${name} takes no argument`);
    if (option.argument !== undefined && option.optional === undefined && value === undefined) {
      throw new JailOptionError(`${where}: ${name}: an argument is missing`);
    }
    given.push({ option, value, where });
  });
  if (carried !== "")
    throw new JailOptionError(`${file}: the last line ends with "\\", there is nothing to go on with`);
  return given;
}

/** The options as a configuration file's text. */
export function configurationText(given: readonly Given[]): string {
  const lines = given
    .filter(({ option }) => !["config", "gen-config", "h", "H"].includes(option.name))
    .map(({ option, value }) => `${option.long ?? option.name}${value === undefined ? "" : ` = ${value}`}`);
  return `% minijail-config-file v0\n\n${lines.map((line) => `${line}\n`).join("")}`;
}

/** "-b, --bind-mount SRC[,DST[,1]]". */
export function optionText({ name, long, argument, optional }: Option): string {
  const dashes = name.length === 1 ? `-${name}` : `--${name}`;
  const names = long === undefined ? dashes : `${dashes}, --${long}`;
  if (argument === undefined) return names;
  return optional ? `${names}[${name.length === 1 ? "" : "="}${argument}]` : `${names} ${argument}`;
}
