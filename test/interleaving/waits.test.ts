// Every interleaving of sleeping and waking: waiters and whoever moves what they wait for, the flusher and its demands.

import { test } from 'vitest';
import { STATE } from '../../src/epoch/control.js';
import { MarkWaiter } from '../../src/epoch/mark-waiter.js';
import { exploreLog } from '../support/interleaving/explore-log.js';
import { bornFlusher, bornWriter, type Ghost } from '../support/interleaving/ghost.js';
import { exploreLoop } from '../support/interleaving/scopes.js';
import { SharedLog } from '../support/interleaving/shared-log.js';
import type { ThreadPlan } from '../support/interleaving/thread-tree.js';
import { codeOf } from '../support/interleaving/wal-threads.js';

/** A thread that blocks until `seq` is written, or is told that it never will be. */
function waiterThread(log: SharedLog, id: number, seq: number): ThreadPlan<Ghost> {
  const body = (): void => {
    const keepAlive = { hold: () => undefined, letGo: () => undefined };
    const waiter = new MarkWaiter(log.control, 'written', keepAlive);
    try {
      waiter.waitBlocking(seq, Number.POSITIVE_INFINITY);
    } catch (error) {
      if (codeOf(error) !== 'ERR_WAL_CLOSED') throw error;
    }
  };
  return { name: `waiter ${id}`, body, ghost: bornWriter(id, 0) };
}

/** Whoever moves a mark or the state, which is the flusher. */
function moverThread(name: string, body: () => void): ThreadPlan<Ghost> {
  return { name, body, ghost: bornFlusher() };
}

/** A log in which commits up to `seq` count as taken and written, so that a test may move the mark itself. */
function exploreWaiters(name: string, move: (log: SharedLog) => void, statesMin: number) {
  const log = new SharedLog();
  return exploreLog({
    name,
    log,
    threads: [waiterThread(log, 2, 1), waiterThread(log, 3, 1), moverThread('mover', () => move(log))],
    onlyWaits: true,
    statesMin,
  });
}

test('I7: one move of a mark wakes both of two waiters', async () => {
  await exploreWaiters(
    'two waiters, one mark',
    ({ control }) => {
      control.writtenSeq.store(1);
      control.writtenTurn.announce();
    },
    1909,
  );
}, 300_000);

test('I7: one change of the state wakes both of two waiters', async () => {
  await exploreWaiters('two waiters, one state', ({ control }) => control.setState(STATE.closed), 4047);
}, 300_000);

test('I7, I8: a commit that somebody waits for is written, however the flusher is about to sleep', async () => {
  await exploreLoop('one application, one flusher', {
    writers: [{ lane: 0, values: [1], waits: 'written' }],
    statesMin: 15784,
  });
}, 300_000);

test('I1, I7, I8: an append into a full lane waits for the release and is woken by it', async () => {
  await exploreLoop('a lane of one frame, two appends', {
    laneBytes: 256,
    writers: [{ lane: 0, values: [1, 2], withSize: true }],
    mayRest: true,
    statesMin: 70073,
  });
}, 300_000);

test('I4, I7: a log that closes refuses an append or writes it, and closes', async () => {
  await exploreLoop('one append, one close', {
    writers: [{ lane: 0, values: [1] }],
    closes: true,
    hasTimers: true,
    statesMin: 2397,
  });
}, 300_000);
