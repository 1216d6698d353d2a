// Goal: a writer may be terminated, or preempted for any length of time, between any two atomic operations of an append.
// Method: a real thread parks in front of operation k, for every k until the append has no more; meanwhile others append
// and wait, in its lane and in another one; then it is terminated. The certificates say what became of it. More kinds of
// append, and writers that go on, in test/deep/threads.test.ts.

import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parkEverywhere } from '../support/parked-scene.js';
import { scratchFolder } from '../support/program.js';

let folder = '';
beforeEach(() => {
  folder = scratchFolder('parked');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('a writer terminated in front of any operation of an append', () => {
  // One operation more or less is a change of the protocol: look at design/concurrency.md, "What if".
  test.each([
    ['sizes', 19],
    ['jumbo', 31],
  ] as const)('F25, I3, I6: of %s leaves a void exactly where it had taken a sequence', async (kind, count) => {
    const operations = await parkEverywhere(join(folder, 'db'), kind, 'terminated');
    expect(operations).toHaveLength(count);
  });

  test('F25, I1, I7: that waits for room in its lane holds up nobody, and leaves a void or nothing', async () => {
    const operations = await parkEverywhere(join(folder, 'db'), 'full', 'terminated');
    // How many wake-ups there are depends on how the flusher sleeps.
    expect(operations.length).toBeGreaterThan(30);
    expect(operations.filter((name) => name === 'wait').length).toBeGreaterThan(0);
  });
});
