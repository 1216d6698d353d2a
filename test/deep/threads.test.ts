// The kinds of parked writers that test/threads/parked.test.ts leaves out, and writers that are not dead but preempted.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
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
