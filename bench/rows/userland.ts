/**
 * Real tools of built images, in a living sandbox; natively the same words by this machine's own tools. An image that is
 * not built is not built here: its rows say so. What Linden prints must be right; time is taken from outside on both sides.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "linden";
import { builtImage } from "../../src/store/index.ts";
import type { Bench, Group } from "../group.ts";
import { say, timed } from "../sides.ts";
import { type Goal, median, type Row } from "../table.ts";

interface Script {
  readonly what: string;
  /** Recipes that bring the program, the first that is built counts. */
  readonly images: readonly string[];
  /** Names of the program, the first that there is counts. */
  readonly programs: readonly string[];
  /** "DATA" is the directory of the data, "OUT" one to write to. */
  readonly args: readonly string[];
  readonly rounds: number;
  /** Rounds before those that count: what is left is measured when the engine has compiled what runs often. */
  readonly warmUp?: number;
  readonly goal?: Goal;
  readonly prints: string;
}

const DATA_FILES = 20;
const DATA_BYTES = 1024 * 1024;
const INSERTS = 100_000;

const SQL =
  "DROP TABLE IF EXISTS t; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL); BEGIN; " +
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${INSERTS}) ` +
  "INSERT INTO t SELECT i, 'row ' || i, i * 0.5 FROM n; COMMIT; SELECT count(*), sum(c) FROM t;";

const FIBONACCI = "local function f(n) if n < 2 then return n end return f(n-1) + f(n-2) end print(f(27))";
const STRINGS =
  "local t = {} for i = 1, 200000 do t[#t+1] = ('%d'):format(i % 977) end table.sort(t) " +
  "local s = table.concat(t, ',') print(#s, select(2, s:gsub('9', '')))";

const SHELL = { images: ["busybox"], programs: ["sh"] };
const LUA = { images: ["lua", "lua5.4"], programs: ["lua", "lua5.4"], rounds: 5 };

const SCRIPTS: readonly Script[] = [
  {
    ...SHELL,
    what: "sh -c 'echo hi | cat', first runs",
    args: ["-c", "echo hi | cat"],
    rounds: 30,
    prints: "hi\n",
  },
  {
    ...SHELL,
    what: "sh -c 'echo hi | cat', warm",
    args: ["-c", "echo hi | cat"],
    rounds: 30,
    warmUp: 100,
    goal: { atMost: 2 },
    prints: "hi\n",
  },
  {
    ...SHELL,
    what: "seq 1 1000 | sort -rn | head -3, warm",
    args: ["-c", "seq 1 1000 | sort -rn | head -3"],
    rounds: 20,
    warmUp: 20,
    prints: "1000\n999\n998\n",
  },
  {
    ...SHELL,
    what: "a shell loop of 1,000 rounds",
    args: ["-c", "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; echo $i"],
    rounds: 20,
    prints: "1000\n",
  },
  {
    ...SHELL,
    what: "tar + gzip of 20 MB",
    args: ["-c", "cd DATA && tar -cf - . | gzip -c > OUT/x.tgz && ls | wc -l"],
    rounds: 3,
    prints: `${DATA_FILES}\n`,
  },
  {
    images: ["sqlite3", "sqlite"],
    programs: ["sqlite3"],
    what: "sqlite, 100,000 inserts",
    args: ["OUT/x.db", SQL],
    rounds: 3,
    prints: `${INSERTS}|2500025000.0\n`,
  },
  { ...LUA, what: "lua, fib(27)", args: ["-e", FIBONACCI], prints: "196418\n" },
  { ...LUA, what: "lua, strings and tables", args: ["-e", STRINGS], prints: "777451\t53988\n" },
];

/** Words of a small vocabulary: text that compresses as text does. */
function* data(): Generator<[name: string, content: Buffer]> {
  let state = 1;
  const word = (): string => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return `w${(state >>> 16) % 4096} `;
  };
  for (let file = 0; file < DATA_FILES; file++) {
    const words: string[] = [];
    for (let length = 0; length < DATA_BYTES; ) length += words[words.push(word()) - 1]?.length ?? 1;
    yield [`${file}.txt`, Buffer.from(words.join("").slice(0, DATA_BYTES))];
  }
}

interface Side {
  readonly data: string;
  readonly out: string;
  /** Run a program; what it prints, undefined when there is none of this name. */
  run(program: string, args: readonly string[]): Promise<string | undefined>;
}

function nativeSide(scratch: string): Side {
  const [directory, out] = [join(scratch, "data"), join(scratch, "out")];
  for (const made of [directory, out]) mkdirSync(made, { recursive: true });
  for (const [name, content] of data()) {
    if (!existsSync(join(directory, name))) writeFileSync(join(directory, name), content);
  }
  return {
    data: directory,
    out,
    run: async (program, args) => {
      const { stdout, error } = spawnSync(program, args, { encoding: "utf8" });
      return error === undefined ? stdout : undefined;
    },
  };
}

async function guestSide(box: Sandbox, filled: boolean): Promise<Side> {
  await box.files.mkdir("/tmp/data", { recursive: true });
  if (filled) for (const [name, content] of data()) await box.files.write(`/tmp/data/${name}`, content);
  return {
    data: "/tmp/data",
    out: "/tmp",
    run: async (program, args) => {
      const run = await box.run(program, args);
      if (run.exitCode !== 0) throw new Error(`${program}: exit ${run.exitCode} ${run.message}\n${run.stderr}`);
      return run.stdout;
    },
  };
}

/** Milliseconds a side takes; undefined where it has no such program. */
async function once(side: Side, script: Script, program: string): Promise<number | undefined> {
  const args = script.args.map((arg) => arg.replaceAll("DATA", side.data).replaceAll("OUT", side.out));
  let printed: string | undefined;
  const ms = await timed(async () => {
    printed = await side.run(program, args);
  });
  if (printed === undefined) return undefined;
  if (printed !== script.prints) throw new Error(`${script.what} printed ${JSON.stringify(printed)}`);
  return ms;
}

async function nativeProgram(side: Side, script: Script): Promise<string | undefined> {
  for (const program of script.programs) if ((await once(side, script, program)) !== undefined) return program;
  return undefined;
}

async function measure({ scratch, wants }: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  const machine = nativeSide(scratch);
  for (const script of SCRIPTS.filter(({ what }) => wants(what))) {
    say(script.what);
    const { what, goal } = script;
    const directory = await firstBuilt(script.images);
    const row = { what, unit: "ms", ...(goal && { goal }) } as const;
    if (directory === undefined) {
      const missing = `./linden image build ${script.images[0]}`;
      rows.push({ ...row, native: undefined, linden: undefined, missing });
      continue;
    }
    const program =
      script.programs.find((name) => existsSync(join(directory, "bin", name))) ?? script.programs[0] ?? "";
    const twin = await nativeProgram(machine, script);
    await using box = await Sandbox.create({ image: directory });
    const sandbox = await guestSide(
      box,
      script.args.some((arg) => arg.includes("DATA")),
    );
    await once(sandbox, script, program);
    const [ours, theirs]: [number[], number[]] = [[], []];
    const { rounds, warmUp = 0 } = script;
    for (let round = -warmUp; round < rounds; round++) {
      const native = twin === undefined ? undefined : await once(machine, script, twin);
      const linden = await once(sandbox, script, program);
      if (round < 0) continue;
      if (native !== undefined) theirs.push(native);
      ours.push(linden ?? Number.NaN);
    }
    rows.push({ ...row, native: twin === undefined ? undefined : median(theirs), linden: median(ours) });
  }
  return rows;
}

async function firstBuilt(images: readonly string[]): Promise<string | undefined> {
  for (const name of images) {
    const directory = await builtImage(name);
    if (directory !== undefined) return directory;
  }
  return undefined;
}

export const USERLAND_GROUPS: readonly Group[] = [{ name: "userland", rows: SCRIPTS.map(({ what }) => what), measure }];
