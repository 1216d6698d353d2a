// When the log wants a checkpoint: after so many bytes, or because it nears its bound. Says so once a need, so that
// nobody is told again while a checkpoint is under way (design/retention.md, "When a checkpoint is wanted").

/** Why a checkpoint is wanted. */
export type CheckpointReason = 'bytes' | 'near full';

/** Places in the log that are remembered between two checkpoints; how exactly bytes above a checkpoint are known. */
const PLACES = 64;

/** A place in the log: how many bytes end at which sequence. */
interface Place {
  readonly endSeq: number;
  readonly bytes: number;
}

/** Counts the bytes above the last checkpoint of one open log. */
export class CheckpointNeed {
  readonly #checkpointBytes: number;
  readonly #maxLogBytes: number;
  readonly #places: Place[] = [];
  /** Bytes written, from somewhere on. */
  #bytes: number;
  /** The bytes at which the next need arises. */
  #dueBytes: number;
  #isNearFull = false;

  /** @param bytes - of the log above the last checkpoint, when it was opened */
  constructor({ checkpointBytes, maxLogBytes }: { checkpointBytes: number; maxLogBytes: number }, bytes: number) {
    this.#checkpointBytes = checkpointBytes;
    this.#maxLogBytes = maxLogBytes;
    this.#bytes = bytes;
    this.#dueBytes = checkpointBytes;
  }

  /** A segment was written. */
  appended(endSeq: number, bytes: number): CheckpointReason | undefined {
    this.#bytes += bytes;
    const last = this.#places.at(-1)?.bytes ?? 0;
    if (this.#bytes - last >= this.#checkpointBytes / PLACES) this.#places.push({ endSeq, bytes: this.#bytes });
    if (this.#bytes < this.#dueBytes) return undefined;
    // A checkpoint that fails is wanted again, but not at once.
    this.#dueBytes = this.#bytes + this.#checkpointBytes;
    return 'bytes';
  }

  /** The log has grown to `logBytes`: beyond half of its bound checkpoints hurry. */
  grown(logBytes: number): CheckpointReason | undefined {
    if (this.#isNearFull || logBytes * 2 <= this.#maxLogBytes) return undefined;
    this.#isNearFull = true;
    return 'near full';
  }

  /** A checkpoint covers everything up to `throughSeq`. */
  checkpointed(throughSeq: number): void {
    this.#isNearFull = false;
    const covered = this.#places.filter(({ endSeq }) => endSeq - 1 <= throughSeq).at(-1);
    if (covered === undefined) return;
    this.#places.splice(0, this.#places.indexOf(covered) + 1);
    this.#dueBytes = covered.bytes + this.#checkpointBytes;
  }
}
