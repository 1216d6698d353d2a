// A process that works on a page store until it is killed: counts in pages, and says of each count that it is durable.
// Run as a program: `node store-child.js PATH SEED`.

import fs from 'node:fs';
import { between, seeded } from '../../src/base/random.js';
import { openPageStore } from '../../src/index.js';
import { CHILD_PAGES, CHILD_SETTINGS } from './store-child-settings.js';
import { numberIn, setNumber } from './store-numbers.js';

const [, , path = '', seed = '1'] = process.argv;
const random = seeded(Number(seed));
const store = await openPageStore(path, CHILD_SETTINGS);
await store.transaction((transaction) => {
  if (transaction.sizePages < CHILD_PAGES) transaction.resize(CHILD_PAGES);
});
const say = (line: string): void => void fs.writeSync(1, `${line}\n`);
say('open');
for (;;) {
  // Two pages at a time: what is acknowledged together must be there together.
  const page = between(random, 1, CHILD_PAGES / 2);
  const count = await store.transaction((transaction) => {
    const next = numberIn(transaction.read(page)) + 1;
    for (const each of [page, page + CHILD_PAGES / 2]) setNumber(transaction.edit(each), next);
    return next;
  });
  say(`${page} ${count}`);
}
