/** Layer: lockdown. What a locked program and its watcher say to each other. No logic. */
/** What the watcher is told with the listener. */
export type WatchOrder = {
  readonly errno: number;
  readonly ruleSets: readonly string[];
};

/** The longest order, in bytes: one message. */
export const ORDER_BYTES = 16_384;

/** Said to a watcher that is to start another one and end. */
export const DETACHED = "detached";
