// What must hold once the flusher of a log has died, whenever and however it was.

import { expect } from 'vitest';
import { openWal, recoverWal } from '../../src/index.js';
import { type DoomedLog, durableSeqOf, outcomeOf } from './doomed-log.js';

const UNKNOWN = 'ERR_WAL_OUTCOME_UNKNOWN';
const POISONED = 'ERR_WAL_POISONED';

/** What each waiter may be told; a commit that had become durable is. */
const TOLD: Readonly<Record<string, readonly string[]>> = {
  'the commit in the flusher': [UNKNOWN, 'resolved'],
  'a blocked waitDurable': [UNKNOWN],
  'an append without room': [POISONED],
  'a sequence to come': [UNKNOWN],
  'an epoch to come': [UNKNOWN],
  flush: [POISONED],
  advanceAndFlush: [POISONED],
  checkpoint: [POISONED],
  files: [POISONED],
  ready: [POISONED],
  'appendAsync without room': [POISONED],
  // Whether it hears of the failure or of the thread that is gone depends on how far it was.
  'a thread that connects': [POISONED, 'ERR_WAL_CLOSED'],
  close: [POISONED],
  'close again': [POISONED],
};

/** Everybody was told, the log is over, and reopened it has everything that was acknowledged. */
export async function expectAllTold(db: string, log: DoomedLog): Promise<void> {
  const { wal } = log;
  const outcomes = await log.outcomes();
  for (const [what, outcome] of Object.entries(outcomes)) expect(TOLD[what], `${what}: ${outcome}`).toContain(outcome);
  await log.failed;
  expect(wal.state).toBe('failed');
  const acknowledged = durableSeqOf(wal);
  expect(outcomes['the commit in the flusher'] === 'resolved').toBe(acknowledged >= log.lastSeq);
  expect(() => wal.connect().append({ operations: [] })).toThrow(expect.objectContaining({ code: POISONED }));
  expect(await outcomeOf(wal.flush())).toBe(POISONED);
  // Without a close that was under way when it failed, closing is quiet; and then nobody holds the lock.
  if (outcomes.close === undefined) await wal.close();
  await log.leave();
  expect(log.failures.map(({ code }) => code)).toEqual([POISONED]);
  expect(log.threadsStarted, 'threads started in the place of the dead one').toBe(0);
  const reopened = await openWal(db);
  expect(reopened.marks().durableSeq).toBeGreaterThanOrEqual(acknowledged);
  await reopened
    .connect()
    .append({ operations: [{ code: 1, bytes: new Uint8Array(1) }] })
    .durable();
  await reopened.close();
  const report = await recoverWal(db, { into: () => undefined });
  expect([report.tail, report.voids]).toEqual(['clean', 0]);
}
