// A page store with an archive that lives through several openings, with a model of what it was after each commit, and
// backups taken at the moments at which the log looks differently.

import { between, seeded } from '../../src/base/random.js';
import { openPageStore, type PageStore, type Snapshot, type StoreOptions } from '../../src/index.js';

/** What happened. */
export interface StoreHistory {
  readonly db: string;
  readonly archive: string;
  readonly lastSeq: number;
  /** In the order in which they were taken. */
  readonly backups: readonly { readonly path: string; readonly seq: number }[];
  /** The pages of the store behind a commit. */
  readonly stateAt: (seq: number) => readonly Uint8Array[];
}

const PAGE_BYTES = 1024;
const PAGES_MAX = 40;

/** All pages of a snapshot. */
export function pagesOf(snapshot: Snapshot): Uint8Array[] {
  return Array.from({ length: snapshot.sizePages }, (_, index) => snapshot.read(index + 1));
}

/** Closes it; its log is in the archive whole. */
export async function makeHistory(folder: string, seed: number): Promise<StoreHistory> {
  const random = seeded(seed);
  const [db, archive] = [`${folder}/app.db`, `${folder}/archive`];
  const settings: StoreOptions = {
    pageSize: PAGE_BYTES,
    cacheBytes: 64 * 1024,
    lanes: 2,
    laneBytes: 64 * 1024,
    // Room for an archive that is slower than the writers.
    maxLogBytes: 8 * 2 ** 20,
    logFileBytes: 64 * 1024,
    checkpointBytes: 128 * 1024,
    archiveDirectory: archive,
    archiveFilesMax: 1000,
  };
  const states = new Map<number, readonly Uint8Array[]>([[0, []]]);
  const backups: { path: string; seq: number }[] = [];
  let lastSeq = 0;
  const stateAt = (seq: number): readonly Uint8Array[] => {
    for (let at = seq; ; at -= 1) {
      const state = states.get(at);
      if (state !== undefined) return state;
    }
  };
  const change = (store: PageStore): void => {
    const transaction = store.begin();
    const state = [...stateAt(lastSeq)];
    if (state.length === 0 || between(random, 0, 9) === 0) {
      const pages = between(random, 4, PAGES_MAX);
      transaction.resize(pages);
      while (state.length < pages) state.push(new Uint8Array(PAGE_BYTES));
      state.length = pages;
    }
    for (let left = between(random, 1, 4); left > 0; left -= 1) {
      const page = between(random, 1, state.length);
      const image = new Uint8Array(PAGE_BYTES).fill(between(random, 1, 255));
      transaction.write(page, image);
      state[page - 1] = image;
    }
    lastSeq = transaction.commit().seq;
    states.set(lastSeq, state);
  };
  const backUp = async (store: PageStore): Promise<void> => {
    const path = `${folder}/backup-${backups.length}.db`;
    backups.push({ path, seq: await store.backup(path) });
  };
  const live = async (act: (store: PageStore) => Promise<void>): Promise<void> => {
    const store = await openPageStore(db, settings);
    await act(store);
    await store.close();
  };
  await live(async (store) => {
    // Of a store without a commit.
    await backUp(store);
    for (let count = 0; count < 30; count += 1) change(store);
    // In the midst of an epoch, perhaps.
    await Promise.all([backUp(store), Promise.resolve().then(() => change(store))]);
    for (let count = 0; count < 90; count += 1) {
      change(store);
      if (count % 10 === 0) await store.wal.durable({ seq: lastSeq });
    }
    // While checkpoints recycle files.
    await Promise.all([store.checkpoint(), backUp(store)]);
    for (let count = 0; count < 20; count += 1) change(store);
    // Of a log that was just let go of.
    await store.checkpoint({ mode: 'truncate' });
    await backUp(store);
    for (let count = 0; count < 20; count += 1) change(store);
  });
  await live(async (store) => {
    // Of a store that was just opened.
    await backUp(store);
    for (let count = 0; count < 40; count += 1) change(store);
    await backUp(store);
    for (let count = 0; count < 10; count += 1) change(store);
    await store.checkpoint({ mode: 'truncate' });
    while ((await store.wal.files()).some(({ keptBy }) => keptBy === 'archive')) await store.checkpoint();
  });
  return { db, archive, lastSeq, backups, stateAt };
}
