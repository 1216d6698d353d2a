// What may change in how a log is flushed while it is open: read in one place each, and set by a controller, if there
// is one (design/controller.md).

/** How a log is flushed at this moment. */
export interface Steering {
  /**
   * How long a seal that somebody waits for is put off at most; undefined: as {@link Gathering} finds out by itself.
   */
  readonly gatherMs: number | undefined;
  /** Lanes that new writers are given. */
  readonly lanes: number;
  /** Flushes that may be in flight. */
  readonly flushes: number;
}
