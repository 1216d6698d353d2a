// What was handed in and did not enter a lane yet, in the order in which it came. Bookkeeping for one thread: it
// touches no shared memory, takes no lock and knows nothing of what it holds. The log stages its asynchronous appends
// with it (staged-appends.ts).

import { invalidArgument } from '../base/errors.js';

/** Lanes are numbered with 16 bits, and one number is kept free. */
export const STAGED_LANES_MAX = 65_535;

/** Names one batch of one lane. */
export interface BatchContext {
  /** 1, 2, 3, ... over all lanes; never given out again. */
  readonly batchId: number;
  /** From 0 to 65,534. */
  readonly lane: number;
}

/** What was staged together, and is taken or discarded together. */
export interface StagedBatch<T> extends BatchContext {
  readonly frames: readonly T[];
  /** Size of the frames, as whoever staged them said. */
  readonly bytes: number;
  /** When they were staged, in milliseconds of whatever clock whoever staged them goes by. */
  readonly stagedMs: number;
}

/** What is staged and was neither taken nor discarded. */
export interface Backlog {
  readonly batches: number;
  readonly frames: number;
  readonly bytes: number;
}

/** What is said of a batch besides its frames. */
export interface StageOptions {
  /** Default 0. */
  readonly bytes?: number | undefined;
  /** Default 0. */
  readonly stagedMs?: number | undefined;
}

/** How many lanes there are, and whether they are used. */
export interface LaneStagerOptions {
  /** At least 1; more than 65,535 are 65,535. Default 1. */
  readonly lanes?: number | undefined;
  /** Everything goes through lane 0. Default false. */
  readonly conservative?: boolean | undefined;
}

/**
 * Batches of frames on their way into lanes. Any type of frame: it is held, never looked at.
 *
 * Threading: one thread. There is no lock, because nothing here is shared.
 * Source: design/concurrency.md, "Staging".
 */
export class LaneStager<T> {
  readonly laneCount: number;
  readonly #lanes: StagedLane<T>[] = [];
  readonly #laneOf = new Map<unknown, number>();
  /** Producers of each lane that ever had one. */
  readonly #producers: number[] = [];
  #isConservative: boolean;
  #batchNext = 1;

  /** @throws {WalError} ERR_WAL_INVALID_ARGUMENT */
  constructor({ lanes = 1, conservative = false }: LaneStagerOptions = {}) {
    if (!Number.isInteger(lanes) || lanes < 1) throw invalidArgument('lanes must be a whole number from 1.', { lanes });
    this.laneCount = Math.min(lanes, STAGED_LANES_MAX);
    this.#isConservative = conservative;
  }

  /** Whether everything goes through lane 0. What was staged before in other lanes stays there until it is taken. */
  get isConservative(): boolean {
    return this.#isConservative;
  }

  set isConservative(isConservative: boolean) {
    this.#isConservative = isConservative;
  }

  /**
   * The lane of a producer: the same until it leaves, whoever else comes and goes. A new one gets the first lane that
   * nobody has, or one of those that the fewest have.
   *
   * @param producer - names it: anything that can be the key of a Map
   */
  laneOf(producer: unknown): number {
    const known = this.#laneOf.get(producer);
    if (known !== undefined) return this.#isConservative ? 0 : known;
    const lane = this.#emptiestLane();
    this.#producers[lane] = (this.#producers[lane] ?? 0) + 1;
    this.#laneOf.set(producer, lane);
    return this.#isConservative ? 0 : lane;
  }

  /** A producer is gone: its lane is free for others, with whatever is staged in it. Of an unknown one: nothing. */
  leave(producer: unknown): void {
    const lane = this.#laneOf.get(producer);
    if (lane === undefined) return;
    this.#laneOf.delete(producer);
    this.#producers[lane] = (this.#producers[lane] as number) - 1;
  }

  /**
   * Stages frames as one batch, behind everything in that lane; in conservative mode behind everything in lane 0.
   *
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT for a lane that does not exist
   */
  stage(lane: number, frames: readonly T[], { bytes = 0, stagedMs = 0 }: StageOptions = {}): StagedBatch<T> {
    this.#check(lane);
    const batch = { batchId: this.#batchNext++, lane: this.#isConservative ? 0 : lane, frames, bytes, stagedMs };
    this.#staged(batch.lane).push(batch);
    return batch;
  }

  /** The first batches of a lane, at most `countMax`, in order; they stay where they are. */
  oldest(lane: number, countMax = Number.POSITIVE_INFINITY): readonly StagedBatch<T>[] {
    this.#check(lane);
    return this.#lanes[lane]?.oldest(countMax) ?? [];
  }

  /** What is staged in one lane, or in all. */
  backlog(lane?: number): Backlog {
    if (lane !== undefined) this.#check(lane);
    const total = { batches: 0, frames: 0, bytes: 0 };
    for (const each of lane === undefined ? this.#lanes : [this.#lanes[lane]]) {
      total.batches += each?.batches ?? 0;
      total.frames += each?.frames ?? 0;
      total.bytes += each?.bytes ?? 0;
    }
    return total;
  }

  /**
   * Takes batches out, to be flushed: all of them, or none.
   *
   * Those of each lane must be the first of that lane, in order; lanes may alternate.
   *
   * @returns the batches in the order of the contexts; undefined when they are not what is next, and nothing was taken
   */
  takeBatchesForFlush(contexts: readonly BatchContext[]): readonly StagedBatch<T>[] | undefined {
    const taken = new Map<number, number>();
    const batches: StagedBatch<T>[] = [];
    for (const { lane, batchId } of contexts) {
      const index = taken.get(lane) ?? 0;
      const batch = this.#lanes[lane]?.at(index);
      if (batch === undefined || batch.batchId !== batchId) return undefined;
      taken.set(lane, index + 1);
      batches.push(batch);
    }
    for (const [lane, count] of taken) this.#lanes[lane]?.shift(count);
    return batches;
  }

  /** Forgets batches wherever they stand; unknown ones, and those that are gone, are passed over. Returns how many. */
  discardBatchesForFlush(contexts: readonly BatchContext[]): number {
    return contexts.filter(({ lane, batchId }) => this.#lanes[lane]?.discard(batchId) === true).length;
  }

  #check(lane: number): void {
    if (Number.isInteger(lane) && lane >= 0 && lane < this.laneCount) return;
    throw invalidArgument(`lane must be a whole number below ${this.laneCount}.`, { lane });
  }

  /** Lanes are made when something is staged in them: there may be very many. */
  #staged(lane: number): StagedLane<T> {
    this.#lanes[lane] ??= new StagedLane();
    return this.#lanes[lane];
  }

  #emptiestLane(): number {
    const free = this.#producers.indexOf(0);
    if (free >= 0) return free;
    if (this.#producers.length < this.laneCount) return this.#producers.length;
    return this.#producers.indexOf(this.#producers.reduce((least, each) => Math.min(least, each)));
  }
}

/** Batches of one lane, ascending by id. */
class StagedLane<T> {
  #batches: StagedBatch<T>[] = [];
  /** Batches in front of this one were taken. */
  #first = 0;
  frames = 0;
  bytes = 0;

  get batches(): number {
    return this.#batches.length - this.#first;
  }

  push(batch: StagedBatch<T>): void {
    this.#batches.push(batch);
    this.frames += batch.frames.length;
    this.bytes += batch.bytes;
  }

  at(index: number): StagedBatch<T> | undefined {
    return this.#batches[this.#first + index];
  }

  oldest(countMax: number): readonly StagedBatch<T>[] {
    return this.#batches.slice(this.#first, this.#first + countMax);
  }

  shift(count: number): void {
    for (let index = 0; index < count; index += 1) this.#forget(this.#batches[this.#first + index] as StagedBatch<T>);
    this.#first += count;
    // Moved up when half of it is behind: each batch is moved once, on average.
    if (this.#first * 2 < this.#batches.length) return;
    this.#batches = this.#batches.slice(this.#first);
    this.#first = 0;
  }

  discard(batchId: number): boolean {
    const index = this.#indexOf(batchId);
    const batch = this.#batches[index];
    if (batch === undefined || batch.batchId !== batchId) return false;
    this.#batches.splice(index, 1);
    this.#forget(batch);
    return true;
  }

  /** Where the first batch of at least that id stands. */
  #indexOf(batchId: number): number {
    let [low, high] = [this.#first, this.#batches.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#batches[middle] as StagedBatch<T>).batchId < batchId) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #forget({ frames, bytes }: StagedBatch<T>): void {
    this.frames -= frames.length;
    this.bytes -= bytes;
  }
}
