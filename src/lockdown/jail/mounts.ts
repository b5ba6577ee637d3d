/**
 * Layer: lockdown, jail. The stage's work on the tree of files, inside its own mount namespace (or chroot alone). Throws
 * LockFailed naming the step. It must not know users and filters.
 */
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  changeDirectory,
  changeRoot,
  detachMount,
  keptMountFlags,
  MS,
  makeNode,
  mount,
  pivotRoot,
} from "../../host/mounts.unsafe.ts";
import { demand, LockFailed } from "../failure.ts";
import type { JailPlan, MountStep } from "./plan.ts";

const SAFE = MS.NODEV | MS.NOEXEC | MS.NOSUID;
const EPERM = -1;
/** What umount2 answers where nothing is mounted: -EINVAL. */
const NOT_MOUNTED = -22;
/** The nodes of a minimal /dev: name, mode, major, minor (devices.txt of the kernel). */
const NODES = [
  ["full", 0o666, 1, 7],
  ["null", 0o666, 1, 3],
  ["tty", 0o666, 5, 0],
  ["urandom", 0o444, 1, 9],
  ["zero", 0o666, 1, 5],
] as const;
const LINKS = [
  ["fd", "/proc/self/fd"],
  ["ptmx", "pts/ptmx"],
  ["stdin", "fd/0"],
  ["stdout", "fd/1"],
  ["stderr", "fd/2"],
] as const;

/** Everything between new namespaces and a changed root, in minijail0's order. */
export function buildTree(plan: JailPlan): void {
  if (plan.propagation !== 0) demand("mount propagation", mount("", "/", "", MS.REC | plan.propagation));
  const device = plan.minimalDev ? temporaryDev() : undefined;
  for (const step of plan.mounts) addMount(step, plan, device);
  if (device !== undefined) moveDev(device, plan.root?.path ?? "");
  // In a user namespace /proc may be mounted only where one is seen already, and beyond the new root none is.
  const early = plan.readOnlyProc && plan.namespaces.includes("user") && plan.root !== undefined;
  if (early) {
    const [step, target] = ["read-only /proc", `${plan.root?.path}/proc`];
    refuseLink(target, step);
    demand(step, mount("proc", target, "proc", SAFE | MS.RDONLY));
  }
  if (plan.root !== undefined) enterRoot(plan.root);
  if (plan.temporary !== undefined) {
    demand("tmpfs on /tmp", mount("none", "/tmp", "tmpfs", SAFE, `size=${plan.temporary},mode=1777`));
  }
  if (plan.readOnlyProc && !early) remountProc(plan);
}

function addMount(step: MountStep, plan: JailPlan, device: string | undefined): void {
  const name = `mount ${step.source} on ${step.target}`;
  const inDev = device !== undefined && step.target.startsWith("/dev/");
  const root = inDev ? device : (plan.root?.path ?? "");
  const target = destination(root, inDev ? step.target.slice(4) : step.target, step, name);
  const bind = (step.flags & MS.BIND) !== 0;
  if (!bind || (step.flags & MS.REMOUNT) !== 0) {
    demand(name, mount(step.source, target, step.type, step.flags, step.data));
    return;
  }
  const kept = keptMountFlags(step.source);
  if (kept < 0) demand(name, kept);
  demand(name, mount(step.source, target, "", step.flags & (MS.BIND | MS.REC)));
  // A bind mount takes over its source's flags; what is asked for beyond them takes a second step.
  const wanted = (step.flags & ~(MS.BIND | MS.REC)) | kept;
  if (wanted !== kept) demand(`${name}, read-only`, mount("", target, "", MS.BIND | MS.REMOUNT | wanted));
}

/** Where a mount goes: made if it is not there; no link on the way, lest the mount land outside the new root. */
function destination(root: string, target: string, step: MountStep, name: string): string {
  let path = root === "" ? "/" : root;
  const names = target.split("/").filter((each) => each !== "" && each !== ".");
  if (names.includes("..")) throw new LockFailed(name, `the path ${target} leads upwards`);
  names.forEach((each, index) => {
    path = join(path, each);
    // In the caller's own tree links are his business.
    if (root !== "") refuseLink(path, name);
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
    const last = index === names.length - 1;
    const isFile = last && (step.flags & MS.BIND) !== 0 && !statSync(step.source).isDirectory();
    if (isFile) writeFileSync(path, "", { flag: "wx", mode: 0o700 });
    else mkdirSync(path, { mode: 0o755 });
  });
  return path;
}

/** A mount follows a link, wherever it leads. */
function refuseLink(path: string, step: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() === true) throw new LockFailed(step, `${path} is a symbolic link`);
}

/** A /dev with only what every program expects, at a passing place. */
function temporaryDev(): string {
  const step = "minimal /dev";
  const place = mkdtempSync("/tmp/linden-dev-");
  demand(step, mount("linden-dev", place, "tmpfs", MS.NOEXEC | MS.NOSUID, "size=5M,mode=755"));
  const mask = process.umask(0);
  for (const [name, mode, major, minor] of NODES) {
    const result = makeNode(join(place, name), constants.S_IFCHR | mode, major, minor);
    if (result === EPERM) bindNode(name, place);
    else demand(step, result);
  }
  for (const [name, target] of LINKS) symlinkSync(target, join(place, name));
  mkdirSync(join(place, "shm"), { mode: 0o1777 });
  process.umask(mask);
  return place;
}

/** In a user namespace nobody makes device nodes: the machine's own are shown instead. */
function bindNode(name: string, place: string): void {
  writeFileSync(join(place, name), "", { mode: 0o666 });
  demand("minimal /dev", mount(join("/dev", name), join(place, name), "", MS.BIND));
}

function moveDev(place: string, root: string): void {
  const step = "minimal /dev";
  const target = `${root}/dev`;
  if (root !== "") {
    refuseLink(target, step);
    mkdirSync(target, { recursive: true });
  }
  demand(step, mount(place, target, "", MS.MOVE));
  rmdirSync(place);
}

function enterRoot({ path, how }: NonNullable<JailPlan["root"]>): void {
  if (how === "chroot") {
    demand("chroot", changeRoot(path));
    demand("chroot", changeDirectory("/"));
    return;
  }
  const step = "pivot_root";
  const directory = constants.O_RDONLY | constants.O_DIRECTORY;
  const [old, fresh] = [openSync("/", directory), openSync(path, directory)];
  demand(step, mount(path, path, "", MS.BIND | MS.REC));
  demand(step, changeDirectory(path));
  // The old root ends up beneath the new one's first directory, where it is let go of.
  demand(step, pivotRoot(".", "."));
  demand(step, changeDirectory(old));
  demand(step, mount("", ".", "", MS.REC | MS.PRIVATE));
  demand(step, detachMount("."));
  demand(step, changeDirectory(fresh));
  demand(step, changeRoot("/"));
  demand(step, changeDirectory("/"));
  closeSync(old);
  closeSync(fresh);
}

function remountProc(plan: JailPlan): void {
  const step = "read-only /proc";
  // In a user namespace the old one is locked in place; the new one covers it.
  const detached = plan.namespaces.includes("user") ? 0 : detachMount("/proc");
  if (detached !== NOT_MOUNTED) demand(step, detached);
  demand(step, mount("proc", "/proc", "proc", SAFE | MS.RDONLY));
}
