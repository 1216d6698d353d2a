// Goal: when a disk fails behind the page cache, so that a sync reports it once and the next one succeeds (F08, F09),
// the log fails at the first and asks no second time, nothing acknowledged is lost, and nothing that is only in the
// cache is believed (F10). Method: real write-back errors of the kernel, switched on while the workload runs under
// strace; then the disk is healthy again, and the log is opened on the same cache before everything is remounted.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { openWal, WalError } from '../../src/index.js';
import { type BrokenDisk, NBD_PROGRAMS, NbdDisk, THIN_PROGRAMS, ThinDisk } from '../support/broken-disk.js';
import { LogTrace, lineAcks } from '../support/log-trace.js';
import { unmountAll, whyNoMounts } from '../support/mounts.js';
import { Program, runWorkload, scratchFolder } from '../support/program.js';
import { readTrace, straceTo, whyNoStrace } from '../support/strace.js';
import { announceSkip, WorkloadCheck } from '../support/workload-check.js';
import { readAcks, type WorkerOutcome, type WorkloadPlan } from '../support/workload-model.js';

const EXT4 = ['mkfs.ext4', '-q', '-F', '-E', 'nodiscard,lazy_itable_init=0,lazy_journal_init=0'];
const BARE_EXT4 = [...EXT4, '-O', '^has_journal'];
const XFS = ['mkfs.xfs', '-q', '-f', '-K'];

interface Kind {
  readonly name: string;
  readonly reason: string | undefined;
  make(folder: string): Promise<BrokenDisk> | BrokenDisk;
}

const noNbd = whyNoStrace() ?? whyNoMounts(...NBD_PROGRAMS);
const noThin = whyNoStrace() ?? whyNoMounts(...THIN_PROGRAMS);
announceSkip('write-back errors of a block device', noNbd);
announceSkip('write-back errors of a thin device', noThin);

const KINDS: readonly Kind[] = [
  { name: 'EIO below ext4', reason: noNbd, make: (folder) => NbdDisk.start(folder, EXT4) },
  { name: 'EIO below ext4 without a journal', reason: noNbd, make: (folder) => NbdDisk.start(folder, BARE_EXT4) },
  { name: 'no room below ext4 without a journal', reason: noThin, make: (folder) => new ThinDisk(folder, BARE_EXT4) },
  { name: 'no room below XFS', reason: noThin, make: (folder) => new ThinDisk(folder, XFS) },
];

let folder = '';
let disk: BrokenDisk | undefined;

afterEach(async () => {
  await disk?.end();
  disk = undefined;
  unmountAll();
  rmSync(folder, { recursive: true, force: true });
});

/** Lets the workload run into the failing disk; returns how it ended. */
async function runIntoFailure(plan: WorkloadPlan, enough: number, traceFile: string) {
  const program = Program.workload(plan, straceTo(traceFile));
  while (!program.isOver && readAcks(plan.acks).length < enough) await pause(1);
  disk?.fail();
  const { stderr } = await program.ended;
  expect(stderr).toBe('');
  const outcomes = (program.events.find(({ event }) => event === 'done')?.outcomes ?? []) as WorkerOutcome[];
  return { events: program.events, outcomes };
}

/** Opens and closes the log, on whatever the cache holds; returns the last commit that it vouches for, if it opens. */
async function openedThrough(db: string): Promise<number | undefined> {
  try {
    const wal = await openWal(db, { fsync: 'full', logFileBytes: 2 ** 18 });
    const { lastSeq } = wal.recovery;
    await wal.close();
    return lastSeq;
  } catch (thrown) {
    // A file system that saw its journal fail takes no more writes until it is mounted again.
    expect(thrown).toBeInstanceOf(WalError);
    expect(thrown).toMatchObject({ code: 'ERR_WAL_IO' });
    return undefined;
  }
}

describe.each(KINDS)('a sync that fails once, $name,', ({ reason, make }) => {
  test.skipIf(reason !== undefined).each(['full', 'normal'] as const)(
    'F08 F09 F10 fails the log for good under %s, and loses nothing acknowledged',
    async (fsync) => {
      folder = scratchFolder('broken');
      disk = await make(folder);
      const db = join(disk.path, 'app.db');
      const acks = join(folder, 'acks');
      const traceFile = join(folder, 'trace');
      const plan = { db, acks, run: 1, workers: 2, commits: 5000, windowMax: 6 };
      const settings = { fsync, logFileBytes: 2 ** 18 };
      const { events, outcomes } = await runIntoFailure({ ...plan, settings }, 100, traceFile);

      const failed = events.find(({ event }) => event === 'failed');
      expect(failed).toMatchObject({ code: 'ERR_WAL_POISONED', details: { reasonCode: 'ERR_WAL_IO' } });
      expect(events.some(({ event }) => event === 'stalled')).toBe(false);
      expect(outcomes.flatMap(({ waitErrors }) => waitErrors)).toContain('ERR_WAL_OUTCOME_UNKNOWN');
      expect(new Set(outcomes.flatMap(({ appendErrors }) => appendErrors))).toEqual(new Set(['ERR_WAL_POISONED']));

      const trace = new LogTrace(readTrace(traceFile), db);
      expect(lineAcks(trace.calls, acks).flatMap((ack) => trace.faultOfAck(ack) ?? [])).toEqual([]);
      const flusher = trace.segments[0]?.write.thread;
      const own = [...trace.fileSyncs, ...trace.directorySyncs, ...trace.segments.map(({ write }) => write)];
      const after = own.filter(({ thread }) => thread === flusher);
      const refused = after.filter(({ result }) => (result ?? 0) < 0);
      expect(refused).toHaveLength(1);
      expect(after.filter(({ begin }) => begin > (refused[0]?.end ?? 0))).toEqual([]);

      disk.mend();
      const through = await openedThrough(db);
      disk.remount();
      const check = new WorkloadCheck(db, acks);
      expect(await check.recover()).toEqual([]);
      expect(check.lost).toEqual([]);
      expect(check.lastSeq).toBeGreaterThanOrEqual(through ?? 0);
      const opened = `opened through ${through ?? 'nothing'} on the same cache, found through ${check.lastSeq}`;
      console.log(`write-back error: ${check.tally.acknowledged} acknowledged, ${opened}`);
      const last = await runWorkload({ ...plan, run: 2, commits: 20, settings });
      expect(last.at(-1)).toMatchObject({ event: 'done', closed: 'closed' });
      expect(await check.recover()).toEqual([]);
      expect(check.lost).toEqual([]);
    },
  );
});
