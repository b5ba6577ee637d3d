/**
 * Layer: test. Arguments for any of Linux's calls by their roles: mostly what means something, so that a call gets far, and often
 * enough what lies at an edge. Structures are written into the caller's memory, some with bits nobody defined.
 */
import { type Call, callOf, type Parameter } from "../../../src/abi/calls.ts";
import { SPAWN, SPAWN_ACTION } from "../../../src/abi/spawn.ts";
import type { Process, Thread } from "../../../src/kernel/process.ts";
import type { Random } from "../../random.ts";

/** Where arguments are written: a ring in the caller's own data. */
const ARENA = 1024;
const ARENA_END = 60 * 1024;

const NAMES = [
  "f",
  "d",
  "d/f",
  "d/g",
  "link",
  "loop",
  "dangling",
  "fifo",
  ".",
  "..",
  "/",
  "",
  "./d/../d/./f",
  "\xff\xfe\x80",
  "\xed\xa0\x80",
  "__proto__",
  "constructor",
  "prog",
  "script",
  "/prog",
  "/over/a/b/c/file",
  "/over/d",
  "/over/d/file",
  "/over/new",
  "/over/e/f/file",
  "/over/a",
  "/over/a/b",
  "/over/d/g",
  "/over",
  "/locked/x",
  "/locked",
  "/dev/null",
  "/dev/zero",
  "/dev/full",
  "/dev/urandom",
  "/dev/tty",
  "/dev/ptmx",
  "/dev/pts/0",
  "/dev/pts",
  "/dev/fd/3",
  "/dev/shm/s",
  "/dev/shm",
  "/proc",
  "/proc/self",
  "/proc/self/fd",
  "/proc/self/fd/5",
  "/proc/self/exe",
  "/proc/self/cwd/f",
  "/proc/self/root/d/f",
  "/proc/self/maps",
  "/proc/self/environ",
  "/proc/self/status",
  "/proc/1/cmdline",
  "/proc/2/stat",
  "/proc/3/fd/4",
  "/proc/4294967295",
  "/proc/self/task/1",
  "/proc/mounts",
  "/proc/meminfo",
  "/proc/sys/kernel/pid_max",
  "n".repeat(255),
  "n".repeat(256),
  "a/".repeat(300),
  "/".repeat(200),
  "user.x",
  "user.",
  "trusted.long",
];

const EDGES_32 = [0, 1, 2, -1, -2, -100, 0x7fff_ffff, -0x8000_0000, 4096, 0xffff, 0x1_0000, 1023, 1024, 1025];
const EDGES_64 = [
  0n,
  1n,
  2n,
  -1n,
  4096n,
  65_536n,
  (1n << 31n) - 1n,
  1n << 31n,
  (1n << 32n) - 1n,
  1n << 32n,
  (1n << 53n) - 1n,
  1n << 53n,
  (1n << 53n) + 1n,
  (1n << 63n) - 1n,
  -(1n << 63n),
  -(1n << 53n),
];

/** Numbers under which a call's commands, kinds and signals are found. */
const COMMANDS: Readonly<Record<string, readonly number[]>> = {
  ioctl: [
    0x5401, 0x5402, 0x5403, 0x5404, 0x5405, 0x5409, 0x540a, 0x540b, 0x540e, 0x540f, 0x5410, 0x5411, 0x5413, 0x5414,
    0x541b, 0x5420, 0x5421, 0x5422, 0x5429, 0x5450, 0x5451, 0x5452, -0x7ffbabd0, 0x4004_5431, 0x5441, 0x5412, 0x5424,
  ],
  fcntl: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 36, 37, 38, 1024, 1025, 1026, 1030, 1031, 1032, 1033, 1034],
  futex: [0, 1, 2, 3, 4, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 128, 129, 131, 132, 134, 135, 137, 138, 256, 265],
  semctl: [0, 1, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19, 256 + 16],
  shmctl: [0, 1, 2, 3, 11, 12, 13, 14, 15, 256 + 2],
  msgctl: [0, 1, 2, 3, 11, 12, 13, 256 + 1],
  prctl: [1, 2, 3, 4, 7, 8, 15, 16, 22, 35, 36, 37, 38, 39],
  epoll_ctl: [1, 2, 3, 0, 4],
};

type Usual = Readonly<Record<string, readonly (number | bigint)[]>>;

const SHORT: Usual = { offset: [0n, 1n, 4096n, 70_000n], len: [1n, 4096n, 100_000n] };
const TIMERS: Usual = { timerid: [0, 1, 2], flags: [0, 1] };
const MOVED: Usual = { len: [1, 10, 100, 70_000], count: [1, 100, 70_000], flags: [0, 2] };
const ATTRIBUTES: Usual = { size: [0, 1, 10, 200], flags: [0, 1, 2] };

/** What a call usually gets, by its name and its parameters' names, so that it gets far. */
const USUAL: readonly (readonly [RegExp, Usual])[] = [
  [
    /^mmap$/,
    {
      length: [4096, 8192, 65_536, 1],
      prot: [3, 3, 1, 0],
      flags: [0x22, 0x21, 1, 2, 0x32, 0x31, 0x11],
      offset: [0n, 4096n],
    },
  ],
  [/^mremap$/, { old_size: [4096, 0, 8192], new_size: [4096, 8192, 65_536], flags: [0, 1, 1, 3] }],
  [
    /^(mprotect|munmap|msync|madvise)$/,
    { len: [4096, 8192], length: [4096, 8192], prot: [0, 1, 3], flags: [4, 1, 2], advice: [0, 4, 8] },
  ],
  [/^epoll_ctl$/, { op: [1, 1, 1, 2, 3] }],
  [/^timer_/, TIMERS],
  [/^timerfd_/, { clockid: [0, 1, 7], flags: [0, 1] }],
  [
    /^(shm|sem|msg)get$/,
    {
      key: [0, 1, 2, 3],
      size: [1, 4096, 20_000],
      nsems: [1, 2, 4],
      shmflg: [0o1666, 0o666],
      semflg: [0o1666],
      msgflg: [0o1666],
    },
  ],
  [/^semctl$/, { semnum: [0, 1, 2] }],
  [/^sem(timed)?op$/, { nsops: [1, 1, 2, 3, 501] }],
  [/^msg(snd|rcv)$/, { msgsz: [0, 1, 16, 100, 8192], msgtyp: [0n, 1n, -1n], msgflg: [0, 0, 0x800, 0x1000] }],
  [/^shmat$/, { shmaddr: [0], shmflg: [0, 0o10000] }],
  [/^(splice|tee|vmsplice|sendfile|copy_file_range)$/, MOVED],
  [/^fallocate$/, { mode: [0, 1, 3], ...SHORT }],
  [
    /^(p?(read|write)v?(64|2)?|lseek)$/,
    { offset: [0n, 1n, 4096n], pos_l: [0n, 10n], whence: [0, 1, 2, 3, 4], iovcnt: [1, 2, 16], flags: [0] },
  ],
  [/xattr$/, ATTRIBUTES],
  [/^inotify_rm_watch$/, { wd: [1, 2, 3] }],
  [/^wait4$/, { pid: [-1, 0], options: [0, 1, 3, 9] }],
  [/^waitid$/, { idtype: [0, 1, 2], options: [4, 5, 0xf, 0x1000_0005] }],
  [/^set_robust_list$/, { len: [24] }],
  [/^readlink/, { bufsiz: [1, 100, 4096] }],
  [/^openat2$/, { size: [24] }],
  [/^flock$/, { operation: [1, 2, 5, 6, 8] }],
  [/^membarrier$/, { cmd: [0, 1, 8] }],
  [/^(f?truncate)$/, { length: [0n, 1n, 70_000n] }],
  [/^mq_open$/, { oflag: [0x42, 0x42, 2, 0x842, 0, 1], mode: [0o666, 0o600] }],
  [/^mq_timed/, { msg_len: [0, 1, 8, 100, 8192], msg_prio: [0, 1, 5] }],
  [/^pidfd_getfd$/, { targetfd: [0, 3, 5, 7], flags: [0] }],
  [/^pidfd_/, { flags: [0] }],
  [/^futex$/, { uaddr: [2048, 2048, 2052], uaddr2: [2052], val: [0, 1, 2], val3: [0, 1, -1] }],
  [/^futex_waitv$/, { flags: [0], nr_futexes: [1, 2] }],
];

/** Calls that want a kind of file, and the class of such files. */
const KINDS: readonly (readonly [RegExp, RegExp])[] = [
  [/^epoll_(pwait|wait)/, /Epoll/],
  [/^epoll_ctl/, /Epoll|Pipe|Timer|Counter|Signal|Inotify/],
  [/^timerfd/, /Timer/],
  [/^inotify/, /Inotify/],
  [/^(splice|tee|vmsplice)/, /Pipe/],
  [/^mq_/, /Queue/],
  [/^pidfd_/, /^Process/],
  [/^ioctl/, /Terminal|Master/],
  [/^(mmap|fallocate|ftruncate|sendfile|copy_file_range|p?(read|write)v|flock|lseek)/, /^Open|Memory|Overlay/],
];

export class Arguments {
  readonly chance: Random;
  readonly #calls = new Map<string, Call | undefined>();
  #next = ARENA;

  constructor(chance: Random) {
    this.chance = chance;
  }

  /** Words for one call, as the gate hands them on: two for an i64. */
  wordsFor(thread: Thread, name: string, parameters: string): number[] {
    const call = this.#callFor(name);
    const values: (number | bigint)[] = [];
    for (let i = 0; i < parameters.length; i++) {
      const parameter = call?.parameters[i];
      const usual = parameter === undefined ? undefined : this.#usual(thread, name, parameter.name);
      if (usual !== undefined) values.push(usual);
      else if (parameters[i] === "I") values.push(this.#wide(thread, parameter));
      else values.push(parameter === undefined ? this.#number() : this.#argument(thread, name, parameter));
    }
    // Sizes of structures that were chosen above stand.
    if (name === "__linden_spawn") values[0] = this.#spawnRequest(thread.process);
    call?.parameters.forEach(({ length }) => {
      // A size that fits what it is the size of, as often as not.
      if (length === undefined || this.chance(2) === 0 || call.name.startsWith("openat2")) return;
      const small = [0, 1, 2, 3, 8, 16, 24, 64, 128, 200][this.chance(10)] ?? 0;
      values[length] = parameters[length] === "I" ? BigInt(small) : small;
    });
    // Without 8 nothing happens.
    const set = call?.parameters.findIndex((one) => /^sigsetsize$|^sizemask$/.test(one.name)) ?? -1;
    if (set >= 0 && this.chance(10) !== 0) values[set] = 8;
    return values.flatMap((value) =>
      typeof value === "number"
        ? [value | 0]
        : [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))],
    );
  }

  /** Most of the time what the call usually gets there; undefined: anything. */
  #usual({ process }: Thread, name: string, parameter: string): number | bigint | undefined {
    if (this.chance(5) === 0) return undefined;
    const plain = name.replace(/^SYS_/, "");
    const { segments, sets, queues } = process.kernel.systemV;
    const objects = { shmid: segments, semid: sets, msqid: queues }[parameter];
    if (objects !== undefined) {
      const ids = [...objects].map(({ owner }) => owner.id);
      return ids[this.chance(Math.max(1, ids.length))] ?? 0;
    }
    if (parameter.endsWith("dirfd") && this.chance(2) === 0) return -100;
    const among = USUAL.find(([calls]) => calls.test(plain))?.[1][parameter];
    if (among !== undefined) return this.#pick(among);
    return parameter === "flags" && /at2?$/.test(plain) ? 0 : undefined;
  }

  #callFor(name: string): Call | undefined {
    if (!this.#calls.has(name)) {
      let found: Call | undefined;
      try {
        found = callOf(name.replace(/^SYS_/, "") as Parameters<typeof callOf>[0]);
      } catch {
        // An import of its own, or under another name: arguments without roles.
      }
      this.#calls.set(name, found);
    }
    return this.#calls.get(name);
  }

  #pick<T>(from: readonly T[]): T {
    const found = from[this.chance(from.length)];
    if (found === undefined) throw new Error("nothing to pick from");
    return found;
  }

  #number(): number {
    return this.chance(10) === 0 ? this.#pick(EDGES_32) : this.chance(this.#pick([2, 4, 4, 64, 10_000]));
  }

  #wide(thread: Thread, parameter: Parameter | undefined): bigint {
    if (parameter?.role === "count64" && this.chance(4) !== 0) return BigInt(this.chance(12));
    if (parameter?.role === "argument64" && this.chance(2) === 0) return BigInt(this.#pointer(thread, parameter) >>> 0);
    return this.chance(3) === 0 ? BigInt(this.chance(10_000)) : this.#pick(EDGES_64);
  }

  #argument(thread: Thread, name: string, parameter: Parameter): number {
    const { process } = thread;
    const plain = name.replace(/^SYS_/, "");
    switch (parameter.role) {
      case "fd":
        return this.#descriptorFor(process, plain);
      case "dirfd":
        return this.chance(2) === 0 ? -100 : this.#descriptor(process);
      case "path":
      case "string":
        if (this.chance(20) === 0) return this.#edge(process);
        if (plain.startsWith("mq_")) return this.#text(process, this.#pick(["q", "r", "__proto__", "a/b", ".", ""]));
        if (plain.endsWith("xattr") && parameter.role === "string") {
          return this.#text(
            process,
            this.#pick(["user.x", "user.y", "trusted.z", "user.", "security.x", "x", "user.\xff"]),
          );
        }
        return this.#text(process, this.#pick(this.chance(2) === 0 ? NAMES.slice(0, 8) : NAMES));
      case "in":
      case "out":
      case "inout":
      case "argument":
        if (parameter.role === "argument" && this.chance(3) === 0) return this.#number();
        return this.#pointer(thread, plain === "fcntl" ? { ...parameter, structure: "flock" } : parameter);
      case "address":
        return this.#address(process);
      case "choice": {
        const commands = COMMANDS[plain] ?? (parameter.name === "op" ? COMMANDS[plain] : undefined);
        return commands !== undefined && this.chance(10) !== 0 ? this.#pick(commands) : this.#number();
      }
      case "flags":
      case "mode":
        return this.#flags(plain);
      case "signal":
        return this.chance(6) === 0 ? this.#number() : this.#pick([0, 10, 12, 14, 17, 18, 19, 20, 34, 35, 64, 23]);
      case "pid":
        return this.#pid(process);
      case "id":
        return this.#pick([0, 1, 1000, -1, 1000, 65_534]);
      default:
        return COMMANDS[plain] !== undefined && this.chance(3) === 0 ? this.#pick(COMMANDS[plain]) : this.#number();
    }
  }

  #flags(name: string): number {
    const bits = [0, 0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000, 0x4000];
    const more = [0x8000, 0x1_0000, 0x2_0000, 0x8_0000, 0x20_0000, 0x41_0000, 0o600, 0o644, 0o755, 0o7777, -1];
    if (this.chance(2) === 0) return 0;
    let flags = this.#pick(bits);
    if (this.chance(2) === 0) flags |= this.#pick(bits);
    if (this.chance(3) === 0) flags |= this.#pick(more);
    // Ordinary ways to open and to map.
    if (name.startsWith("open") && this.chance(2) === 0)
      return this.#pick([0, 1, 2, 0x42, 0x241, 0x442, 0x802, 0x20_0000]);
    if (name === "mmap" && this.chance(2) === 0) return this.#pick([3, 1, 0x22, 0x21, 1, 2, 0x32, 0x31]);
    return flags;
  }

  #pid(process: Process): number {
    const all = process.kernel.processes;
    const some = all[this.chance(Math.max(1, all.length))]?.pid ?? 1;
    return this.#pick([0, -1, process.pid, some, some, -some, process.group, -process.group, 99_999, -0x8000_0000]);
  }

  /** Often one of the kind the call is about. */
  #descriptorFor(process: Process, name: string): number {
    const kind = KINDS.find(([calls]) => calls.test(name))?.[1];
    if (kind === undefined || this.chance(4) === 0) return this.#descriptor(process);
    const found = [...process.descriptors].filter(([, { description }]) =>
      kind.test(description.file.constructor.name),
    );
    return found[this.chance(Math.max(1, found.length))]?.[0] ?? this.#descriptor(process);
  }

  #descriptor(process: Process): number {
    if (this.chance(15) === 0) return this.#pick([-1, 255, 256, 1 << 20, 0x7fff_ffff, -0x8000_0000, -100]);
    const { length } = process.descriptors;
    return this.chance(Math.min(length, 60) + 1);
  }

  #edge(process: Process): number {
    const end = process.memory.byteLength;
    return this.#pick([0, 1, end, end - 1, end + 1, end - 8, end - 64, 0x7fff_ffff, 0x8000_0000, -1, -8, 0xffff_fff0]);
  }

  #address(process: Process): number {
    const mappings = process.space.mappings;
    const mapping = mappings[this.chance(Math.max(1, mappings.length))];
    if (mapping !== undefined && this.chance(4) !== 0) return mapping.start + this.#pick([0, 0, 4096, 8192, 4, 1]);
    if (this.chance(3) === 0) return this.#edge(process);
    return this.#pick([0, 0, 131_072, 262_144, 1 << 20, 2048, 2052, 1024]);
  }

  #take(length: number): number {
    if (this.#next + length > ARENA_END) this.#next = ARENA;
    const at = this.#next;
    this.#next = (at + length + 7) & ~7;
    return at;
  }

  #text(process: Process, text: string): number {
    const at = this.#take(text.length + 1);
    const { bytes } = process.memory;
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
    bytes[at + text.length] = this.chance(200) === 0 ? 0x41 : 0;
    return at;
  }

  #pointer(thread: Thread, { structure, optional }: Parameter): number {
    const { process } = thread;
    if (optional && this.chance(4) === 0) return 0;
    if (this.chance(10) === 0) return this.#edge(process);
    if (structure === undefined && this.chance(3) !== 0) return this.#take(256);
    const at = this.#take(512);
    this.#fill(process, at, structure ?? "");
    return at;
  }

  /** Put down a structure: what it usually holds, or anything. */
  #fill(process: Process, at: number, structure: string): void {
    const { view, bytes } = process.memory;
    const word = (offset: number, value: number): void => view.setInt32(at + offset, value | 0, true);
    const short = (offset: number, value: number): void => view.setInt16(at + offset, value, true);
    const wide = (offset: number, value: bigint): void => view.setBigInt64(at + offset, BigInt.asIntN(64, value), true);
    const anything = (length: number): void => {
      for (let i = 0; i < length; i += 8) wide(i, this.#pick(EDGES_64));
    };
    if (this.chance(12) === 0) {
      anything(256);
      return;
    }
    bytes.fill(0, at, at + 512);
    switch (structure) {
      case "iovec":
        for (let i = 0; i < 16; i++) {
          word(i * 8, this.chance(12) === 0 ? this.#edge(process) : this.#take(64));
          word(i * 8 + 4, this.chance(12) === 0 ? this.#number() : this.chance(300));
        }
        break;
      case "pollfd":
        for (let i = 0; i < 24; i++) {
          word(i * 8, this.#descriptor(process));
          short(i * 8 + 4, this.#pick([0, 1, 4, 5, 0x1f, -1]));
        }
        break;
      case "timespec":
      case "timeval":
        wide(0, this.chance(8) === 0 ? this.#pick(EDGES_64) : BigInt(this.chance(3)));
        wide(8, this.chance(8) === 0 ? this.#pick(EDGES_64) : BigInt(this.chance(1_000_000)));
        break;
      case "itimerval":
      case "itimerspec":
      case "timespecpair":
      case "timevalpair":
        for (const offset of [0, 16]) {
          wide(offset, this.chance(8) === 0 ? this.#pick(EDGES_64) : BigInt(this.chance(2)));
          wide(offset + 8, this.chance(8) === 0 ? this.#pick(EDGES_64) : BigInt(this.chance(1000)));
        }
        break;
      case "sigaction":
        word(0, this.#pick([0, -2, 5, 5, 5, 7]));
        word(
          4,
          this.#pick([0, 4, 0x1000_0000, 0x4000_0000, 0x800_0000]) |
            this.#pick([0, 1, 2, 0x4000_0000]) |
            (this.chance(3) === 0 ? -0x8000_0000 : 0),
        );
        wide(8, this.#pick(EDGES_64));
        break;
      case "sigset":
        wide(0, this.#pick([0n, 1n << 9n, 1n << 16n, (1n << 9n) | (1n << 33n), -1n, 1n << 13n]));
        break;
      case "sigevent":
        wide(0, this.#pick(EDGES_64));
        word(8, this.#pick([10, 14, 34, 34, 65]));
        word(12, this.#pick([0, 1, 1, 0, 2, 4]));
        word(16, this.#pid(process));
        break;
      case "epoll_event":
        for (let i = 0; i < 8; i++) {
          word(i * 12, this.#pick([0, 1, 4, 5, -0x8000_0000 | 1, 0x4000_0001, 0x1000_0001, -1]));
          word(i * 12 + 4, this.chance(100));
        }
        break;
      case "sembuf":
        for (let i = 0; i < 40; i++) {
          short(i * 6, this.chance(12) === 0 ? this.#number() : this.chance(4));
          short(i * 6 + 2, this.#pick([0, 1, -1, 2, -2, 0x7fff, -0x8000]));
          short(i * 6 + 4, this.#pick([0, 0x800, 0x1000, 0x1800]));
        }
        break;
      case "msgbuf":
        wide(0, this.#pick([1n, 2n, 0n, -1n, (1n << 63n) - 1n]));
        break;
      case "mq_attr":
        wide(0, this.#pick([0n, 0x800n, 1n]));
        wide(8, this.#pick([1n, 2n, 10n, 1n << 40n]));
        wide(16, this.#pick([1n, 8n, 8192n, -1n]));
        break;
      case "futex_waitv":
        for (let i = 0; i < 3; i++) {
          wide(i * 24, BigInt(this.chance(2)));
          wide(i * 24 + 8, BigInt(this.#pick([2048, 2052, 2049])));
          word(i * 24 + 16, this.#pick([2, 2, 0x82, 0]));
        }
        break;
      case "strings":
        for (let i = this.chance(5); i >= 0; i--) word(i * 4, this.#text(process, this.#pick(NAMES)));
        break;
      case "flock":
        short(0, this.#pick([0, 1, 2, 3]));
        short(2, this.#pick([0, 1, 2, 5]));
        wide(8, this.#pick(EDGES_64));
        wide(16, this.#pick(EDGES_64));
        break;
      case "offset":
        wide(0, this.#pick(EDGES_64));
        break;
      case "open_how":
        wide(0, BigInt(this.#flags("open")));
        wide(8, this.#pick([0n, 0o644n]));
        wide(16, this.#pick([0n, 1n, 2n, 4n, 8n, 16n, 32n]));
        break;
      case "fdset":
        for (let i = 0; i < 128; i += 8) wide(i, this.chance(3) === 0 ? this.#pick(EDGES_64) : BigInt(this.chance(64)));
        break;
      case "rlimit":
        wide(0, this.#pick([64n, 128n, 1n << 20n, -1n, 0n]));
        wide(8, this.#pick([256n, -1n, -1n, 1n << 40n]));
        break;
      default:
        if (this.chance(2) === 0) anything(128);
        else for (let i = 0; i < 64; i += 4) word(i, this.#number());
    }
  }

  /** What libc's posix_spawn hands over (src/abi/spawn.ts), with a few actions. */
  #spawnRequest(process: Process): number {
    if (this.chance(20) === 0) return this.#edge(process);
    const at = this.#take(512);
    const { view, bytes } = process.memory;
    bytes.fill(0, at, at + 512);
    const strings = at + 448;
    view.setInt32(strings, this.#text(process, "prog"), true);
    view.setInt32(at + SPAWN.path, this.#text(process, this.chance(2) === 0 ? "/prog" : this.#pick(NAMES)), true);
    view.setInt32(at + SPAWN.argv, strings, true);
    const count = this.chance(4);
    view.setInt32(at + SPAWN.actions, at + SPAWN.size, true);
    view.setInt32(at + SPAWN.count, count, true);
    view.setInt32(at + SPAWN.flags, this.#pick([0, 0, 1, 2, 4, 8, 128, 142, -1]), true);
    view.setInt32(at + SPAWN.group, this.#pid(process), true);
    for (let i = 0; i < count; i++) {
      const action = at + SPAWN.size + i * SPAWN_ACTION.size;
      view.setInt32(action + SPAWN_ACTION.command, this.chance(7), true);
      view.setInt32(action + SPAWN_ACTION.fd, this.#descriptor(process), true);
      view.setInt32(action + SPAWN_ACTION.source, this.#descriptor(process), true);
      view.setInt32(action + SPAWN_ACTION.flags, this.#flags("open"), true);
      view.setInt32(action + SPAWN_ACTION.mode, this.#number(), true);
      view.setInt32(action + SPAWN_ACTION.path, this.#text(process, this.#pick(NAMES)), true);
    }
    return at;
  }
}
