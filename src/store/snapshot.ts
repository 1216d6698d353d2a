// A snapshot: the store as of one sequence, while writers go on. It is that sequence and a pin, nothing else: older
// images are in the log, which the pin keeps, and no checkpoint goes beyond it (design/page-store.md, "Snapshot").

import { invalidArgument, WalError } from '../base/errors.js';

/** What a snapshot needs of the thread's part of the store. */
export interface SnapshotSource {
  readonly pageBytes: number;
  /** The image of a page as of a sequence; a copy. */
  readAsOf(pageNumber: number, asOf: number, target: Uint8Array): void;
  /** Lets the log and the checkpointer go on. */
  unpin(): void;
}

/**
 * The store as of one commit.
 *
 * Threading: the thread that took it.
 */
export class Snapshot {
  /** The last commit that it sees. */
  readonly seq: number;
  /** Size of the store in pages. */
  readonly sizePages: number;
  readonly #source: SnapshotSource;
  #isOpen = true;

  /** @internal Everything through `seq` is indexed and pinned. */
  constructor(seq: number, sizePages: number, source: SnapshotSource) {
    this.seq = seq;
    this.sizePages = sizePages;
    this.#source = source;
  }

  /**
   * The image of a page; a copy, the caller's own.
   *
   * @param pageNumber - from 1 to {@link sizePages}
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT, ERR_WAL_CLOSED, ERR_WAL_IO, ERR_WAL_POISONED
   *
   * Latches nothing and waits for nobody.
   */
  read(pageNumber: number): Uint8Array {
    const target = new Uint8Array(this.#source.pageBytes);
    this.readInto(pageNumber, target);
    return target;
  }

  /** Like {@link read}, into memory of the caller's, exactly of the bytes of a page. */
  readInto(pageNumber: number, target: Uint8Array): void {
    if (!this.#isOpen) throw new WalError('ERR_WAL_CLOSED', 'The snapshot is closed.', { seq: this.seq });
    if (!Number.isSafeInteger(pageNumber) || pageNumber < 1 || pageNumber > this.sizePages) {
      const message = `Page ${String(pageNumber)} is not one of the ${this.sizePages} pages of the snapshot.`;
      throw invalidArgument(message, { pageNumber, sizePages: this.sizePages });
    }
    if (!(target instanceof Uint8Array) || target.length !== this.#source.pageBytes)
      throw invalidArgument(`The target must have the ${this.#source.pageBytes} bytes of a page.`);
    this.#source.readAsOf(pageNumber, this.seq, target);
  }

  /** Lets the log go on. Twice is harmless. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#source.unpin();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
