/**
 * Layer: toolchain. Reads a C compiler's command line: what is compiled, what is linked, what is dropped because a static
 * WebAssembly program cannot have it. It must not run anything.
 */
import { ToolchainError } from "../errors.ts";
import type { CastWish } from "./link.ts";

/** An input to the linker, in the order of the command line. */
export type LinkItem =
  | { readonly kind: "source"; readonly file: string; readonly language: string | undefined }
  | { readonly kind: "option"; readonly words: readonly string[] };

export type Plan = {
  /** compile: clang alone. link: compile the sources, then link. relocatable: the same to one object. ask: print facts. */
  readonly mode: "compile" | "link" | "relocatable" | "ask";
  /** Words for clang, without inputs and output in the modes that link. */
  readonly compile: readonly string[];
  readonly link: readonly LinkItem[];
  readonly output: string | undefined;
  readonly verbose: boolean;
  /** -mfork-in-handlers: the program may fork in a handler of a signal, at the price of larger and slower code. */
  readonly forkInHandlers: boolean;
  /** -mcast-functions: any function may be called through a pointer of another type; -mno-cast-functions: none. */
  readonly casts: CastWish;
  readonly startFiles: boolean;
  readonly libraries: boolean;
  /** Whether a C++ driver links its library. */
  readonly cxxLibrary: boolean;
};

/** Options whose value may stand in the next word. */
const WITH_VALUE = new Set(
  `-o -I -D -U -include -imacros -isystem -idirafter -iquote -isysroot -iprefix -iwithprefix -iwithprefixbefore -x -L -l
  -Xlinker -Xclang -Xpreprocessor -Xassembler -MF -MT -MQ -T -u -z -e -target --target --sysroot -mllvm -arch --param
  -aux-info -A -F -framework -working-directory`.split(/\s+/),
);

/** Meaningless for a static program of this target, and harmless to leave out. */
const DROPPED =
  /^(-fPIC|-fpic|-fPIE|-fpie|-fno-plt|-pie|-no-pie|-static|-static-pie|-static-libgcc|-static-libstdc\+\+|-stdlib=.*|-rdynamic|-fcf-protection(=.*)?|-fstack-clash-protection|-mbranch-protection=.*|-fno-semantic-interposition|-fwhole-program|-pipe)$/;

const COMPILE_ONLY = new Set(["-c", "-S", "-E", "-M", "-MM", "-fsyntax-only", "--precompile", "--preprocess"]);
const QUESTIONS = /^(--version|--help|-dumpversion|-dumpmachine|-print-.*|--print-.*)$/;

const CXX_SOURCE = /\.(cc|cp|cxx|cpp|CPP|c\+\+|C|ii)$/;

/** Whether clang takes a source for C++. `driver`: the language of the command, which is what clang++ takes .c for. */
export function isCxx({ file, language }: { file: string; language?: string | undefined }, driver: string): boolean {
  return language === undefined ? driver === "c++" || CXX_SOURCE.test(file) : language.startsWith("c++");
}

const SOURCE = /\.(c|i|s|S|sx|cc|cp|cxx|cpp|CPP|c\+\+|C|ii|ll|bc)$/;

/** Linker options of GNU ld without a meaning here; those marked true take their value from the next word. */
const DROPPED_LINK: readonly (readonly [RegExp, boolean])[] = [
  [/^(--start-group|--end-group|-\(|-\))$/, false],
  [/^(--sort-common|--sort-section=.*|--?Map=.*)$/, false],
  [/^(--sort-section|--?Map)$/, true],
  [
    /^(--version-script|--dynamic-list|-rpath|--rpath|-rpath-link|--rpath-link|-soname|--soname|-h|-dynamic-linker|--dynamic-linker|-m)$/,
    true,
  ],
  [
    /^(--version-script|--dynamic-list|-rpath|--rpath|-rpath-link|--rpath-link|-soname|--soname|-dynamic-linker|--dynamic-linker|--hash-style|--build-id|--compress-debug-sections|--defsym)=.*$/,
    false,
  ],
  [
    /^(--(no-)?as-needed|--enable-new-dtags|--disable-new-dtags|--no-undefined|--export-dynamic|-E|--eh-frame-hdr|--warn-common|--warn-section-align|--warn-once|--no-copy-dt-needed-entries|--copy-dt-needed-entries|--build-id|--cref|-Bsymbolic.*|-Bstatic|-Bdynamic|-d|-dc|-dp|--no-keep-memory|--no-warn-mismatch|--allow-shlib-undefined|--relax|--no-relax|-call_shared|-non_shared|-dn|-dy|--discard-all|-X|--no-omagic|-N|-n)$/,
    false,
  ],
];

/** Reads the words of `@file`, quoted as a shell's. */
export function splitResponse(text: string): string[] {
  const words: string[] = [];
  for (const match of text.matchAll(/(?:[^\s"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"|'[^']*')+/g)) {
    words.push(
      match[0].replace(
        /\\([\s\S])|"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'/g,
        (_, escaped, double, single) => escaped ?? double?.replace(/\\([\s\S])/g, "$1") ?? single,
      ),
    );
  }
  return words;
}

/** Throws ToolchainError for what this target cannot do at all. */
export function parseArguments(argv: readonly string[]): Plan {
  const compile: string[] = [];
  const link: LinkItem[] = [];
  const linkWords: string[] = [];
  let output: string | undefined;
  let language: string | undefined;
  let only = false;
  let ask = false;
  let relocatable = false;
  let verbose = false;
  let forkInHandlers = false;
  let casts: CastWish = "cheap";
  let startFiles = true;
  let libraries = true;
  let cxxLibrary = true;
  let inputs = 0;

  const flush = () => {
    const words = filterLink(linkWords.splice(0));
    if (words.length > 0) link.push({ kind: "option", words });
  };

  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    const value = () => {
      at += 1;
      const next = argv[at];
      if (next === undefined) throw new ToolchainError(`argument to '${word}' is missing`);
      return next;
    };
    if (word === "-o") output = value();
    else if (word.startsWith("-o") && word !== "-object" && !word.startsWith("-obj")) output = word.slice(2);
    else if (word === "-shared" || word === "--shared") {
      throw new ToolchainError(
        "linden cc: -shared: there are no shared libraries for this target; build a static one (configure with --disable-shared)",
      );
    } else if (word === "-r") relocatable = true;
    else if (COMPILE_ONLY.has(word)) {
      only = true;
      compile.push(word);
    } else if (QUESTIONS.test(word)) {
      ask = true;
      compile.push(word);
    } else if (word === "-v" || word === "-###") {
      verbose = true;
      compile.push(word);
    } else if (word === "-nostdlib") {
      startFiles = false;
      libraries = false;
    } else if (word === "-nostdlib++") cxxLibrary = false;
    else if (word === "-nostartfiles") startFiles = false;
    else if (word === "-nodefaultlibs" || word === "-nolibc") libraries = false;
    else if (word === "-mfork-in-handlers") forkInHandlers = true;
    else if (word === "-mcast-functions") casts = "all";
    else if (word === "-mno-cast-functions") casts = "none";
    else if (word === "-s") linkWords.push("--strip-all");
    else if (word === "-x") {
      language = value();
      if (language === "none") language = undefined;
    } else if (word.startsWith("-x") && word.length > 2)
      language = word.slice(2) === "none" ? undefined : word.slice(2);
    else if (word === "-Xlinker") linkWords.push(value());
    else if (word.startsWith("-Wl,")) linkWords.push(...word.slice(4).split(","));
    else if (["-L", "-l", "-u", "-z", "-e", "-T"].includes(word)) linkWords.push(word, value());
    else if (/^-[Ll]./.test(word)) linkWords.push(word);
    else if (/^-[uze]./.test(word) && !/^-(export|emit-)/.test(word)) linkWords.push(word);
    else if (DROPPED.test(word)) continue;
    else if (word.startsWith("-") && word !== "-") {
      compile.push(word);
      if (WITH_VALUE.has(word)) compile.push(value());
    } else if (word === "-" || language !== undefined || SOURCE.test(word)) {
      inputs += 1;
      flush();
      link.push({ kind: "source", file: word, language });
    } else {
      inputs += 1;
      linkWords.push(word);
    }
  }
  flush();
  const mode =
    ask && inputs === 0 ? "ask" : only ? "compile" : relocatable ? "relocatable" : inputs > 0 ? "link" : "ask";
  return { mode, compile, link, output, verbose, forkInHandlers, casts, startFiles, libraries, cxxLibrary };
}

/** Leaves out what wasm-ld lacks, with its value. */
function filterLink(words: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    const dropped = DROPPED_LINK.find(([pattern]) => pattern.test(word));
    if (dropped !== undefined) {
      if (dropped[1]) at += 1;
      continue;
    }
    if (word === "-z" || /^-z./.test(word)) {
      const setting = word === "-z" ? (words[at + 1] ?? "") : word.slice(2);
      if (word === "-z") at += 1;
      if (setting.startsWith("stack-size")) kept.push("-z", setting);
      continue;
    }
    kept.push(word);
  }
  return kept;
}
