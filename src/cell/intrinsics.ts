/**
 * Layer: cell. Freezes the language's built-in prototypes and constructors: a guest that got a handler to write through a
 * chosen name would find nothing to change. It must not know guests.
 */

/** Names on globalThis whose constructor and prototype the language owns. */
const CONSTRUCTORS = [
  "Object",
  "Function",
  "Array",
  "Number",
  "Boolean",
  "String",
  "Symbol",
  "BigInt",
  "Date",
  "Promise",
  "RegExp",
  "Error",
  "AggregateError",
  "EvalError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "TypeError",
  "URIError",
  "ArrayBuffer",
  "SharedArrayBuffer",
  "DataView",
  "Map",
  "Set",
  "WeakMap",
  "WeakSet",
  "WeakRef",
  "FinalizationRegistry",
  "Proxy",
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
] as const;
const NAMESPACES = ["Math", "JSON", "Reflect", "Atomics", "WebAssembly"] as const;
const WASM = ["Module", "Instance", "Memory", "Table", "Global", "Tag", "Exception", "Suspending"] as const;

export function freezeIntrinsics(): void {
  const world: Record<string, unknown> = { ...pick(globalThis, CONSTRUCTORS) };
  const assembly = Reflect.get(globalThis, "WebAssembly") as object;
  for (const [name, value] of Object.entries(pick(assembly, WASM))) world[`WebAssembly.${name}`] = value;
  for (const [name, maker] of Object.entries(world)) freezeConstructor(maker, inheritedFrom(name));
  for (const name of NAMESPACES) Object.freeze(Reflect.get(globalThis, name));
  // Reached through values only: iterators, generators, async functions, the typed arrays' common parent.
  const iterator = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  for (const sample of [[][Symbol.iterator](), new Map().entries(), new Set().values(), ""[Symbol.iterator]()]) {
    Object.freeze(Object.getPrototypeOf(sample));
  }
  Object.freeze(iterator);
  freezeConstructor(Object.getPrototypeOf(Uint8Array));
  for (const sample of [function* () {}, async () => {}, async function* () {}]) {
    freezeConstructor(Object.getPrototypeOf(sample).constructor);
  }
}

function pick(from: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, Reflect.get(from, name)]));
}

/**
 * Whether plain objects, functions or errors inherit from it, on which names are assigned. All others are frozen as they are:
 * an accessor put on String.prototype makes every method of strings eight times as slow, one on a typed array's makes
 * subarray() ask for the species.
 */
function inheritedFrom(name: string): boolean {
  return name === "Object" || name === "Function" || name.endsWith("Error");
}

function freezeConstructor(maker: unknown, assignable = false): void {
  if (typeof maker !== "function") return;
  Object.freeze(maker);
  const { prototype } = maker;
  if (prototype === undefined || prototype === null) return;
  if (assignable) keepAssignable(prototype);
  else Object.freeze(prototype);
}

/**
 * Freeze a prototype so that assigning an inherited name on an object below it still makes an own property there: a
 * frozen data property would refuse it ("override mistake"), and Node's own code assigns such names on errors.
 */
function keepAssignable(prototype: object): void {
  for (const key of ["name", "message", "toString", "constructor"]) {
    const found = Object.getOwnPropertyDescriptor(prototype, key);
    if (found === undefined || !("value" in found) || found.configurable !== true) continue;
    const { value } = found;
    Object.defineProperty(prototype, key, {
      get: () => value,
      set(this: unknown, replacement: unknown) {
        if (this === prototype || typeof this !== "object" || this === null) return;
        Object.defineProperty(this, key, { value: replacement, writable: true, enumerable: true, configurable: true });
      },
      enumerable: found.enumerable ?? false,
      configurable: false,
    });
  }
  Object.freeze(prototype);
}
