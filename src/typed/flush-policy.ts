// When entries are flushed, in the words of a log of entries, mapped onto the settings of the log below. The policy
// says when bytes are written and synced, never which bytes.

import { invalidArgument } from '../base/errors.js';
import type { SettingOptions } from '../settings.js';

/**
 * When entries are written and synced without being waited for. Whoever waits (`durable()`, `flush()`) is served at
 * once under each of them, and a lane that is half full is written whatever the policy.
 *
 * - `append`: every append asks for it; nobody waits.
 * - `{ every: n }`: every n entries of one thread ask for it.
 * - `{ intervalMs }`: written and synced together, once in so many ms.
 * - `manual`: when `flush()` is called.
 */
export type FlushPolicy = 'append' | { readonly every: number } | { readonly intervalMs: number } | 'manual';

/** A policy as the log below has it. */
export interface FlushMapping {
  readonly settings: Pick<SettingOptions, 'fsync' | 'ticker' | 'epochIntervalMs'>;
  /** How many entries of a thread ask for a seal; Infinity for none. */
  readonly every: number;
}

/**
 * Maps a policy: `append`, `every` and `manual` to a log without a ticker, the first two with demands for a seal;
 * `intervalMs` to the tick under `fsync: 'normal'`.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT for no policy, and for settings that it decides itself
 */
export function flushMapping(flush: FlushPolicy | undefined, options: SettingOptions): FlushMapping {
  if (flush === undefined) return { settings: {}, every: Number.POSITIVE_INFINITY };
  for (const name of ['ticker', 'epochIntervalMs'] as const) {
    if (options[name] === undefined) continue;
    throw invalidArgument(`${name} is decided by flush: give one of the two.`, { [name]: options[name] });
  }
  if (flush === 'append') return { settings: { ticker: false }, every: 1 };
  if (flush === 'manual') return { settings: { ticker: false }, every: Number.POSITIVE_INFINITY };
  if (typeof flush === 'object' && flush !== null) {
    if ('every' in flush && isCount(flush.every)) return { settings: { ticker: false }, every: flush.every };
    if ('intervalMs' in flush && isCount(flush.intervalMs)) {
      const { fsync = 'normal' } = options;
      return { settings: { fsync, epochIntervalMs: flush.intervalMs }, every: Number.POSITIVE_INFINITY };
    }
  }
  throw invalidArgument("flush must be 'append', 'manual', { every } or { intervalMs }, with whole numbers from 1.");
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}
