// Goal: parallel writers leave what a serial replay leaves. Method: random traces and random interleavings of writers,
// checked against the rule itself and not against the plan that was made from it; then real traces, real threads.

import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Claim,
  createScheduleMemory,
  type DependencyPlan,
  planDependencies,
  type ScheduleMemory,
  SharedSchedule,
} from '../../../src/cli/trace/schedule.js';
import { readSqliteWal, type SqliteTrace, sizeChanges } from '../../../src/cli/trace/sqlite-wal.js';
import { readTrace, SerialReplay } from '../../support/traces.js';
import type { ScheduleWorkerData } from './schedule-worker.js';
import { announced, randomStream } from './seeded.js';
import { buildLog } from './sqlite-wal-builder.js';
import { simulateWriters } from './writer-simulation.js';

const BASE_PAGES = 8;

/** A transaction as the pages it touches and the size it sets. */
interface Transaction {
  readonly pages: readonly number[];
  readonly size?: number;
}

function traceOf(transactions: readonly Transaction[]): SqliteTrace {
  const frames = transactions.flatMap(({ pages, size = BASE_PAGES }) =>
    pages.map((page, index) => ({ page, commit: index === pages.length - 1 ? size : 0 })),
  );
  return readSqliteWal(buildLog({ pageBytes: 512 }, frames));
}

function planOf(transactions: readonly Transaction[], limit?: number): DependencyPlan {
  return planDependencies(traceOf(transactions), BASE_PAGES, limit);
}

/** By transaction: all earlier ones that may not come behind it, by the rule. */
function conflictsOf(trace: SqliteTrace, basePages: number): number[][] {
  const changes = sizeChanges(trace, basePages);
  const pages = Array.from(changes, (_, transaction) => {
    return new Set(trace.pageNumbers.subarray(trace.entryStarts[transaction], trace.entryStarts[transaction + 1]));
  });
  return pages.map((own, transaction) =>
    pages.slice(0, transaction).flatMap((others, earlier) => {
      const conflict =
        changes[transaction] === 1 || changes[earlier] === 1 || [...own].some((page) => others.has(page));
      return conflict ? [earlier] : [];
    }),
  );
}

/** Fails unless every transaction came once, not present ones excepted, and behind everything it conflicts with. */
function expectLawful(
  appended: readonly Claim[],
  conflicts: readonly number[][],
  copies: number,
  present: readonly ReadonlySet<number>[] = [],
): void {
  for (let copy = 0; copy < copies; copy++) {
    const order = [
      ...(present[copy] ?? []),
      ...appended.filter((each) => each.copy === copy).map((each) => each.transaction),
    ];
    expect(order.toSorted((a, b) => a - b)).toEqual(conflicts.map((_, transaction) => transaction));
    const position = new Map(order.map((transaction, index) => [transaction, index]));
    const misplaced = order.filter((transaction) =>
      (conflicts[transaction] ?? []).some((earlier) => (position.get(earlier) ?? 0) > (position.get(transaction) ?? 0)),
    );
    expect(misplaced).toEqual([]);
  }
}

/** A set that a crash could have left: with each transaction also what it conflicts with. Ascending. */
function randomPresent(conflicts: readonly number[][], random: (below: number) => number): Set<number> {
  const present = new Set<number>();
  const sparsity = 1 + random(4);
  conflicts.forEach((earlier, transaction) => {
    if (random(4) >= sparsity - 1 && earlier.every((each) => present.has(each))) present.add(transaction);
  });
  return present;
}

const transaction = fc.record({
  pages: fc.uniqueArray(fc.integer({ min: 1, max: BASE_PAGES }), { minLength: 1, maxLength: 4 }),
  size: fc.oneof({ weight: 8, arbitrary: fc.constant(BASE_PAGES) }, fc.integer({ min: BASE_PAGES, max: 10 })),
});

describe('any interleaving of any number of writers', () => {
  const transactions = fc.array(transaction, { maxLength: 40 });
  const count = fc.integer({ min: 1, max: 5 });

  test('appends everything once, in the order of conflicts, and nobody waits for ever', () => {
    fc.assert(
      fc.property(transactions, count, count, fc.integer(), (list, copies, writers, seed) => {
        const trace = traceOf(list);
        const memory = createScheduleMemory(planDependencies(trace, BASE_PAGES), copies);
        const { appended } = simulateWriters(memory, writers, randomStream(seed));
        expectLawful(appended, conflictsOf(trace, BASE_PAGES), copies);
      }),
      { numRuns: 200, ...announced('writers of a schedule') },
    );
  });

  test('carries on after a crash with what is missing only', () => {
    fc.assert(
      fc.property(transactions, count, count, fc.integer(), (list, copies, writers, seed) => {
        const trace = traceOf(list);
        const random = randomStream(seed);
        const conflicts = conflictsOf(trace, BASE_PAGES);
        const present = Array.from({ length: copies }, () => randomPresent(conflicts, random));
        const memory = createScheduleMemory(planDependencies(trace, BASE_PAGES), copies, present);
        const { appended } = simulateWriters(memory, writers, random);
        expectLawful(appended, conflicts, copies, present);
      }),
      { numRuns: 200, ...announced('writers after a crash') },
    );
  });

  test('starts again from wherever a run was broken off', () => {
    fc.assert(
      fc.property(transactions, count, fc.integer(), (list, writers, seed) => {
        const trace = traceOf(list);
        const random = randomStream(seed);
        const plan = planDependencies(trace, BASE_PAGES);
        const { appended } = simulateWriters(createScheduleMemory(plan, 1), writers, random);
        const present = new Set(appended.slice(0, random(appended.length + 1)).map((each) => each.transaction));
        const resumed = simulateWriters(createScheduleMemory(plan, 1, [present]), writers, random);
        expectLawful(resumed.appended, conflictsOf(trace, BASE_PAGES), 1, [present]);
      }),
      announced('a schedule broken off'),
    );
  });
});

test.each(['shrink-4k', 'torn-tail-4k', 'speedtest-4k'] as const)(
  '%s: any lawful order gives the same bytes',
  async (name) => {
    const { trace, base, oracle } = await readTrace(name);
    const { seed } = announced(`order of ${name}`);
    const memory = createScheduleMemory(planDependencies(trace, base.pages), 1);
    const { appended, claimedMax } = simulateWriters(memory, 6, randomStream(seed));
    const replay = new SerialReplay(trace, base);
    for (const each of appended) replay.apply(each.transaction);
    expect([replay.pages, replay.sha256()]).toEqual([oracle.dbSizePages.final, oracle.replaySha256]);
    expect(claimedMax).toBeGreaterThan(0);
  },
);

describe('a plan', () => {
  test('lists the latest toucher of each page once, and the last change of size', () => {
    const plan = planOf([
      { pages: [1, 2] },
      { pages: [2, 3] },
      { pages: [1, 2, 3] },
      { pages: [5], size: 9 },
      { pages: [1, 5], size: 9 },
      { pages: [5, 1], size: 9 },
    ]);
    const lists = Array.from({ length: plan.transactions }, (_, index) => [
      ...plan.earlier.subarray(plan.starts[index], plan.starts[index + 1]),
    ]);
    expect(lists).toEqual([[], [0], [0, 1], [], [3], [3, 4]]);
    expect([...plan.followsAll]).toEqual([0, 0, 0, 1, 0, 0]);
  });

  test('takes the size of the base for the first transaction', () => {
    expect([...planDependencies(traceOf([{ pages: [1] }]), BASE_PAGES + 1).followsAll]).toEqual([1]);
  });

  test('ends at the limit, or with the trace', () => {
    const three = [1, 2, 3].map((page) => ({ pages: [page] }));
    expect([0, 1, 3, 4].map((limit) => planOf(three, limit).transactions)).toEqual([0, 1, 3, 3]);
    expect(simulateWriters(createScheduleMemory(planOf(three, 2), 2), 1, randomStream(1)).appended).toHaveLength(4);
  });
});

describe('a claim', () => {
  test('is taken from the home copy first, then from the others in turn', () => {
    const schedule = scheduleOf([{ pages: [1] }, { pages: [1] }], 3);
    const claims = [1, 1, 1, 1].map(() => schedule.claimNext(4));
    expect(claims).toEqual([...[1, 2, 0].map((copy) => ({ copy, transaction: 0 })), 'wait']);
    schedule.markAppended(2, 0);
    expect(schedule.claimNext(0)).toEqual({ copy: 2, transaction: 1 });
  });

  test('of independent transactions waits for nobody', () => {
    const schedule = scheduleOf([{ pages: [1] }, { pages: [2] }, { pages: [3] }], 1);
    expect([0, 1, 2, 3].map((writer) => schedule.claimNext(writer))).toEqual([
      ...[0, 1, 2].map((transaction) => ({ copy: 0, transaction })),
      'done',
    ]);
  });

  test('of a change of size waits for everything before it, and everything behind waits for it', () => {
    const schedule = scheduleOf([{ pages: [1] }, { pages: [2] }, { pages: [3], size: 9 }, { pages: [4], size: 9 }], 1);
    expect([schedule.claimNext(0), schedule.claimNext(1)]).toMatchObject([{ transaction: 0 }, { transaction: 1 }]);
    schedule.markAppended(0, 1);
    expect(schedule.claimNext(0)).toBe('wait');
    schedule.markAppended(0, 0);
    expect(schedule.claimNext(0)).toMatchObject({ transaction: 2 });
    expect(schedule.claimNext(0)).toBe('wait');
    schedule.markAppended(0, 2);
    expect(schedule.claimNext(0)).toMatchObject({ transaction: 3 });
  });

  test('is refused to all once the schedule is stopped', () => {
    const schedule = scheduleOf([{ pages: [1] }, { pages: [1] }], 1);
    schedule.claimNext(0);
    const seen = schedule.progress();
    schedule.stop();
    // Returns at once: stopping is progress, or writers would sleep through it.
    schedule.waitForProgress(seen);
    expect([schedule.claimNextBlocking(1), schedule.isStopped()]).toEqual(['done', true]);
  });
});

test('an append ends the wait that was begun before it', () => {
  const schedule = scheduleOf([{ pages: [1] }], 1);
  schedule.claimNext(0);
  const seen = schedule.progress();
  expect(schedule.isAppended(0, 0)).toBe(false);
  schedule.markAppended(0, 0);
  schedule.waitForProgress(seen);
  expect(schedule.isAppended(0, 0)).toBe(true);
});

test('what is present without what it follows is refused, and what is beyond the plan is left alone', () => {
  const list = [{ pages: [1] }, { pages: [1] }, { pages: [2] }, { pages: [3], size: 9 }];
  const present =
    (...transactions: number[]) =>
    () =>
      createScheduleMemory(planOf(list), 2, [[], transactions]);
  const invalid = expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' });
  for (const broken of [present(1), present(0, 1, 3), present(3)]) expect(broken).toThrow(invalid);
  for (const lawful of [present(2), present(2, 0), present(3, 2, 1, 0), present(0, 9)]) expect(lawful).not.toThrow();
});

test('threads append everything once and in the order of conflicts', { timeout: 30_000 }, async () => {
  const { seed } = announced('threads of a schedule');
  const random = randomStream(seed);
  const list = Array.from({ length: 400 }, (): Transaction => {
    return { pages: [1 + random(BASE_PAGES)], size: BASE_PAGES + (random(20) === 0 ? 1 : 0) };
  });
  const trace = traceOf(list);
  const copies = 3;
  const memory = createScheduleMemory(planDependencies(trace, BASE_PAGES), copies);
  const numbers = await runThreads(memory, 4);
  const appended = Array.from(numbers, (number, slot) => {
    return { number, copy: Math.floor(slot / list.length), transaction: slot % list.length };
  }).sort((a, b) => a.number - b.number);
  expect(appended.map(({ number }) => number)).toEqual(appended.map((_, index) => index + 1));
  expectLawful(appended, conflictsOf(trace, BASE_PAGES), copies);
});

function scheduleOf(transactions: readonly Transaction[], copies: number): SharedSchedule {
  return new SharedSchedule(createScheduleMemory(planOf(transactions), copies));
}

/** Runs writer threads to the end; by copy and transaction the number of its append. */
async function runThreads(memory: ScheduleMemory, writers: number): Promise<Int32Array> {
  const next = new Int32Array(new SharedArrayBuffer(4));
  const numbers = new Int32Array(new SharedArrayBuffer(memory.statuses.byteLength));
  const ends = Array.from({ length: writers }, (_, writer) => {
    const workerData: ScheduleWorkerData = { memory, writer, next, numbers };
    const worker = new Worker(new URL('./schedule-worker.js', import.meta.url), { workerData });
    return new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', () => resolve());
    });
  });
  await Promise.all(ends);
  return numbers;
}
