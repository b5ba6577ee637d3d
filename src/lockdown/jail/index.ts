/** Layer: lockdown, jail. The door for `linden jail`: options to a request, a request to a running program. */
import { callNumbers, hostArchitecture } from "../../host/call-numbers.ts";

export { type Jail, JailFailed, startJail } from "./launch.ts";
export { configurationText, JailOptionError, OPTIONS, optionText, parseCommandLine } from "./options.ts";
export { STATUS } from "./plan.ts";
export { type JailRequest, jailRequest } from "./request.ts";

/** The names and numbers of this machine's system calls. */
export const systemCalls = (): ReadonlyMap<string, number> => callNumbers(hostArchitecture());
