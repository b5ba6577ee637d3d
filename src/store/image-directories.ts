/** Layer: store. From what a caller calls an image to directories of the host. It must not know sandboxes. */
import { stat } from "node:fs/promises";
import { StoreError } from "./errors.ts";
import { loadImage } from "./image-archive.ts";
import { imageNames, isImageName } from "./image-names.ts";
import { builtImage } from "./images.ts";

/** As a shell says it of what is not there. */
const EXIT_MISSING = 127;

/**
 * The directories of one image, the lowest first: of built images, of an archive's (checked, and unpacked into the cache
 * unless it is there), or the one that was named. StoreError says what is not there, not built or broken.
 */
export async function imageDirectories(text: string, root?: string): Promise<readonly string[]> {
  if (isImageName(text)) {
    const directories: string[] = [];
    for (const name of imageNames(text)) {
      const directory = await builtImage(name, root);
      if (directory === undefined) {
        throw new StoreError(
          `${name}: no image of this name is built; "linden image list" tells which there are, and a path has a "/" in it`,
          EXIT_MISSING,
        );
      }
      directories.push(directory);
    }
    if (directories.length === 0) throw new StoreError("no image has an empty name", EXIT_MISSING);
    return directories;
  }
  const found = await stat(text).catch(() => undefined);
  if (found === undefined) throw new StoreError(`${text}: no such file or directory`, EXIT_MISSING);
  if (found.isDirectory()) return [text];
  return [(await loadImage(text, root === undefined ? {} : { root })).directory];
}
