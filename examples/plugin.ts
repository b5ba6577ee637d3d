/** Run a function of this program where nothing of the machine is: an isolate, locked, that has its input and its output. */
import { Isolate, SystemIO } from "linden/lockdown";

await Isolate.mainHook("shout", async () => {
  const { readFileSync } = await import("node:fs");
  console.log(readFileSync(0, "utf8").trim().toUpperCase());
});

const isolated = await Isolate.run("shout", {
  input: "nothing of the host is here\n",
  rules: [SystemIO.nothing().allowStdin().allowStdout().allowStderr().allowMetadata()],
});
console.log(isolated.status, String(isolated.stdout).trim());
