/**
 * Layer: sandbox. The programs of one cell: found by name, sent once each, with what they need beside them in the sandbox's files, and
 * those of its image under their own names. It must not know runs.
 */
import { readFile } from "node:fs/promises";
import { SUPPORT } from "./boot.ts";
import type { CellLink } from "./cell-link.ts";
import { type SecondCell, sendProgram } from "./cell-start.ts";
import type { Files } from "./files.ts";
import type { Image } from "./image.ts";
import { checkSize, fingerprint, LoadedProgram, loadModule } from "./modules.ts";
import type { Policy } from "./options.ts";
import { findProgram, type Program } from "./programs.ts";
import type { Services } from "./services.ts";

export type CellProgramsOptions = {
  readonly services: Services;
  readonly policy: Policy;
  readonly link: CellLink;
  readonly files: Files;
  readonly image: Image | undefined;
  /** Channels of modules that the cell has already, by fingerprint. */
  readonly modules: ReadonlyMap<string, number>;
  readonly second: SecondCell;
};

/** A program that can be started, and the channel of its module in the cell. */
export type ReadyProgram = { readonly program: Program; readonly module: number };

export class CellPrograms {
  readonly #options: CellProgramsOptions;
  readonly #modules: Map<string, Promise<number>>;
  readonly #supported = new Map<string, Promise<void>>();
  /** Commands of the image that were run, and what names their files. */
  readonly #commands = new Map<string, Program>();
  readonly #fingerprints = new Map<Program, string>();
  readonly #ready = new Map<string, ReadyProgram>();
  #sending: Promise<unknown> = Promise.resolve();

  constructor(options: CellProgramsOptions) {
    this.#options = options;
    this.#modules = new Map([...options.modules].map(([key, channel]) => [key, Promise.resolve(channel)]));
  }

  /** A command of the image that was run before: nothing of it has to be waited for. */
  ready(given: string | LoadedProgram): ReadyProgram | undefined {
    return typeof given === "string" ? this.#ready.get(given) : undefined;
  }

  /** Make a program ready. ProgramNotFound, NotRunnable, ModuleRefused. */
  async prepare(given: string | LoadedProgram): Promise<ReadyProgram> {
    const program = given instanceof LoadedProgram ? given.program : await this.#find(given);
    const [module] = await Promise.all([this.#module(given, program), this.#support(program)]);
    const ready = { program, module };
    if (typeof given === "string" && this.#commands.get(given) === program) this.#ready.set(given, ready);
    return ready;
  }

  /** What a name means is looked up once for commands of the image: the sandbox has its files as they were. */
  async #find(name: string): Promise<Program> {
    const image = this.#options.image;
    const known = this.#commands.get(name);
    if (known !== undefined) return known;
    const found = await findProgram(name, process.cwd(), image);
    if (image !== undefined && found.path === image.programOf(name)) {
      this.#fingerprints.set(found, await fingerprint(found));
      this.#commands.set(name, found);
    }
    return found;
  }

  /** The channel of a program's module in this cell, sent if it is not there yet. */
  async #module(given: string | LoadedProgram, program: Program): Promise<number> {
    const loaded = given instanceof LoadedProgram ? given : undefined;
    const key = loaded?.fingerprint ?? this.#fingerprints.get(program) ?? (await fingerprint(program));
    const known = this.#modules.get(key);
    if (known !== undefined) return known;
    // One after the other: what a cell gives back for the cache must come from before it met anything else.
    const sent = this.#sending.then(() => this.#send(loaded, program));
    this.#sending = sent.catch(() => {});
    this.#modules.set(key, sent);
    sent.catch(() => this.#modules.delete(key));
    return sent;
  }

  async #send(given: LoadedProgram | undefined, program: Program): Promise<number> {
    const { services, policy, link, second } = this.#options;
    const { launcher, cache } = services;
    const { lock, limits } = policy;
    const loaded = given ?? (await loadModule(program, cache, launcher.build, limits.moduleBytes));
    checkSize(program, loaded.size, limits.moduleBytes);
    return sendProgram(services, lock, link, loaded, second);
  }

  /** Lay the image's files into the sandbox, and let its programs be what executing them starts. */
  async layImage(): Promise<void> {
    const { image, files } = this.#options;
    if (image === undefined) return;
    const laid = image.files.map(async ({ at, host, mode, program }) => {
      await files.write(at, await readFile(host), { mode });
      if (!program) return;
      const found = await findProgram(host, "/");
      await files.adopt(at, await this.#module(host, found));
    });
    const linked = [...image.links].map(([target, at]) => files.link(target, at));
    await Promise.all([...laid, ...linked]);
  }

  /** Lay a guest's own support files into the sandbox, once. */
  #support(program: Program): Promise<void> {
    if (program.files.size === 0) return Promise.resolve();
    const known = this.#supported.get(program.name);
    if (known !== undefined) return known;
    const laid = Promise.all(
      [...program.files].map(([name, text]) => this.#options.files.write(`${SUPPORT}/${program.name}/${name}`, text)),
    ).then(() => {});
    this.#supported.set(program.name, laid);
    laid.catch(() => this.#supported.delete(program.name));
    return laid;
  }
}
