/**
 * Builds dist/: the API, the command line, and the programs of the locked processes, each as one file. It runs whenever
 * the hash of the sources changed; `--types` adds the type declarations that the published package carries.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { writeCommandCache } from "../src/cli/code-cache.ts";
import { writeCodeCache } from "../src/lockdown/launch/code-cache.ts";

const home = fileURLToPath(new URL("..", import.meta.url));
const dist = join(home, "dist");
const stamp = join(dist, ".built");

const shared = { bundle: true, platform: "node", target: "node26", legalComments: "none", logLevel: "warning" };
/** What stands behind the locks may open nothing later: one file, no import left to resolve. */
const lockedPrograms = { ...shared, format: "cjs", outExtension: { ".js": ".cjs" }, minifyWhitespace: true };

const command = {
  ...lockedPrograms,
  define: { "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" },
  supported: { "dynamic-import": false },
};

const outputs = [
  { ...shared, format: "esm", entryPoints: { index: "src/sandbox/index.ts" } },
  {
    ...command,
    entryPoints: {
      "cli.bundle": "src/cli/main.ts",
      "commands.bundle": "src/cli/commands.ts",
      "command-thread": "src/cli/command-thread.ts",
    },
    plugins: [{ name: "commands apart", setup: keepCommandsApart }],
  },
  { ...command, entryPoints: { cli: "src/cli/cached.ts", commands: "src/cli/cached.ts" } },
  { ...shared, format: "esm", entryPoints: { lockdown: "src/lockdown/index.ts" } },
  { ...shared, format: "esm", entryPoints: { "lockdown-boot": "src/lockdown/boot.ts" } },
  { ...shared, format: "esm", entryPoints: { "lockdown-worker": "src/lockdown/context/worker-main.ts" } },
  { ...lockedPrograms, entryPoints: { "launcher-thread": "src/lockdown/launch/launcher-thread.ts" } },
  { ...lockedPrograms, entryPoints: { "learn-stage": "src/lockdown/learn/stage.ts" } },
  { ...lockedPrograms, entryPoints: { "lockdown-watcher": "src/lockdown/learn/watcher.ts" } },
  { ...lockedPrograms, entryPoints: { "jail-stage": "src/lockdown/jail/stage.ts" } },
  { ...lockedPrograms, entryPoints: { cell: "src/cell/main.ts" } },
  { ...lockedPrograms, entryPoints: { fileserver: "src/fileserver/main.ts" } },
];

/** Two mains load them, and each only when it is time to. */
function keepCommandsApart({ onResolve }) {
  onResolve({ filter: /^\.\/commands\.ts$/ }, ({ kind }) =>
    kind === "entry-point" ? undefined : { path: "./commands.cjs", external: true },
  );
}

function filesOf(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesOf(join(path, name)));
}

function sourceHash() {
  const hash = createHash("sha256");
  for (const root of ["src", "policies", "scripts", "package.json", "package-lock.json"]) {
    for (const file of filesOf(join(home, root))) {
      const bytes = readFileSync(file);
      hash.update(`${file.slice(home.length)}\0${bytes.length}\0`).update(bytes);
    }
  }
  return hash.digest("hex");
}

function previousHash() {
  try {
    return readFileSync(stamp, "utf8");
  } catch {
    return undefined;
  }
}

async function buildAll(hash) {
  process.stderr.write("linden: building dist/ …\n");
  const fresh = join(home, `dist.${process.pid}`);
  mkdirSync(fresh);
  try {
    for (const output of outputs) {
      await build({ ...output, absWorkingDir: home, outdir: fresh });
    }
    for (const bundle of ["cell.cjs", "fileserver.cjs"]) writeCodeCache(join(fresh, bundle));
    for (const bundle of ["cli.bundle.cjs", "commands.bundle.cjs"]) writeCommandCache(join(fresh, bundle));
    writeFileSync(join(fresh, ".built"), hash);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

const hash = sourceHash();
const started = new Date();
try {
  if (previousHash() !== hash) await buildAll(hash);
  // A source changed while the build ran is newer than this and is seen at the next start.
  utimesSync(stamp, started, started);
} catch (error) {
  // What is built already serves who may not write it.
  if (previousHash() !== hash) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    process.stderr.write(`linden: ${dist} is out of date and cannot be built anew: ${error.message}\n`);
    process.exit(1);
  }
}

if (process.argv.includes("--types")) {
  const tsc = spawnSync(
    process.execPath,
    [join(home, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.types.json"],
    {
      cwd: home,
      stdio: "inherit",
    },
  );
  process.exitCode = tsc.status ?? 1;
}
