/**
 * Guests that do their worst, through real locked cells. Whatever they ask, the answer is an errno, a refusal or a signal,
 * and the same host process then runs a good program.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { WASI_FUNCTIONS } from "../../src/abi/wasi.ts";
import { NotRunnable, Sandbox } from "../../src/sandbox/index.ts";
import { type Bytes, code, WasmBuilder } from "../engine/wasm-builder.ts";
import { within } from "../processor-time.ts";
import { random } from "../random.ts";
import { boxAndCell, command, Guests, goodProgram, lives, WASI } from "./world.ts";

const guests = new Guests();
const good = guests.path(goodProgram());
let box: Sandbox;
let cell: number;

before(async () => {
  [box, cell] = await boxAndCell({ limits: { memory: "64m" } });
});
after(() => box.close());

/** The host process is the one it was, and its kernel still serves. */
async function unharmed(): Promise<void> {
  const { exitCode, stdout } = await box.run(good, { timeout: "20s" });
  assert.deepEqual([exitCode, stdout], [42, "good"]);
  assert.ok(lives(cell));
}

const signature = (name: keyof typeof WASI_FUNCTIONS): string =>
  `${WASI_FUNCTIONS[name]}>${name === "proc_exit" ? "" : "i"}`;
const i64 = (value: bigint): Bytes => {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(BigInt.asUintN(7, rest));
    const last = rest >> 6n === 0n || rest >> 6n === -1n;
    bytes.push(last ? low : low | 0x80);
    if (last) return [0x42, ...bytes];
  }
};

const PAGE = 65_536;
const NAMES = [
  "f",
  ".",
  "..",
  "/",
  "a\0b",
  "\xff\xfe",
  "\xef\xbb\xbf",
  "__proto__",
  "constructor",
  "d/../f",
  "x/".repeat(9),
];
/** Where each name lies; an iovec list at 64, a subscription at 128, room from 1024 on. */
const NAMES_AT = 256;
const nameAddress = (index: number) => NAMES_AT + index * 32;

function memoryImage(): number[] {
  const image = new Uint8Array(1024);
  const view = new DataView(image.buffer);
  // Two honest ranges, one that ends beyond the memory, one whose sum overflows.
  const words = [1024, 16, 2048, 4, 2 * PAGE - 8, 64, 0xffff_fff0, 0x20];
  for (const [i, word] of words.entries()) view.setUint32(64 + i * 4, word, true);
  // A clock of 1 ns, then standard input.
  view.setUint32(128 + 16, 1, true);
  view.setUint8(128 + 48 + 8, 1);
  for (const [i, name] of NAMES.entries()) image.set(Buffer.from(name, "latin1"), nameAddress(i));
  return [...image];
}

function dataSection(bytes: readonly number[]): number[] {
  const length = [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
  return [1, 0, 0x41, 0, 0x0b, ...length, ...bytes];
}

const END = 2 * PAGE;
const EDGES = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, END - 1, END, END + 1, END - 8, END - 64, 0xffff_fff8];
const PLAIN = [2, 3, 4, 5, 8, 64, 99, 128, 1024, 1025, 4096, ...NAMES.map((_, i) => nameAddress(i))];
const WIDE = [0n, 1n, -1n, 1n << 31n, 1n << 32n, (1n << 53n) - 1n, 1n << 53n, 1n << 62n, (1n << 63n) - 1n].concat([
  -(1n << 63n),
  0x3fff_ffffn,
]);

/** A program of `tries` calls of one function; it dies of `unreachable` at the first answer that is no errno. */
function tries(name: keyof typeof WASI_FUNCTIONS, count: number): Uint8Array {
  const pick = random(name.length * 7919 + name.charCodeAt(4));
  const builder = command(
    { [name]: signature(name), path_open: signature("path_open") },
    (call) => {
      const attempt = (round: number): Bytes => {
        const pool = round % 2 === 0 ? [...EDGES, ...PLAIN] : PLAIN;
        const args = [...WASI_FUNCTIONS[name]].map((type, i) => {
          if (type === "I") return i64(WIDE[pick(WIDE.length)] ?? 0n);
          const descriptor = i === (name === "path_symlink" ? 2 : 0) && /^(fd|path|sock)_/.test(name);
          // Standard descriptors stay open, so that later calls still meet them.
          if (descriptor && round % 3 !== 0) return code.i32(/close|renumber/.test(name) ? 4 + pick(9) : pick(6));
          return code.i32((pool[pick(pool.length)] ?? 0) | 0);
        });
        // An errno of WASI is at most 76: above is no answer.
        return [...args.flat(), ...call(name), ...code.i32(76), 0x4b, 0x04, 0x40, 0x00, 0x0b];
      };
      const body: Bytes[] = [
        // A file f under descriptor 4.
        [...code.i32(3), ...code.i32(0), ...code.i32(nameAddress(0)), ...code.i32(1), ...code.i32(1)],
        [
          ...i64(0x3fff_ffffn),
          ...i64(0x3fff_ffffn),
          ...code.i32(0),
          ...code.i32(1000),
          ...call("path_open"),
          ...code.drop,
        ],
      ];
      for (let round = 0; round < count; round++) {
        body.push(attempt(round));
        if (round % 100 === 99) body.push([...code.i32(1), ...code.memoryGrow, ...code.drop]);
      }
      return body;
    },
    2,
  );
  return builder.section(11, dataSection(memoryImage())).build();
}

describe("any argument of", () => {
  for (const name of Object.keys(WASI_FUNCTIONS) as (keyof typeof WASI_FUNCTIONS)[]) {
    if (name === "proc_exit" || name === "proc_raise") continue;
    it(`${name} is answered with an errno`, async () => {
      const result = await guests.run(box, tries(name, 400));
      assert.deepEqual([result.exitCode, result.message], [0, ""], name);
      assert.ok(result.stats.calls >= 400);
    });
  }

  it("proc_exit and proc_raise ends the guest and nothing else", async () => {
    for (const value of EDGES) {
      const exited = await guests.run(
        box,
        command({ proc_exit: "i>" }, (f) => [code.i32(value | 0), f("proc_exit")]).build(),
      );
      assert.equal(exited.exitCode, value & 0xff);
      const raised = await guests.run(
        box,
        command({ proc_raise: "i>i" }, (f) => [code.i32(value | 0), f("proc_raise"), code.drop]).build(),
      );
      assert.ok(raised.exitCode === 0 || raised.signal !== null);
    }
  });

  it("all of them left the host process as it was", unharmed);
});

describe("a module", () => {
  const nothing = (): WasmBuilder => command({}, () => []);
  const refused: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["imports constructor.constructor", imports("constructor", "constructor"), /import/],
    ["imports __proto__ of the table", imports(WASI, "__proto__"), /import/],
    ["imports toString of the table", imports(WASI, "toString"), /import/],
    ["imports from __proto__", imports("__proto__", "fd_write"), /import/],
    ["imports a known call with another type", imports(WASI, "fd_close", "I>i"), /import/],
    ["has a table of ten million", nothing().section(4, [1, 0x70, 0, 0x80, 0xad, 0xe2, 0x04]).build(), /table/],
    ["has struct types of the garbage collector", nothing().section(1, [1, 0x5f, 1, 0x7f, 0]).build(), /gc/],
    [
      "chains exceptions",
      nothing().section(1, [2, 0x60, 0, 0, 0x60, 1, 0x69, 0]).section(13, [1, 0, 1]).build(),
      /chain/,
    ],
    ["has a 64-bit memory", nothing().section(5, [1, 4, 1]).build(), /memory64/],
    ["has two memories", nothing().section(5, [2, 0, 1, 0, 1]).build(), /memor/],
    ["is no module", Uint8Array.from(Buffer.from("\x7fELF\x02\x01\x01\0\0\0\0\0")), /./],
    ["ends in the middle", goodProgram().subarray(0, 60), /./],
  ];
  for (const [what, bytes, reason] of refused) {
    it(`that ${what} is refused`, async () => {
      await assert.rejects(
        guests.run(box, bytes),
        (error) => error instanceof NotRunnable && reason.test(error.message),
      );
    });
  }

  it("is refused with its names escaped", async () => {
    const bytes = imports("\x1b]0;owned\x07\u202e", "\x9b31m");
    await assert.rejects(guests.run(box, bytes), (error) => {
      assert.ok(error instanceof NotRunnable);
      for (const character of error.message) {
        const point = character.codePointAt(0) ?? 0;
        assert.ok(point >= 0x20 && !(point >= 0x7f && point < 0xa0) && point !== 0x202e, JSON.stringify(error.message));
      }
      return true;
    });
  });

  it("that takes long to compile is refused before, or compiled in time", async () => {
    // 40,000 functions of 9,000 locals: refused by their sum.
    const builder = new WasmBuilder().memory(1);
    for (let i = 0; i < 40_000; i++) builder.func(">", [], i === 0 ? "_start" : undefined, [0xa8, 0x46, 0x7f]);
    const run = guests.run(box, builder.build()).catch((error) => assert.ok(error instanceof NotRunnable));
    await within(run, 5000, "an answer");
  });

  it("all of them left the host process as it was", unharmed);
});

function imports(module: string, name: string, type = ">i"): Uint8Array {
  const builder = new WasmBuilder().memory(1);
  const index = builder.import(module, name, type);
  const args = [...(type.split(">")[0] ?? "")].map((letter) => (letter === "I" ? i64(0n) : code.i32(0)));
  builder.func(">", [...args, code.call(index), code.drop], "_start");
  return builder.build();
}

describe("a running guest", () => {
  it("has its start function run as any other code of it, under its limits", async () => {
    const builder = command({ proc_exit: "i>" }, (f) => [code.i32(1), f("proc_exit")]);
    builder.start(builder.func(">", [code.i32(9), code.call(0)]));
    assert.equal((await guests.run(box, builder.build())).exitCode, 9);
    const endless = command({ sched_yield: ">i" }, () => []);
    endless.start(endless.func(">", [code.loop(code.call(0), code.drop, code.br(0))]));
    assert.equal((await guests.run(box, endless.build(), { timeout: 200 })).timedOut, true);
  });

  it("that overflows its stack inside calls dies of SIGSEGV", async () => {
    const builder = new WasmBuilder().memory(1);
    const call = builder.import(WASI, "fd_filestat_get", "ii>i");
    const deep = [
      code.i32(3),
      code.i32(0),
      code.call(call),
      code.drop,
      code.call(1),
      code.i32(3),
      code.i32(0),
      code.call(call),
      code.drop,
    ];
    builder.func(">", deep);
    builder.func(">", [code.loop(code.tryCatchAll(code.call(1), []), code.br(0))], "_start");
    const result = await guests.run(box, builder.build());
    assert.equal(result.signal, "SIGSEGV", result.message);
  });

  it("cannot catch its exit", async () => {
    const builder = command({ proc_exit: "i>" }, (f) => [
      code.loop(code.tryCatchAll([...code.i32(5), ...f("proc_exit")], []), code.br(0)),
    ]);
    assert.equal((await guests.run(box, builder.build())).exitCode, 5);
  });

  it("is not entered again by what it exports, whatever the names", async () => {
    const builder = command({ proc_exit: "i>" }, (f) => [code.i32(3), f("proc_exit")]);
    const trap = builder.func(">", [code.unreachable]);
    for (const name of [
      "then",
      "valueOf",
      "toString",
      "__proto__",
      "asyncify_get_state",
      "_initialize2",
      "constructor",
    ]) {
      builder.export(name, 0, trap);
    }
    assert.equal((await guests.run(box, builder.build())).exitCode, 3);
  });

  it("that keeps many exceptions alive dies, and the host process does not", async () => {
    const builder = new WasmBuilder().memory(1);
    builder.section(13, [1, 0, builder.type(`${"I".repeat(16)}>`)]);
    const throwing = [...Array.from({ length: 16 }, () => code.i64(1)).flat(), ...code.throw(0)];
    // Each frame stands in a handler, whose exception lives as long as it does.
    const nested = (depth: number): number[] =>
      depth === 0 ? code.call(0) : code.tryCatchAll(throwing, nested(depth - 1));
    builder.func(">", [nested(60)], "_start");
    const result = await guests.run(box, builder.build());
    assert.ok(result.signal !== null, `exit code ${result.exitCode}`);
  });

  it("that asks for all the memory there is gets what its limit says", async () => {
    const builder = command({ proc_exit: "i>" }, (f) => [
      code.loop(code.i32(1), code.memoryGrow, code.i32(-1), [0x47], code.brIf(0)),
      code.memorySize,
      code.i32(8),
      [0x6e],
      f("proc_exit"),
    ]);
    const { exitCode, stats } = await guests.run(box, builder.build());
    assert.equal(exitCode, (64 * 1024 * 1024) / PAGE / 8);
    assert.equal(stats.peakMemory, 64 * 1024 * 1024);
  });

  it("that fills all its memory with random bytes in one call can be killed meanwhile", async () => {
    const builder = command(
      { random_get: "ii>i" },
      (f) => [code.loop(code.i32(0), code.i32(64 * 1024 * 1024), f("random_get"), code.drop, code.br(0))],
      1024,
    );
    const run = guests.run(box, builder.build(), { timeout: 300 });
    assert.equal((await within(run, 1500, "an end")).timedOut, true);
  });

  it("finds no trace of another one in its memory", async () => {
    const bytes = 64 * 1024 * 1024;
    const fill = command({}, () => [
      [...code.i32(1023), ...code.memoryGrow, ...code.drop, ...code.i32(0), ...code.i32(0xa5), ...code.i32(bytes)],
      [0xfc, 11, 0],
    ]);
    assert.equal((await guests.run(box, fill.build())).stats.peakMemory, bytes);
    // All of it, word by word: exit(1) at the first that is not zero.
    const scan = new WasmBuilder().memory(1);
    const exit = scan.import(WASI, "proc_exit", "i>");
    const found = [...code.get(0), ...code.load(), 0x04, 0x40, ...code.i32(1), ...code.call(exit), 0x0b];
    const next = [...code.get(0), ...code.i32(4), ...code.add, 0x22, 0, ...code.i32(bytes), 0x49, ...code.brIf(0)];
    const body = [...code.i32(1023), ...code.memoryGrow, ...code.drop, ...code.loop([...found, ...next])];
    scan.func(">", [body], "_start", [1, 0x7f]);
    assert.equal((await guests.run(box, scan.build())).exitCode, 0);
  });

  it("dies with its function's name in words that no terminal acts on", async () => {
    const name = [...Buffer.from("\x1b]0;owned\x07\n    at fake (wasm://x:wasm-function[7]:0x1)\u202e")];
    const builder = command({}, () => [code.unreachable]);
    builder.custom("name", [1, name.length + 3, 1, 0, name.length, ...name]);
    const { message, signal } = await guests.run(box, builder.build());
    assert.equal(signal, "SIGABRT");
    assert.match(message, /^trap: unreachable executed in [\x20-\x7e]*$/);
  });

  it("that was in any of this left the host process as it was", unharmed);
});

describe("a guest that takes all it can get", () => {
  it("of depth finds a tree of 20,000 directories as removable as any", async () => {
    // Each directory in the one before, through descriptor 4: paths have no limit so.
    const builder = command(
      { path_create_directory: "iii>i", path_open: signature("path_open"), fd_renumber: "ii>i", proc_exit: "i>" },
      (f) => {
        const rights = [...i64(0x3fbf_febfn), ...i64(0x3fff_ffffn)];
        const open = (fd: number): Bytes =>
          [code.i32(fd), code.i32(0), code.i32(0), code.i32(1), code.i32(2), rights, code.i32(0), code.i32(64)]
            .flat()
            .concat(f("path_open"), [0x04, 0x40], code.i32(1), f("proc_exit"), [0x0b]);
        const make = (fd: number): Bytes => [
          ...code.i32(fd),
          ...code.i32(0),
          ...code.i32(1),
          ...f("path_create_directory"),
          ...code.drop,
        ];
        const down = [make(4), open(4), code.i32(5), code.i32(4), f("fd_renumber"), code.drop].flat();
        const count = [
          ...code.i32(128),
          ...code.i32(128),
          ...code.load(),
          ...code.i32(1),
          ...code.add,
          ...code.store(),
        ];
        const again = [...code.i32(128), ...code.load(), ...code.i32(20_000), 0x49, ...code.brIf(0)];
        return [make(3), open(3), code.loop([...down, ...count, ...again])];
      },
    ).section(11, [1, 0, 0x41, 0, 0x0b, 1, 0x74]);
    const { exitCode, stats } = await guests.run(box, builder.build());
    assert.equal(exitCode, 0);
    assert.ok(stats.calls > 60_000);
    await box.files.remove("/t", { recursive: true });
    assert.equal(await box.files.exists("/t"), false);
  });

  it("of bytes and names meets ENOSPC, and what it leaves can be removed", async () => {
    await using small = await Sandbox.create({ limits: { disk: "32m", inodes: 6000 } });
    const script = `
import os, errno
def until_error(action):
    for n in range(10**6):
        try: action(n)
        except OSError as error: return errno.errorcode[error.errno], n
os.mkdir("/big")
print(until_error(lambda n: os.symlink("t" * 4000, "/big/" + "%06d" % n + "n" * 240)))
for name in os.listdir("/big"): os.unlink("/big/" + name)
file = os.open("/big/sparse", os.O_CREAT | os.O_RDWR)
print(until_error(lambda n: (os.lseek(file, n << 22, 0), os.write(file, b"x"))))
os.ftruncate(file, 0)
print(until_error(lambda n: os.open("/big/sparse", os.O_RDONLY)))
`;
    const { stdout } = await small.run("python", ["-c", script], { timeout: "30s" });
    assert.match(stdout, /^\('ENOSPC', 5\d+\)\n\('ENOSPC', \d+\)\n\('EMFILE', 10\d\d\)\n$/);
    await small.files.remove("/big", { recursive: true });
    assert.equal((await small.run(good)).exitCode, 42);
  });

  it("of time sleeps to the end of it and is ended in time", async () => {
    for (const script of ["import time; time.sleep(2**31)", "import time\nwhile True: time.sleep(0)"]) {
      const run = box.run("python", ["-c", script], { timeout: 400 });
      assert.equal((await within(run, 2000, "an end")).timedOut, true);
    }
  });

  it("left the host process as it was", unharmed);
});

it("guests that are killed at any moment take no other with them", async () => {
  const data = [1, 0, 0x41, 16, 0x0b, 12, 24, 0, 0, 0, 0, 0x10, 0, 0, 0x67, 0x6f, 0x6f, 0x64];
  const endless = (name: string, type: string, args: readonly number[], pages = 1): string =>
    guests.path(
      command({ [name]: type }, (f) => [code.loop(args.flatMap(code.i32), f(name), code.drop, code.br(0))], pages)
        .section(11, data)
        .build(),
    );
  const programs = [
    endless("fd_write", "iiii>i", [1, 16, 1, 0]),
    endless("fd_read", "iiii>i", [0, 16, 1, 0]),
    endless("sched_yield", ">i", []),
    endless("random_get", "ii>i", [0, 4 << 20], 64),
  ];
  const pick = random(4711);
  let left = 150;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const guest = await box.spawn(programs[pick(programs.length)] ?? good);
      guest.stdout.resume();
      guest.stdin.on("error", () => {});
      guest.stdin.write(Buffer.alloc(pick(300_000)));
      setTimeout(() => guest.kill(pick(2) === 0 ? "SIGTERM" : "SIGKILL"), pick(15));
      const { signal } = await guest.exited;
      assert.ok(signal === "SIGTERM" || signal === "SIGKILL");
    }
  };
  await Promise.all([one(), one(), one()]);
  await unharmed();
});
