// The contents of a durable map in one thread, kept up with the log: a saved state, and what came behind it. Applies
// every durable commit once and in order, and tells whoever made one what came of it. Not here: making commits.

import { WalError } from '../base/errors.js';
import type { Pin } from '../epoch/pins.js';
import type { LogSource } from '../follow/durable-commits.js';
import type { SegmentCommit } from '../segment/commit-reader.js';
import { DurableFollower } from '../typed/durable-follower.js';
import { entryBytes } from '../typed/entries.js';
import { readStates } from '../typed/state-file.js';
import { decodeLogicalRecord } from './codec.js';
import { MapState, type Outcome } from './map-state.js';

/** How often a replica begins anew because the log let go of what it was to read meanwhile. */
const ROUNDS_MAX = 5;

/** Of this thread, whose writer all its replicas share. */
let lastNumber = 0;

/**
 * One thread's contents of a map.
 *
 * Threading: belongs to one thread.
 */
export class MapReplica {
  readonly #source: LogSource;
  readonly #logId: number;
  #state = new MapState();
  #follower: DurableFollower | undefined;
  /** The last entry that is in the state. */
  #lastId = 0;
  /** What came of commits of this thread, by their number in it; undefined as long as nothing did. */
  readonly #awaited = new Map<number, readonly Outcome[] | undefined>();
  /** Keeps the log while commits of this thread are awaited: what came of them is nowhere else. */
  #pin: Pin | undefined;

  constructor(source: LogSource, logId: number) {
    this.#source = source;
    this.#logId = logId;
  }

  /** The contents as of {@link throughSeq}. */
  get state(): MapState {
    return this.#state;
  }

  /** Every commit up to this one is in the contents. */
  get throughSeq(): number {
    return this.#follower?.throughSeq ?? 0;
  }

  get lastId(): number {
    return this.#lastId;
  }

  /** Brings the contents up to what is durable now. @throws {WalError} ERR_WAL_CORRUPT, ERR_WAL_GAP, ERR_WAL_IO */
  catchUp(): void {
    for (let round = 1; ; round += 1) {
      try {
        this.#follower ??= this.#begin();
        this.#follower.catchUp();
        if (this.#pin !== undefined) this.#source.control.pins.move(this.#pin, this.throughSeq);
        return;
      } catch (thrown) {
        // Contents that are half brought up are of no commit.
        this.close();
        const isOvertaken = thrown instanceof WalError && thrown.code === 'ERR_WAL_OVERTAKEN';
        if (!isOvertaken || round === ROUNDS_MAX) throw thrown;
      }
    }
  }

  /**
   * Notes that a commit is to come; {@link outcomes} tells what came of it, once it is applied. Before it is appended:
   * it may be durable, and applied, before the append has returned.
   *
   * @returns the token of the commit, which no other one has while the log is open
   */
  expect(): { readonly txnId: number; readonly txnEpoch: number } {
    const { control, writerId } = this.#source;
    while (this.#pin === undefined) {
      this.catchUp();
      try {
        this.#pin = control.pins.take('reader', this.throughSeq, writerId);
      } catch (thrown) {
        // The log let go of more between the two.
        if (!(thrown instanceof WalError && thrown.code === 'ERR_WAL_OVERTAKEN')) throw thrown;
      }
    }
    lastNumber += 1;
    this.#awaited.set(lastNumber, undefined);
    return { txnId: lastNumber, txnEpoch: writerId };
  }

  /** What came of a commit that is applied, one for each of its records. */
  outcomes({ txnId }: { readonly txnId: number }): readonly Outcome[] {
    return this.#awaited.get(txnId) ?? [];
  }

  /** Nobody asks any more what came of a commit. */
  forget({ txnId }: { readonly txnId: number }): void {
    this.#awaited.delete(txnId);
    if (this.#awaited.size > 0 || this.#pin === undefined) return;
    this.#source.control.pins.release(this.#pin);
    this.#pin = undefined;
  }

  close(): void {
    this.#follower?.close();
    this.#follower = undefined;
  }

  #begin(): DurableFollower {
    const saved = readStates(this.#source.directory).states.find(({ logId }) => logId === this.#logId);
    this.#state = saved === undefined ? new MapState() : MapState.decode(saved.state);
    // Entries between the place in the log and the end of the state are in the state.
    let id = saved?.throughId ?? 0;
    this.#lastId = saved?.lastId ?? 0;
    const { releasedSeq } = this.#source.control.pins;
    if (saved === undefined && releasedSeq > 0)
      throw new WalError('ERR_WAL_GAP', 'The beginning of the map is gone, and no saved state holds it.', {
        releasedSeq,
      });
    return new DurableFollower(this.#source, saved?.throughSeq ?? 0, {
      commit: (commit) => {
        const outcomes: Outcome[] = [];
        for (const bytes of copiedEntries(commit)) {
          id += 1;
          if (id <= this.#lastId) continue;
          outcomes.push(this.#state.apply(decodeLogicalRecord(bytes)));
          this.#lastId = id;
        }
        const { txnId, txnEpoch } = commit.frame;
        const isOwn = Number(txnEpoch) === this.#source.writerId && this.#awaited.has(Number(txnId));
        if (isOwn) this.#awaited.set(Number(txnId), outcomes);
      },
      segmentEnd: () => undefined,
    });
  }
}

/** Entries of a commit, whose bytes may be kept. */
function* copiedEntries(commit: SegmentCommit): Generator<Uint8Array, void, void> {
  for (const record of commit.records()) for (const bytes of entryBytes({ records: [record] })) yield bytes.slice();
}
