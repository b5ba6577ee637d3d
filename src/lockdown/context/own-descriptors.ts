/** Layer: lockdown. What this process holds open, by what the kernel calls it. It must not change anything. */
import { readdirSync, readlinkSync } from "node:fs";

export type OwnDescriptor = { readonly number: number; readonly target: string };

/** Every open descriptor and where /proc says it leads; undefined where a lock or the machine does not let us look. */
export function ownDescriptors(): readonly OwnDescriptor[] | undefined {
  let names: string[];
  try {
    names = readdirSync("/proc/self/fd");
  } catch {
    return undefined;
  }
  const found: OwnDescriptor[] = [];
  for (const name of names) {
    try {
      found.push({ number: Number(name), target: readlinkSync(`/proc/self/fd/${name}`) });
    } catch (error) {
      // The listing's own descriptor is closed by now. Any other refusal means that nothing here can be trusted.
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) return undefined;
    }
  }
  return found;
}

/** Pipes with both of their ends here are nobody else's: libuv's for signals. */
export function innerPipes(descriptors: readonly OwnDescriptor[]): readonly number[] {
  const pipes = descriptors.filter(({ target }) => target.startsWith("pipe:"));
  return pipes
    .filter(({ number, target }) => pipes.some((other) => other.target === target && other.number !== number))
    .filter(({ number }) => number > 2)
    .map(({ number }) => number);
}
