// `lanewal tail`: the commits of a log, also beside the process that writes it. That process alone knows what is
// durable; from outside, durable is what the log itself records as synced.

import type { Command } from 'commander';
import { WalError } from '../../base/errors.js';
import { copiedCommits, type DurableCommit } from '../../follow/commit-copy.js';
import { type FollowedSegment, LogFollower, overtaken } from '../../follow/log-follower.js';
import type { DecodedRecord } from '../../record/codec.js';
import { CommitReader } from '../../segment/commit-reader.js';
import { FileWindow } from '../../segment/file-window.js';
import { verifySegment } from '../../segment/reader.js';
import { DirectoryWatch } from '../directory-watch.js';
import { EXIT } from '../exit-status.js';
import { logDirectoryOf, scanSteadily } from '../log-reading.js';
import { filePath, wholeNumber } from '../option-values.js';
import { printPiece } from '../output.js';

interface TailOptions {
  readonly from?: number;
  readonly limit?: number;
  readonly follow?: boolean;
}

const BUFFER_BYTES = 2 ** 20;

/** Adds the command. `finish` gets the exit status. */
export function addTail(program: Command, finish: (status: number) => void): void {
  program
    .command('tail')
    .summary('print the commits of a log, one JSON line each')
    .description(
      'Prints the commits in the log of DB (the directory DB-wal) that the log records as synced, in order, one JSON ' +
        'document a line. Takes no lock and changes nothing; works right after a crash and beside a running writer. ' +
        'With --follow it goes on with what becomes durable, until it is interrupted. A commit that left the log ' +
        'before it was read is an error that says so. The exit status is 1 when the log is damaged; what stands ' +
        'before the damage is printed. A missing log is an empty one.',
    )
    .argument('<db>', 'the database whose log it is', filePath)
    .option('--from <seq>', 'begin with this commit (default: the oldest in the log)', wholeNumber(1, 2 ** 53 - 1))
    .option('--limit <n>', 'print at most so many commits', wholeNumber(0, 2 ** 53 - 1))
    .option('--follow', 'go on with commits as they become durable')
    .option('--json', 'as every command; the lines are JSON documents anyway')
    .action(async (db: string, options: TailOptions) => finish(await tail(db, options)));
}

async function tail(db: string, options: TailOptions): Promise<number> {
  const directory = logDirectoryOf(db);
  const { syncedThrough, damage } = await scanSteadily(directory);
  const follower = new LogFollower(directory, { fromSeq: options.from });
  const printer = new Printer(follower, options);
  const interrupted = new AbortController();
  const onInterrupt = (): void => interrupted.abort();
  process.once('SIGINT', onInterrupt);
  const watch = new DirectoryWatch(directory.path);
  try {
    for (;;) {
      const isAll = await printer.print(Math.max(syncedThrough, follower.syncedThrough()), interrupted.signal);
      if (isAll || damage.length > 0 || options.follow !== true || interrupted.signal.aborted) break;
      await watch.changed(interrupted.signal);
    }
    return damage.length > 0 ? EXIT.damaged : EXIT.done;
  } finally {
    process.off('SIGINT', onInterrupt);
    watch.close();
    follower.close();
  }
}

/** Prints what a follower hands out. */
class Printer {
  readonly #follower: LogFollower;
  readonly #from: number;
  readonly #reader = new CommitReader(BUFFER_BYTES);
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #left: number;

  constructor(follower: LogFollower, { from = 1, limit = Number.POSITIVE_INFINITY }: TailOptions) {
    this.#follower = follower;
    this.#from = from;
    this.#left = limit;
  }

  /** Prints what there is through an epoch; returns whether the limit is reached. */
  async print(throughEpoch: number, signal: AbortSignal): Promise<boolean> {
    while (this.#left > 0 && !signal.aborted) {
      const segment = this.#follower.next(throughEpoch);
      if (segment === undefined) return false;
      this.#verify(segment);
      for (const batch of copiedCommits(this.#reader, segment, this.#from, this.#left, () => this.#check(segment))) {
        this.#left -= batch.length;
        await printPiece(batch.map((commit) => lineOf(commit)).join(''));
      }
    }
    return this.#left === 0;
  }

  /** Whoever writes the log knows what it wrote; from outside a segment counts when all of it agrees. */
  #verify({ file, header }: FollowedSegment): void {
    const summary = verifySegment(file, new FileWindow(file, this.#buffer), header, this.#follower.pageBytes as number);
    if (!('reason' in summary)) return;
    this.#check({ header });
    const { reason, offset } = summary;
    const message = `${file.name} is damaged in epoch ${header.epoch}: ${reason}. Restore it from an archive or copy.`;
    throw new WalError('ERR_WAL_CORRUPT', message, { file: file.name, epoch: header.epoch, offset, reason });
  }

  #check({ header }: Pick<FollowedSegment, 'header'>): void {
    if (!this.#follower.isIntact()) throw overtaken(header.firstSeq, undefined);
  }
}

function lineOf({ records, ...commit }: DurableCommit): string {
  const { txnId, txnEpoch } = commit;
  const document = { ...commit, txnId: exact(txnId), txnEpoch: exact(txnEpoch), records: records.map(recordOf) };
  return `${JSON.stringify(document)}\n`;
}

/** Tokens above 2^53 as text: JSON has no other way to keep them whole. */
function exact(token: number | bigint): number | string {
  return typeof token === 'bigint' ? token.toString() : token;
}

function recordOf(record: DecodedRecord) {
  if (record.kind === 'size') return record;
  if (record.kind === 'operation') return { ...record, bytes: record.bytes.length };
  const { kind, space, pageNumber, image, before } = record;
  return { kind, space, pageNumber, bytes: image.length, hasBefore: before !== undefined };
}
