// Waiting for a commit to be written or durable, blocking or not. One waiter per thread and mark: however many commits
// are waited for, one sleep on the turn word serves them all. design/concurrency.md, "Wait".
//
// The order that loses no wake-up (I7): load the turn, look at mark and state, ask for a seal, sleep on the loaded
// turn.

import { availableParallelism } from 'node:os';
import { monotonicMs } from '../base/clock.js';
import { invalidArgument, WalError } from '../base/errors.js';
import { checkWaitBounds, startTimer, type WaitOptions } from '../base/wait-bounds.js';
import type { Turn } from '../memory/turn.js';
import { type Control, STATE } from './control.js';

export type { WaitOptions };

/** How long a lone blocking waiter looks before it sleeps: waking costs 40 us, a third of a sync on the disks measured
 * (design/decisions/0012). Where syncs take longer the time shrinks to nothing; with one processor it is nothing. */
const SPIN_MS_MAX = availableParallelism() > 1 ? 0.3 : 0;
const SPIN_MS_MIN = 0.01;
/** How many waits a thread that found itself among others sleeps at once, before it looks again whether it is alone. */
const CROWDED_WAITS = 64;

/** Which mark a wait is about. */
export type MarkName = 'written' | 'durable';

/** Keeps the event loop alive while anybody waits: a pending Atomics.waitAsync does not. */
export interface KeepAlive {
  hold(): void;
  letGo(): void;
}

interface Waiting {
  readonly seq: number;
  /** Settles the promise: with an error, or without. */
  readonly settle: (error?: WalError) => void;
}

/** Waits on one mark of one open log, for one thread. */
export class MarkWaiter {
  readonly #control: Control;
  readonly #mark: MarkName;
  readonly #turn: Turn;
  readonly #keepAlive: KeepAlive;
  /** Ascending by sequence, so that a move of the mark settles a prefix. */
  readonly #waiting: Waiting[] = [];
  #isPumping = false;
  /** The highest sequence of which this waiter itself told the flusher. */
  #toldSeq = 0;
  /** The last commit of this thread that entered together with others. */
  #enteredSeq = 0;
  #spinMs = SPIN_MS_MAX;
  #crowdedWaits = 0;
  readonly #onWaited: (tookMs: number) => void;

  /** @param onWaited - told how long each wait took that reached its commit; 0 if that was there already */
  constructor(
    control: Control,
    mark: MarkName,
    keepAlive: KeepAlive,
    onWaited: (tookMs: number) => void = () => undefined,
  ) {
    this.#control = control;
    this.#mark = mark;
    this.#turn = mark === 'written' ? control.writtenTurn : control.durableTurn;
    this.#keepAlive = keepAlive;
    this.#onWaited = onWaited;
  }

  /** This thread has published a run of commits, the last of them `seq`: whoever waits for one asks for all. */
  entered(seq: number): void {
    this.#enteredSeq = seq;
  }

  /** The mark now: everything up to it is written, or durable. */
  reached(): number {
    return this.#mark === 'written' ? this.#control.writtenSeq.load() : this.#control.durableSeq.load();
  }

  /**
   * Blocks this thread until `seq` is reached.
   *
   * @throws {WalError} ERR_WAL_TIMEOUT, ERR_WAL_OUTCOME_UNKNOWN, ERR_WAL_CLOSED, ERR_WAL_INVALID_ARGUMENT
   */
  waitBlocking(seq: number, timeoutMs: number): void {
    checkSeq(seq);
    if (timeoutMs === undefined) throw invalidArgument('A blocking wait needs its timeoutMs.');
    checkWaitBounds({ timeoutMs });
    const startMs = monotonicMs();
    const deadline = startMs + timeoutMs;
    for (;;) {
      const turn = this.#turn.load();
      if (this.reached() >= seq) break;
      const ended = this.#ended(seq);
      if (ended !== undefined) throw ended;
      this.#demand(seq);
      const left = deadline - monotonicMs();
      if (left <= 0) throw this.#timedOut(seq, timeoutMs);
      this.#sleep(turn, left);
    }
    this.#onWaited(monotonicMs() - startMs);
  }

  /** Sleeps until the turn moves; before that a lone waiter looks for as long as a sync takes, while that pays. */
  #sleep(turn: number, timeoutMs: number): void {
    if (this.#crowdedWaits > 0) {
      this.#crowdedWaits -= 1;
      this.#turn.wait(turn, timeoutMs);
      return;
    }
    const startMs = monotonicMs();
    const looked = this.#spinMs > SPIN_MS_MIN ? this.#turn.spin(turn, Math.min(this.#spinMs, timeoutMs)) : 'in vain';
    if (looked === 'moved') return;
    if (looked === 'crowded') this.#crowdedWaits = CROWDED_WAITS;
    this.#turn.wait(turn, timeoutMs);
    const tookMs = monotonicMs() - startMs;
    this.#spinMs = tookMs < SPIN_MS_MAX ? SPIN_MS_MAX : this.#spinMs / 2;
  }

  /** Resolves when `seq` is reached; rejects like {@link waitBlocking}, and with ERR_WAL_ABORTED. */
  async wait(seq: number, { timeoutMs, signal }: WaitOptions = {}): Promise<void> {
    checkSeq(seq);
    checkWaitBounds({ timeoutMs, signal });
    if (this.reached() >= seq) return this.#onWaited(0);
    if (signal?.aborted) throw aborted(seq, signal);
    const startMs = monotonicMs();
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => this.#giveUp(waiting, aborted(seq, signal as AbortSignal));
      const waiting: Waiting = {
        seq,
        settle: (error) => {
          this.#keepAlive.letGo();
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          if (error !== undefined) return reject(error);
          this.#onWaited(monotonicMs() - startMs);
          resolve();
        },
      };
      // For as long as this one waits, and no longer: the pump may sleep on with nobody left.
      this.#keepAlive.hold();
      signal?.addEventListener('abort', onAbort);
      timer = startTimer(timeoutMs, () => this.#giveUp(waiting, this.#timedOut(seq, timeoutMs as number)));
      this.#insert(waiting);
      void this.#pump();
    });
  }

  #insert(waiting: Waiting): void {
    let index = this.#waiting.length;
    while (index > 0 && (this.#waiting[index - 1] as Waiting).seq > waiting.seq) index -= 1;
    this.#waiting.splice(index, 0, waiting);
  }

  #giveUp(waiting: Waiting, error: WalError): void {
    const index = this.#waiting.indexOf(waiting);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    waiting.settle(error);
  }

  /** Sleeps and settles until nobody waits. Never rejects. */
  async #pump(): Promise<void> {
    this.#demandLast();
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (;;) {
      const turn = this.#turn.load();
      this.#settleReached();
      if (this.#waiting.length === 0) break;
      this.#demandLast();
      await this.#turn.waitAsync(turn);
    }
    this.#isPumping = false;
  }

  /** Asks for a seal through `seq`; not beyond what exists, or every later commit would be sealed on its own. */
  #demand(seq: number): void {
    if (seq <= this.#toldSeq) return;
    const wanted = seq <= this.#enteredSeq ? this.#enteredSeq : Math.min(seq, this.#control.commitSeqNext.load() - 1);
    // Once told the flusher looks again by itself. A notify for each wait that it cannot serve yet (a guard holds it
    // back, maxFlushDelayMs, a sync that waits for the tick) would only keep it from sleeping.
    if (wanted <= this.#toldSeq) return;
    // I8: raised by another thread it may be news all the same: that one may have died before it woke the flusher.
    if (this.#control.demandSeq.load() < wanted) this.#control.demandThrough(wanted);
    else this.#control.wakeFlusher('demand');
    this.#toldSeq = wanted;
  }

  #demandLast(): void {
    const last = this.#waiting.at(-1);
    if (last !== undefined) this.#demand(last.seq);
  }

  #settleReached(): void {
    const reached = this.reached();
    let count = 0;
    while (count < this.#waiting.length && (this.#waiting[count] as Waiting).seq <= reached) count += 1;
    for (const { settle } of this.#waiting.splice(0, count)) settle();
    const first = this.#waiting[0];
    if (first === undefined || this.#ended(first.seq) === undefined) return;
    for (const { seq, settle } of this.#waiting.splice(0)) settle(this.#ended(seq));
  }

  /** Why nothing more will be reached, if so. */
  #ended(seq: number): WalError | undefined {
    const { state } = this.#control;
    // The flusher moves the marks before it says that it has closed or failed, so this looks at the final mark.
    if (this.reached() >= seq) return undefined;
    if (state === STATE.failed) {
      const cause = this.#control.failure();
      return new WalError(
        'ERR_WAL_OUTCOME_UNKNOWN',
        `The log failed before commit ${seq} was ${this.#mark}; it may or may not survive. Reopen the log and look.`,
        { seq, mark: this.#mark, reason: cause.message, reasonCode: cause.code },
        cause,
      );
    }
    if (state === STATE.closed) {
      return new WalError('ERR_WAL_CLOSED', `The log was closed and never held commit ${seq}.`, { seq });
    }
    return undefined;
  }

  #timedOut(seq: number, timeoutMs: number): WalError {
    const stalled = this.#control.state === STATE.stalled ? this.#control.failure() : undefined;
    const why = stalled === undefined ? 'the flush takes longer' : `the log is stalled: ${stalled.message}`;
    return new WalError(
      'ERR_WAL_TIMEOUT',
      `Commit ${seq} was not ${this.#mark} within ${timeoutMs} ms: ${why}. It stays in the log; wait again.`,
      {
        seq,
        timeoutMs,
        mark: this.#mark,
        reached: this.reached(),
        reason: why,
        ...(stalled && { reasonCode: stalled.code }),
      },
      stalled,
    );
  }
}

/** A wait for what is no sequence would never end. */
function checkSeq(seq: number): void {
  if (!Number.isSafeInteger(seq) || seq < 0)
    throw invalidArgument('seq must be a commit sequence.', { seq: String(seq) });
}

function aborted(seq: number, signal: AbortSignal): WalError {
  return new WalError(
    'ERR_WAL_ABORTED',
    `The wait for commit ${seq} was aborted; the commit itself goes on.`,
    { seq },
    signal.reason,
  );
}
