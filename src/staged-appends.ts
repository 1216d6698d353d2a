// The asynchronous appends of one thread. They are staged, and enter the lane in runs: when the thread has nothing else
// to do in its present turn, or a run is full. One lock, one guard and one look at the flusher are paid for each run
// (design/concurrency.md, "Staging"). How a commit is checked, tried and refused is the writer's matter.
//
// First come, first in: while the first waits for space, those behind it wait too.

import { assert } from './base/assert.js';
import { monotonicMs } from './base/clock.js';
import { WalError } from './base/errors.js';
import { startTimer, type WaitOptions } from './base/wait-bounds.js';
import type { Commit } from './commit.js';
import type { AppendPath } from './control/ordered-encoder.js';
import type { KeepAlive } from './epoch/mark-waiter.js';
import { LaneStager, type StagedBatch } from './lane/lane-stager.js';
import { frameBytesFor, type Refusal, RUN_COMMITS_MAX } from './lane/lane-writer.js';
import type { Turn } from './memory/turn.js';
import type { MeasuredAppend } from './observe/append-telemetry.js';
import type { CheckedCommit, CommitInput } from './record/commit.js';

/** Bytes of a run at most, but for a single commit: so long does whoever shares the lane wait. */
const RUN_BYTES_MAX = 256 * 2 ** 10;
/** How soon a lane that another writer is inside is looked at again. */
const LOCK_RETRY_MS = 2;

/** A checked commit on its way into the lane. */
export interface Attempt {
  readonly commit: CheckedCommit;
  /** The way into the log that the mode asks for. */
  readonly path: AppendPath;
  /** Whether its bytes were copied already, as a jumbo's are. */
  readonly isEncoded: boolean;
  try(lockTimeoutMs: number): number | Refusal;
  /** It will not be tried again. */
  drop(): void;
}

/** What was published, and of which attempt. */
export interface Published {
  readonly attempt: Attempt;
  readonly seq: number;
  readonly measured: MeasuredAppend | undefined;
}

/** The writer's part. */
export interface AppendSteps {
  /** Checks a commit; throws when it is none, or when the log takes nothing. */
  prepare(input: CommitInput): Attempt;
  /** The same behind a time in which the caller's arrays may have changed. */
  prepareAgain(attempt: Attempt, input: CommitInput): Attempt;
  /** The same when the mode has changed: it goes the other way from the beginning (M1). */
  prepareOtherWay(attempt: Attempt, input: CommitInput): Attempt;
  /** Lets the first ones enter, or says why not even one does. */
  tryRun(run: readonly Attempt[]): readonly number[] | Refusal;
  /** Tells the flusher of commits that were just published, once for all of them. */
  published(run: readonly Published[]): Commit[];
  /** Asks for what the refusal says is missing. */
  askFor(refusal: Refusal): void;
  /** The error of an append that did not happen. */
  refused(refusal: Refusal, attempt: Attempt, timeoutMs: number): WalError;
}

/** One append that was asked for. */
interface Waiting {
  readonly input: CommitInput;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  readonly measured: MeasuredAppend | undefined;
  readonly resolve: (commit: Commit) => void;
  readonly reject: (error: unknown) => void;
  attempt: Attempt;
  /** Set once it is published. */
  seq: number;
  /** Set once it waits for space. */
  stopWaiting: (() => void) | undefined;
}

type Batch = StagedBatch<Waiting>;

/** Why nothing enters at the moment. */
interface Block {
  readonly refusal: Refusal;
  /** While it is the turn there is no more space than there was. */
  readonly turn: number;
}

/** Whether trying again is in vain. */
export function isFinal(refusal: Refusal): boolean {
  return refusal === 'closed' || refusal === 'exhausted';
}

/** Stages the appends of one writer. */
export class StagedAppends {
  readonly #steps: AppendSteps;
  readonly #lane: number;
  readonly #stager: LaneStager<Waiting>;
  readonly #runBytesMax: number;
  readonly #turn: Turn;
  readonly #keepAlive: KeepAlive;
  #isScheduled = false;
  #block: Block | undefined;

  /**
   * @param stagedBytesMax - staged bytes that enter at once
   * @param turn - moves when there may be space
   */
  constructor(
    steps: AppendSteps,
    { index, count }: { index: number; count: number },
    stagedBytesMax: number,
    turn: Turn,
    keepAlive: KeepAlive,
  ) {
    this.#steps = steps;
    this.#lane = index;
    this.#stager = new LaneStager({ lanes: count });
    this.#runBytesMax = Math.min(RUN_BYTES_MAX, stagedBytesMax);
    this.#turn = turn;
    this.#keepAlive = keepAlive;
  }

  /** Bytes that are staged. */
  get bytes(): number {
    return this.#stager.backlog(this.#lane).bytes;
  }

  /** Stages an append; its promise is told when it is published, or why it is not. Throws what is wrong with it. */
  add(
    input: CommitInput,
    { timeoutMs = Number.POSITIVE_INFINITY, signal }: WaitOptions,
    measured: MeasuredAppend | undefined,
    { resolve, reject }: Pick<Waiting, 'resolve' | 'reject'>,
  ): void {
    const attempt = this.#steps.prepare(input);
    const stagedMs = monotonicMs();
    const deadlineMs = stagedMs + timeoutMs;
    const waiting = {
      input,
      timeoutMs,
      deadlineMs,
      signal,
      measured,
      resolve,
      reject,
      attempt,
      seq: 0,
      stopWaiting: undefined,
    };
    const bytes = frameBytesFor(attempt.commit.recordsBytes);
    const batch = this.#stager.stage(this.#lane, [waiting], { bytes, stagedMs });
    if (this.#isBlocked()) this.#wait(batch, this.#block as Block);
    // What follows is checked against the sizes that are in force.
    else if (this.#isRunFull() || attempt.commit.sizes.length > 0) this.enter();
    else this.#schedule();
  }

  /** Lets everything enter for which there is space. */
  enter(): void {
    while (!this.#isBlocked()) {
      this.#unblock();
      const turn = this.#turn.load();
      const run = this.#nextRun();
      if (run.length === 0) return;
      const result = this.#try(run);
      if (typeof result !== 'string') this.#published(run.slice(0, result.length), result);
      else if (this.#isKeptOut(run, { refusal: result, turn })) return;
    }
  }

  #isRunFull(): boolean {
    const { batches, bytes } = this.#stager.backlog(this.#lane);
    return batches >= RUN_COMMITS_MAX || bytes >= this.#runBytesMax;
  }

  /**
   * Behind what is about to run: more of it may append. Not behind everything: who was told of a run asks for its
   * flush, and what comes later than that misses it.
   */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.enter();
    });
  }

  /** The first ones, as far as they may enter together, checked anew; what is none any more is told. */
  #nextRun(): Batch[] {
    const run: Batch[] = [];
    let bytes = 0;
    for (const batch of this.#stager.oldest(this.#lane, RUN_COMMITS_MAX)) {
      const waiting = inside(batch);
      if (!this.#isReady(waiting, batch)) continue;
      const { commit, isEncoded } = waiting.attempt;
      bytes += frameBytesFor(commit.recordsBytes);
      const fits = run.length === 0 || (!isEncoded && bytes <= this.#runBytesMax);
      if (!fits) break;
      run.push(batch);
      // Those behind a new size are checked against it.
      if (isEncoded || commit.sizes.length > 0) break;
    }
    return run;
  }

  #isReady(waiting: Waiting, batch: Batch): boolean {
    try {
      if (waiting.signal?.aborted) throw aborted(waiting.signal);
      waiting.attempt = this.#steps.prepareAgain(waiting.attempt, waiting.input);
      return true;
    } catch (error) {
      this.#giveUp(batch, error);
      return false;
    }
  }

  #try(run: readonly Batch[]): readonly number[] | Refusal {
    try {
      return this.#steps.tryRun(run.map((batch) => inside(batch).attempt));
    } catch (error) {
      // Only the first can have thrown: a run ends in front of any other.
      this.#giveUp(run[0] as Batch, error);
      return [];
    }
  }

  #published(run: readonly Batch[], seqs: readonly number[]): void {
    if (run.length === 0) return;
    const taken = this.#stager.takeBatchesForFlush(run);
    assert(taken !== undefined, 'what enters the lane is what was staged first');
    const published = taken.map(inside);
    published.forEach((waiting, index) => {
      waiting.seq = seqs[index] as number;
    });
    const commits = this.#steps.published(published);
    published.forEach((waiting, index) => {
      waiting.stopWaiting?.();
      waiting.resolve(commits[index] as Commit);
    });
  }

  /** Nothing of the run entered. Who has no time left is told, all others wait; true if the first is among them. */
  #isKeptOut(run: readonly Batch[], block: Block): boolean {
    if (isFinal(block.refusal)) {
      for (const batch of run) this.#giveUp(batch, this.#refused(batch, block.refusal));
      return false;
    }
    if (block.refusal === 'switched') {
      this.#goOtherWay(run[0] as Batch);
      return false;
    }
    this.#block = block;
    this.#steps.askFor(block.refusal);
    this.#keepAlive.hold();
    for (const batch of this.#stager.oldest(this.#lane)) this.#wait(batch, block);
    if (this.#block !== block) return false;
    this.#watch(block);
    return true;
  }

  /** Those behind it are prepared again in any case, but for jumbos, whose turn it will be. */
  #goOtherWay(batch: Batch): void {
    const waiting = inside(batch);
    try {
      waiting.attempt = this.#steps.prepareOtherWay(waiting.attempt, waiting.input);
    } catch (error) {
      this.#giveUp(batch, error);
    }
  }

  #refused(batch: Batch, refusal: Refusal): WalError {
    const { attempt, timeoutMs } = inside(batch);
    return this.#steps.refused(refusal, attempt, timeoutMs);
  }

  /** Ends the block when there may be space. */
  #watch(block: Block): void {
    const goOn = (): void => {
      if (this.#block !== block) return;
      this.#unblock();
      this.enter();
    };
    void this.#turn.waitAsync(block.turn).then(goOn);
    // No turn tells of a lock: whoever is inside may leave without having published anything.
    if (block.refusal === 'locked') startTimer(LOCK_RETRY_MS, goOn);
  }

  #isBlocked(): boolean {
    return this.#block !== undefined && this.#turn.load() === this.#block.turn;
  }

  #unblock(): void {
    if (this.#block === undefined) return;
    this.#block = undefined;
    this.#keepAlive.letGo();
  }

  /** From here on the append ends with its time, or its signal. */
  #wait(batch: Batch, { refusal }: Block): void {
    const waiting = inside(batch);
    const { deadlineMs, signal, measured } = waiting;
    const refuse = (): void => this.#giveUp(batch, this.#refused(batch, this.#block?.refusal ?? refusal));
    const leftMs = deadlineMs - monotonicMs();
    if (leftMs <= 0) refuse();
    if (leftMs <= 0 || waiting.stopWaiting !== undefined) return;
    if (measured !== undefined) measured.hasWaited = true;
    const onAbort = (): void => this.#giveUp(batch, aborted(signal as AbortSignal));
    const timer = startTimer(leftMs, refuse);
    signal?.addEventListener('abort', onAbort);
    waiting.stopWaiting = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
  }

  #giveUp(batch: Batch, error: unknown): void {
    const [first] = this.#stager.oldest(this.#lane, 1);
    if (this.#stager.discardBatchesForFlush([batch]) === 0) return;
    const { attempt, stopWaiting, reject } = inside(batch);
    stopWaiting?.();
    attempt.drop();
    reject(error);
    // What did not fit is gone: what is behind it may.
    if (first !== batch || this.#block === undefined) return;
    this.#unblock();
    this.#schedule();
  }
}

/** Each batch is one append. */
function inside({ frames }: Batch): Waiting {
  return frames[0] as Waiting;
}

/** The append's signal fired before it had entered. */
export function aborted(signal: AbortSignal): WalError {
  return new WalError('ERR_WAL_ABORTED', 'The append was aborted; nothing was written.', {}, signal.reason);
}
