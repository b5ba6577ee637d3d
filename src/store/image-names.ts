/**
 * Layer: store. What a caller calls an image: names of built ones, "busybox" or "busybox,bash", the path of an archive of
 * `linden image pack`, or of a directory. It must not know which there are.
 */
import { resolve } from "node:path";

/** A word with neither a "/" nor an archive's ending is a name, or several with commas between; all others are paths. */
export function isImageName(text: string): boolean {
  return !text.includes("/") && !/\.(tar|tar\.gz|tgz)$/.test(text);
}

/** The same image wherever it is looked for: its names, or the absolute path of what is called so in the directory `base`. */
export function absoluteImage(text: string, base: string): string {
  return isImageName(text) ? text : resolve(base, text);
}

/** The names in "busybox,bash,grep": images over each other, where a later one's file takes the place of an earlier one's. */
export function imageNames(names: string): readonly string[] {
  return names.split(",").filter((name) => name !== "");
}
