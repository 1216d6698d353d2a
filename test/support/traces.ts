// The recorded SQLite traces under test/traces, with their oracles, and the simplest replay there is: transactions in
// order, onto the base in memory.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readInputFile, readSqliteBase, type SqliteBase } from '../../src/cli/trace/input-file.js';
import { pageImage, readSqliteWal, type SqliteTrace } from '../../src/cli/trace/sqlite-wal.js';
import { PACKAGE_ROOT } from './package-root.js';

/** The public traces; test/traces/README.md says what each is. */
export const TRACE_NAMES = ['bank-4k', 'page-1k', 'page-64k', 'shrink-4k', 'speedtest-4k', 'torn-tail-4k'] as const;
export type TraceName = (typeof TRACE_NAMES)[number];

const TRACES_URL = new URL('test/traces/', PACKAGE_ROOT);

/** More than any trace unpacks to. */
const LIMIT_BYTES = 256 * 1024 * 1024;

/** The part of an oracle.json that tests compare with. */
export interface TraceOracle {
  readonly pageSize: number;
  readonly checksumWords: string;
  readonly framesInFile: number;
  readonly trailingPartialFrameBytes: number;
  readonly framesValid: number;
  readonly firstInvalidFrameReason: string | null;
  readonly framesCommitted: number;
  readonly framesAfterLastCommit: number;
  readonly validFramesAfterLastCommit: number;
  readonly committedTransactions: number;
  readonly framesRepeatingAPageWithinTheirTransaction: number;
  readonly framesBeyondTheirCommitSize: number;
  readonly dbSizePages: {
    readonly base: number;
    readonly final: number;
    readonly commitsThatShrink: number;
    readonly commitsThatGrow: number;
  };
  readonly replaySha256: string;
  readonly prefixes: readonly {
    readonly transactions: number;
    readonly walBytes: number;
    readonly dbSizePages: number;
    readonly replaySha256: string;
  }[];
}

/** The path of one file of a trace. */
export function tracePath(name: TraceName, file: 'base.db.gz' | 'trace.db-wal.gz' | 'oracle.json'): string {
  return fileURLToPath(new URL(`${name}/${file}`, TRACES_URL));
}

/** Reads a trace with its base and what has to come out. */
export async function readTrace(
  name: TraceName,
): Promise<{ trace: SqliteTrace; base: SqliteBase; oracle: TraceOracle }> {
  const trace = readSqliteWal(await readInputFile(tracePath(name, 'trace.db-wal.gz'), LIMIT_BYTES));
  const base = readSqliteBase(await readInputFile(tracePath(name, 'base.db.gz'), LIMIT_BYTES), trace.pageBytes);
  const oracle = JSON.parse(readFileSync(tracePath(name, 'oracle.json'), 'utf8')) as TraceOracle;
  return { trace, base, oracle };
}

/** A database in memory, changed by one transaction after the other. */
export class SerialReplay {
  readonly #trace: SqliteTrace;
  readonly #memory: Uint8Array;
  readonly #pageBytes: number;
  #pages: number;
  #transaction = 0;

  constructor(trace: SqliteTrace, base: SqliteBase) {
    this.#trace = trace;
    this.#pageBytes = base.pageBytes;
    this.#pages = base.pages;
    const pagesMax = trace.commitSizePages.reduce((most, pages) => Math.max(most, pages), base.pages);
    this.#memory = new Uint8Array(pagesMax * base.pageBytes);
    this.#memory.set(base.bytes);
  }

  /** Goes on until `transactions` of the trace are applied. */
  applyThrough(transactions: number): void {
    while (this.#transaction < transactions) this.apply(this.#transaction++);
  }

  /** Applies one transaction, whichever it is: its pages, then its size. */
  apply(transaction: number): void {
    const { entryStarts, pageNumbers, commitSizePages } = this.#trace;
    const end = entryStarts[transaction + 1] ?? 0;
    for (let entry = entryStarts[transaction] ?? 0; entry < end; entry++) {
      this.#memory.set(pageImage(this.#trace, entry), ((pageNumbers[entry] ?? 0) - 1) * this.#pageBytes);
    }
    this.#pages = commitSizePages[transaction] ?? 0;
    // What is cut off comes back as zeros when the database grows again.
    this.#memory.fill(0, this.#pages * this.#pageBytes);
  }

  get pages(): number {
    return this.#pages;
  }

  /** The database as it is now; valid until the next transaction. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#pages * this.#pageBytes);
  }

  sha256(): string {
    return createHash('sha256').update(this.bytes).digest('hex');
  }
}
