/**
 * Layer: wire. The one error of this room: the other side sent something it must not. It must not know who sent it.
 */

/** What kind of rule was broken; `message` says how. */
export type ViolationKind = "length" | "type" | "channel" | "json" | "schema" | "truncated";

/** Bytes that are no valid frame. The stream cannot be trusted or resumed after this. */
export class WireViolation extends Error {
  override readonly name = "WireViolation";
  readonly kind: ViolationKind;

  constructor(kind: ViolationKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
