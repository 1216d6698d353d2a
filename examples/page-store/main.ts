// A bank on the page store: every account is a page, two threads move money between them, and snapshots see one moment
// of it while they do.
//
//   node dist/examples/page-store/main.js FOLDER

import { once } from 'node:events';
import { join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { connectPageStore, openPageStore, type StoreHandle } from 'lanewal';

const ACCOUNTS = 10;
const TRANSFERS = 10;

const view = (page: Uint8Array): DataView => new DataView(page.buffer, page.byteOffset, page.length);
const balanceOf = (page: Uint8Array): number => view(page).getInt32(0);
const setBalance = (page: Uint8Array, amount: number): void => view(page).setInt32(0, amount);

/** Opens the bank, lets two threads work, and looks at it meanwhile. */
async function runBank(folder: string): Promise<void> {
  await using store = await openPageStore(join(folder, 'bank.db')); // recovers what a crash left
  await store.transaction((tx) => {
    // The first run only. Pages are numbered from 1; a new one is zero.
    while (tx.sizePages < ACCOUNTS) setBalance(tx.edit(tx.allocate()), 100);
  });

  const tellers = [1, 2].map((teller) => {
    return new Worker(new URL(import.meta.url), { workerData: { bank: store.handle, teller } });
  });
  const ended = Promise.all(tellers.map((worker) => once(worker, 'exit')));
  for (let look = 0; look < 5; look += 1) {
    using moment = await store.snapshot(); // keeps nobody waiting
    let sum = 0;
    for (let account = 1; account <= moment.sizePages; account += 1) sum += balanceOf(moment.read(account));
    if (sum !== ACCOUNTS * 100) throw new Error(`Money is missing: ${sum}.`);
  }
  await ended;
  console.log(`${2 * TRANSFERS} transfers by two threads, 1000 in all at every moment`);
}

/** A thread that moves money. */
async function transfer({ bank, teller }: { bank: StoreHandle; teller: number }): Promise<void> {
  const store = await connectPageStore(bank);
  for (let number = 0; number < TRANSFERS; number += 1) {
    const from = 1 + ((number * 3 + teller) % ACCOUNTS);
    const to = 1 + ((number * 7 + teller + 1) % ACCOUNTS);
    await store.transaction((tx) => {
      const [giver, taker] = [tx.edit(from), tx.edit(to)]; // copies; the pages are latched until the commit
      const amount = Math.min(10, balanceOf(giver));
      setBalance(giver, balanceOf(giver) - amount);
      setBalance(taker, balanceOf(taker) + amount);
    }); // durable when it resolves; two threads in a circle: one of them runs its function again
  }
  await store.close();
}

if (isMainThread) await runBank(process.argv[2] ?? '.');
else await transfer(workerData as { bank: StoreHandle; teller: number });
