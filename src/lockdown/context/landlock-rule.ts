/** Layer: lockdown. Landlock rules as a user writes them. It must not know the kernel's numbers. */
import { resolve } from "node:path";
import { FILE_RIGHT_BITS, type FileRight, PORT_RIGHT_BITS } from "../landlock.ts";
import { InvalidRuleSet } from "./errors.ts";

export type { FileRight } from "../landlock.ts";
/** Landlock's rights to TCP ports. */
export type PortRight = "bindTcp" | "connectTcp";

/** Rights to a file, or to a directory and everything beneath it. */
export class LandlockRule {
  readonly path: string;
  readonly accessRules: readonly FileRight[];
  /** True: a path that is not there is left out instead of being an error. */
  readonly optional: boolean;

  constructor(
    path: string,
    accessRules: readonly FileRight[],
    { optional = false }: { readonly optional?: boolean } = {},
  ) {
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      throw new InvalidRuleSet(`a Landlock rule needs a path, got ${JSON.stringify(path)}`);
    }
    for (const right of accessRules) {
      if (!FILE_RIGHT_BITS.has(right)) {
        throw new InvalidRuleSet(
          `${path}: there is no Landlock right "${right}"; there are ${[...FILE_RIGHT_BITS.keys()].join(", ")}`,
        );
      }
    }
    if (accessRules.length === 0) throw new InvalidRuleSet(`${path}: a Landlock rule needs at least one right`);
    this.path = resolve(path);
    this.accessRules = [...new Set(accessRules)];
    this.optional = optional;
  }

  /** The same rule, left out where its path is not there. */
  ifPresent(): LandlockRule {
    return new LandlockRule(this.path, this.accessRules, { optional: true });
  }
}

/** The right to bind or connect to one TCP port. */
export class LandlockPortRule {
  readonly port: number;
  readonly accessRules: readonly PortRight[];

  constructor(port: number, accessRules: readonly PortRight[]) {
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new InvalidRuleSet(`a TCP port is a number from 0 to 65535, got ${String(port)}`);
    }
    for (const right of accessRules) {
      if (!Object.hasOwn(PORT_RIGHT_BITS, right)) {
        throw new InvalidRuleSet(
          `TCP port ${port}: there is no Landlock right ${JSON.stringify(right)}; there are ${Object.keys(PORT_RIGHT_BITS).join(", ")}`,
        );
      }
    }
    if (accessRules.length === 0)
      throw new InvalidRuleSet(`TCP port ${port}: a Landlock rule needs at least one right`);
    this.port = port;
    this.accessRules = [...new Set(accessRules)];
  }
}

/** The rights by what they are for. */
export const access = {
  readPath: (): readonly FileRight[] => ["readFile"],
  writeFile: (): readonly FileRight[] => ["writeFile", "truncate"],
  listDir: (): readonly FileRight[] => ["readDir"],
  createFile: (): readonly FileRight[] => ["makeReg"],
  createDir: (): readonly FileRight[] => ["makeDir"],
  deleteFile: (): readonly FileRight[] => ["removeFile"],
  deleteDir: (): readonly FileRight[] => ["removeDir"],
  execute: (): readonly FileRight[] => ["execute"],
} as const;
