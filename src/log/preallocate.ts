// Making spare files: zeros written ahead of the log, on a thread of their own, so that the flusher only ever
// overwrites.

import type { Directory } from '../storage/directory.js';
import { UNFINISHED_SUFFIX } from './names.js';

/** Written at once. Large enough for disk speed, small enough that closing need not wait long. */
const PIECE_BYTES = 4 * 2 ** 20;

/** One spare to make. */
export interface SpareOrder {
  readonly name: string;
  readonly bytes: number;
  /** Whether the zeros and the name are made durable; not under policy `off`. */
  readonly sync: boolean;
}

/**
 * Writes a file of zeros and gives it its name once it is whole.
 *
 * @param isCancelled - asked between pieces; the unfinished file is removed then
 * @returns whether the spare was made
 * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO; the unfinished file is removed
 */
export function makeSpare(directory: Directory, order: SpareOrder, isCancelled: () => boolean): boolean {
  const unfinished = `${order.name}${UNFINISHED_SUFFIX}`;
  const zeros = new Uint8Array(Math.min(PIECE_BYTES, order.bytes));
  const file = directory.open(unfinished, 'create');
  let isWhole = false;
  try {
    for (let at = 0; at < order.bytes; at += PIECE_BYTES) {
      if (isCancelled()) return false;
      file.write([zeros.subarray(0, order.bytes - at)], at);
    }
    if (order.sync) file.sync();
    directory.rename(unfinished, order.name);
    if (order.sync) directory.sync();
    isWhole = true;
    return true;
  } finally {
    file.close();
    if (!isWhole) directory.remove(unfinished);
  }
}
