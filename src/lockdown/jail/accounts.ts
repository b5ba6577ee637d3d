/** Layer: lockdown, jail. Users and groups by name, as /etc/passwd and /etc/group have them. It must not know options. */
import { readFileSync } from "node:fs";
import { JailOptionError } from "./options.ts";

const LARGEST = 0xfffffffe;

function records(file: string): string[][] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}

function number(text: string, what: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const value = Number(text);
  if (value > LARGEST) throw new JailOptionError(`${what} ${text}: ids are from 0 to ${LARGEST}`);
  return value;
}

/** A user by name or number; his group only where he was named. Throws JailOptionError. */
export function findUser(text: string): { readonly uid: number; readonly gid: number | undefined } {
  const given = number(text, "user");
  if (given !== undefined) return { uid: given, gid: undefined };
  const [, , uid = "", gid = ""] = records("/etc/passwd").find(([name]) => name === text) ?? [];
  if (uid === "") throw new JailOptionError(`-u ${text}: there is no such user in /etc/passwd`);
  return { uid: Number(uid), gid: Number(gid) };
}

/** A group by name or number. Throws JailOptionError. */
export function findGroup(text: string): number {
  const given = number(text, "group");
  if (given !== undefined) return given;
  const [, , gid = ""] = records("/etc/group").find(([name]) => name === text) ?? [];
  if (gid === "") throw new JailOptionError(`group ${text}: there is no such group in /etc/group`);
  return Number(gid);
}

/** The groups a user is a member of, his own first. */
export function groupsOf(user: string, own: number): number[] {
  const groups = records("/etc/group")
    .filter(([, , , members = ""]) => members.split(",").includes(user))
    .map(([, , gid = ""]) => Number(gid));
  return [...new Set([own, ...groups])];
}
