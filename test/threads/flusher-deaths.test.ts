// Goal: whenever and however the flusher's thread ends, everybody who waits is told, nobody hangs, nothing that was
// acknowledged is lost, and no other flusher is put in its place. Method: a real flusher parks at a moment of its work,
// everybody who can wait does so, and then its thread ends. Every change of shared memory as a moment:
// test/deep/threads.test.ts.

import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openWal } from '../../src/index.js';
import { Lane } from '../../src/lane/lane.js';
import { atomics } from '../../src/memory/atomics.js';
import { Word32 } from '../../src/memory/words.js';
import { expectAllTold } from '../support/all-told.js';
import { DoomedLog } from '../support/doomed-log.js';
import { LogThread } from '../support/log-threads.js';
import type { Moment } from '../support/mortal-thread.js';
import { type Death, MORTAL_URLS, Mortal } from '../support/mortality.js';
import { ParkedWriter } from '../support/parked-writers.js';
import { scratchFolder } from '../support/program.js';

let folder = '';
let db = '';
beforeEach(() => {
  folder = scratchFolder('flusher-deaths');
  db = join(folder, 'db');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Longer than any test may take. */
const WAIT_MS = 600_000;
/** An operation of an append behind the one that takes the lane's lock. */
const WITHIN_THE_LOCK = 9;
/** design/shared-memory.md */
const LOCK_WAITERS_LINE = 4;
const SEGMENT_WRITE: Moment = { call: 'writevSync', when: 'before' };
const SYNC: Moment = { call: 'fdatasyncSync', when: 'before' };

describe('the flusher', () => {
  test.each<[Death, Moment]>([
    ['terminate', SEGMENT_WRITE],
    ['terminate', SYNC],
    ['terminate', { change: 4 }],
    ['terminate', { call: 'renameSync', when: 'after', nth: 1 }],
    ['throw', SEGMENT_WRITE],
    ['throw', { call: 'openSync', when: 'before' }],
    ['exit', SYNC],
    ['out of memory', SYNC],
  ])('F26: that ends by %s at %j tells everybody who waits', async (death, moment) => {
    const log = await DoomedLog.open(db, moment);
    await log.park();
    await log.haveEverybodyWait();
    await log.end(death);
    await expectAllTold(db, log);
  });

  test.each<[Death, Moment]>([
    ['terminate', SYNC],
    // The close is refused before the thread has ended, and yet the lock is free once it is.
    ['throw', SEGMENT_WRITE],
  ])('F26: that ends by %s at %j tells who waits for a close', async (death, moment) => {
    const log = await DoomedLog.open(db, moment);
    await log.park();
    await log.haveEverybodyWaitForClose();
    await log.end(death);
    await expectAllTold(db, log);
  });

  test('F26: tells an append that waits for the lock of a dead writer, which nobody takes away any more', async () => {
    const mortal = new Mortal();
    const workerUrls = { flusher: MORTAL_URLS.flusher };
    const wal = await mortal.within('flusher', undefined, () =>
      openWal(db, { lanes: 1, laneBytes: 65_536, workerUrls }),
    );
    const failed = once(wal, 'failed');
    const sharing = await LogThread.start(wal, 'serve');
    const writer = await ParkedWriter.start(wal, 'page', WITHIN_THE_LOCK);
    expect(await writer.append()).toMatchObject({ at: 'parked' });
    const [buffer] = wal.handle.lanes as [SharedArrayBuffer];
    expect(new Lane(0, buffer).lock.isHeld()).toBe(true);
    const appended = sharing.ask({ ask: 'append', bytes: 100, timeoutMs: WAIT_MS });
    const waiters = new Word32(atomics, buffer, LOCK_WAITERS_LINE);
    while (waiters.load() === 0) await new Promise((resolve) => setImmediate(resolve));
    await mortal.end('terminate');
    await failed;
    await writer.worker.terminate();
    expect((await appended).code).toBe('ERR_WAL_POISONED');
    await sharing.worker.terminate();
    await wal.close();
  });
});
