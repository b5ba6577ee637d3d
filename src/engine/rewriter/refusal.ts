/** Layer: engine, rewriter. How a module is refused. It must not know who reads the answer. */

/**
 * A guest module that will not be run. `message` says what was refused, by which rule, where, and what would allow it;
 * the same facts stand in the fields. The only error the rewriter and the loader's checks throw.
 */
export class ModuleRefused extends Error {
  override readonly name = "ModuleRefused";
  /** Short name of the rule: "malformed", "limit functions", "feature gc", "import", … */
  readonly rule: string;
  /** Section the fault stands in, or "module" for the whole. */
  readonly section: string;
  /** Byte offset in the guest's file; undefined when the whole module is meant. */
  readonly offset: number | undefined;
  /** What would allow it. */
  readonly remedy: string;

  constructor(rule: string, what: string, remedy: string, section = "module", offset?: number) {
    const place = offset === undefined ? "" : ` (${section} section, byte ${offset})`;
    super(`module refused: ${what}${place}, by rule "${rule}": ${remedy}`);
    this.rule = rule;
    this.section = section;
    this.offset = offset;
    this.remedy = remedy;
  }
}
