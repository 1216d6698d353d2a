// Goal: a page store that is killed at any moment has every transaction that was acknowledged, whole, when it is opened
// again. Method: a process counts in pages, two at a time, and says each count once it is durable; it is killed with
// SIGKILL, the store opened, compared, and the next process goes on with it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { between, seeded } from '../../src/base/random.js';
import { openPageStore } from '../../src/index.js';
import { CHILD_PAGES, CHILD_SETTINGS } from '../support/store-child-settings.js';
import { numberIn } from '../support/store-numbers.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';

const CHILD = fileURLToPath(new URL('../support/store-child.js', import.meta.url));
const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_121);
const ROUNDS = 4;

/** Runs the process until it has acknowledged so many counts, then kills it; returns what it acknowledged. */
async function acknowledged(path: string, seed: number, count: number): Promise<Map<number, number>> {
  const child = spawn(process.execPath, [CHILD, path, String(seed)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const counts = new Map<number, number>();
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [page = 0, value = 0] = line.split(' ').map(Number);
    if (line !== 'open') counts.set(page, value);
    seen += 1;
    if (seen === count) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return counts;
}

test(`S1 S2: a page store that is killed has every acknowledged transaction (seed ${SEED})`, () =>
  inTemporaryDirectory(async (folder) => {
    const path = `${folder}/app.db`;
    const random = seeded(SEED);
    const least = new Map<number, number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [page, count] of await acknowledged(path, SEED + round, between(random, 30, 150)))
        least.set(page, count);
      const store = await openPageStore(path, CHILD_SETTINGS);
      const snapshot = await store.snapshot();
      for (let page = 1; page <= CHILD_PAGES / 2; page += 1) {
        const found = numberIn(snapshot.read(page));
        const [known, where] = [least.get(page) ?? 0, `page ${page} in round ${round}`];
        expect(numberIn(snapshot.read(page + CHILD_PAGES / 2)), where).toBe(found);
        expect(found, where).toBeGreaterThanOrEqual(known);
        // One count may have become durable without having been said.
        expect(found, where).toBeLessThanOrEqual(known + 1);
      }
      snapshot.close();
      if (round % 2 === 0) await store.close();
      else await store.wal.close();
    }
  }));
