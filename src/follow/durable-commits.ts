// The durable commits of the log that this process writes, as an async iterator: what replication, change capture and
// debugging read (design/readers.md, "Commits"). A pin keeps what is still to be read in the log, and moves along.

import { invalidArgument, WalError } from '../base/errors.js';
import { type Control, STATE } from '../epoch/control.js';
import type { Pin } from '../epoch/pins.js';
import { CommitReader } from '../segment/commit-reader.js';
import type { Directory } from '../storage/directory.js';
import { EventLoopHold } from '../thread/keep-alive.js';
import { copiedCommits, type DurableCommit } from './commit-copy.js';
import { LogFollower, overtaken } from './log-follower.js';
import { pinOldest } from './pin-oldest.js';

/** What to iterate over. */
export interface CommitsOptions {
  /** First sequence, from 1; default: the oldest one in the log. */
  readonly from?: number | undefined;
  /** Ends behind so many commits; default: no bound. */
  readonly limit?: number | undefined;
  /** Goes on with commits as they become durable, until the log is closed; default: ends with what is durable now. */
  readonly follow?: boolean | undefined;
  /** Ends the iteration with ERR_WAL_ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

/** The log to read, from within the process that writes it. */
export interface LogSource {
  readonly directory: Directory;
  readonly control: Control;
  /** Of the calling thread: when it dies, its pins go. */
  readonly writerId: number;
}

/** Larger buffers read no faster; a commit that does not fit is read apart. */
const BUFFER_BYTES = 2 ** 20;

/**
 * The durable commits of an open log in order, each once; the values share no memory with the log. What is still to be
 * read stays in the log until the iteration ends, also by `return` or `break`, or its thread does.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT; while it runs ERR_WAL_OVERTAKEN (`from` is not in the log any more),
 *   ERR_WAL_ABORTED, ERR_WAL_EXHAUSTED (readers), ERR_WAL_CORRUPT, ERR_WAL_IO, ERR_WAL_CLOSED, and what the log
 *   failed with
 */
export function durableCommits(
  source: LogSource,
  options: CommitsOptions = {},
): AsyncIterableIterator<DurableCommit, undefined> {
  checkOptions(options);
  const stop = new AbortController();
  const commits = iterate(source, options, stop.signal);
  return {
    next: () => commits.next() as Promise<IteratorResult<DurableCommit, undefined>>,
    // A generator would finish its wait for the next commit first.
    return: async () => {
      stop.abort();
      await commits.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function checkOptions({ from, limit, follow, signal }: CommitsOptions): void {
  if (from !== undefined && !(Number.isSafeInteger(from) && from >= 1))
    throw invalidArgument('from must be a commit sequence, from 1.', { from: String(from) });
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0))
    throw invalidArgument('limit must be a whole number from 0.', { limit: String(limit) });
  if (follow !== undefined && typeof follow !== 'boolean') throw invalidArgument('follow must be true or false.');
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidArgument('signal must be an AbortSignal.');
}

async function* iterate(
  { directory, control, writerId }: LogSource,
  { from, limit = Number.POSITIVE_INFINITY, follow = false, signal }: CommitsOptions,
  stop: AbortSignal,
): AsyncGenerator<DurableCommit, void, void> {
  refuseEnded(control);
  const endSeq = follow ? Number.POSITIVE_INFINITY : control.durableSeq.load();
  if (limit === 0 || (from ?? 1) > endSeq) return;
  const pin = takePin(control, from, writerId);
  const follower = new LogFollower(directory, { fromSeq: from });
  const reader = new CommitReader(BUFFER_BYTES);
  let left = limit;
  try {
    while (!stop.aborted) {
      refuseAborted(signal);
      // I7: the turn before the mark. The state before it, too: an ended log is read through its last epoch.
      const turn = control.durableTurn.load();
      const hasEnded = control.hasEnded();
      const segment = follower.next(control.durableEpoch.load());
      if (segment === undefined) {
        if (follower.nextSeq > endSeq) return;
        if (hasEnded) return refuseFailed(control);
        await moved(control, turn, signal === undefined ? stop : AbortSignal.any([stop, signal]));
        continue;
      }
      const check = (): void => {
        if (!follower.isIntact()) throw overtaken(segment.header.firstSeq, undefined);
      };
      for (const batch of copiedCommits(reader, segment, from ?? 1, left, check)) {
        for (const commit of batch) {
          if (commit.seq > endSeq) return;
          refuseAborted(signal);
          yield commit;
          left -= 1;
          if (left === 0) return;
        }
      }
      control.pins.move(pin, segment.header.endSeq - 1);
    }
  } finally {
    follower.close();
    control.pins.release(pin);
  }
}

/** Keeps the log from a commit on; what lies before a commit that is to come is walked over, and kept as well. */
function takePin({ pins, durableSeq }: Control, from: number | undefined, writerId: number): Pin {
  if (from !== undefined) return pins.take('reader', Math.min(from - 1, durableSeq.load()), writerId);
  return pinOldest(pins, writerId);
}

/** A log that has ended has no flusher that would respect a pin. */
export function refuseEnded(control: Control): void {
  if (control.state === STATE.failed) throw control.failure();
  if (control.state === STATE.closed) throw new WalError('ERR_WAL_CLOSED', 'The log is closed.');
}

function refuseFailed(control: Control): void {
  if (control.state === STATE.failed) throw control.failure();
}

/** Throws when the signal of an iteration has fired. @throws {WalError} ERR_WAL_ABORTED */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new WalError('ERR_WAL_ABORTED', 'The iteration over commits was aborted.', {}, signal.reason);
}

/** Resolves when the durable mark or the state moved, or when the signal fires; keeps the process alive meanwhile. */
async function moved(control: Control, turn: number, signal: AbortSignal): Promise<void> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    onAbort = resolve;
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) resolve();
  });
  try {
    await new EventLoopHold().during(Promise.race([control.durableTurn.waitAsync(turn), aborted]));
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
