/** Layer: cli. `linden convert`: a policy of any format in the words of another, or as a filter's bytes. */
import { parseArgs } from "node:util";
import {
  compile,
  loadPolicy,
  type Machine,
  thisMachine,
  type WrittenPolicy,
  type WrittenText,
  writeContainerPolicy,
  writeLindenPolicy,
  writeMinijailPolicy,
} from "../lockdown/index.ts";
import { print, say } from "./output.ts";
import { putFile } from "./output-file.ts";
import { HELP, UsageError } from "./usage.ts";

type Format = (written: WrittenPolicy, machine: Machine) => WrittenText | Uint8Array;

const FORMATS: ReadonlyMap<string, Format> = new Map<string, Format>([
  ["linden", ({ policy }) => writeLindenPolicy(policy)],
  ["docker", ({ policy }, { architecture }) => writeContainerPolicy(policy, architecture, "docker")],
  ["oci", ({ policy }, { architecture }) => writeContainerPolicy(policy, architecture, "oci")],
  ["minijail", ({ policy }, { architecture }) => writeMinijailPolicy(policy, architecture)],
  ["bpf", ({ policy }, { architecture }) => compile(policy, architecture)],
]);

export function convert(argv: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      to: { type: "string" },
      output: { type: "string", short: "o" },
      arch: { type: "string" },
      caps: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    print(1, HELP.get("convert") ?? "");
    return 0;
  }
  const format = FORMATS.get(values.to ?? "linden");
  if (format === undefined) {
    throw new UsageError("convert", `there is no format ${values.to}: ${[...FORMATS.keys()].join(", ")}`);
  }
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError("convert", "expected one policy file");
  const machine = machineOf(values.arch, values.caps);
  const written = loadPolicy(file, machine);
  const result = format(written, machine);
  const lost = [...written.lost, ...(result instanceof Uint8Array ? [] : result.lost)];
  if (written.files.length > 0 || written.ports.length > 0) lost.push("its files and ports: they are Landlock's");
  for (const line of lost) say(`not carried over: ${line}`);
  const content = result instanceof Uint8Array ? result : result.text;
  if (values.output === undefined) print(1, content);
  else putFile(values.output, content);
  return 0;
}

function machineOf(arch: string | undefined, caps: string | undefined): Machine {
  if (arch !== undefined && arch !== "x64" && arch !== "arm64") {
    throw new UsageError("convert", `--arch ${arch}: expected x64 or arm64`);
  }
  const names = (caps ?? "").split(",").filter((name) => name !== "");
  const wrong = names.find((name) => !/^CAP_[A-Z_]+$/.test(name));
  if (wrong !== undefined) throw new UsageError("convert", `--caps ${wrong}: expected names such as CAP_SYS_ADMIN`);
  const machine = thisMachine(names);
  return arch === undefined ? machine : { ...machine, architecture: arch };
}
