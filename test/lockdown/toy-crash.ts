/** A cell that writes much to its standard error and dies. Bundled by the tests. */
import { writeSync } from "node:fs";

for (let line = 0; line < 4000; line++) writeSync(2, `line ${line} of what nobody will read\n`);
writeSync(2, "the end");
process.exit(3);
