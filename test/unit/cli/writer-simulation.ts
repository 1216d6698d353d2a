// Several writers of one schedule on a single thread. Every atomic operation of one may be preceded by whole steps of
// others, as if its thread had been put aside there, so also the races inside a claim are seen. A writer that would
// block runs again only if its wait would have ended; when nobody can run, somebody would have waited for ever.

import { type Claim, type ScheduleMemory, SharedSchedule } from '../../../src/cli/trace/schedule.js';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';

type State = { at: 'idle' } | { at: 'waiting'; seen: number } | { at: 'appending'; claim: Claim } | { at: 'done' };

interface Writer {
  readonly number: number;
  state: State;
  /** In the middle of a step: its thread cannot start another. */
  isBusy: boolean;
}

/** What happened, in order. */
export interface Simulated {
  readonly appended: readonly Claim[];
  /** Most transactions that were claimed and not yet marked at one time. */
  readonly claimedMax: number;
}

/**
 * Runs `writerCount` writers until all are done.
 *
 * @param random - a whole number from 0 up to, not including, its argument
 * @throws Error when nobody can run and somebody is not done
 */
export function simulateWriters(
  memory: ScheduleMemory,
  writerCount: number,
  random: (below: number) => number,
): Simulated {
  const watching = new SharedSchedule(memory);
  const schedule = new SharedSchedule(memory, preempted(preempt));
  const writers = Array.from({ length: writerCount }, (_, number): Writer => {
    return { number, state: { at: 'idle' }, isBusy: false };
  });
  const appended: Claim[] = [];
  let claimedMax = 0;

  function canRun({ state, isBusy }: Writer): boolean {
    if (isBusy || state.at === 'done') return false;
    return state.at !== 'waiting' || watching.progress() !== state.seen;
  }

  function preempt(): void {
    while (random(4) === 0) {
      const others = writers.filter(canRun);
      if (others.length === 0) return;
      step(others[random(others.length)] as Writer);
    }
  }

  function step(writer: Writer): void {
    writer.isBusy = true;
    writer.state = next(writer);
    writer.isBusy = false;
    claimedMax = Math.max(claimedMax, writers.filter(({ state }) => state.at === 'appending').length);
  }

  function next({ number, state }: Writer): State {
    if (state.at === 'appending') {
      appended.push(state.claim);
      schedule.markAppended(state.claim.copy, state.claim.transaction);
      return { at: 'idle' };
    }
    const seen = schedule.progress();
    const claim = schedule.claimNext(number);
    if (claim === 'done') return { at: 'done' };
    return claim === 'wait' ? { at: 'waiting', seen } : { at: 'appending', claim };
  }

  while (writers.some(({ state }) => state.at !== 'done')) {
    const able = writers.filter(canRun);
    if (able.length === 0) throw new Error('a writer waits for ever');
    step(able[random(able.length)] as Writer);
  }
  return { appended, claimedMax };
}

/** The real operations, with `before` called ahead of each one that other threads can see or be seen by. */
function preempted(before: () => void): AtomicOps {
  return {
    ...atomics,
    load: (words, index) => {
      before();
      return atomics.load(words, index);
    },
    store: (words, index, value) => {
      before();
      atomics.store(words, index, value);
    },
    add: (words, index, delta) => {
      before();
      return atomics.add(words, index, delta);
    },
    compareExchange: (words, index, expected, replacement) => {
      before();
      return atomics.compareExchange(words, index, expected, replacement);
    },
  };
}
