// What every commit of a torture contains, computed from its place in the run alone: the process that writes it and
// the one that finds it in the log agree without having spoken to each other.

import { mixed, seeded } from '../../base/random.js';
import type { CommitInput, Operation, PageWrite, SpaceSize } from '../../record/commit.js';

/** What the commits of one run have in common. */
export interface RunContent {
  readonly seed: number;
  /** From 1; no two runs on one log have the same. */
  readonly run: number;
  readonly pageBytes: number;
  readonly writers: number;
  /** Writer w writes space w modulo this. */
  readonly spaces: number;
  /** Pages of the commits that are too large for a lane; 0 for none of them. */
  readonly jumboPages: number;
}

/** Pages that a space has at most. */
export const SPACE_PAGES = 64;

/** A transaction's id is made of run, writer and number, in this order. */
const NUMBER_LIMIT = 2 ** 24;
const WRITER_LIMIT = 2 ** 6;

/** One writer shrinks its space at the middle of so many commits, and grows it again at their end. */
const SIZE_PERIOD = 16;
const PAGES_LEFT_MIN = 8;

/** Commits of a writer between two jumbos, about. */
const JUMBO_ODDS = 40;

/** Unit of a stamp: a sector is the least that a disk tears. */
const STAMP_BYTES = 512;

/** Pages are cut out of this, each at a place of its own. */
const NOISE = makeNoise(64 * 1024);

/** Transaction id of commit `number` (from 1) of `writer` (from 0). */
export function txnIdOf(run: number, writer: number, number: number): number {
  return (run * WRITER_LIMIT + writer) * NUMBER_LIMIT + number;
}

/** Inverse of {@link txnIdOf}. */
export function splitTxnId(txnId: number): { run: number; writer: number; number: number } {
  const both = Math.floor(txnId / NUMBER_LIMIT);
  return { run: Math.floor(both / WRITER_LIMIT), writer: both % WRITER_LIMIT, number: txnId % NUMBER_LIMIT };
}

/** The commit that a writer appends as its `number`-th. */
export function commitOf(content: RunContent, writer: number, number: number): CommitInput {
  const { seed, run, pageBytes, jumboPages, spaces } = content;
  const random = seeded(mixed(seed, run, writer, number));
  const space = writer % spaces;
  const txnId = txnIdOf(run, writer, number);
  const pagesInForce = sizeAt(content, writer, number);
  const isJumbo = jumboPages > 0 && random() * JUMBO_ODDS < 1;
  const wanted = isJumbo ? jumboPages : 1 + Math.floor(random() ** 3 * 6);
  const first = Math.floor(random() * pagesInForce);
  const pages = Array.from({ length: Math.min(wanted, pagesInForce) }, (_, index): PageWrite => {
    const pageNumber = 1 + ((first + index) % pagesInForce);
    return { space, pageNumber, image: imageOf(pageBytes, txnId, pageNumber) };
  });
  const operations: Operation[] = [];
  if (random() < 0.1) operations.push({ space, code: number, bytes: noise(txnId, Math.floor(random() * 100)) });
  const [page] = pages;
  if (random() < 0.05 && page !== undefined) pages[0] = { ...page, before: imageOf(pageBytes, txnId, 0) };
  const sizes: SpaceSize[] = setsSize(content, writer, number) ? [{ space, pages: pagesInForce }] : [];
  return { txnId, txnEpoch: seed, beginSeq: number, pages, operations, sizes };
}

/** Whether a commit sets the size of its space. Where several writers share one, nobody could say in which order. */
function setsSize({ writers, spaces }: RunContent, writer: number, number: number): boolean {
  if (number === 1) return true;
  const isAlone = writer + spaces >= writers && writer < spaces;
  return isAlone && number % (SIZE_PERIOD / 2) === 0;
}

/** The size of a writer's space, in pages, once its commit `number` is applied. */
function sizeAt(content: RunContent, writer: number, number: number): number {
  const last = number - (number % (SIZE_PERIOD / 2));
  if (last % SIZE_PERIOD === 0 || !setsSize(content, writer, last)) return SPACE_PAGES;
  return PAGES_LEFT_MIN + (mixed(content.seed, content.run, writer, last, 1) % (SPACE_PAGES - PAGES_LEFT_MIN));
}

/** An image: noise, and in each sector who wrote it and where it belongs. */
function imageOf(pageBytes: number, txnId: number, pageNumber: number): Uint8Array {
  const image = new Uint8Array(pageBytes);
  const at = mixed(txnId, Math.floor(txnId / 2 ** 32), pageNumber) % (NOISE.length - pageBytes);
  image.set(NOISE.subarray(at, at + pageBytes));
  const view = new DataView(image.buffer);
  for (let offset = 0; offset < pageBytes; offset += STAMP_BYTES) {
    view.setFloat64(offset, txnId);
    view.setUint32(offset + 8, pageNumber);
    view.setUint32(offset + 12, offset);
  }
  return image;
}

function noise(txnId: number, bytes: number): Uint8Array {
  const at = mixed(txnId, bytes) % (NOISE.length - bytes);
  return NOISE.slice(at, at + bytes);
}

function makeNoise(bytes: number): Uint8Array {
  const random = seeded(1);
  return new Uint8Array(Uint32Array.from({ length: bytes / 4 }, () => random() * 2 ** 32).buffer);
}
