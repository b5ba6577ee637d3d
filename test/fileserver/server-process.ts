/** A file server without a lock, as the tests start it: the last argument is its assignment, descriptor 3 its line. */
import { LineViolation } from "../../src/fileserver/line.ts";
import { serveDirectories } from "../../src/fileserver/serve.ts";
import type { AssignedDirectory } from "../../src/lockdown/launch/launch-arguments.ts";

const directories = JSON.parse(process.argv.at(-1) ?? "[]") as AssignedDirectory[];
try {
  serveDirectories(directories, 3, () => {});
} catch (error) {
  if (!(error instanceof LineViolation)) throw error;
  process.exitCode = 76;
}
