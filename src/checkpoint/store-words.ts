// The shared words of an open page store, beside those of its log, its version index and its cache. This file is the
// only one that knows where they are; design/page-store.md, "Shared words", says who writes which.

import { WalError } from '../base/errors.js';
import { type AtomicOps, atomics } from '../memory/atomics.js';
import { LINE_BYTES, Word32, Word64 } from '../memory/words.js';

/** States of an open store. */
export const STORE_STATE = { open: 1, closing: 2, closed: 3, failed: 4 } as const;

const LINE = { state: 0, ask: 1, askSeq: 2, shrinkTo: 3, cutSeq: 4 } as const;
const LINES = 5;

/** The shared words of one open page store. */
export class StoreWords {
  readonly buffer: SharedArrayBuffer;
  readonly #state: Word32;
  /** Changes whenever the checkpointer should look; it sleeps on it. */
  readonly ask: Word32;
  readonly #askSeq: Word64;
  readonly #shrinkTo: Word64;
  readonly #cutSeq: Word64;

  constructor(buffer: SharedArrayBuffer, ops: AtomicOps = atomics) {
    this.buffer = buffer;
    const word32 = (line: number): Word32 => new Word32(ops, buffer, line);
    const word64 = (line: number): Word64 => new Word64(ops, buffer, line);
    this.#state = word32(LINE.state);
    this.ask = word32(LINE.ask);
    this.#askSeq = word64(LINE.askSeq);
    this.#shrinkTo = word64(LINE.shrinkTo);
    this.#cutSeq = word64(LINE.cutSeq);
  }

  /** @param cutSeq - of the newest cut, or any later commit that is indexed already */
  static create(cutSeq: number, ops: AtomicOps = atomics): StoreWords {
    const words = new StoreWords(new SharedArrayBuffer(LINES * LINE_BYTES), ops);
    words.#cutSeq.store(cutSeq);
    words.#state.store(STORE_STATE.open);
    return words;
  }

  get state(): number {
    return this.#state.load();
  }

  /** Moves the state; `closed` and `failed` are final. */
  setState(state: number): void {
    for (const from of [STORE_STATE.open, STORE_STATE.closing]) if (this.#state.exchangeIf(from, state)) return;
  }

  /** @throws {WalError} ERR_WAL_CLOSED, ERR_WAL_POISONED when the store takes no more work */
  requireOpen(): void {
    const { state } = this;
    if (state === STORE_STATE.open) return;
    if (state === STORE_STATE.failed) throw checkpointerEnded();
    throw new WalError('ERR_WAL_CLOSED', 'The page store is closing or closed.');
  }

  /** Has the checkpointer index everything through `seq` as soon as it is durable. */
  askIndexThrough(seq: number): void {
    this.#askSeq.raise(seq);
    this.poke();
  }

  /** The highest sequence that anybody waits to see indexed. */
  get askSeq(): number {
    return this.#askSeq.load();
  }

  /** Has the checkpointer look. */
  poke(): void {
    // The word changes before the notify: a notify without a change is lost on a thread about to sleep.
    this.ask.add(1);
    this.ask.notify();
  }

  /** The size that a shrinking transaction is about to set, in pages; undefined while there is none. */
  get shrinkTo(): number | undefined {
    const word = this.#shrinkTo.load();
    return word === 0 ? undefined : word - 1;
  }

  /** Written by the holder of the size latch, or by the reaper for a dead one. */
  set shrinkTo(pages: number | undefined) {
    this.#shrinkTo.store(pages === undefined ? 0 : pages + 1);
  }

  /** The newest commit that made the store smaller, or a later one. */
  get cutSeq(): number {
    return this.#cutSeq.load();
  }

  raiseCutSeq(seq: number): void {
    this.#cutSeq.raise(seq);
  }
}

/** The error of everything that needs the checkpointer once it is gone. */
export function checkpointerEnded(cause?: unknown): WalError {
  const message = 'The checkpointer of the page store ended unexpectedly; the log keeps everything. Reopen the store.';
  return new WalError('ERR_WAL_POISONED', message, {}, cause);
}
