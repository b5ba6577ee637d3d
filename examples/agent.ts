/** A tool for an agent in six lines: run the Python a model wrote, in a sandbox of its own. */
import { Sandbox } from "linden";

export async function runPython(code: string): Promise<string> {
  await using box = await Sandbox.create({ limits: { memory: "256m", timeout: "10s" } });
  const { exitCode, stdout, stderr, timedOut } = await box.run("python", ["-c", code]);
  return timedOut ? "timed out" : exitCode === 0 ? stdout : `exit ${exitCode}\n${stderr}`;
}

console.log(await runPython("print(sum(i * i for i in range(10)))"));
console.log(await runPython("open('/etc/passwd')"));
