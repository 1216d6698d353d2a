// What a database is after some transactions of a trace, worked out in memory and without the log.

import { createHash } from 'node:crypto';
import type { SqliteBase } from '../trace/input-file.js';
import { pageImage, type SqliteTrace } from '../trace/sqlite-wal.js';

/**
 * SHA-256 of the base after the given transactions, counted from 0, in the given order.
 *
 * @param trace - as writeRegrownPages made it
 */
export function appliedSha256(trace: SqliteTrace, base: SqliteBase, transactions: Iterable<number>): string {
  const { entryStarts, pageNumbers, commitSizePages } = trace;
  const { pageBytes } = base;
  const pages = new Map<number, Uint8Array>();
  let size = base.pages;
  for (let page = 1; page <= size; page++)
    pages.set(page, base.bytes.subarray((page - 1) * pageBytes, page * pageBytes));
  for (const transaction of transactions) {
    const end = entryStarts[transaction + 1] ?? 0;
    for (let entry = entryStarts[transaction] ?? 0; entry < end; entry++) {
      pages.set(pageNumbers[entry] ?? 0, pageImage(trace, entry));
    }
    const sizeBefore = size;
    size = commitSizePages[transaction] ?? 0;
    // What is cut off comes back as zeros.
    for (let page = size + 1; page <= sizeBefore; page++) pages.delete(page);
  }
  const hash = createHash('sha256');
  const zeros = new Uint8Array(pageBytes);
  for (let page = 1; page <= size; page++) hash.update(pages.get(page) ?? zeros);
  return hash.digest('hex');
}
