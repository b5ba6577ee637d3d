/**
 * Layer: lockdown. `node --import linden/lockdown/boot app.ts`: starts the program once more, without io_uring, so that a
 * SafetyContext can hold it. It must not lock anything else.
 */
import { isMainThread } from "node:worker_threads";
import { LockdownError } from "./context/errors.ts";
import { layPrefilter } from "./context/prefilter.ts";
import { restartBehind, takeMark } from "./context/restart.ts";
import { countRings } from "./context/rings.ts";

const MARK = "boot";
/** A stray SIGUSR1 would start the inspector, whose thread a locked process cannot make: it would abort. */
const OPTIONS = ["--disable-sigusr1"];

/** Preloaded modules run in every Worker too; there the process is what it is. */
if (isMainThread) {
  const secondLife = takeMark(MARK) !== undefined;
  if (countRings() !== 0) {
    if (secondLife)
      throw new LockdownError("the process was started anew without io_uring and holds rings all the same");
    restartBehind(layPrefilter, { mark: MARK, options: OPTIONS });
  }
}
