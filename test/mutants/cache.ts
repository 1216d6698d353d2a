// Mutants of the page cache: latches, sets, eviction, waiting, reaping.

import type { Mutant } from '../support/mutation.js';

const UNIT_TEST = 'test/unit/cache/shared-page-cache.test.ts';
const TABLE_TEST = 'test/unit/cache/session-table.test.ts';
const INTERLEAVING_TEST = 'test/interleaving/cache.test.ts';

export const CACHE_MUTANTS: readonly Mutant[] = [
  {
    name: 'K1: a page is not looked for again within the lock of its set',
    file: 'src/cache/frame-sets.ts',
    find: `      if (this.find(pageNumber) >= 0) return NO_FRAME.again;`,
    replace: ``,
    killedBy: { file: INTERLEAVING_TEST, title: 'K1, K6: of two loaders of one page' },
  },
  {
    name: 'K2: a latch that others share is taken',
    file: 'src/cache/latches.ts',
    find: `if (word !== FREE && word !== this.#share) return false;`,
    replace: `if (word < FREE) return false;`,
    killedBy: { file: UNIT_TEST, title: 'K2: waits until nobody else shares the page' },
  },
  {
    name: 'K2: a latch that one session has is shared',
    file: 'src/cache/latches.ts',
    find: `if (isExclusive(word) || (word & this.#share) !== 0) return false;`,
    replace: `if ((word & this.#share) !== 0) return false;`,
    killedBy: { file: UNIT_TEST, title: 'K2: that one session has, no other shares or has' },
  },
  {
    name: 'K3: who wins a shared latch does not look whose frame it is now',
    file: 'src/cache/shared-page-cache.ts',
    find: `    if (this.#sets.pageOf(frame) !== pageNumber) {
      this.unlatchShared(frame);`,
    replace: `    if (pageNumber < 0) {
      this.unlatchShared(frame);`,
    killedBy: { file: INTERLEAVING_TEST, title: 'K3: a frame that becomes' },
  },
  {
    name: 'K3: who wins an exclusive latch does not look whose frame it is now',
    file: 'src/cache/shared-page-cache.ts',
    find: `    if (this.#sets.pageOf(frame) !== pageNumber) {
      this.#latches.unexclude(frame);`,
    replace: `    if (pageNumber < 0) {
      this.#latches.unexclude(frame);`,
    killedBy: { file: INTERLEAVING_TEST, title: 'K3, K7: a frame that is latched keeps its page' },
  },
  {
    name: 'K4: the latch is freed behind the look who waits',
    file: 'src/cache/shared-page-cache.ts',
    find: `  unlatchShared(frame: number): void {
    this.#latches.unshare(frame);
    this.#announce(frame);`,
    replace: `  unlatchShared(frame: number): void {
    this.#announce(frame);
    this.#latches.unshare(frame);`,
    killedBy: { file: INTERLEAVING_TEST, title: 'K2, K4, K6: a reader and a writer' },
  },
  {
    name: 'K4: the turn is loaded behind the attempt',
    file: 'src/cache/latch-wait.ts',
    find: `      if (isEntered) seen = turn.load();
      waitedMs = monotonicMs() - startMs;
      answer = attempt(waitedMs);`,
    replace: `      waitedMs = monotonicMs() - startMs;
      answer = attempt(waitedMs);
      if (isEntered) seen = turn.load();`,
    killedBy: { file: INTERLEAVING_TEST, title: 'K2, K4, K6: a reader and a writer' },
  },
  {
    name: 'K4: a sleeper does not say that it sleeps',
    file: 'src/cache/latch-wait.ts',
    find: `        turn.enter(bit);`,
    replace: ``,
    killedBy: { file: INTERLEAVING_TEST, title: 'K4: who waits for the size' },
  },
  {
    name: 'K4: an announcement does not change the turn',
    file: 'src/cache/session-turn.ts',
    find: `    this.#word.add(1);`,
    replace: ``,
    killedBy: { file: INTERLEAVING_TEST, title: 'K4: who waits for the size' },
  },
  {
    name: 'K4: readers that wait for a claim are not woken when it goes',
    file: 'src/cache/shared-page-cache.ts',
    find: `      // Readers may sleep because of the claim alone.
      this.#announce(claimed);`,
    replace: ``,
    killedBy: { file: UNIT_TEST, title: 'K4: a writer that gives up wakes those who wait' },
  },
  {
    name: 'K4: courtesy to a writer has no end',
    file: 'src/cache/shared-page-cache.ts',
    find: `waitedMs < COURTESY_MS`,
    replace: `waitedMs >= 0`,
    killedBy: { file: UNIT_TEST, title: 'K4: a reader lets a writer that waits go first' },
  },
  {
    name: 'a reader is never courteous',
    file: 'src/cache/shared-page-cache.ts',
    find: `if (isCourteous && this.#latches.isClaimed(frame)) return NO_FRAME.busy;`,
    replace: ``,
    killedBy: { file: UNIT_TEST, title: 'K4: a reader lets a writer that waits go first' },
  },
  {
    name: 'the second of two upgraders waits for its time to be over',
    file: 'src/cache/shared-page-cache.ts',
    find: `else if (this.#isDeadlocked(frame)) return NO_FRAME.deadlocked;`,
    replace: ``,
    killedBy: { file: INTERLEAVING_TEST, title: 'K2, K4: of two that upgrade one page' },
  },
  {
    name: 'K4: two upgraders do not find each other behind the claim of a third session',
    file: 'src/cache/shared-page-cache.ts',
    find: ` || this.#takesClaimOver(frame)`,
    replace: ``,
    killedBy: { file: UNIT_TEST, title: 'K4: of two upgrades, while a third session claims the page' },
  },
  {
    name: 'K5: the reap leaves claims',
    file: 'src/cache/reap.ts',
    find: `  records.exchangeIf(FRAME_STRIDE * frame + FRAME_WORDS.claim, session + 1, 0);`,
    replace: ``,
    killedBy: { file: UNIT_TEST, title: 'takes back the lock of a set, a claim' },
  },
  {
    name: 'K5: the reap leaves the locks of sets',
    file: 'src/cache/reap.ts',
    find: `if (lock.takeOver(lockIdOf(session), REAPER)) lock.release(REAPER);`,
    replace: `lock.isHeld();`,
    killedBy: { file: UNIT_TEST, title: 'takes back the lock of a set, a claim' },
  },
  {
    name: 'K5: the reap leaves the dead among the sleepers',
    file: 'src/cache/session-turn.ts',
    find: `    if (this.#sleepers.load() & bit) this.#sleepers.add(-bit);
`,
    replace: ``,
    killedBy: { file: UNIT_TEST, title: 'takes back the lock of a set, a claim' },
  },
  {
    name: 'K5: the reap wakes nobody',
    file: 'src/cache/session-turn.ts',
    find: `    if (this.#sleepers.load() & bit) this.#sleepers.add(-bit);
    this.announce();`,
    replace: `    if (this.#sleepers.load() & bit) this.#sleepers.add(-bit);`,
    killedBy: { file: UNIT_TEST, title: 'wakes whoever sleeps, because the dead' },
  },
  {
    name: 'K5: the reap takes from a latch that others share what is theirs',
    file: 'src/cache/reap.ts',
    find: `isOwn ? FREE : word & ~shareOf(session)`,
    replace: `FREE`,
    killedBy: { file: UNIT_TEST, title: 'frees what the dead session held' },
  },
  {
    name: 'K6: the reap keeps a page whose writer died',
    file: 'src/cache/reap.ts',
    find: `      words.tags.store(frame, 0);
`,
    replace: ``,
    killedBy: { file: INTERLEAVING_TEST, title: 'K5: a writer that dies' },
  },
  {
    name: 'K5: a session is given back by whoever had its number before',
    file: 'src/cache/session-table.ts',
    find: `const isFreed = this.#words.exchangeIf(2 * session, generation, (generation + 1) | 0);`,
    replace: `const isFreed = generation > 0 && (this.#words.store(2 * session, (generation + 1) | 0) ?? true);`,
    killedBy: { file: TABLE_TEST, title: 'K5: a number that is given again' },
  },
  {
    name: 'K6: a page that could not be loaded stays',
    file: 'src/cache/shared-page-cache.ts',
    find: `      this.abandon(frame);
      throw error;`,
    replace: `      this.#latches.unexclude(frame);
      throw error;`,
    killedBy: { file: UNIT_TEST, title: 'K6: whose page could not be loaded' },
  },
  {
    name: 'K6: a page that was to be overwritten and was not stays',
    file: 'src/cache/shared-page-cache.ts',
    find: `    if (this.seqOf(frame) === UNLOADED) {`,
    replace: `    if (frame < 0) {`,
    killedBy: { file: UNIT_TEST, title: 'K6: whose page could not be loaded' },
  },
  {
    name: 'K6: a frame is free before its page is forgotten',
    file: 'src/cache/shared-page-cache.ts',
    find: `    this.#sets.discard(frame);
    this.#latches.unexclude(frame);
    this.#announce(frame);`,
    replace: `    this.#latches.unexclude(frame);
    this.#sets.discard(frame);
    this.#announce(frame);`,
    killedBy: { file: INTERLEAVING_TEST, title: 'K2, K4, K6: a page that its latcher' },
  },
  {
    name: 'K7: whether a frame is evictable is not looked at again under its latch',
    file: 'src/cache/frame-sets.ts',
    find: `if (isEmpty || this.#isEvictable(this.#words.sequences.load(frame))) return frame;`,
    replace: `if (frame >= 0) return frame;`,
    killedBy: { file: INTERLEAVING_TEST, title: 'K3, K7: a frame that is latched keeps its page' },
  },
  {
    name: 'the clock spares no frame',
    file: 'src/cache/frame-sets.ts',
    find: `if (!isForced && this.#wasUsed(frame)) return NO_FRAME.latched;`,
    replace: ``,
    killedBy: { file: UNIT_TEST, title: 'that was used since the clock came by' },
  },
  {
    name: 'a set that is full of latches of others is refused at once',
    file: 'src/cache/frame-sets.ts',
    find: `return this.#latches.isOwn(word) ? NO_FRAME.full : NO_FRAME.latched;`,
    replace: `return NO_FRAME.full;`,
    killedBy: { file: UNIT_TEST, title: 'K4: of a set whose frames others have latched' },
  },
  {
    name: 'a set that is full of own latches is waited for',
    file: 'src/cache/frame-sets.ts',
    find: `return this.#latches.isOwn(word) ? NO_FRAME.full : NO_FRAME.latched;`,
    replace: `return NO_FRAME.latched;`,
    killedBy: { file: UNIT_TEST, title: 'of a set whose frames one session has latched' },
  },
  {
    name: 'neighbouring pages go to one set',
    file: 'src/cache/frame-sets.ts',
    find: `Math.imul(pageNumber, HASH_FACTOR) >>> 0`,
    replace: `pageNumber >>> 0`,
    killedBy: { file: UNIT_TEST, title: 'pages of a run and of any stride' },
  },
];
