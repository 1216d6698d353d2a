// Goal: the stager keeps what was staged, in order, and gives it out once. Method: random calls, most of them about
// batches that are there, beside a model that is a plain list.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BatchContext, LaneStager, type StagedBatch } from '../../../src/index.js';

const SEED = Number(process.env.WAL_TEST_SEED ?? Date.now() % 2 ** 31);
const LANES = 3;

type Call =
  | { kind: 'stage'; lane: number; frames: number[]; bytes: number }
  | { kind: 'take'; picks: number[]; isSpoiled: boolean }
  | { kind: 'discard'; picks: number[] }
  | { kind: 'mode'; isConservative: boolean };

const calls: fc.Arbitrary<Call[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: stageCall() },
    { weight: 3, arbitrary: takeCall() },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('discard' as const), picks: fc.array(fc.nat(30)) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('mode' as const), isConservative: fc.boolean() }) },
  ),
  { maxLength: 60 },
);

function stageCall() {
  return fc.record({
    kind: fc.constant('stage' as const),
    lane: fc.nat(LANES - 1),
    frames: fc.array(fc.nat(99), { maxLength: 4 }),
    bytes: fc.nat(1000),
  });
}

/** Each pick names a lane whose next batch is taken too; a spoiled take names one that is not next. */
function takeCall() {
  return fc.record({
    kind: fc.constant('take' as const),
    picks: fc.array(fc.nat(LANES - 1), { maxLength: 6 }),
    isSpoiled: fc.boolean(),
  });
}

/** All that was staged and is not gone, in the order of the ids. */
class Model {
  batches: StagedBatch<number>[] = [];
  everStaged: BatchContext[] = [];

  inLane(lane: number): StagedBatch<number>[] {
    return this.batches.filter((each) => each.lane === lane);
  }

  remove(gone: readonly BatchContext[]): void {
    this.batches = this.batches.filter(({ batchId }) => !gone.some((each) => each.batchId === batchId));
  }

  backlog(batches: readonly StagedBatch<number>[]) {
    const sum = (of: (batch: StagedBatch<number>) => number): number =>
      batches.reduce((all, each) => all + of(each), 0);
    return { batches: batches.length, frames: sum(({ frames }) => frames.length), bytes: sum(({ bytes }) => bytes) };
  }
}

function take(stager: LaneStager<number>, model: Model, picks: readonly number[], isSpoiled: boolean): void {
  const next = Array.from({ length: LANES }, (_, lane) => model.inLane(lane));
  const contexts = picks.flatMap((lane) => next[lane]!.shift() ?? []);
  // Behind all that is right: the second of what is left in a lane, or one that was taken just before.
  const wrong = next.find(({ length }) => length > 1)?.[1] ?? contexts[0];
  if (isSpoiled && wrong !== undefined) {
    expect(stager.takeBatchesForFlush([...contexts, wrong])).toBeUndefined();
    return;
  }
  expect(stager.takeBatchesForFlush(contexts)).toEqual(contexts);
  model.remove(contexts);
}

function run(stager: LaneStager<number>, model: Model, call: Call): void {
  if (call.kind === 'stage') {
    const { lane, frames, bytes } = call;
    const batch = stager.stage(lane, frames, { bytes, stagedMs: model.everStaged.length });
    const expected = { frames, bytes, lane: stager.isConservative ? 0 : lane, stagedMs: model.everStaged.length };
    expect(batch).toEqual({ ...expected, batchId: (model.everStaged.at(-1)?.batchId ?? 0) + 1 });
    model.batches.push(batch);
    model.everStaged.push(batch);
  } else if (call.kind === 'take') {
    take(stager, model, call.picks, call.isSpoiled);
  } else if (call.kind === 'discard') {
    const contexts = call.picks.map((pick) => model.everStaged[pick] ?? { batchId: 1000 + pick, lane: pick });
    const before = model.batches.length;
    const discarded = stager.discardBatchesForFlush(contexts);
    model.remove(contexts);
    expect(discarded).toBe(before - model.batches.length);
    expect(stager.discardBatchesForFlush(contexts)).toBe(0);
  } else {
    stager.isConservative = call.isConservative;
  }
}

test('whatever is staged, taken and discarded: the batches and the backlog are those of a list', () => {
  console.log(`seed=${SEED}`);
  fc.assert(
    fc.property(calls, (all) => {
      const stager = new LaneStager<number>({ lanes: LANES });
      const model = new Model();
      for (const call of all) {
        run(stager, model, call);
        const lanes = Array.from({ length: LANES }, (_, lane) => lane);
        const seen = lanes.map((lane) => [stager.oldest(lane), stager.oldest(lane, 2), stager.backlog(lane)]);
        const expected = lanes.map((lane) => {
          const batches = model.inLane(lane);
          return [batches, batches.slice(0, 2), model.backlog(batches)];
        });
        expect([seen, stager.backlog()]).toEqual([expected, model.backlog(model.batches)]);
      }
    }),
    { numRuns: 100, seed: SEED },
  );
});

describe('lanes', () => {
  test('are numbered with 16 bits, however many are asked for', () => {
    expect(new LaneStager({ lanes: 65_535 }).laneCount).toBe(65_535);
    const stager = new LaneStager({ lanes: 1_000_000 });
    expect(stager.laneCount).toBe(65_535);
    expect(stager.stage(65_534, ['a']).lane).toBe(65_534);
    expect(() => stager.stage(65_535, ['a'])).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }));
  });

  test.each([0, -1, 1.5, Number.NaN, '2'])('%s of them are refused', (lanes) => {
    expect(() => new LaneStager({ lanes: lanes as number })).toThrow(
      expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }),
    );
  });

  test.each([-1, 2, 0.5, Number.NaN])('lane %s of two does not exist', (lane) => {
    const stager = new LaneStager<string>({ lanes: 2 });
    const refused = expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' });
    expect(() => stager.stage(lane, [])).toThrow(refused);
    expect(() => stager.oldest(lane)).toThrow(refused);
    expect(() => stager.backlog(lane)).toThrow(refused);
    expect(stager.takeBatchesForFlush([{ lane, batchId: 1 }])).toBeUndefined();
    expect(stager.discardBatchesForFlush([{ lane, batchId: 1 }])).toBe(0);
  });
});

/** A producer comes, or leaves. */
const churn = fc.array(fc.record({ producer: fc.nat(9), isLeaving: fc.boolean() }), { maxLength: 60 });

test('a producer keeps its lane until it leaves, and lanes are shared only when none is free', () => {
  console.log(`seed=${SEED}`);
  fc.assert(
    fc.property(churn, (all) => {
      const stager = new LaneStager<number>({ lanes: 4 });
      const lanes = new Map<number, number>();
      for (const { producer, isLeaving } of all) {
        if (isLeaving) {
          stager.leave(producer);
          lanes.delete(producer);
          continue;
        }
        const users = [0, 1, 2, 3].map((each) => [...lanes.values()].filter((lane) => lane === each).length);
        const lane = stager.laneOf(producer);
        if (lanes.has(producer)) expect(lane).toBe(lanes.get(producer));
        else expect(users[lane]).toBe(Math.min(...users));
        lanes.set(producer, lane);
      }
    }),
    { numRuns: 100, seed: SEED },
  );
  const stager = new LaneStager<number>({ lanes: 2 });
  expect(['a', 'b', 'c', 'a'].map((producer) => stager.laneOf(producer))).toEqual([0, 1, 0, 0]);
  stager.leave('b');
  stager.leave('nobody');
  expect(stager.laneOf('d')).toBe(1);
});

test('conservative mode has one lane; what was staged elsewhere before is still there', () => {
  const stager = new LaneStager<string>({ lanes: 4 });
  expect(['a', 'b', 'c'].map((producer) => stager.laneOf(producer))).toEqual([0, 1, 2]);
  const before = stager.stage(2, ['before']);
  stager.isConservative = true;
  expect(['a', 'b', 'c', 'd'].map((producer) => stager.laneOf(producer))).toEqual([0, 0, 0, 0]);
  const after = stager.stage(2, ['after']);
  expect(after.lane).toBe(0);
  expect(stager.takeBatchesForFlush([before, after])).toEqual([before, after]);
  stager.isConservative = false;
  // The lanes are as they were, and that of who came meanwhile is one of its own.
  expect(['a', 'b', 'c', 'd'].map((producer) => stager.laneOf(producer))).toEqual([0, 1, 2, 3]);
  expect(new LaneStager({ lanes: 4, conservative: true }).stage(3, []).lane).toBe(0);
});
