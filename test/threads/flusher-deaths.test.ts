// Goal: whenever and however the flusher's thread ends, everybody who waits is told, nobody hangs, nothing that was
// acknowledged is lost, and no other flusher is put in its place. Method: a real flusher parks at a moment of its work,
// everybody who can wait does so, and then its thread ends. Every change of shared memory as a moment:
// test/deep/threads.test.ts.

import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'vitest';
import { expectAllTold } from '../support/all-told.js';
import { DoomedLog } from '../support/doomed-log.js';
import type { Moment } from '../support/mortal-thread.js';
import type { Death } from '../support/mortality.js';
import { scratchFolder } from '../support/program.js';

let folder = '';
let db = '';
beforeEach(() => {
  folder = scratchFolder('flusher-deaths');
  db = join(folder, 'db');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

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
});
