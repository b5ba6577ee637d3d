/** hostfs over a real file server: what every file system must do, once with what was told still believed, once without. */

import { Served } from "../../fileserver/served.ts";
import { fileSystemContract } from "../contract.ts";

fileSystemContract("hostfs", () => {
  const served = new Served();
  return { fs: served.mount(), dispose: () => served.dispose() };
});

fileSystemContract("hostfs that believes nothing", () => {
  const served = new Served();
  const fs = served.mount();
  let time = 0;
  served.clock.monotonicNs = () => (time += 10_000_000_000);
  return { fs, dispose: () => served.dispose() };
});
