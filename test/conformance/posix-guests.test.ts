/** Guests as Linux programs, built by linden cc, over engine, kernel and memory file system in this process. */
import { LINUX_GUESTS, testGuests } from "./guests.ts";
import { runGuest } from "./in-process.ts";
import { LINDEN_CC } from "./linden-cc.ts";

const place = { where: "as a Linux program", run: runGuest, compiler: LINDEN_CC };
testGuests(place);
testGuests({ ...place, names: LINUX_GUESTS });
