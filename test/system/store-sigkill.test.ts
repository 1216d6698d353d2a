// Goal: a page store that is killed at any moment has every transaction that was acknowledged, whole, when it is opened
// again. Method: a process counts in pages, two at a time, and says each count once it is durable; it is killed with
// SIGKILL, the store opened, compared, and the next process goes on with it.

import { expect, test } from 'vitest';
import { between, seeded } from '../../src/base/random.js';
import { openPageStore } from '../../src/index.js';
import { countUntilKilled } from '../support/killed-store.js';
import { CHILD_PAGES, CHILD_SETTINGS } from '../support/store-child-settings.js';
import { numberIn } from '../support/store-numbers.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';

const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_121);
const ROUNDS = 4;

test(`S1 S2: a page store that is killed has every acknowledged transaction (seed ${SEED})`, () =>
  inTemporaryDirectory(async (folder) => {
    const path = `${folder}/app.db`;
    const random = seeded(SEED);
    const least = new Map<number, number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [page, count] of await countUntilKilled(path, SEED + round, between(random, 30, 150)))
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
