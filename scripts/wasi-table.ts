/**
 * Prints docs/wasi.md: each function of WASI preview 1, its types and file from the code, its support level and notes from
 * the table here. `./linden node scripts/wasi-table.ts > docs/wasi.md`.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WASI_FUNCTIONS, WASI_NO_RESULT, type WasiFunctionName } from "../src/abi/wasi.ts";

const home = fileURLToPath(new URL("..", import.meta.url));

/**
 * full: as the specification says. partial: a part of it answers an error. faked: it is checked and changes nothing.
 * refused: it answers an error always.
 */
type Level = "full" | "partial" | "faked" | "refused";

/** What is not simply full. */
const NOTES: { readonly [K in WasiFunctionName]?: readonly [Level, string] } = {
  clock_time_get: ["full", "all four clocks, to the nanosecond"],
  fd_advise: ["faked", "advice, offset and length are checked"],
  fd_allocate: ["full", "grows, never shrinks"],
  fd_fdstat_set_flags: [
    "partial",
    "APPEND and NONBLOCK; DSYNC, RSYNC and SYNC stay as they were at open, as with F_SETFL",
  ],
  fd_fdstat_set_rights: ["full", "rights are given up, never taken back"],
  fd_filestat_set_size: ["full", "beyond 2^53 - 1: FBIG"],
  fd_pread: ["full", "beyond 2^53 - 1: OVERFLOW"],
  fd_pwrite: ["full", "with APPEND it appends, as on Linux; beyond 2^53 - 1: FBIG"],
  fd_read: ["full", ""],
  fd_write: ["full", "a pipe without readers is SIGPIPE"],
  fd_readdir: ["full", "`.` and `..` first; the last entry is cut where the buffer ends"],
  fd_seek: ["full", "beyond 2^53 - 1: OVERFLOW; pipes: SPIPE"],
  path_link: ["full", "follows a final link when asked to"],
  path_open: ["full", "rights decide the access mode: to read, unless only rights to write are asked for"],
  path_symlink: ["full", "absolute targets only beneath the process's own root"],
  poll_oneoff: ["partial", "1 to 1024 subscriptions; CPU clocks are NOTSUP in their event"],
  proc_exit: ["full", "the status is the low eight bits"],
  proc_raise: ["full", "signals by their Linux namesake; their default actions"],
  sched_yield: ["full", "the host's events and the other guests have their turn"],
  sock_accept: ["refused", "NOTSOCK: nothing a program can open is a socket"],
  sock_recv: ["refused", "NOTSOCK"],
  sock_send: ["refused", "NOTSOCK"],
  sock_shutdown: ["refused", "NOTSOCK"],
};

const files = globSync("src/wasi/*.ts", { cwd: home })
  .sort()
  .map((file) => ({ file, text: readFileSync(join(home, file), "utf8") }));

function row(name: string, parameters: string): string {
  const [level, note] = NOTES[name as WasiFunctionName] ?? ["full", ""];
  const found = files.find(({ text }) => text.includes(`"${name}"`))?.file;
  if (found === undefined) throw new Error(`${name} is in no file of src/wasi`);
  const types = [...parameters].map((each) => (each === "I" ? "i64" : "i32")).join(" ");
  const result = WASI_NO_RESULT.has(name) ? "" : " → errno";
  return `| \`${name}\` | ${types}${result} | ${level} | [${found.slice("src/wasi/".length)}](../${found}) | ${note} |`;
}

export function wasiPage(): string {
  return `# WASI preview 1

All ${Object.keys(WASI_FUNCTIONS).length} functions of \`wasi_snapshot_preview1\`, over the kernel's own operations. This page is printed by
\`scripts/wasi-table.ts\`; a test holds it to that. *full*: as the specification says. *partial*: a part of it answers an error.
*faked*: it is checked and changes nothing. *refused*: it answers an error always. What holds for all of them (rights, paths, names,
64-bit numbers) stands in [src/wasi/README.md](../src/wasi/README.md).

| function | types | level | where | note |
|---|---|---|---|---|
${Object.entries(WASI_FUNCTIONS)
  .map(([name, parameters]) => row(name, parameters))
  .join("\n")}
`;
}

if (import.meta.main) process.stdout.write(wasiPage());
