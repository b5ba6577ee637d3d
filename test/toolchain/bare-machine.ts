/**
 * The least machine a program of our C library starts on: it collects output, hands out memory by growing, has one file
 * (the environment) and answers ENOSYS to the rest. What a kernel does beyond that is tested with the kernel.
 */
import { callNames, callOf, importName, WALI_FUNCTIONS, WALI_MODULE } from "../../src/abi/calls.ts";
import { WebAssembly } from "../engine/web-assembly.ts";

const ENOENT = -2;
const EBADF = -9;
const ENOSYS = -38;
const ENVIRONMENT = "/environment";

export type Ended = { readonly status: number; readonly output: string; readonly calls: readonly string[] };

class Exit extends Error {}

export function runBare(bytes: Uint8Array<ArrayBuffer>, argv: readonly string[], environment: string): Ended {
  const module = new WebAssembly.Module(bytes);
  let memory = new WebAssembly.Memory({ initial: 0, maximum: 0 });
  let output = "";
  let status = -1;
  let read = 0;
  const calls: string[] = [];
  const view = () => new DataView(memory.buffer);
  const text = (at: number) => {
    const all = new Uint8Array(memory.buffer);
    return Buffer.from(all.subarray(at, all.indexOf(0, at))).toString();
  };
  const put = (at: number, bytes: Uint8Array) => new Uint8Array(memory.buffer, at, bytes.length).set(bytes);

  const handlers: Record<string, (...args: number[]) => number> = {
    exit_group: (code = 0) => {
      status = code;
      throw new Exit();
    },
    mmap: (_address, length = 0) => memory.grow(Math.ceil(length / 65536)) * 65536,
    munmap: () => 0,
    madvise: () => 0,
    mprotect: () => 0,
    brk: () => 0,
    set_tid_address: () => 1,
    rt_sigprocmask: () => 0,
    futex: () => 0,
    open: (path = 0) => (text(path) === ENVIRONMENT ? 3 : ENOENT),
    close: () => 0,
    read: (fd, at = 0, size = 0) => {
      if (fd !== 3) return EBADF;
      const part = Buffer.from(environment).subarray(read, read + size);
      put(at, part);
      read += part.length;
      return part.length;
    },
    ioctl: () => -25,
    writev: (fd, iov = 0, count = 0) => {
      if (fd !== 1 && fd !== 2) return EBADF;
      let total = 0;
      for (let index = 0; index < count; index += 1) {
        const at = view().getUint32(iov + index * 8, true);
        const length = view().getUint32(iov + index * 8 + 4, true);
        output += Buffer.from(new Uint8Array(memory.buffer, at, length)).toString();
        total += length;
      }
      return total;
    },
  };
  const names = new Map(callNames().map((name) => [importName(name), name]));
  const own: Record<keyof typeof WALI_FUNCTIONS, (...args: number[]) => number> = {
    __init: () => 0,
    __deinit: () => 0,
    __proc_exit: () => 0,
    __restore: () => 0,
    __restore_rt: () => 0,
    __cl_get_argc: () => argv.length,
    __cl_get_argv_len: (index = 0) => Buffer.from(argv[index] ?? "").length + 1,
    __cl_copy_argv: (at = 0, index = 0) => {
      const bytes = Buffer.from(`${argv[index]}\0`);
      put(at, bytes);
      return bytes.length;
    },
    __get_init_envfile: (at = 0) => {
      if (environment === "") return 0;
      put(at, Buffer.from(`${ENVIRONMENT}\0`));
      return ENVIRONMENT.length;
    },
    __wasm_thread_spawn: () => ENOSYS,
    __linden_spawn: () => ENOSYS,
    setjmp: () => 0,
    sigsetjmp: () => 0,
    longjmp: () => 0,
  };
  const imports: Record<string, unknown> = {};
  for (const { name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== "function") continue;
    const call = names.get(name);
    if (call === undefined) {
      imports[name] = own[name as keyof typeof own];
      continue;
    }
    const handler = handlers[call];
    imports[name] = (...args: (number | bigint)[]) => {
      calls.push(call);
      return BigInt(handler === undefined ? ENOSYS : handler(...args.map(Number)));
    };
  }
  const instance = new WebAssembly.Instance(module, { [WALI_MODULE]: imports });
  memory = instance.exports.memory as typeof memory;
  try {
    (instance.exports._start as () => void)();
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
  }
  return { status, output, calls };
}

/** What a test of this room needs to compare: the call's own letters. */
export function lettersOf(name: keyof typeof WALI_FUNCTIONS | string): string {
  const call = callNames().find((candidate) => importName(candidate) === name);
  if (call !== undefined) {
    return `${callOf(call)
      .parameters.map(({ type }) => type)
      .join("")}:I`;
  }
  const own = WALI_FUNCTIONS[name as keyof typeof WALI_FUNCTIONS];
  return `${own.parameters}:${own.result}`;
}
