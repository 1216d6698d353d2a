// When a log file is left because of its age (logFileAgeMs), so that what is in it is closed, and archived, in time. A
// timer and no step of the flusher: it is about minutes, and whoever wants a rotation asks for it in the same way.

/** The age of the current log file, from the first commit that this opening writes into it. */
export class FileAge {
  readonly #ageMsMax: number;
  readonly #leave: () => Promise<void>;
  #endSeq: number;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  /**
   * @param ageMsMax - 0 for no bound
   * @param endSeq - first sequence that is still to be written
   * @param leave - goes on in a new file; may reject
   */
  constructor(ageMsMax: number, endSeq: number, leave: () => Promise<void>) {
    this.#ageMsMax = ageMsMax;
    this.#endSeq = endSeq;
    this.#leave = leave;
  }

  /** A segment up to `endSeq` was written. A mark is nothing that has to be closed in time. */
  appended(endSeq: number): void {
    if (endSeq === this.#endSeq) return;
    this.#endSeq = endSeq;
    if (this.#ageMsMax > 0) this.#begin();
  }

  /** The log has left the file. */
  left(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The log has ended. */
  end(): void {
    this.left();
    this.#hasEnded = true;
  }

  #begin(): void {
    if (this.#hasEnded) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // A full disk, or a log at its bound: looked at again as late as it may be. What else fails fails the log.
      this.#leave().catch(() => this.#begin());
    }, this.#ageMsMax).unref();
  }
}
