/**
 * Layer: cli. `linden image …`: the programs a sandbox can start with, built, listed, packed into one file and loaded from
 * it. It must not know how they are built.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { builtImage, loadImage, packImage, StoreError } from "../store/index.ts";
import {
  buildImage,
  DEFAULT_IMAGE,
  findLlvm,
  images,
  packSysroot,
  staleImage,
  sysroot,
  ToolchainError,
} from "../toolchain/index.ts";
import { lockUp } from "./cc.ts";
import { print, say } from "./output.ts";
import { putFile } from "./output-file.ts";
import { progressLine } from "./progress-line.ts";
import { HELP, UsageError } from "./usage.ts";

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  json: { type: "boolean" },
  output: { type: "string", short: "o" },
  digest: { type: "string" },
} as const;

/** What `pack` calls the C library. */
const LIBRARY = "libc";

export async function image(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  const [word, ...names] = positionals;
  if (values.help) {
    print(1, HELP.get("image") ?? "");
    return 0;
  }
  if (word === "build") return build(names.length === 0 ? [DEFAULT_IMAGE] : names);
  if (word === "list" && names.length === 0) return list(values.json === true);
  if (word === "pack" && names[0] === LIBRARY && names.length === 1) return packLibrary(values.output);
  if (word === "pack" && names.length <= 1) return pack(names[0] ?? DEFAULT_IMAGE, values.output);
  if (word === "load" && names.length === 1) return load(names[0] ?? "", values.digest);
  throw new UsageError(
    "image",
    `${positionals.join(" ")}${word === undefined ? "" : ": "}expected build [NAME…], list, pack [NAME] or load FILE`,
  );
}

async function build(names: readonly string[]): Promise<number> {
  for (const name of names) {
    const directory = await built(name);
    if (directory === undefined) return 1;
    print(1, `${directory}\n`);
  }
  return 0;
}

/** What starts this command line anew. A command's own thread has another main than the process has (main.ts). */
export const OWN_COMMAND = [
  process.execPath,
  ...process.execArgv,
  join(import.meta.dirname, import.meta.filename.endsWith(".ts") ? "main.ts" : "cli.cjs"),
];

/** The directory of an image, built now if it must be; undefined when it could not, which has been said. */
export async function built(name: string): Promise<string | undefined> {
  const line = progressLine();
  try {
    return await buildImage(name, OWN_COMMAND, line.show);
  } catch (error) {
    if (!(error instanceof ToolchainError || error instanceof StoreError)) throw error;
    line.end();
    for (const text of error.message.split("\n")) say(text);
    return undefined;
  } finally {
    line.end();
  }
}

/** Says so when an image that is about to be used would be built otherwise today. */
export async function warnOfStale(name: string): Promise<void> {
  const why = await staleImage(name);
  if (why !== undefined) say(`the image ${name} is out of date: ${why}; linden image build ${name} makes it anew`);
}

async function list(json: boolean): Promise<number> {
  const all = await images();
  if (json) {
    print(1, `${JSON.stringify(all, null, 2)}\n`);
    return 0;
  }
  for (const { name, version, description, directory, stale } of all) {
    const place = directory ?? `not built: linden image build ${name}`;
    print(
      1,
      `${name}  ${version}  ${description}\n    ${place}${stale === undefined ? "" : ` (out of date: ${stale})`}\n`,
    );
  }
  return 0;
}

async function pack(name: string, output = `${name}.tar`): Promise<number> {
  const directory = await builtImage(name);
  if (directory === undefined) throw new UsageError("image", `${name}: it is not built: linden image build ${name}`);
  await warnOfStale(name);
  const { bytes, digest } = packImage(name, directory, output);
  putFile(output, bytes);
  print(1, `${digest}  ${output}\n`);
  return 0;
}

/** The C library is no image, but travels as one: to machines that would build it for minutes. */
async function packLibrary(output: string | undefined): Promise<number> {
  const line = progressLine();
  try {
    const llvm = await findLlvm(lockUp, line.show);
    const { file, bytes } = await packSysroot(await sysroot(llvm, line.show));
    putFile(output ?? file, bytes);
    print(1, `${output ?? file}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    line.end();
    for (const text of error.message.split("\n")) say(text);
    return 1;
  } finally {
    line.end();
  }
}

async function load(file: string, expected: string | undefined): Promise<number> {
  const { directory, name } = await loadImage(file, { named: true, ...(expected && { expected }) });
  say(`${name} is what ${file} holds, from now on`);
  print(1, `${directory}\n`);
  return 0;
}
