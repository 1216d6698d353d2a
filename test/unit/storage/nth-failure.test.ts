// Goal: whichever operation of a log's life fails, once or for good, with whatever error: the error has its documented
// code, no commit that was acknowledged is lost, and the log opens again. Method: the same short life on the simulated
// disk, failing the n-th operation of a kind, for n from 1 until a life is not touched any more.

import { expect, test } from 'vitest';
import { WalError } from '../../../src/base/errors.js';
import { type OperationKind, openWalOn, SimulatedDirectory } from '../../../src/testing.js';
import type { Wal } from '../../../src/wal.js';
import { linesOf } from '../../support/simulated-disk.js';

const OPTIONS = { pageSize: 512, lanes: 1, laneBytes: 32_768, logFileBytes: 65_536, ticker: false } as const;

const ERRNOS: Partial<Record<OperationKind, readonly string[]>> = {
  createDirectory: ['EACCES', 'ENOSPC'],
  list: ['EIO'],
  create: ['EMFILE', 'ENOSPC'],
  open: ['EMFILE'],
  read: ['EIO'],
  write: ['EIO', 'ENOSPC', 'EDQUOT'],
  sync: ['EIO', 'ENOSPC'],
  size: ['EIO'],
  close: ['EIO'],
  rename: ['EIO', 'ENOSPC'],
  remove: ['EIO'],
  syncDirectory: ['EIO', 'ENOSPC'],
};

/** What each call may be refused with (design/errors.md). */
const CODES = new Set([
  'ERR_WAL_IO',
  'ERR_WAL_STORAGE_FULL',
  'ERR_WAL_POISONED',
  'ERR_WAL_OUTCOME_UNKNOWN',
  'ERR_WAL_CLOSED',
]);

interface Life {
  acknowledged: number;
  appended: number;
  readonly errors: unknown[];
}

/** Opens, commits until the log rotates, lets go of a file, closes; what fails is noted and the life goes on. */
async function live(disk: SimulatedDirectory, before = 0): Promise<Life> {
  const life: Life = { acknowledged: before, appended: before, errors: [] };
  const note = (error: unknown): void => void life.errors.push(error);
  let wal: Wal;
  try {
    wal = await openWalOn(disk, OPTIONS);
  } catch (error) {
    note(error);
    return life;
  }
  wal.on('failed', () => undefined);
  // Space comes back once the log has said that there is none.
  wal.on('stalled', () => disk.heal());
  const writer = wal.connect();
  for (let number = 1; number <= 5; number += 1) {
    const operations = [{ code: 1, bytes: new Uint8Array(20_000).fill(number) }];
    try {
      const commit = writer.append({ operations });
      life.appended = commit.seq;
      await commit.durable();
      life.acknowledged = commit.seq;
      if (number === 4) await wal.checkpoint({ throughSeq: commit.seq - 2 });
    } catch (error) {
      note(error);
    }
  }
  await wal.close().catch(note);
  return life;
}

async function check(disk: SimulatedDirectory, { acknowledged, appended, errors }: Life, label: string): Promise<void> {
  for (const error of errors) {
    expect(error, label).toBeInstanceOf(WalError);
    expect(CODES, `${label}: ${String(error)}`).toContain((error as WalError).code);
  }
  disk.heal();
  const point = disk.crashPoint();
  const evicted = point.killed();
  evicted.evict();
  const left = {
    'process died': point.killed(),
    'and the cache was dropped': evicted,
    'power cut': point.lost().disk(),
  };
  for (const [how, after] of Object.entries(left)) {
    const seqs = (await linesOf(after)).map((line) => Number.parseInt(line, 10));
    const first = seqs[0] ?? 1;
    expect(first - 1, `${label}, ${how}`).toBeLessThanOrEqual(acknowledged);
    expect(seqs, `${label}, ${how}`).toEqual(seqs.map((_, index) => first + index));
    expect(seqs.at(-1) ?? 0, `${label}, ${how}`).toBeGreaterThanOrEqual(acknowledged);
    expect(seqs.at(-1) ?? 0, `${label}, ${how}`).toBeLessThanOrEqual(appended);
    const wal = await openWalOn(after, OPTIONS);
    const commit = wal.connect().append({ operations: [{ code: 2, bytes: new Uint8Array(1) }] });
    await commit.durable();
    expect(commit.seq, `${label}, ${how}`).toBe((seqs.at(-1) ?? 0) + 1);
    await wal.close();
  }
}

/** A log that was lived in and not closed: only its opening reads and removes. */
async function usedLog(): Promise<() => SimulatedDirectory> {
  const disk = new SimulatedDirectory();
  const wal = await openWalOn(disk, OPTIONS);
  const operations = [{ code: 1, bytes: new Uint8Array(20_000).fill(9) }];
  for (let number = 1; number <= USED_COMMITS; number += 1) await wal.connect().append({ operations }).durable();
  // A file that was being made is removed.
  disk.open('0000000000000009.wal.new', 'create').close();
  const point = disk.crashPoint();
  await wal.close();
  return () => point.killed();
}

const USED_COMMITS = 2;

test.each(Object.keys(ERRNOS) as OperationKind[])(
  'F11, F42: whichever %s fails, the code is documented, nothing acknowledged is lost, and the log opens again',
  async (on) => {
    const used = await usedLog();
    let lives = 0;
    for (const errno of ERRNOS[on] ?? []) {
      for (const times of [1, Number.POSITIVE_INFINITY]) {
        for (let from = 1; ; from += 1) {
          const disk = used();
          disk.fail({ on, errno, from, times });
          const life = await live(disk, USED_COMMITS);
          lives += 1;
          await check(disk, life, `${on} ${from} ${errno} x${times}`);
          if (disk.faultsMet === 0) {
            expect(life).toMatchObject({ acknowledged: 5 + USED_COMMITS, errors: [] });
            break;
          }
        }
      }
    }
    console.log(`failures of ${on}: ${lives} lives`);
    expect(lives).toBeGreaterThan(2);
  },
);
