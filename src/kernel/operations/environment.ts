/**
 * Layer: kernel, operations. A process's environment as a file. It must not know who asks for it.
 */
import { O_CLOEXEC, O_RDONLY } from "../../abi/fcntl.ts";
import { BytesFile } from "../bytes-file.ts";
import type { Outcome } from "../contracts.ts";
import { OpenDescription } from "../descriptors.ts";
import type { Thread } from "../process.ts";

/**
 * A new descriptor that reads NAME=value entries, each ended by a newline; by a NUL where a value holds newlines itself.
 * -EMFILE.
 */
export function openEnvironment(thread: Thread, flags: number): Outcome {
  const { env, kernel, descriptors } = thread.process;
  const end = env.some((entry) => entry.includes("\n")) ? "\0" : "\n";
  const text = env.map((entry) => entry + end).join("");
  const content = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) content[at] = text.charCodeAt(at);
  const description = new OpenDescription(new BytesFile(kernel, content), undefined, O_RDONLY);
  return descriptors.install(description, (flags & O_CLOEXEC) !== 0);
}
