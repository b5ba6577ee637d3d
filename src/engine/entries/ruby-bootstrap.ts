/**
 * Layer: engine, entries. The Ruby text that makes ruby.wasm, which has no main program, behave as `ruby` does at a
 * shell: arguments, script, at_exit, uncaught exceptions and the exit status. It must not know how it is handed over.
 */
import type { ByteString } from "../../abi/byte-string.ts";

/** What the command line asks for. */
export interface RubyCommand {
  /** Options the interpreter reads itself while it starts. */
  readonly options: readonly ByteString[];
  readonly loadPath: readonly ByteString[];
  readonly libraries: readonly ByteString[];
  /** A file, text given with -e, standard input, or nothing (as after --version). */
  readonly source: "file" | "text" | "input" | "none";
  /** What $0 is: the script's name, "-e" or "-". */
  readonly name: ByteString;
  readonly text: ByteString;
  readonly args: readonly ByteString[];
  /** An option that only a main program could carry out. */
  readonly unsupported: ByteString | undefined;
}

/** -n, -p and their kin wrap the script; the interpreter here only starts. */
const UNSUPPORTED = /^-[a-zA-Z]*[npailsSxc]/;
const INFORMATION = /^(-v|-h|--version|--help|--copyright)$/;

/** Read a command line as ruby(1) does; argv[0] is the program. */
export function parseCommand(argv: readonly ByteString[]): RubyCommand {
  const options: ByteString[] = [];
  const loadPath: ByteString[] = [];
  const libraries: ByteString[] = [];
  const texts: ByteString[] = [];
  let unsupported: ByteString | undefined;
  let at = 1;
  for (; at < argv.length; at++) {
    let option = argv[at] as ByteString;
    if (option === "-" || !option.startsWith("-")) break;
    if (option === "--") {
      at++;
      break;
    }
    if (/^-[eIrEC]/.test(option)) {
      const separate = option.length === 2;
      const value = (separate ? (argv[++at] ?? "") : option.slice(2)) as ByteString;
      if (option[1] === "e") texts.push(value);
      else if (option[1] === "I") loadPath.push(...(value.split(":") as ByteString[]));
      else if (option[1] === "r") libraries.push(value);
      else options.push((option.slice(0, 2) + value) as ByteString);
    } else {
      if (option === "-W") option = "-W2" as ByteString;
      if (!option.startsWith("--") && !option.startsWith("-W") && UNSUPPORTED.test(option)) unsupported = option;
      else options.push(option);
    }
  }
  const common = { options, loadPath, libraries, unsupported };
  const none = "" as ByteString;
  if (texts.length > 0) {
    return {
      ...common,
      source: "text",
      name: "-e" as ByteString,
      text: texts.join("\n") as ByteString,
      args: argv.slice(at),
    };
  }
  const name = argv[at];
  if (name !== undefined && name !== "-")
    return { ...common, source: "file", name, text: none, args: argv.slice(at + 1) };
  const source = name === undefined && options.some((option) => INFORMATION.test(option)) ? "none" : "input";
  return { ...common, source, name: "-" as ByteString, text: none, args: argv.slice(at + 1) };
}

/** A Ruby expression for these bytes as text: hexadecimal, so that nothing in them is Ruby. */
function literal(text: ByteString): string {
  let hex = "";
  for (let i = 0; i < text.length; i++) hex += text.charCodeAt(i).toString(16).padStart(2, "0");
  return `["${hex}"].pack("H*").force_encoding("UTF-8")`;
}

function list(texts: readonly ByteString[]): string {
  return `[${texts.map(literal).join(",")}]`;
}

/**
 * The program to evaluate once the interpreter is up. It never returns: it ends in exit!, after at_exit's blocks and with
 * every file flushed, because nothing else would do either. Deviation: END { } blocks and finalizers do not run.
 */
export function bootstrap(command: RubyCommand): string {
  return `
code = 0
hooks = []
# As Ruby prints it, without the frames of this text.
report = proc do |error|
  link = error
  while link
    lines = (link.backtrace || []).map { |line| line.sub("<compiled>", "<main>") }
    lines.pop while lines.last&.match?(/\\A(eval:\\d+|-e):in /)
    link.set_backtrace(lines)
    link = link.cause
  end
  placed = !error.backtrace.empty?
  $stderr.write("#{$0}: ") unless placed
  $stderr.write(placed ? error.full_message(highlight: false, order: :top) : error.detailed_message(highlight: false) + "\\n")
end
verbose, $VERBOSE = $VERBOSE, nil
begin
  Kernel.module_eval do
    define_method(:at_exit) { |&block| hooks.push(block).last }
    private :at_exit
  end
  Kernel.define_singleton_method(:at_exit) { |&block| hooks.push(block).last }
  $VERBOSE = verbose
  $0 = ${literal(command.name)}
  ARGV.replace(${list(command.args)})
  Dir.chdir(ENV["PWD"]) if ENV["PWD"] && File.directory?(ENV["PWD"])
  $LOAD_PATH.unshift(*${list(command.loadPath)}.map { |path| File.expand_path(path) })
  ${list(command.libraries)}.each { |library| require library }
  begin
    ${command.unsupported === undefined ? run(command) : refuse(command.unsupported)}
  ensure
    last = nil
    while (hook = hooks.pop)
      begin
        hook.call
      rescue SystemExit => error
        last = error
      rescue Exception => error
        report.call(error)
        last ||= SystemExit.new(1)
      end
    end
    raise last if last
  end
rescue SystemExit => error
  code = error.status
rescue SignalException => error
  code = 128 + error.signo
rescue Exception => error
  code = 1
  report.call(error)
end
ObjectSpace.each_object(IO) { |io| io.flush rescue nil unless io.closed? }
Process.exit!(code & 255)
`;
}

function refuse(option: ByteString): string {
  return `abort("ruby: option " + ${literal(option)} + " needs a main program, which ruby.wasm lacks; use -e or a script")`;
}

function run(command: RubyCommand): string {
  const compile = "RubyVM::InstructionSequence.compile";
  switch (command.source) {
    case "none":
      return "nil";
    case "text":
      return `${compile}(${literal(command.text)}, "-e", "-e", 1).eval`;
    case "input":
      return `${compile}($stdin.read.force_encoding("UTF-8"), "-", "-", 1).eval`;
    case "file":
      return `
    unless File.file?($0)
      reason = File.directory?($0) ? "Is a directory" : "No such file or directory"
      abort("ruby: #{reason} -- #{$0} (LoadError)")
    end
    text = File.binread($0).force_encoding("UTF-8")
    if (mark = /^__END__\\r?\\n/n.match(text.b))
      Object.const_set(:DATA, File.open($0).tap { |file| file.seek(mark.end(0)) })
    end
    ${compile}(text, $0, File.realpath($0), 1).eval`;
  }
}
