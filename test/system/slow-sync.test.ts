// Goal: a disk that takes its time, or stops for a while, costs time and never a commit (F37): lanes fill up, appends
// are refused or wait, waits and closes run into their own time, memory stays what the lanes are, and everything goes on
// when the disk does. Method: a file system that is frozen and thawed, and syncs that strace delays.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { openWal, recoverWal, type Wal, WalError } from '../../src/index.js';
import { LOOP_PROGRAMS, LoopDisk } from '../support/loop-disk.js';
import { must, run, unmountAll, whyNoMounts } from '../support/mounts.js';
import { runWorkload, scratchFolder } from '../support/program.js';
import { straceTo, whyNoStrace } from '../support/strace.js';
import { announceSkip, WorkloadCheck } from '../support/workload-check.js';
import { commitOf, txnIdOf, type WorkerOutcome } from '../support/workload-model.js';

const noFreeze = whyNoMounts(...LOOP_PROGRAMS, 'fsfreeze');
const noStrace = whyNoStrace();
announceSkip('a disk that stops', noFreeze);
announceSkip('slow syncs', noStrace);

const SETTINGS = { pageSize: 512, lanes: 1, laneBytes: 16_384, maxJumboBytes: 32_768, logFileBytes: 65_536 } as const;

let folder = '';
let disk: LoopDisk | undefined;

afterEach(() => {
  if (disk !== undefined) {
    run('fsfreeze', '-u', disk.path);
    disk.end();
  }
  disk = undefined;
  unmountAll();
  rmSync(folder, { recursive: true, force: true });
});

/** Appends without waiting until it is refused; returns how many commits and bytes of pages were taken, and why. */
function appendUntilRefused(wal: Wal, from: number): { taken: number; bytes: number; refusal: WalError } {
  const writer = wal.connect();
  let bytes = 0;
  for (let number = from; ; number += 1) {
    const commit = commitOf(txnIdOf(1, 0, number));
    try {
      writer.append(commit, { timeoutMs: 0 });
    } catch (thrown) {
      if (!(thrown instanceof WalError)) throw thrown;
      return { taken: number - from, bytes, refusal: thrown };
    }
    bytes += (commit.pages?.length ?? 0) * SETTINGS.pageSize;
  }
}

test.skipIf(noFreeze !== undefined)(
  'F37 while a disk stands still, appends are refused, waits and closes time out, and nothing is lost',
  async () => {
    folder = scratchFolder('slow');
    disk = new LoopDisk(folder, 'ext4');
    await disk.format();
    const db = join(disk.path, 'app.db');
    const wal = await openWal(db, SETTINGS);
    const first = wal.connect().append(commitOf(txnIdOf(1, 0, 1)));
    await first.durable();
    must('fsfreeze', '-f', disk.path);

    const { taken, bytes, refusal } = appendUntilRefused(wal, 2);
    expect(refusal).toMatchObject({ code: 'ERR_WAL_LANE_FULL' });
    expect(taken).toBeGreaterThan(0);
    // The lane, the jumbos, and one more jumbo that is always let through.
    expect(bytes).toBeLessThan(SETTINGS.laneBytes + 2 * SETTINGS.maxJumboBytes);
    expect(appendUntilRefused(wal, 2 + taken).taken).toBe(0);
    expect(wal.state).toBe('running');
    await expect(wal.durable({ seq: 1 + taken }, { timeoutMs: 1 })).rejects.toMatchObject({ code: 'ERR_WAL_TIMEOUT' });
    await expect(wal.advanceAndFlush({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'ERR_WAL_TIMEOUT' });
    await expect(wal.close({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'ERR_WAL_TIMEOUT' });
    expect(wal.marks().durableSeq).toBe(1);

    must('fsfreeze', '-u', disk.path);
    await wal.close();
    expect(wal.state).toBe('closed');
    const seqs: number[] = [];
    const report = await recoverWal(db, { into: ({ seq }) => void seqs.push(seq) });
    expect(report).toMatchObject({ lastSeq: 1 + taken, cleanlyClosed: true });
    expect(seqs).toEqual(Array.from({ length: 1 + taken }, (_, index) => index + 1));
    await disk.unmount();
  },
);

describe.skipIf(noStrace !== undefined)('syncs that take longer than a wait', () => {
  test.each(['full', 'normal'] as const)('F37 make waits time out under %s, and lose nothing', async (fsync) => {
    folder = scratchFolder('slow');
    const [db, acks] = [join(folder, 'app.db'), join(folder, 'acks')];
    // The workload waits 200 ms at a time.
    const delay = straceTo(join(folder, 'trace'), 'fdatasync:delay_enter=450ms');
    const settings = { fsync, logFileBytes: 2 ** 20 };
    const plan = { db, acks, run: 1, workers: 2, commits: 12, windowMax: 8, settings };
    const events = await runWorkload(plan, delay);
    expect(events.map(({ event }) => event)).toEqual(['opening', 'opened', 'done']);
    const { outcomes, closed } = events.at(-1) as unknown as { outcomes: WorkerOutcome[]; closed: string };
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ acknowledged: 12, appendErrors: [], waitErrors: [] });
      expect(outcome.timeouts).toBeGreaterThan(0);
    }
    expect(closed).toBe('closed');
    const check = new WorkloadCheck(db, acks);
    expect(await check.recover()).toEqual([]);
    expect(check.lost).toEqual([]);
    expect(check.lastSeq).toBe(24);
  });
});
