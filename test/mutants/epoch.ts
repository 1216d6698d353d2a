// Mutants of sealing, marks and waits (I5 to I8).

import type { Mutant } from '../support/mutation.js';

const SEALING = 'src/epoch/sealing.ts';
const CONTROL = 'src/epoch/control.ts';
const WAITER = 'src/epoch/mark-waiter.ts';
const SEALING_TEST = 'test/unit/epoch/sealing.test.ts';
const WAITER_TEST = 'test/unit/epoch/mark-waiter.test.ts';
const ORDERS_TEST = 'test/unit/epoch/orders.test.ts';

const LOAD_ORDER = { file: SEALING_TEST, title: 'I5: are loaded in this order: counter, guards, tails' };
const OWN_GUARD = { file: SEALING_TEST, title: 'I6: a void lies within a dead guard of its own' };

export const EPOCH_MUTANTS: readonly Mutant[] = [
  {
    name: 'I5: reads the guards before the counter',
    file: SEALING,
    find: `  let endSeq = commitSeqNext.load();
  for (const lane of lanes) {
    const guard = lane.guard.load();`,
    replace: `  const guards = lanes.map((lane) => lane.guard.load());
  let endSeq = commitSeqNext.load();
  for (const guard of guards) {`,
    killedBy: LOAD_ORDER,
  },
  {
    name: 'I5: reads the tails before the guards',
    file: SEALING,
    find: `  const endSeq = readPublishedEnd(commitSeqNext, lanes);
  if (endSeq <= firstSeq) return undefined;
  // A guard that is gone by now belonged to a commit that is published: its tail is seen from here on.
  const tails = lanes.map((lane) => lane.tail.load());`,
    replace: `  const tails = lanes.map((lane) => lane.tail.load());
  const endSeq = readPublishedEnd(commitSeqNext, lanes);
  if (endSeq <= firstSeq) return undefined;`,
    killedBy: LOAD_ORDER,
  },
  {
    name: 'I3: ignores the guard',
    file: SEALING,
    find: `if (guard !== 0 && guard < endSeq) endSeq = guard;`,
    replace: ``,
    killedBy: { file: SEALING_TEST, title: 'I3: end at the lowest guard that is set' },
  },
  {
    name: 'I3: takes the last guard for the lowest',
    file: SEALING,
    find: `if (guard !== 0 && guard < endSeq) endSeq = guard;`,
    replace: `if (guard !== 0) endSeq = guard;`,
    killedBy: { file: SEALING_TEST, title: 'I3: end at the lowest guard that is set' },
  },
  {
    name: 'seals an epoch without sequences',
    file: SEALING,
    find: `if (endSeq <= firstSeq) return undefined;`,
    replace: `if (endSeq < firstSeq) return undefined;`,
    killedBy: { file: SEALING_TEST, title: 'are none when no sequence was taken' },
  },
  {
    name: 'I6: takes a missing commit for a void that nobody explains',
    file: SEALING,
    find: `if (index < 0) return undefined;`,
    replace: `if (index < 0) continue;`,
    killedBy: OWN_GUARD,
  },
  {
    name: 'I6: a dead guard explains more than one void',
    file: SEALING,
    find: `    left.splice(index, 1);`,
    replace: ``,
    killedBy: OWN_GUARD,
  },
  {
    name: 'I6: a dead guard explains voids below it',
    file: SEALING,
    find: `first <= seq && seq < end);`,
    replace: `seq < end);`,
    killedBy: OWN_GUARD,
  },
  {
    name: 'I6: a dead guard explains voids above it',
    file: SEALING,
    find: `first <= seq && seq < end);`,
    replace: `first <= seq);`,
    killedBy: OWN_GUARD,
  },
  {
    name: 'I6: uses up the dead guard that could have explained a later void',
    file: SEALING,
    find: `sort((a, b) => a.end - b.end);
  for`,
    replace: `sort((a, b) => b.end - a.end);
  for`,
    killedBy: OWN_GUARD,
  },
  {
    name: 'certifies the size of an older commit',
    file: SEALING,
    find: `if (known === undefined || known.commitSeq < commitSeq)`,
    replace: `if (known === undefined || known.commitSeq > commitSeq)`,
    killedBy: { file: SEALING_TEST, title: 'keeps the size of the highest sequence of each space' },
  },
  {
    name: 'I4: takes commits while closing',
    file: CONTROL,
    find: `return state === STATE.running || state === STATE.stalled;`,
    replace: `return state !== STATE.closed && state !== STATE.failed;`,
    killedBy: {
      file: 'test/unit/flusher/flusher.test.ts',
      title: 'drains all lanes, leaves a clean mark, and takes nothing more',
    },
  },
  {
    name: 'I7: announces before it moves the state',
    file: CONTROL,
    find: `    this.#state.store(state);
    this.writtenTurn.announce();
    this.durableTurn.announce();`,
    replace: `    this.writtenTurn.announce();
    this.durableTurn.announce();
    this.#state.store(state);`,
    killedBy: { file: ORDERS_TEST, title: 'I7: marks and state move before their turn is announced' },
  },
  {
    name: 'a log that failed goes on',
    file: CONTROL,
    find: `    if (before === STATE.closed || before === STATE.failed) return;`,
    replace: ``,
    killedBy: { file: WAITER_TEST, title: 'failed is final' },
  },
  {
    name: 'I8: notifies the flusher without changing the word',
    file: CONTROL,
    find: `    this.demand.add(1);
    this.demand.notify();`,
    replace: `    this.demand.notify();`,
    killedBy: { file: WAITER_TEST, title: 'I8: a demand changes the word before anybody is notified' },
  },
  {
    name: 'I8: notifies the flusher before it changes the word',
    file: CONTROL,
    find: `    this.demand.add(1);
    this.demand.notify();`,
    replace: `    this.demand.notify();
    this.demand.add(1);`,
    killedBy: { file: WAITER_TEST, title: 'I8: a demand changes the word before anybody is notified' },
  },
  {
    name: 'I8: a commit does not wake an idle flusher',
    file: CONTROL,
    find: `(sleep === SLEEP.untilTick && reason === 'commit')`,
    replace: `reason === 'commit'`,
    killedBy: { file: WAITER_TEST, title: 'I8: a demand changes the word before anybody is notified' },
  },
  {
    name: 'I8: looks how the flusher sleeps before it raises the demand',
    file: CONTROL,
    find: `    this.demandSeq.raise(seq);
    this.demand.add(1);
    this.wakeFlusher('demand');`,
    replace: `    this.wakeFlusher('demand');
    this.demandSeq.raise(seq);
    this.demand.add(1);`,
    killedBy: { file: ORDERS_TEST, title: 'I8: a demand is there before anybody looks how the flusher sleeps' },
  },
  {
    name: 'takes the last sequence of the log before it once more',
    file: CONTROL,
    find: `control.commitSeqNext.store(lastSeq + 1);`,
    replace: `control.commitSeqNext.store(Math.max(1, lastSeq));`,
    killedBy: { file: WAITER_TEST, title: 'the sequence counter, the marks and the demand hold numbers beyond 2^32' },
  },
  {
    name: 'I7: a blocking wait loads the turn behind the mark',
    file: WAITER,
    find: `      const turn = this.#turn.load();
      if (this.reached() >= seq) break;
      const ended = this.#ended(seq);`,
    replace: `      if (this.reached() >= seq) break;
      const turn = this.#turn.load();
      const ended = this.#ended(seq + 0.5);`,
    killedBy: { file: WAITER_TEST, title: 'I7: loads the turn before the mark and demands before it sleeps' },
  },
  {
    name: 'I7: a wait without blocking loads the turn behind the mark',
    file: WAITER,
    find: `      const turn = this.#turn.load();
      this.#settleReached();
      if (this.#waiting.length === 0) break;`,
    replace: `      this.#settleReached();
      if (this.#waiting.length === 0) break;
      const turn = this.#turn.load();`,
    killedBy: { file: ORDERS_TEST, title: 'I7: a wait without blocking sleeps through no move of the mark' },
  },
  {
    name: 'a blocking wait asks for no seal',
    file: WAITER,
    find: `      this.#demand(seq);
      const left = deadline - monotonicMs();`,
    replace: `      const left = deadline - monotonicMs();`,
    killedBy: { file: ORDERS_TEST, title: 'a blocking wait asks for a seal before it sleeps' },
  },
  {
    name: 'a wait asks for a seal of commits that do not exist yet',
    file: WAITER,
    find: `: Math.min(seq, this.#control.commitSeqNext.load() - 1);`,
    replace: `: seq;`,
    killedBy: { file: WAITER_TEST, title: 'for what does not exist yet demands no seal beyond what does' },
  },
  {
    name: 'I8: takes a demand that stands for one that the flusher was told of',
    file: WAITER,
    find: `    else this.#control.wakeFlusher('demand');`,
    replace: ``,
    killedBy: { file: WAITER_TEST, title: 'I8: is told to the flusher by the next waiter that blocks' },
  },
  {
    name: 'looks at the mark before the state: calls a commit lost that became durable before the log ended',
    file: WAITER,
    find: `    const { state } = this.#control;
    // The flusher moves the marks before it says that it has closed or failed, so this looks at the final mark.
    if (this.reached() >= seq) return undefined;`,
    replace: `    if (this.reached() >= seq) return undefined;
    const { state } = this.#control;`,
    killedBy: { file: ORDERS_TEST, title: 'a commit that became durable before the log ended is never called lost' },
  },
  {
    name: 'answers a wait whose commit the mark does not cover',
    file: WAITER,
    find: `(this.#waiting[count] as Waiting).seq <= reached) count += 1;`,
    replace: `(this.#waiting[count] as Waiting).seq <= reached + 1) count += 1;`,
    killedBy: { file: WAITER_TEST, title: 'resolves as far as the mark goes, whatever the order of the waits' },
  },
  {
    name: 'I7: publication loads the turn behind the mark',
    file: 'src/epoch/publication.ts',
    find: `      const turn = markTurn.load();
      const lastSeq = seq.load();`,
    replace: `      const lastSeq = seq.load();
      const turn = markTurn.load();`,
    killedBy: { file: ORDERS_TEST, title: 'I7: publication sleeps through no move of the mark' },
  },
  {
    name: 'publishes commits that are not durable',
    file: 'src/epoch/publication.ts',
    find: `const lastSeq = seq.load();`,
    replace: `const lastSeq = this.#control.writtenSeq.load();`,
    killedBy: { file: WAITER_TEST, title: 'tells of contiguous ranges in order' },
  },
];
