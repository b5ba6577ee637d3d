/** Layer: sandbox. Where the programs of the locked processes lie. */
import { basename, dirname, join } from "node:path";

/** Beside this bundle, or in dist/ when the sources run as they are. */
export function bundlePaths(): { readonly cellBundle: string; readonly fileServerBundle: string } {
  const here = import.meta.dirname;
  const fromSource = basename(here) === "sandbox" && basename(dirname(here)) === "src";
  const directory = fromSource ? join(here, "../../dist") : here;
  return { cellBundle: join(directory, "cell.cjs"), fileServerBundle: join(directory, "fileserver.cjs") };
}
