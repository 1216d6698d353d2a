// Mutants of the flusher: when it writes, syncs and moves marks, what it gives back, how it reaps, fails and closes.

import type { Mutant } from '../support/mutation.js';

const FLUSHER = 'src/flusher/flusher.ts';
const SYNCS = 'src/flusher/syncs.ts';
const LANES = 'src/flusher/lanes.ts';
const THREAD = 'src/flusher/flusher-thread.ts';
const RETENTION = 'src/flusher/retention.ts';
const LOOP = 'src/flusher/flusher-loop.ts';
const FLUSHER_TEST = 'test/unit/flusher/flusher.test.ts';
const SYNC_TEST = 'test/unit/flusher/sync.test.ts';
const REAPING_TEST = 'test/unit/flusher/reaping.test.ts';
const ORDERS_TEST = 'test/unit/flusher/orders.test.ts';
const CHECKPOINTS_TEST = 'test/unit/flusher/checkpoints.test.ts';
const VOIDS_TEST = 'test/unit/flusher/dead-guards.test.ts';

const FAILED_SYNC = { file: FLUSHER_TEST, title: 'of a sync is final: the log fails and nothing is tried again' };
const DEAD_JUMBO = { file: REAPING_TEST, title: 'frees the room its jumbo had claimed' };
const OVERLAP = (title: string) => ({ file: 'test/unit/flusher/overlap.test.ts', title });
const GATHER = (title: string) => ({ file: 'test/unit/flusher/gathering.test.ts', title });
const EVERY_DEATH = { file: REAPING_TEST, title: 'I6: leaves a whole commit, an explained void, or nothing' };

export const FLUSHER_MUTANTS: readonly Mutant[] = [
  {
    name: 'moves the durable mark before the sync',
    file: SYNCS,
    find: `      this.#log.sync();
      this.#events.synced(this.#log.position);`,
    replace: `      this.#events.synced(this.#log.position);
      this.#log.sync();`,
    killedBy: FAILED_SYNC,
  },
  {
    name: 'goes on after a sync that failed',
    file: SYNCS,
    find: `      this.#log.sync();
      this.#events.synced(this.#log.position);`,
    replace: `      try {
        this.#log.sync();
      } catch {}
      this.#events.synced(this.#log.position);`,
    killedBy: FAILED_SYNC,
  },
  {
    name: 'lets a sync cover what was written after it began',
    file: FLUSHER,
    find: `      if (this.#pending === undefined && this.#isSealDue(nowMs)) this.#seal();
      this.#write(nowMs);
      this.#syncIfDue(nowMs);`,
    replace: `      if (this.#pending === undefined && this.#isSealDue(nowMs)) this.#seal();
      const isCovered = this.#pending !== undefined && this.#settings.fsync === 'full';
      if (isCovered) this.#log.sync();
      this.#write(nowMs);
      if (isCovered) this.#moveDurable(this.#log.position);
      this.#syncIfDue(nowMs);`,
    killedBy: { file: ORDERS_TEST, title: 'A1: a mark moves only behind a sync that began behind the write' },
  },
  {
    name: 'moves the written mark before the write',
    file: FLUSHER,
    find: `    let verdicts = NO_VERDICTS;`,
    replace: `    this.#control.writtenSeq.store(segment.endSeq - 1);
    let verdicts = NO_VERDICTS;`,
    killedBy: { file: ORDERS_TEST, title: 'I1: a write that failed has moved no mark and given no space back' },
  },
  {
    name: 'I1: releases lane space before the write',
    file: FLUSHER,
    find: `    let verdicts = NO_VERDICTS;`,
    replace: `    this.#lanes.release(sealed);
    let verdicts = NO_VERDICTS;`,
    killedBy: { file: ORDERS_TEST, title: 'I1: a write that failed has moved no mark and given no space back' },
  },
  {
    name: 'never gives lane space back',
    file: FLUSHER,
    find: `    this.#lanes.release(sealed);`,
    replace: ``,
    killedBy: { file: FLUSHER_TEST, title: 'stalls the log, and when space is back nothing was lost' },
  },
  {
    name: 'I7: announces the written turn before the mark moves',
    file: FLUSHER,
    find: `    this.#control.writtenSeq.store(segment.endSeq - 1);
    if (this.#settings.fsync === 'off') this.#moveDurable(this.#log.position);
    else this.#syncs.wrote(segment.segmentBytes, nowMs);
    // Also tells those who wait for space.
    this.#control.writtenTurn.announce();`,
    replace: `    this.#control.writtenTurn.announce();
    this.#control.writtenSeq.store(segment.endSeq - 1);
    if (this.#settings.fsync === 'off') this.#moveDurable(this.#log.position);
    else this.#syncs.wrote(segment.segmentBytes, nowMs);`,
    killedBy: {
      file: 'test/unit/epoch/orders.test.ts',
      title: 'I7: marks and state move before their turn is announced',
    },
  },
  {
    name: 'I7: announces the durable turn before the mark moves',
    file: FLUSHER,
    find: `    this.#control.durableSeq.store(nextSeq - 1);
    this.#control.durableEpoch.store(epoch);
    this.#gathering.woke(this.#control.durableTurn.announce());`,
    replace: `    this.#gathering.woke(this.#control.durableTurn.announce());
    this.#control.durableSeq.store(nextSeq - 1);
    this.#control.durableEpoch.store(epoch);`,
    killedBy: {
      file: 'test/unit/epoch/orders.test.ts',
      title: 'I7: marks and state move before their turn is announced',
    },
  },
  {
    name: 'normal moves the durable mark with the write',
    file: FLUSHER,
    find: `if (this.#settings.fsync === 'off') this.#moveDurable(this.#log.position);`,
    replace: `if (this.#settings.fsync !== 'full') this.#moveDurable(this.#log.position);`,
    killedBy: { file: SYNC_TEST, title: 'normal syncs epochs together at the tick' },
  },
  {
    name: 'full syncs at the tick only',
    file: SYNCS,
    find: `if (fsync === 'full' || isAsked`,
    replace: `if (isAsked`,
    killedBy: {
      file: FLUSHER_TEST,
      title: 'a demand seals at once, and only as long as what was demanded is unsealed',
    },
  },
  {
    name: 'a close does not wait for the sync of a log under normal',
    file: FLUSHER,
    find: `const isAsked = !this.#requests.isEmpty || this.#closing !== undefined;`,
    replace: `const isAsked = !this.#requests.isEmpty;`,
    killedBy: { file: SYNC_TEST, title: 'normal syncs for a flush and for a close' },
  },
  {
    name: 'answers a flush before the durable mark covers it',
    file: 'src/flusher/flush-requests.ts',
    find: `this.#requests[0].throughSeq <= result.durableSeq`,
    replace: `this.#requests[0].throughSeq >= 0`,
    killedBy: { file: FLUSHER_TEST, title: 'I3: a guard holds back its own sequence and what is above it' },
  },
  {
    name: 'seals again what is sealed and not yet written',
    file: FLUSHER,
    find: `if (this.#pending === undefined && this.#isSealDue(nowMs)) this.#seal();`,
    replace: `if (this.#isSealDue(nowMs)) this.#seal();`,
    killedBy: { file: VOIDS_TEST, title: 'I6: an epoch that waits for space is written as it was sealed' },
  },
  {
    name: 'seals no epoch for a demand of its first commit',
    file: FLUSHER,
    find: `if (this.#control.demandSeq.load() >= first) {`,
    replace: `if (this.#control.demandSeq.load() > first) {`,
    killedBy: { file: FLUSHER_TEST, title: 'a demand seals at once' },
  },
  {
    name: 'an error of a write is taken for a full disk',
    file: FLUSHER,
    find: `if (error.code !== 'ERR_WAL_STORAGE_FULL') {`,
    replace: `if (error.code === 'ERR_WAL_INVARIANT') {`,
    killedBy: { file: FLUSHER_TEST, title: 'of a write is final: the log fails and nothing is tried again' },
  },
  {
    name: 'a stall of a closing log takes commits again',
    file: FLUSHER,
    find: `if (this.#control.state === STATE.running) this.#control.setState(STATE.stalled);`,
    replace: `this.#control.setState(STATE.stalled);`,
    killedBy: { file: ORDERS_TEST, title: 'a close that meets a full disk takes no commits again' },
  },
  {
    name: 'a stall keeps what was written before it from being synced',
    file: FLUSHER,
    find: `if (this.#stallRetryMs !== undefined || this.#syncs.isMuch) this`,
    replace: `if (this.#syncs.isMuch) this`,
    killedBy: { file: FLUSHER_TEST, title: 'does not keep epochs that were written before from being synced' },
  },
  {
    name: 'a log that failed writes on',
    file: FLUSHER,
    find: `    if (this.#control.hasEnded()) return { kind: 'ended' };`,
    replace: ``,
    killedBy: { file: ORDERS_TEST, title: 'a log that failed changes nothing on disk any more' },
  },
  {
    name: 'fails without saying so to those who wait',
    file: FLUSHER,
    find: `    this.#control.setState(STATE.failed);
    this.#requests`,
    replace: `    this.#requests`,
    killedBy: FAILED_SYNC,
  },
  {
    name: 'I4: closes without waiting for guards',
    file: FLUSHER,
    find: `!this.#lanes.isGuarded() && this.#control.commitSeqNext.load() === this.#firstUnsealed();`,
    replace: `this.#control.commitSeqNext.load() === this.#firstUnsealed();`,
    killedBy: { file: FLUSHER_TEST, title: 'waits for a guard, and looks again soon' },
  },
  {
    name: 'I4: closing loads the counter before the guards',
    file: FLUSHER,
    find: `!this.#lanes.isGuarded() && this.#control.commitSeqNext.load() === this.#firstUnsealed();`,
    replace: `this.#control.commitSeqNext.load() === this.#firstUnsealed() && !this.#lanes.isGuarded();`,
    killedBy: { file: ORDERS_TEST, title: 'I4: a close loads the guards before the counter' },
  },
  {
    name: 'leaves the clean mark unsynced',
    file: FLUSHER,
    find: `    if (this.#settings.fsync !== 'off') this.#log.sync();
    this.#log.close();`,
    replace: `    this.#log.close();`,
    killedBy: { file: ORDERS_TEST, title: 'a close syncs the clean mark before it closes the file' },
  },
  {
    name: 'the mark of a close does not say that it is clean',
    file: FLUSHER,
    find: `    this.#writeMark(true);`,
    replace: `    this.#writeMark(false);`,
    killedBy: { file: ORDERS_TEST, title: 'a close syncs the clean mark before it closes the file' },
  },
  {
    name: 'I6: certifies an epoch without its voids (drops a void)',
    file: LANES,
    find: `      voids,
      lanes:`,
    replace: `      voids: [],
      lanes:`,
    killedBy: { file: REAPING_TEST, title: 'I6: an epoch may hold nothing but a void' },
  },
  {
    name: 'I6: a dead guard explains a void in every epoch',
    file: LANES,
    find: `    this.#deadGuards = deadGuards;`,
    replace: ``,
    killedBy: { file: REAPING_TEST, title: 'I6: a dead guard explains one void in its life' },
  },
  {
    name: 'I6: a dead guard lapses with the next epoch',
    file: LANES,
    find: `this.#deadGuards.filter(({ end }) => end > certificate.endSeq);`,
    replace: `this.#deadGuards.filter(({ first }) => first > certificate.endSeq);`,
    killedBy: { file: VOIDS_TEST, title: 'I6: a dead guard lasts until everything below its upper bound is written' },
  },
  {
    name: 'I6: clears the guard of a dead writer before it is noted (reap before noting)',
    file: LANES,
    find: `      const guard = lane.guard.load();
      // I6`,
    replace: `      lane.guard.store(GUARD_IDLE);
      const guard = lane.guard.load();
      // I6`,
    killedBy: EVERY_DEATH,
  },
  {
    name: 'I6: notes a dead guard as if its writer had taken the sequence it saw',
    file: LANES,
    find: `this.#noteDeadGuard({ first: guard, end: this.#control.commitSeqNext.load() });`,
    replace: `this.#noteDeadGuard({ first: guard, end: guard + 1 });`,
    killedBy: { file: VOIDS_TEST, title: 'I6: a dead guard reaches up to the counter' },
  },
  {
    name: 'leaves the guard of a dead writer set',
    file: LANES,
    find: `      lane.guard.store(GUARD_IDLE);`,
    replace: ``,
    killedBy: EVERY_DEATH,
  },
  {
    name: 'cleans up in a lane that the dead writer had left',
    file: LANES,
    find: `    if (lane.lock.takeOver(writerId, FLUSHER_ID)) {`,
    replace: `    lane.lock.takeOver(writerId, FLUSHER_ID);
    if (lane.lock.isHeld()) {`,
    killedBy: { file: REAPING_TEST, title: 'that had left the lane before is not mistaken for the writer inside' },
  },
  {
    name: 'forgets the sizes of a commit whose writer died behind publishing it',
    file: LANES,
    find: `      this.#repairSizes(lane, guard);`,
    replace: ``,
    killedBy: EVERY_DEATH,
  },
  {
    name: 'puts sizes of older commits in force again when a writer died',
    file: LANES,
    find: `        if (commitSeq >= guard) this.#control.setSizePages(space, pages);`,
    replace: `        this.#control.setSizePages(space, pages);`,
    killedBy: { file: VOIDS_TEST, title: 'sizes that were set before the dead writer set its guard stay as they are' },
  },
  {
    name: 'keeps the room that the jumbo of a dead writer had claimed',
    file: LANES,
    find: `      lane.jumboClaimed.store(lane.jumboReleased.load() + this.#publishedJumboBytes(lane));`,
    replace: ``,
    killedBy: DEAD_JUMBO,
  },
  {
    name: 'frees the room of jumbos that a dead writer had published',
    file: LANES,
    find: `      lane.jumboClaimed.store(lane.jumboReleased.load() + this.#publishedJumboBytes(lane));`,
    replace: `      lane.jumboClaimed.store(lane.jumboReleased.load());`,
    killedBy: DEAD_JUMBO,
  },
  {
    name: 'leaves the jumbo lock with a dead writer',
    file: LANES,
    find: `    if (this.#control.jumboLock.takeOver(writerId, FLUSHER_ID)) this.#control.jumboLock.release(FLUSHER_ID);`,
    replace: ``,
    killedBy: DEAD_JUMBO,
  },
  {
    name: 'drops the jumbos of a dead writer that are published',
    file: LANES,
    find: `held.writerId === writerId && !published.has(jumboId)`,
    replace: `held.writerId === writerId`,
    killedBy: { file: REAPING_TEST, title: 'leaves a jumbo that it published before as it is' },
  },
  {
    name: 'drops the jumbos that others have not published yet',
    file: LANES,
    find: `held.writerId === writerId && !published.has(jumboId)`,
    replace: `!published.has(jumboId)`,
    killedBy: { file: VOIDS_TEST, title: 'a jumbo that somebody else is about to publish outlives the dead writer' },
  },
  {
    name: 'tells nobody of the room that a dead writer leaves',
    file: LANES,
    find: `    this.#control.writtenTurn.announce();
  }`,
    replace: `  }`,
    killedBy: DEAD_JUMBO,
  },
  {
    name: 'never gives back the room of jumbos that are written',
    file: LANES,
    find: `        lane.jumboReleased.store(lane.jumboReleased.load() + jumboBytes);`,
    replace: ``,
    killedBy: DEAD_JUMBO,
  },
  {
    name: 'I8: looks for work before it says how it sleeps',
    file: LOOP,
    find: `      this.#control.flusherSleep.store(next.sleep);
      const again = this.#flusher.step(monotonicMs());`,
    replace: `      const again = this.#flusher.step(monotonicMs());
      this.#control.flusherSleep.store(next.sleep);`,
    killedBy: { file: ORDERS_TEST, title: 'I8: a commit between the last look and the sleep is not slept through' },
  },
  {
    name: 'recycles files before the checkpoint record is written',
    file: RETENTION,
    find: `    if (isNews) this.#write(throughSeq, store);`,
    replace: `    this.#log.release(throughSeq);
    if (isNews) this.#write(throughSeq, store);`,
    killedBy: { file: ORDERS_TEST, title: 'a checkpoint record is synced before the first file below it is recycled' },
  },
  {
    name: 'a checkpoint goes back: its record needs files that are gone',
    file: RETENTION,
    find: `    if (isNews) this.#write(throughSeq, store);`,
    replace: `    void isNews;
    this.#write(throughSeq, store);`,
    killedBy: { file: CHECKPOINTS_TEST, title: 'a checkpoint never goes back' },
  },
  {
    name: 'A5: goes on when a checkpoint record could not be synced',
    file: THREAD,
    find: `    if (!REFUSALS.includes(error.code)) this.#flusher.fail(error);`,
    replace: ``,
    killedBy: { file: CHECKPOINTS_TEST, title: 'A5: fails the log when its sync failed, and lets no file go' },
  },
  {
    name: 'recycling on a disk that is full fails the log',
    file: THREAD,
    find: `    if (!REFUSALS.includes(error.code)) this.#flusher.fail(error);`,
    replace: `    this.#flusher.fail(error);`,
    killedBy: {
      file: 'test/unit/writer/writer.test.ts',
      title: 'releases what an earlier one left, and that of a broken directory',
    },
  },
  {
    name: 'a checkpoint record without a number fails the log',
    file: THREAD,
    find: `    if (!REFUSALS.includes(error.code)) this.#flusher.fail(error);`,
    replace: `    if (error.code !== 'ERR_WAL_STORAGE_FULL') this.#flusher.fail(error);`,
    killedBy: { file: 'test/bytes/counters.test.ts', title: 'a file number or a generation that is used up' },
  },
  {
    name: 'I6: a log that ends takes its live writers for dead',
    file: THREAD,
    find: `    this.#writers.clear();`,
    replace: ``,
    killedBy: {
      file: 'test/unit/writer/writer.test.ts',
      title: 'a log that is closed takes no lock from a writer that lives',
    },
  },
  {
    name: 'gives the id of a writer that left to the next one',
    file: THREAD,
    find: `    const id = this.#writerIdNext++;`,
    replace: `    const id = this.#writerIdNext;`,
    killedBy: { file: 'test/unit/writer/orders.test.ts', title: 'no two jumbos of a log have one number' },
  },
  {
    name: 'says nothing when the thread of the flusher ends',
    file: 'src/flusher/flusher-host.ts',
    find: `    if (state !== STATE.closed && !this.#isFailureTold) {`,
    replace: `    if (state === STATE.stalled && !this.#isFailureTold) {`,
    killedBy: { file: 'test/threads/deaths.test.ts', title: 'by throw, asleep, fails the log and everybody is told' },
  },
  {
    name: 'takes a checkpoint of commits that are not durable',
    file: RETENTION,
    find: `throughSeq < 0 || throughSeq > durableSeq) {`,
    replace: `throughSeq < 0) {`,
    killedBy: { file: 'test/unit/writer/writer.test.ts', title: 'beyond the durable mark is refused' },
  },
  {
    name: 'a checkpoint record calls epochs synced that are only written',
    file: RETENTION,
    find: `      syncedThrough: this.#log.syncedThrough,`,
    replace: `      syncedThrough: this.#log.position.epoch,`,
    killedBy: { file: ORDERS_TEST, title: 'a checkpoint record calls nothing synced that is not' },
  },
  {
    name: 'A1: a sync that is under way covers what is written meanwhile',
    file: 'src/log/log-writer.ts',
    find: `        this.#noteSynced(through, monotonicMs() - startMs);
        outcome.synced(through);`,
    replace: `        this.#noteSynced(this.#position, monotonicMs() - startMs);
        outcome.synced(this.#position);`,
    killedBy: OVERLAP('A1: epochs are written while one is synced'),
  },
  {
    name: 'A5: begins a sync while another is under way',
    file: SYNCS,
    find: `if (this.isUnderWay || !this.#isDue(`,
    replace: `if (!this.#isDue(`,
    killedBy: OVERLAP('A1: epochs are written while one is synced'),
  },
  {
    name: 'A5: does not hear of the failure of a sync that was under way',
    file: FLUSHER,
    find: `      failed: (thrown) => this.fail(toWalError(thrown, 'sync the log')),`,
    replace: `      failed: (thrown) => void toWalError(thrown, 'sync the log'),`,
    killedBy: OVERLAP('A5: a sync that fails under way fails the log'),
  },
  {
    name: 'moves the mark of a log that failed while a sync was under way',
    file: FLUSHER,
    find: `    if (this.#control.hasEnded()) return;
    this.#moveDurable(through);`,
    replace: `    this.#moveDurable(through);`,
    killedBy: OVERLAP('a log that fails while a sync is under way'),
  },
  {
    name: 'closes a file that is being synced',
    file: 'src/log/log-writer.ts',
    find: `if (this.#underWay === undefined) this.#file.close();`,
    replace: `if (this.#underWay !== null) this.#file.close();`,
    killedBy: OVERLAP('a log that fails while a sync is under way'),
  },
  {
    name: 'A5: leaves a file that is being synced',
    file: FLUSHER,
    find: `    if (this.#syncs.isUnderWay && this.#log.needsNewFile(segment.segmentBytes)) return;
`,
    replace: ``,
    killedBy: OVERLAP('A5: the log does not leave a file that is being synced'),
  },
  {
    name: 'writes without bound while a sync is under way',
    file: SYNCS,
    find: ` && this.#unsyncedBytes < this.#settings.syncBytes;`,
    replace: `;`,
    killedBy: OVERLAP('no more than syncBytes are written'),
  },
  {
    name: 'writes every little while a sync is under way',
    file: SYNCS,
    find: `stagedBytes >= this.#overlappedBytes && `,
    replace: ``,
    killedBy: OVERLAP('little is not written while a sync is under way'),
  },
  {
    name: 'is not woken when a sync ends',
    file: THREAD,
    find: `      synced: () => this.#loop.poke(),`,
    replace: `      synced: () => undefined,`,
    killedBy: OVERLAP('what waits for a sync to end goes on when it does'),
  },
  {
    name: 'closes in order while a sync is under way',
    file: FLUSHER,
    find: `this.#pending === undefined && this.#syncs.isDone;`,
    replace: `this.#pending === undefined && this.#syncs.unsyncedSinceMs === undefined;`,
    killedBy: OVERLAP('a close waits for the sync that is under way'),
  },
  {
    name: 'gathers without end',
    file: 'src/flusher/gathering.ts',
    find: `    return sinceMs + patienceMs;`,
    replace: `    return sinceMs + 1000 * patienceMs;`,
    killedBy: GATHER('those that do not come are not waited for'),
  },
  {
    name: 'does not gather',
    file: 'src/flusher/gathering.ts',
    find: `commits >= this.#awaited || patience`,
    replace: `commits >= 1 || patience`,
    killedBy: GATHER('threads that were woken together share the next epoch'),
  },
  {
    name: 'waits for more although all have come',
    file: 'src/flusher/gathering.ts',
    find: `commits >= this.#awaited || patience`,
    replace: `commits > this.#awaited || patience`,
    killedBy: GATHER('threads that were woken together share the next epoch'),
  },
  {
    name: 'waits in each epoch for those who only follow the log',
    file: 'src/flusher/gathering.ts',
    find: `    return this.#isTrial ? this.#woken : Math`,
    replace: `    return this.#woken > 0 ? this.#woken : Math`,
    killedBy: GATHER('who only follows the log is not waited for when all others have come'),
  },
  {
    name: 'gathers for ever for threads that do something else',
    file: 'src/flusher/gathering.ts',
    find: `commits === this.#before) this.#patienceMs /= 2;`,
    replace: `commits === this.#before) this.#patienceMs *= 1;`,
    killedBy: GATHER('those that do not come again and again are not waited for at all'),
  },
  {
    name: 'writes more before it syncs what was written while a sync was under way',
    file: FLUSHER,
    find: `if (this.#stallRetryMs !== undefined || this.#syncs.isMuch) this`,
    replace: `if (this.#stallRetryMs !== undefined) this`,
    killedBy: OVERLAP('what was written while a sync was under way is synced before more is written'),
  },
  {
    name: 'A5: a sync is no longer under way before it is told how it ended',
    file: 'src/log/log-writer.ts',
    find: `this.#underWay = this.#file.startSync().then(`,
    replace: `this.#underWay = this.#file.startSync().finally(() => (this.#underWay = undefined)).then(`,
    killedBy: OVERLAP('A5: a sync is under way until it is told how it ended'),
  },
];
