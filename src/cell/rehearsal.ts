/**
 * Layer: cell. What a cell does while it waits for its caller, or in a pool: it takes a BOOT of its own a few times and forgets it, so that
 * the code that reads and carries out the real one is compiled by then. It must not know guests: no frame of the caller is
 * touched, and what was built is garbage afterwards.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { DownDecoder } from "../wire/decode.ts";
import { encodeDown } from "../wire/encode.ts";
import { type BootRequest, DOWN } from "../wire/frames.ts";
import type { Session } from "./session.ts";

const BOOT: BootRequest = {
  mounts: [{ kind: "memory", at: "/run/linden" as ByteString, bytes: 1, inodes: 16, readOnly: false }],
  env: [],
  limits: { memoryBytes: 65_536, descriptors: 16, processes: 1, fsBytes: 65_536, fsInodes: 64 },
  rootReadOnly: false,
  hostname: "rehearsal",
};

export function rehearse(session: Session, times: number): void {
  if (session.booted) return;
  const frame = encodeDown({ type: DOWN.BOOT, channel: 0, payload: BOOT });
  const decoder = new DownDecoder(({ payload }) => session.rehearse(payload as BootRequest));
  for (let time = 0; time < times; time++) decoder.push(frame);
}
