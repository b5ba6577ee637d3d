#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --v8-pool-size=1 --
/**
 * Layer: cli. Stands in dist/ under a bundle's name, NAME.cjs, and runs the bundle, NAME.bundle.cjs, from V8's code cache of it: a
 * short command would spend most of its own time compiling. It must not know what is in a bundle.
 */
import { compiled } from "./code-cache.ts";

const bundle = import.meta.filename.replace(/\.cjs$/, ".bundle.cjs");
compiled(bundle).runInThisContext()(exports, require, module, import.meta.filename, import.meta.dirname);
