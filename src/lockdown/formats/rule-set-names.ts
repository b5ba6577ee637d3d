/**
 * Layer: lockdown, formats. The built-in rule sets by name, so that a file can name them: "NodeRuntime",
 * "SystemIO.allowStdout", "pledge(stdio rpath)", "@basic-io". It must not know files.
 */
import { InvalidRuleSet } from "../context/errors.ts";
import { type RuleSet, YesReally } from "../context/rule-set.ts";
import { BasicCapabilities } from "../rulesets/basic.ts";
import { ForkAndExec } from "../rulesets/fork-and-exec.ts";
import { PLEDGE_PROMISES, pledge, SYSTEMD_GROUPS, systemdGroup } from "../rulesets/groups.ts";
import { Networking } from "../rulesets/networking.ts";
import { NodeRuntime } from "../rulesets/node-runtime.ts";
import { Pipes } from "../rulesets/pipes.ts";
import { SystemIO } from "../rulesets/system-io.ts";
import { Threads } from "../rulesets/threads.ts";
import { Time } from "../rulesets/time.ts";

type Maker = () => RuleSet | YesReally<RuleSet>;

/** Every name without parameters. Methods that take a path, port or descriptor are a policy's "files", "ports", "syscalls". */
const MAKERS: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ["NodeRuntime", () => new NodeRuntime()],
  ["NodeRuntime.allowWorkers", () => new NodeRuntime().allowWorkers()],
  ["BasicCapabilities", () => new BasicCapabilities()],
  ["ForkAndExec", () => new ForkAndExec()],
  ["Pipes", () => new Pipes()],
  ["SystemIO.everything", () => SystemIO.everything()],
  ["SystemIO.allowRead", () => SystemIO.nothing().allowRead()],
  ["SystemIO.allowWrite", () => SystemIO.nothing().allowWrite()],
  ["SystemIO.allowUnlink", () => SystemIO.nothing().allowUnlink()],
  ["SystemIO.allowOpen", () => SystemIO.nothing().allowOpen()],
  ["SystemIO.allowOpenReadonly", () => SystemIO.nothing().allowOpenReadonly()],
  ["SystemIO.allowMetadata", () => SystemIO.nothing().allowMetadata()],
  ["SystemIO.allowIoctl", () => SystemIO.nothing().allowIoctl()],
  ["SystemIO.allowClose", () => SystemIO.nothing().allowClose()],
  ["SystemIO.allowStdin", () => SystemIO.nothing().allowStdin()],
  ["SystemIO.allowStdout", () => SystemIO.nothing().allowStdout()],
  ["SystemIO.allowStderr", () => SystemIO.nothing().allowStderr()],
  ["Networking.allowRunningTcpServers", () => Networking.nothing().allowRunningTcpServers()],
  ["Networking.allowStartTcpServers", () => Networking.nothing().allowStartTcpServers()],
  ["Networking.allowRunningUdpSockets", () => Networking.nothing().allowRunningUdpSockets()],
  ["Networking.allowStartUdpServers", () => Networking.nothing().allowStartUdpServers()],
  ["Networking.allowConnect", () => Networking.nothing().allowConnect()],
  ["Networking.allowStartTcpClients", () => Networking.nothing().allowStartTcpClients()],
  ["Networking.allowRunningTcpClients", () => Networking.nothing().allowRunningTcpClients()],
  ["Networking.allowStartUnixServers", () => Networking.nothing().allowStartUnixServers()],
  ["Networking.allowRunningUnixServers", () => Networking.nothing().allowRunningUnixServers()],
  ["Networking.allowRunningUnixClients", () => Networking.nothing().allowRunningUnixClients()],
  ["Threads.allowCreate", () => Threads.nothing().allowCreate()],
  ["Threads.allowSleep", () => Threads.nothing().allowSleep()],
  ["Time.allowGettime", () => Time.nothing().allowGettime()],
]);

/** Every name a file may use: the plain ones, pledge(…) of each promise, systemd's groups. */
export const RULE_SET_NAMES: readonly string[] = [
  ...MAKERS.keys(),
  ...PLEDGE_PROMISES.map((promise) => `pledge(${promise})`),
  ...SYSTEMD_GROUPS,
];

/**
 * The rule set of a name. Throws InvalidRuleSet where there is none, and NotConfirmed where it is a dangerous one and
 * `yesReally` is false.
 */
export function namedRuleSet(name: string, where: string, yesReally: boolean): RuleSet {
  const promises = /^pledge\((.*)\)$/.exec(name);
  if (promises !== null) return pledge(promises[1] ?? "");
  if (name.startsWith("@")) return systemdGroup(name);
  const made = MAKERS.get(name)?.();
  if (made === undefined) {
    throw new InvalidRuleSet(
      `${where}: there is no rule set "${name}"; there are ${[...MAKERS.keys()].join(", ")}, pledge(PROMISES), @GROUP`,
    );
  }
  if (!(made instanceof YesReally)) return renamed(made, name);
  if (!yesReally) {
    throw new InvalidRuleSet(
      `${where}: ${made.unconfirmed().message.replace("add .yesReally()", 'add "yesReally": true')}`,
    );
  }
  return renamed(made.yesReally(), name);
}

/** Under the name the file gave it: "SystemIO.allowStdout" says more than "SystemIO". */
function renamed(ruleSet: RuleSet, name: string): RuleSet {
  return {
    name,
    simpleRules: () => ruleSet.simpleRules(),
    conditionalRules: () => ruleSet.conditionalRules?.() ?? [],
    landlockRules: () => ruleSet.landlockRules?.() ?? [],
    reasons: () => ruleSet.reasons?.() ?? new Map<string, string>(),
  };
}
