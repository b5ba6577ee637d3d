/**
 * Layer: cli. `linden image build` and `linden image list`: the programs a sandbox can start with. It must not know how
 * they are built.
 */
import { parseArgs } from "node:util";
import { buildImage, DEFAULT_IMAGE, images, ToolchainError } from "../toolchain/index.ts";
import { print, say } from "./output.ts";
import { progressLine } from "./progress-line.ts";
import { HELP, UsageError } from "./usage.ts";

export async function image(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: { help: { type: "boolean", short: "h" }, json: { type: "boolean" } },
    allowPositionals: true,
  });
  const [word, name, ...rest] = positionals;
  if (values.help) {
    print(1, HELP.get("image") ?? "");
    return 0;
  }
  if (rest.length > 0) throw new UsageError("image", `${rest[0]}: one image at a time`);
  if (word === "list" && name === undefined) return list(values.json === true);
  if (word !== "build") throw new UsageError("image", "say linden image build [NAME], or linden image list");
  const directory = await built(name ?? DEFAULT_IMAGE);
  if (directory === undefined) return 1;
  print(1, `${directory}\n`);
  return 0;
}

/** The directory of an image, built now if it must be; undefined when it could not, which has been said. */
export async function built(name: string): Promise<string | undefined> {
  const line = progressLine();
  try {
    return await buildImage(name, [process.execPath, ...process.execArgv, process.argv[1] ?? ""], line.show);
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    line.end();
    for (const text of error.message.split("\n")) say(text);
    return undefined;
  } finally {
    line.end();
  }
}

async function list(json: boolean): Promise<number> {
  const all = await images();
  if (json) {
    print(1, `${JSON.stringify(all, null, 2)}\n`);
    return 0;
  }
  for (const { name, version, description, directory } of all) {
    print(1, `${name}  ${version}  ${description}\n    ${directory ?? `not built: linden image build ${name}`}\n`);
  }
  return 0;
}
