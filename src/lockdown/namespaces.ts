/** Layer: lockdown. Finding the programs that make namespaces, and what keeps them from it. It must not start anything. */
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The absolute path of a program in PATH. */
export function findProgram(name: string): string | undefined {
  const directories = (process.env.PATH ?? "").split(delimiter).filter((each) => each.startsWith("/"));
  return directories.map((each) => join(each, name)).find((path) => isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The switches that distributions put in front of user namespaces, and the value that keeps them shut. */
const SWITCHES: readonly (readonly [path: string, shut: string, remedy: string])[] = [
  ["/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"],
  ["/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"],
  [
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "1",
    "an AppArmor profile for bwrap, or sysctl kernel.apparmor_restrict_unprivileged_userns=0",
  ],
];

/** What would let this machine make user namespaces, where it does not. */
export function namespaceRemedy(): string {
  const shut = SWITCHES.filter(([path, value]) => read(path) === value).map(([, , remedy]) => remedy);
  return shut.length > 0
    ? shut.join("; ")
    : "a kernel with CONFIG_USER_NS; in a container, a profile that allows unshare(2)";
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
