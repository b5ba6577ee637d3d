/** Talk to a guest while it runs: lines in, lines out, with backpressure both ways. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Sandbox } from "linden";

const program = `
import sys
for line in sys.stdin:
    print(line.strip()[::-1], flush=True)
`;

await using box = await Sandbox.create();
const guest = await box.spawn("python", ["-c", program]);
const lines = createInterface({ input: guest.stdout });
for (const word of ["linden", "sandbox"]) {
  guest.stdin.write(`${word}\n`);
  const [line] = await once(lines, "line");
  console.log(line);
}
guest.stdin.end();
console.log("exit", (await guest.exited).exitCode);
