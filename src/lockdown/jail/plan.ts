/**
 * Layer: lockdown, jail. What a jail is, checked and complete: the command line made it, the stage inside the namespaces
 * carries it out. Plain data, for it goes down a pipe. It must not know options.
 */
import type { FileRight } from "../landlock.ts";

export type Namespace = "user" | "mount" | "pid" | "net" | "ipc" | "uts" | "cgroup";

/** One thing to mount, in order. `target` is beneath the new root where there is one. */
export type MountStep = {
  readonly source: string;
  readonly target: string;
  /** "" for a bind mount. */
  readonly type: string;
  /** MS_ bits of mount(2). */
  readonly flags: number;
  readonly data: string;
};

export type FileGrant = { readonly path: string; readonly rights: readonly FileRight[]; readonly optional: boolean };
export type PortGrant = { readonly port: number; readonly rights: readonly ("bindTcp" | "connectTcp")[] };

/** Numbers beyond 2^53 and sets travel as hexadecimal text. */
export type JailPlan = {
  readonly program: string;
  readonly argv: readonly string[];
  /** NAME=value, in order. */
  readonly env: readonly string[];
  readonly namespaces: readonly Namespace[];
  /** Namespaces to enter, by the files that stand for them. */
  readonly enter: { readonly mount?: string; readonly net?: string };
  /** uid_map and gid_map of the user namespace, as the kernel reads them; absent: not mapped. */
  readonly maps: { readonly uid?: string; readonly gid?: string };
  /** Runs as pid 1 itself. */
  readonly asInit: boolean;
  readonly newSession: boolean;
  /** MS_ bit for every mount of a new mount namespace; 0: left as they are. */
  readonly propagation: number;
  readonly hostName: string | undefined;
  readonly newKeyring: boolean;
  readonly mounts: readonly MountStep[];
  readonly minimalDev: boolean;
  readonly root: { readonly path: string; readonly how: "chroot" | "pivot" } | undefined;
  /** Bytes of a tmpfs on /tmp. */
  readonly temporary: string | undefined;
  readonly readOnlyProc: boolean;
  readonly limits: readonly { readonly resource: number; readonly soft: string; readonly hard: string }[];
  readonly user: number | undefined;
  readonly group: number | undefined;
  /** Supplementary groups; "keep", or undefined: none where user or group change. */
  readonly groups: readonly number[] | "keep" | undefined;
  readonly capabilities: { readonly keep: string; readonly ambient: boolean; readonly skipBits: number } | undefined;
  readonly noNewPrivileges: boolean;
  readonly landlock:
    | { readonly files: readonly FileGrant[]; readonly ports: readonly PortGrant[]; readonly abi: number | undefined }
    | undefined;
  /** The filter's bytes in hexadecimal, and flags of seccomp(2). */
  readonly filter: { readonly program: string; readonly flags: number } | undefined;
  /** Descriptors besides 0 to 2 that the program gets. */
  readonly descriptors: readonly number[];
};

/** What the stage tells: its number outside (it waits for its maps then), that all is done but execve, or why it ends. */
export type StageNews =
  | { readonly kind: "here"; readonly pid: number }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly step: string; readonly reason: string; readonly status: number };

/** Exit statuses of minijail0's family (libminijail.h), and Linden's own. */
export const STATUS = { FAILED: 125, NOT_EXECUTABLE: 126, NOT_FOUND: 127, SIGNAL: 128, FORBIDDEN_CALL: 253 } as const;
