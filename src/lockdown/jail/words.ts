/** Layer: lockdown, jail. The arguments of single options: sizes, limits, maps, mounts, capabilities. It must not know plans. */
import { hostArchitecture } from "../../host/call-numbers.ts";
import { MS } from "../../host/mounts.unsafe.ts";
import { RLIM_INFINITY } from "../../host/process.unsafe.ts";
import { CAPABILITY_NAMES } from "../capabilities.ts";
import { constants } from "../formats/constants.ts";
import { JailOptionError } from "./options.ts";
import type { JailPlan, MountStep } from "./plan.ts";

const SAFE = MS.NODEV | MS.NOSUID | MS.NOEXEC;
const LAST_CAPABILITY = CAPABILITY_NAMES.length - 1;

/** "64M" in bytes. */
export function sizeOf(text: string): string {
  const [, digits = "", suffix = ""] = /^([0-9]{1,19})([KMGTPE]?)$/.exec(text) ?? [];
  const bytes = BigInt(digits || "0") << BigInt(10 * ("KMGTPE".indexOf(suffix) + 1) * (suffix === "" ? 0 : 1));
  if (digits === "" || bytes >= 1n << 63n) throw new JailOptionError(`-t ${text}: expected a size such as 64M`);
  return String(bytes);
}

/** "RLIMIT_NOFILE,64,unlimited". */
export function limitOf(text: string): JailPlan["limits"][number] {
  const [type = "", soft = "", hard = "", ...more] = text.split(",");
  const resource = type.startsWith("RLIMIT_") ? constants(hostArchitecture()).get(type) : wholeNumber(type);
  if (resource === undefined || resource > 15n || more.length > 0) {
    throw new JailOptionError(`-R ${text}: expected RLIMIT_NAME,SOFT,HARD`);
  }
  const word = (value: string): bigint => {
    const number = value === "unlimited" ? RLIM_INFINITY : wholeNumber(value);
    if (number === undefined || number > RLIM_INFINITY) throw new JailOptionError(`-R ${text}: "${value}" is no limit`);
    return number;
  };
  const [low, high] = [word(soft), word(hard)];
  if (low > high) throw new JailOptionError(`-R ${text}: the soft limit is above the hard one`);
  return { resource: Number(resource), soft: low.toString(16), hard: high.toString(16) };
}

/** Decimal, 0x… or 0… as strtoul(3) with base 0. */
function wholeNumber(text: string): bigint | undefined {
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return /^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text) ? BigInt(text) : undefined;
}

/** "0 1000 1,1 100000 65535" as the kernel's map file wants it. */
export function mapOf(text: string, option: string): string {
  const lines = text.split(",").map((each) => each.trim());
  for (const line of lines) {
    const numbers = line.split(/\s+/);
    if (numbers.length !== 3 || !numbers.every((each) => /^[0-9]{1,10}$/.test(each) && Number(each) <= 0xffffffff)) {
      throw new JailOptionError(`${option} ${text}: expected "INSIDE OUTSIDE COUNT", more of them after commas`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** "SRC[,DST[,1]]". */
export function bindOf(text: string): MountStep {
  const [source = "", target = "", writable = "", ...more] = text.split(",");
  if (!source.startsWith("/")) throw new JailOptionError(`-b ${text}: the source must be an absolute path`);
  if (more.length > 0 || !["", "0", "1"].includes(writable)) {
    throw new JailOptionError(`-b ${text}: expected SRC[,DST[,0 or 1]]`);
  }
  return {
    source,
    target: target === "" ? source : target,
    type: "",
    flags: MS.BIND | (writable === "1" ? 0 : MS.RDONLY),
    data: "",
  };
}

/** "SRC,DST,TYPE[,FLAGS[,DATA]]"; DATA may hold commas. */
export function mountOf(text: string): MountStep {
  const [source = "", target = "", type = "", words = "", ...rest] = text.split(",");
  if (source === "" || target === "" || type === "")
    throw new JailOptionError(`-k ${text}: expected SRC,DST,TYPE[,FLAGS[,DATA]]`);
  let flags = words === "" ? SAFE : 0;
  for (const word of words === "" ? [] : words.split("|")) {
    const value = word.startsWith("MS_") ? constants(hostArchitecture()).get(word) : wholeNumber(word);
    if (value === undefined) throw new JailOptionError(`-k ${text}: there is no mount flag "${word}"`);
    flags |= Number(value & 0xffffffffn);
  }
  const bind = (flags & MS.BIND) !== 0;
  if (bind && rest.length > 0) throw new JailOptionError(`-k ${text}: a bind mount takes no data`);
  const data = rest.length > 0 ? rest.join(",") : type === "tmpfs" ? "mode=0755,size=10M" : "";
  return { source, target, type: bind ? "" : type, flags, data: bind ? "" : data };
}

/** Hexadecimal, or libcap's text (cap_from_text(3)), whose effective set counts. A set of bits. */
export function capabilitiesOf(text: string): bigint {
  if (/^(0[xX])?[0-9a-fA-F]{1,16}$/.test(text)) return BigInt(`0x${text.replace(/^0[xX]/, "")}`);
  const all = (1n << BigInt(LAST_CAPABILITY + 1)) - 1n;
  let set = 0n;
  for (const clause of text.trim().split(/\s+/)) {
    const match = /^([a-z0-9_,]*)((?:[=+-][eip]*)+)$/i.exec(clause);
    if (match === null)
      throw new JailOptionError(`-c ${text}: expected hexadecimal, or text such as cap_kill,cap_chown+ep`);
    const [, names = "", actions = ""] = match;
    const named =
      names === "" || names.toLowerCase() === "all"
        ? all
        : names.split(",").reduce((sum, name) => sum | bitOf(name, text), 0n);
    for (const [action = "", ...flags] of actions.match(/[=+-][eip]*/g) ?? []) {
      const effective = flags.includes("e");
      if (action === "=") set = effective ? set | named : set & ~named;
      else if (action === "+" && effective) set |= named;
      else if (action === "-" && effective) set &= ~named;
    }
  }
  return set;
}

function bitOf(name: string, text: string): bigint {
  const number = (CAPABILITY_NAMES as readonly string[]).indexOf(name.toUpperCase());
  if (number < 0) throw new JailOptionError(`-c ${text}: there is no capability "${name}"`);
  return 1n << BigInt(number);
}
