// What a caller hands in, and the complete check of it. Everything is refused here, before anything is touched: after
// checkCommit an append can only fail for want of space, time, or a running log.

import { invalidArgument, WalError } from '../base/errors.js';
import { alignUp, PAGE_BYTES_MAX, RECORD_ALIGNMENT, RECORD_HEADER } from './layout.js';

/** One page image. */
export interface PageWrite {
  /** From 1, as in SQLite; at most 2^53 - 1 divided by the page size. */
  readonly pageNumber: number;
  /** The whole page after the commit; exactly the log's page size. */
  readonly image: Uint8Array;
  /** The whole page before the commit, stored and handed back, not interpreted; the log's page size. */
  readonly before?: Uint8Array | undefined;
  /** Which page file, from 0; default 0. */
  readonly space?: number | undefined;
}

/** One logical operation: opaque bytes with a code, replayed in order with the pages. */
export interface Operation {
  /** The caller's operation code, from 1 to 2^53 - 1. */
  readonly code: number;
  /** Payload, at most 100 MiB; may be empty. */
  readonly bytes: Uint8Array;
  readonly space?: number | undefined;
}

/** New size of one space. */
export interface SpaceSize {
  readonly space: number;
  /** Size in pages after the commit; 0 empties the space. */
  readonly pages: number;
}

/** One transaction: takes effect whole or not at all. */
export interface CommitInput {
  /** The caller's transaction id, 0 to 2^64 - 1; 0 (the default) means none. Stored, not interpreted. */
  readonly txnId?: number | bigint | undefined;
  /** Second half of the caller's transaction token. Stored, not interpreted. */
  readonly txnEpoch?: number | bigint | undefined;
  /** The commit sequence the transaction's snapshot was taken at; 0 (the default) means none. Stored only. */
  readonly beginSeq?: number | undefined;
  readonly pages?: readonly PageWrite[] | undefined;
  readonly operations?: readonly Operation[] | undefined;
  /** New size of space 0 in pages; left out, the size is unchanged. */
  readonly dbSizePages?: number | undefined;
  /** New sizes of several spaces. */
  readonly sizes?: readonly SpaceSize[] | undefined;
}

/** Largest payload of one logical operation in bytes. */
export const OPERATION_BYTES_MAX = 100 * 2 ** 20;

/** What the check needs to know of the log. */
export interface CommitBounds {
  readonly pageBytes: number;
  readonly spaceCountMax: number;
  /** The size in force of a space in pages, 0 while unknown. */
  sizePages(space: number): number;
}

/** A commit that passed the check, with what its encoding needs. */
export interface CheckedCommit {
  readonly txnId: number | bigint;
  readonly txnEpoch: number | bigint;
  readonly beginSeq: number;
  readonly pages: readonly PageWrite[];
  readonly operations: readonly Operation[];
  readonly sizes: readonly SpaceSize[];
  readonly recordCount: number;
  /** Bytes of all records, each part padded to 8. */
  readonly recordsBytes: number;
}

const NONE: readonly never[] = [];
const U64_MAX = 2n ** 64n - 1n;
/** Two tokens of eight bytes each; numbers above 2^53 - 1 must be bigint, or they would have been rounded. */
const isToken = (value: unknown): boolean =>
  typeof value === 'bigint' ? value >= 0n && value <= U64_MAX : isWhole(value, 0, Number.MAX_SAFE_INTEGER);

function isWhole(value: unknown, first: number, last: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= first && (value as number) <= last;
}

/**
 * Checks every argument of a commit.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT naming the argument; ERR_WAL_RECORD_TOO_LARGE
 */
export function checkCommit(input: CommitInput, bounds: CommitBounds): CheckedCommit {
  if (typeof input !== 'object' || input === null) throw invalidArgument('A commit must be an object.');
  const { txnId = 0, txnEpoch = 0, beginSeq = 0 } = input;
  if (!isToken(txnId)) throw invalidArgument('txnId must be a whole number from 0 to 2^64 - 1.', { txnId });
  if (!isToken(txnEpoch)) throw invalidArgument('txnEpoch must be a whole number from 0 to 2^64 - 1.', { txnEpoch });
  if (!isWhole(beginSeq, 0, Number.MAX_SAFE_INTEGER)) throw invalidArgument('beginSeq must be a commit sequence or 0.');
  const sizes = checkSizes(input, bounds);
  const pages = listOf(input.pages, 'pages');
  const operations = listOf(input.operations, 'operations');
  let recordsBytes = sizes.length * RECORD_HEADER.bytes;
  for (const page of pages) {
    checkPage(page, sizes, bounds);
    const imageBytes = alignUp(bounds.pageBytes, RECORD_ALIGNMENT);
    recordsBytes += RECORD_HEADER.bytes + (page.before === undefined ? imageBytes : 2 * imageBytes);
  }
  for (const operation of operations) {
    checkOperation(operation, bounds);
    recordsBytes += RECORD_HEADER.bytes + alignUp(operation.bytes.length, RECORD_ALIGNMENT);
  }
  const recordCount = sizes.length + pages.length + operations.length;
  if (recordCount === 0) throw invalidArgument('A commit must hold a page, an operation or a size.');
  return { txnId, txnEpoch, beginSeq, pages, operations, sizes, recordCount, recordsBytes };
}

function listOf<T>(list: readonly T[] | undefined, name: string): readonly T[] {
  if (list === undefined) return NONE;
  if (!Array.isArray(list)) throw invalidArgument(`${name} must be an array.`);
  // A loop, because array methods pass over holes.
  for (const each of list)
    if (typeof each !== 'object' || each === null) throw invalidArgument(`${name} must hold objects.`);
  return list;
}

function checkSizes({ dbSizePages, sizes }: CommitInput, bounds: CommitBounds): readonly SpaceSize[] {
  if (dbSizePages === undefined && sizes === undefined) return NONE;
  const all = dbSizePages === undefined ? [] : [{ space: 0, pages: dbSizePages }];
  all.push(...listOf(sizes, 'sizes'));
  const seen = new Set<number>();
  for (const { space, pages } of all) {
    checkSpace(space, bounds);
    if (seen.has(space)) throw invalidArgument(`The size of space ${space} is given twice.`, { space });
    seen.add(space);
    if (!isWhole(pages, 0, pageNumberMax(bounds)))
      throw invalidArgument('A size must be a whole number of pages.', { space, pages });
  }
  return all;
}

function checkSpace(space: number, { spaceCountMax }: CommitBounds): void {
  if (isWhole(space, 0, spaceCountMax - 1)) return;
  throw invalidArgument(`space must be a whole number from 0 to ${spaceCountMax - 1}.`, { space });
}

function checkPage(page: PageWrite, sizes: readonly SpaceSize[], bounds: CommitBounds): void {
  const { pageNumber, image, before, space = 0 } = page;
  checkSpace(space, bounds);
  if (!isWhole(pageNumber, 1, pageNumberMax(bounds))) {
    throw invalidArgument('pageNumber must be a whole number from 1.', { pageNumber, space });
  }
  checkImage(image, 'image', pageNumber, bounds.pageBytes);
  if (before !== undefined) checkImage(before, 'before', pageNumber, bounds.pageBytes);
  const set = sizeOf(space, sizes);
  const inForce = set === undefined ? bounds.sizePages(space) : set.pages;
  // An unknown size (0 and not set by this commit) bounds nothing.
  if ((set !== undefined || inForce > 0) && pageNumber > inForce) {
    throw invalidArgument(
      `Page ${pageNumber} lies beyond the ${inForce} pages of space ${space}; set the size in the same commit.`,
      { pageNumber, space, sizePages: inForce },
    );
  }
}

/** A loop, because a function to find it with would be made for each page. */
function sizeOf(space: number, sizes: readonly SpaceSize[]): SpaceSize | undefined {
  for (const size of sizes) if (size.space === space) return size;
  return undefined;
}

function checkImage(image: Uint8Array, name: string, pageNumber: number, pageBytes: number): void {
  if (!(image instanceof Uint8Array)) throw invalidArgument(`${name} of page ${pageNumber} must be a Uint8Array.`);
  if (image.length === pageBytes) return;
  throw invalidArgument(`${name} of page ${pageNumber} has ${image.length} bytes; the page size is ${pageBytes}.`, {
    pageNumber,
    bytes: image.length,
    pageBytes,
  });
}

function checkOperation(operation: Operation, bounds: CommitBounds): void {
  const { code, bytes, space = 0 } = operation;
  checkSpace(space, bounds);
  if (!isWhole(code, 1, Number.MAX_SAFE_INTEGER))
    throw invalidArgument('An operation code is a whole number from 1.', { code });
  if (!(bytes instanceof Uint8Array))
    throw invalidArgument('The bytes of an operation must be a Uint8Array.', { code });
  if (bytes.length > OPERATION_BYTES_MAX) {
    throw new WalError('ERR_WAL_RECORD_TOO_LARGE', `An operation holds at most ${OPERATION_BYTES_MAX} bytes.`, {
      bytes: bytes.length,
    });
  }
}

/** Offsets into page files stay exact: page number times page size is below 2^53. */
function pageNumberMax({ pageBytes }: CommitBounds): number {
  return Math.floor(Number.MAX_SAFE_INTEGER / Math.min(pageBytes, PAGE_BYTES_MAX));
}
