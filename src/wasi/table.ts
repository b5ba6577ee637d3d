/**
 * Layer: wasi. The whole of WASI preview 1 as one list, for whoever binds it.
 */
import type { GuestCall } from "../kernel/contracts.ts";
import { ARGS_ENVIRON_CALLS } from "./args-environ.ts";
import { CLOCK_CALLS } from "./clock.ts";
import { FD_ATTRIBUTE_CALLS } from "./fd-attributes.ts";
import { FD_DIRECTORY_CALLS } from "./fd-directory.ts";
import { FD_IO_CALLS } from "./fd-io.ts";
import { PATH_CALLS } from "./path.ts";
import { PATH_OPEN_CALLS } from "./path-open.ts";
import { POLL_CALLS } from "./poll.ts";
import { PROCESS_CALLS } from "./process.ts";
import { RANDOM_CALLS } from "./random.ts";
import { SOCKET_CALLS } from "./socket.ts";

/** All 46 functions. */
export const WASI_CALLS: readonly GuestCall[] = [
  ...ARGS_ENVIRON_CALLS,
  ...CLOCK_CALLS,
  ...FD_IO_CALLS,
  ...FD_ATTRIBUTE_CALLS,
  ...FD_DIRECTORY_CALLS,
  ...PATH_OPEN_CALLS,
  ...PATH_CALLS,
  ...POLL_CALLS,
  ...PROCESS_CALLS,
  ...RANDOM_CALLS,
  ...SOCKET_CALLS,
];
