// What test/threads leaves out: more kinds of appends, writers that are not dead but preempted, and a flusher that dies
// in front of each of its changes of shared memory, and around every kind of call.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectAllTold } from '../support/all-told.js';
import { DoomedLog } from '../support/doomed-log.js';
import type { FileCall, Moment } from '../support/mortal-thread.js';
import type { Death } from '../support/mortality.js';
import { parkEverywhere } from '../support/parked-scene.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewal-threads-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ['page', 16],
  ['async', 16],
] as const)(
  'I3, I6: a writer terminated anywhere in an append of %s leaves a whole commit, a void or nothing',
  async (kind, count) => {
    expect(await parkEverywhere(join(folder, 'db'), kind, 'terminated')).toHaveLength(count);
  },
);

test('I3, I6: a writer terminated anywhere in an append that awaits room leaves a whole commit, a void or nothing', async () => {
  expect((await parkEverywhere(join(folder, 'db'), 'fullAsync', 'terminated')).length).toBeGreaterThan(30);
});

test.each([
  ['page', 16],
  ['sizes', 17],
  ['jumbo', 29],
  ['async', 16],
] as const)(
  'I3, I4: a writer preempted anywhere in an append of %s holds back what it may have taken',
  async (kind, count) => {
    expect(await parkEverywhere(join(folder, 'db'), kind, 'goes on')).toHaveLength(count);
  },
);

/** The changes of how many commits are moments: one from where the flusher sleeps, one from where it has just synced. */
const COMMITS = 2;

/** A flusher dies at a moment, with everybody waiting. */
async function dieAt(name: string, death: Death, moment: Moment, commits?: number): Promise<boolean> {
  const db = join(folder, name);
  const log = await DoomedLog.open(db, moment);
  if (!(await log.park(commits))) {
    // Not closed: its moment may come in there.
    await log.end('terminate');
    await log.failed;
    await log.leave();
    await log.wal.close();
    return false;
  }
  await log.haveEverybodyWait();
  await log.end(death);
  await expectAllTold(db, log);
  return true;
}

test.each(['terminate', 'throw'] as const)(
  'F26: a flusher that ends by %s in front of any change of shared memory tells everybody',
  async (death) => {
    let change = 0;
    while (await dieAt(`change-${change}`, death, { change }, COMMITS)) change += 1;
    console.log(`flusher: ${death} in front of each of ${change} changes`);
    expect(change).toBeGreaterThan(20);
  },
);

test('F26: a flusher that ends around any call of the file system tells everybody', async () => {
  const calls: FileCall[] = [
    'writevSync',
    'writeSync',
    'fdatasyncSync',
    'openSync',
    'closeSync',
    'renameSync',
    'fsyncSync',
  ];
  let deaths = 0;
  for (const death of ['terminate', 'throw', 'exit', 'out of memory'] as const) {
    for (const call of calls) {
      for (const when of ['before', 'after'] as const) {
        expect(await dieAt(`${deaths}`, death, { call, when })).toBe(true);
        deaths += 1;
      }
    }
  }
  console.log(`flusher: ${deaths} deaths around calls of the file system`);
});
