// How far the numbers of a log go. They are 64 bits wide on disk and plain numbers in memory, which are exact below
// 2^53; what lies beyond could be written, and never read again. At a million commits a second that takes 285 years; a
// stray file name or a forged header takes a moment.

import { WalError } from './errors.js';

/**
 * The highest commit sequence at which a commit is still taken, and the highest epoch at which a log is opened.
 *
 * The writers that saw this value at the same time, one for each of 65,535 lanes, take the next ones, 128 each at most.
 */
export const COUNTER_MAX = Number.MAX_SAFE_INTEGER - 2 ** 24;

/** The highest incarnation: 32 bits on disk. */
export const INCARNATION_MAX = 0xffff_ffff;

/** The error of a counter that has no next value. */
export function exhausted(what: string, details: Readonly<Record<string, unknown>>): WalError {
  return new WalError('ERR_WAL_EXHAUSTED', `The log has no ${what} left. Checkpoint, and start a new log.`, details);
}
