// The one assertion. Never compiled out: a broken law in production stops the log instead of spreading.
// Damaged input bytes are data and never reach an assertion (design/errors.md).

import { WalError } from './errors.js';

/**
 * Stops on a broken invariant.
 *
 * @param holds - the condition that must be true
 * @param law - a literal sentence that states the law, never built on a hot path
 * @throws {WalError} ERR_WAL_INVARIANT
 */
export function assert(holds: boolean, law: string): asserts holds {
  if (!holds) throw new WalError('ERR_WAL_INVARIANT', `Broken invariant: ${law}.`, { law });
}
