// Everything that reads a log, run over a hostile one: each ends, with an error of the documented kind or with a result
// that the others agree with, in a bounded number of steps and a bounded amount of memory.

import { WalError } from '../../src/base/errors.js';
import { openLog } from '../../src/recovery/opening.js';
import { recoverDirectory, verifyDirectory } from '../../src/recovery/recover.js';
import type { ReplayCommit } from '../../src/recovery/replay.js';
import type { OnDamage } from '../../src/recovery/report.js';
import { scanLog } from '../../src/recovery/scan.js';
import { listSegments } from '../../src/recovery/segment-file.js';
import type { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { type Allocations, BoundedDirectory } from './bounded-directory.js';
import { fork } from './byte-corpus.js';
import { LogBuilder } from './log-builder.js';

/** Damage, a log of another version, a page size that no log has, counters that are used up. Nothing else. */
const CODES = new Set([
  'ERR_WAL_CORRUPT',
  'ERR_WAL_GAP',
  'ERR_WAL_VERSION',
  'ERR_WAL_INVALID_ARGUMENT',
  'ERR_WAL_EXHAUSTED',
]);

/** The corpus has 160 KiB; a step of any reader is a segment, a frame or a record of it. */
const READS_MAX = 20_000;
/** The least that may be set. */
const MEMORY_BYTES = 2 ** 20;
/** The largest buffers of fixed size are those that fill and copy files. */
const PIECE_BYTES_MAX = 4 * 2 ** 20;
const TOTAL_BYTES_MAX = 64 * 2 ** 20;
const FILE_BYTES = 32 * 1024;

/** How often what came out. */
export type Outcomes = Record<string, number>;

/** Runs all readers over hostile logs and counts what they say. */
export class HostileCheck {
  readonly outcomes: Outcomes = {};
  /** The largest piece of memory that any of them took, and the most that one took in all. */
  largest = 0;
  total = 0;
  reads = 0;
  readonly #allocations: Allocations | undefined;

  constructor(allocations?: Allocations) {
    this.#allocations = allocations;
  }

  /** @throws {Error} with the reader's name when one of them breaks a rule */
  async run(hostile: MemoryDirectory): Promise<void> {
    const lines = await this.#reader('scan and inspect', hostile, inspect);
    for (const onDamage of ['fail', 'stop', 'salvage'] as const) {
      const commit = (one: ReplayCommit): void => void [...one.records()];
      const options = { onDamage, recoveryMemoryBytes: MEMORY_BYTES, afterSeq: 0 };
      await this.#reader(`recover, ${onDamage}`, hostile, (directory) =>
        recoverDirectory(directory, { ...options, into: commit }),
      );
      await this.#reader(`open, ${onDamage}`, hostile, (directory) => goOn(directory, onDamage));
    }
    await this.#reader('recover into a map', hostile, (directory) =>
      recoverDirectory(directory, { into: new Map(), recoveryMemoryBytes: MEMORY_BYTES }),
    );
    await this.#reader('verify', hostile, (directory) =>
      verifyDirectory(directory, { recoveryMemoryBytes: MEMORY_BYTES }),
    );
    if (lines !== undefined) this.#count(`segments: ${lines > 9 ? 'many' : lines > 0 ? 'some' : 'none'}`);
  }

  async #reader<T>(name: string, hostile: MemoryDirectory, read: (directory: BoundedDirectory) => Promise<T>) {
    const directory = new BoundedDirectory(fork(hostile), READS_MAX);
    if (this.#allocations !== undefined) Object.assign(this.#allocations, { largest: 0, total: 0 });
    let result: T | undefined;
    try {
      result = await read(directory);
      this.#count(`${name}: done`);
    } catch (thrown) {
      const code = thrown instanceof WalError ? thrown.code : '';
      if (!CODES.has(code)) throw new Error(`${name}: ${(thrown as Error).stack}`, { cause: thrown });
      this.#count(`${name}: ${code}`);
    }
    this.reads = Math.max(this.reads, directory.reads);
    this.#weigh(name);
    return result;
  }

  #weigh(name: string): void {
    if (this.#allocations === undefined) return;
    const { largest, total } = this.#allocations;
    this.largest = Math.max(this.largest, largest);
    this.total = Math.max(this.total, total);
    if (largest > PIECE_BYTES_MAX || total > TOTAL_BYTES_MAX) {
      throw new Error(`${name}: took a piece of ${largest} bytes, and ${total} in all`);
    }
  }

  #count(what: string): void {
    this.outcomes[what] = (this.outcomes[what] ?? 0) + 1;
  }
}

/** Reads every segment, certificate, commit and record of the proven chain. */
async function inspect(directory: BoundedDirectory): Promise<number> {
  const scan = await scanLog(directory, { recoveryMemoryBytes: MEMORY_BYTES });
  let segments = 0;
  for (const segment of listSegments(directory, scan)) {
    for (const commit of segment.commits()) for (const _ of commit.records());
    segments += 1;
  }
  return segments;
}

/** Opens the log, writes a commit, and opens it again: whatever the log was, now it is one, and the commit is in it. */
async function goOn(directory: BoundedDirectory, onDamage: OnDamage): Promise<void> {
  const settings = { logFileBytes: FILE_BYTES, sync: true, onDamage, recoveryMemoryBytes: MEMORY_BYTES };
  const opened = await openLog(directory, settings);
  const builder = LogBuilder.resume(directory, opened, { fileBytes: opened.fileBytes });
  const seq = builder.position.nextSeq;
  builder
    .epoch({ operations: [{ code: 1, bytes: new Uint8Array(1) }] })
    .sync()
    .mark();
  const scan = await scanLog(directory, settings);
  const isThere = scan.position.nextSeq === seq + 1 && scan.log.incarnation === opened.incarnation;
  if (scan.verdict !== 'clean' || !isThere) {
    const { verdict, damage, position } = scan;
    throw new Error(`what was written is not found: ${JSON.stringify({ seq, verdict, damage, position })}`);
  }
}
