/** Guests over engine, kernel and memory file system in this process. */
import { testGuests } from "./guests.ts";
import { runGuest } from "./in-process.ts";

testGuests({ where: "in process", run: runGuest });
