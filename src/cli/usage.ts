/** Layer: cli. Every help text, and the error that shows one. It must not know sandboxes. */

import { didYouMean } from "../lockdown/nearest.ts";

/** Wrong words on the command line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly command: string;

  constructor(command: string, message: string) {
    super(message);
    this.command = command;
  }
}

/**
 * What Node's parser of options says, in one line, without its advice about "--", which is for other kinds of commands.
 * `known`: the command's options, for a hint at the one that was meant.
 */
export function parseMessage(error: TypeError, known: readonly string[] = []): string {
  const [, option = "", what] =
    /^Option '(?:-., )?(-[^' ]+).*' (argument is ambiguous|argument missing)/.exec(error.message) ?? [];
  if (what === "argument missing") return `${option}: its value is missing`;
  if (what !== undefined)
    return `${option}: its value is missing, or begins with "-": ${option}=-… where that is meant`;
  const [, unknown] = /^Unknown option '([^']+)'/.exec(error.message) ?? [];
  const hint =
    unknown === undefined
      ? ""
      : didYouMean(
          unknown,
          known.map((name) => `--${name}`),
        );
  return `${error.message.replace(/\. To specify a positional.*$/s, "").replaceAll("\n", " ")}${hint}`;
}

export const MAIN_HELP = `linden: run programs nobody trusts, in two layers

Usage: linden COMMAND [OPTIONS] …

Commands:
  run PROGRAM [ARGS…]   run a .wasm file or an installed guest in a fresh sandbox
  shell                 a shell with its tools in a fresh sandbox
  guests                list the installed guests
  doctor                say which layers this machine can give, and how to get the rest
  explain [POLICY]      say what a policy allows and why; without one, Linden's own cell
  jail PROGRAM [ARGS…]  run a native program in a jail of the kernel's: namespaces, Landlock, seccomp, limits
  convert POLICY        a seccomp policy in another format: Linden's, Docker's, OCI's, Minijail's, BPF
  learn -- PROGRAM      run a native program and write the policy it needs; --audit tries one out
  cc, c++               compile C and C++ for the sandbox: a clang with its own libraries
  ar, ranlib, nm, strip LLVM's, for what cc makes
  image build|list|…    build, list, pack and load the programs a sandbox can start with: a shell and its tools
  help [COMMAND]        this, or the help of a command
  version               print the version

In a checkout, ./linden also knows:
  test [FILE…]          check and test everything, or run the test files named
  bench                 measure Linden beside native code
  node [ARGS…]          the checkout's own Node, which runs TypeScript: ./linden node examples/agent.ts

"linden COMMAND --help" tells more.
`;

const RUN_HELP = `Usage: linden run [OPTIONS] PROGRAM [ARGS…]

Runs PROGRAM in a fresh sandbox and exits as it does. PROGRAM is a .wasm file (a path, or a name ending in .wasm) or
an installed guest ("linden guests"). A path is one of this machine's, except where an image was asked for and has a
program at that absolute path. What stands after PROGRAM is the program's. It sees the files of the sandbox and what is
mounted, nothing else of this machine:
  linden run -v .:/work:ro -w /work python script.py

Files:
      --image NAME|DIRECTORY|FILE.tar
                                 start with an image's files ("linden image list"); NAME may be several, busybox,bash, and
                                 the option be given again: the last one's files lie on top; a PROGRAM that is no guest
                                 comes from busybox's, once that is built: linden run sh
  -v, --volume HOST:GUEST[:ro|:O]
                                 show a host directory, or a copy of a file (:ro only), at GUEST; :ro for reading only;
                                 :O for an overlay: the guest may change it, in memory, and the host's stays as it is
                                 a writable one refuses files the host executes later, such as git hooks and shell
                                 start files (EPERM); "allow" in a policy switches rules off by name
      --dir HOST[::GUEST]        the same in wasmtime's words
      --tmpfs DIR[:SIZE]         an empty directory in memory
      --read-only                the sandbox's own file system cannot be written; mounts can
  -w, --workdir DIR              where the program starts (default /); made where it is missing

Environment (nothing of yours is handed in by itself):
  -e, --env NAME=VALUE           set a variable; NAME alone takes your value of it
      --env-file FILE            one NAME=VALUE a line, # for comments

Limits:
  -m, --memory SIZE              linear memory of a process (default 512m)
      --timeout TIME             wall time; then the guest is killed, and the exit status is 124
      --cpu-time TIME            CPU time of the whole sandbox
      --max-output SIZE          standard output and error together (default: none)
      --disk SIZE                bytes of all files in the sandbox (default 256m)

Policy:
      --policy FILE              JSON with the options of Sandbox.create; the options here win
      --network none             the only network there is yet
      --unsafe-no-lock           run in the inner layer alone: the host process is not locked

Others:
      --stats                    print times, calls and memory on standard error at the end
  -t, --tty                      where yours is a terminal the program gets one: raw keys, signals, job control,
                                 window size; without it the program's streams only pass for terminals
      --rm, -i                   accepted: a sandbox is always removed, standard input always attached
      --help

SIZE is bytes or 64k, 256m, 2g; TIME is 500ms, 5s, 2m, 1h (a plain number: milliseconds).

Exit status: the program's; 124 a time limit ended it; 125 Linden failed or does not do that; 126 not runnable;
127 not found; 128+n signal n ended it. Ctrl-C interrupts the program, a second one kills it;
with -t it is the program's own, and a second one kills when nothing took the first for half a second.
`;

const GUESTS_HELP = `Usage: linden guests [--json]

Lists the guests that npm packages here declare: name, package and version, and what it is. Packages are found from the
current directory and from Linden's own place.
`;

const DOCTOR_HELP = `Usage: linden doctor [--json]

Tries each layer on this machine and says what it can give, and how to get the rest. Exits 0 when sandboxes can be locked,
1 otherwise.
`;

const EXPLAIN_HELP = `Usage: linden explain [OPTIONS] [POLICY|PROGRAM]
       linden explain --diff POLICY POLICY

Says what a policy allows, and why. POLICY is a policy file, or one of Linden's own: cell (where nothing is named),
file-server, prefilter. PROGRAM is a guest or a .wasm file: it is told what holds it.

      --tree            the rule sets as a tree, with their calls
      --used            mark what Linden's test suite was seen to use (Linden's own policies)
      --disasm          the seccomp filter, an instruction a line
      --simulate CALL   what happens to a call, and on which way: 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY)'
      --arch ARCH       x64 or arm64, for --disasm and --simulate (default: this machine's)
      --diff            what the second policy takes from the first (-) and adds to it (+)
      --json            the policy as data

Exit status: 0; with --diff 1 where the policies differ; 125 where something cannot be read.
`;

const CONVERT_HELP = `Usage: linden convert [OPTIONS] POLICY

Reads a seccomp policy (Linden's JSON, a container profile of Docker or OCI, a Minijail .policy) and writes it in another
format. What cannot be carried over is told on standard error; what would change a verdict is an error instead.

      --to FORMAT          linden (default), docker, oci, minijail, or bpf: a filter's bytes, as bwrap --seccomp takes them
  -o, --output FILE        instead of standard output
      --arch x64|arm64     for this architecture (default: this machine's)
      --caps CAP_X,CAP_Y   the capabilities the program will have, for profiles that ask (default: none)
`;

const LEARN_HELP = `Usage: linden learn [-o FILE [--merge]] [--untrusted] [--exact] [--files] -- PROGRAM [ARGS…]
       linden learn --audit FILE [--refuse] -- PROGRAM [ARGS…]

Runs a native program, with its threads and everything it starts, listens to its system calls, and writes the smallest
policy that allows them: rule sets by name, and the calls left over with their arguments where these are always the same.
It works through the kernel (seccomp's user notifications): the program runs as ever, and a call costs it some ten
microseconds more, about as much as under strace.

  -o, --output FILE   where the policy goes (default: standard output, when the program has ended)
      --merge         add to the policy that is there; what it allows or refuses stays
      --untrusted     nobody vouches for this run: mark what only it showed
      --exact         no rule sets: every call as it was seen
      --files         the files that were used as well, for Landlock: all others are refused then
      --audit FILE    learn nothing: tell what this policy would refuse, with the rule set that would allow it
      --refuse        with --audit: refuse it too (to try a policy out; a lock is "linden jail", or lockWith in the program)

A Node program that calls lockWith("FILE") is learned from there on: what it did before it locked does not count.
Rings (io_uring) are answered ENOSYS, since a filter cannot see into them; setuid programs run without their privileges.

Exit status: the program's; 125 Linden failed; 126 not runnable; 127 not found; 128+n signal n ended it.
`;

const IMAGE_HELP = `Usage: linden image build [NAME…]
       linden image list [--json]
       linden image pack [NAME] [-o FILE]
       linden image load FILE [--digest HEX]

"build" makes images, busybox if none is named, from Debian's sources, once: they are kept in $XDG_CACHE_HOME/linden/userland
and their directories are printed. A C compiler for WebAssembly is needed once; the command that installs it is said when it is missing.
Sources are fetched from where apt gets its packages, or from Debian's snapshots when they have left that. With
LINDEN_SOURCES=DIRECTORY, those that lie there are taken from it, and those that are fetched stay there: the next build needs
no network. "list" says what there is and what is built.

A NAME may be several with commas between them, busybox,bash,grep: images over each other, the last one's files on top.

"pack" writes a built image into one file, NAME.tar unless -o says otherwise (gzipped where it ends in .gz), and prints its
digest. "load" checks such a file, unpacks it into the cache and gives it its name: no compiler is needed then. With --digest
it takes no other. "linden run --image FILE.tar" does the same without giving a name. A file that is cut short or was changed is
refused: exit 126 (127 where there is none).

"pack libc" does the same for the C library of "linden cc". A machine without clang takes it, instead of building it for minutes, when the
file lies under its own name in the directory LINDEN_SOURCES.
`;

const SHELL_HELP = `Usage: linden shell [OPTIONS of linden run]

Starts the shell of the default image, busybox, in a fresh sandbox; it is built the first time, which takes some minutes.
--image NAME lays more over it: linden shell --image bash,grep.
`;

export const HELP: ReadonlyMap<string, string> = new Map([
  ["run", RUN_HELP],
  ["guests", GUESTS_HELP],
  ["doctor", DOCTOR_HELP],
  ["explain", EXPLAIN_HELP],
  ["convert", CONVERT_HELP],
  ["learn", LEARN_HELP],
  ["image", IMAGE_HELP],
  ["shell", SHELL_HELP],
]);
