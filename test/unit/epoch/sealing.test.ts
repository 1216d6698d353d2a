// Sealing with made-up lanes: what the bounds of an epoch are, and which missing sequences are explained.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../../src/base/checksum.js';
import { EpochTally, readPublishedEnd, readSealBounds } from '../../../src/epoch/sealing.js';
import { checked, onePage, Rig } from '../../support/flusher-rig.js';
import { SteppedAtomics } from '../../support/stepped-atomics.js';
import { announced } from '../cli/seeded.js';

const word = (value: number) => ({ load: () => value });
const lane = (guard: number, tail = 0) => ({ guard: word(guard), tail: word(tail) });

describe('the bounds of an epoch', () => {
  test('end at the counter when no guard is set', () => {
    expect(readSealBounds(5, word(9), [lane(0, 64), lane(0, 128)])).toEqual({
      firstSeq: 5,
      endSeq: 9,
      tails: [64, 128],
    });
  });

  test('I3: end at the lowest guard that is set', () => {
    expect(readSealBounds(5, word(9), [lane(8), lane(7), lane(0)])?.endSeq).toBe(7);
    expect(readPublishedEnd(word(9), [lane(8), lane(0), lane(20)])).toBe(8);
  });

  test.each([
    ['no sequence was taken', 5, []],
    ['a guard is at the first sequence', 9, [lane(5)]],
    ['a guard holds an old lower bound', 9, [lane(2)]],
  ])('are none when %s', (_, counter, lanes) => {
    expect(readSealBounds(5, word(counter), lanes)).toBeUndefined();
  });

  test('I5: are loaded in this order: counter, guards, tails', () => {
    const order: string[] = [];
    const loud = (name: string, value: number) => ({
      load: () => {
        order.push(name);
        return value;
      },
    });
    readSealBounds(1, loud('counter', 3), [
      { guard: loud('guard 0', 0), tail: loud('tail 0', 0) },
      { guard: loud('guard 1', 0), tail: loud('tail 1', 0) },
    ]);
    expect(order).toEqual(['counter', 'guard 0', 'guard 1', 'tail 0', 'tail 1']);
  });

  test('I5: a seal between any two operations of two appends never misses a commit', async () => {
    for (let at = 0; ; at += 1) {
      const rig = await Rig.open({ lanes: 2, settings: { fsync: 'off' } });
      const stepped = new SteppedAtomics();
      let isReached = false;
      stepped.before = (count) => {
        if (count !== at) return;
        isReached = true;
        rig.append(onePage(9), 1);
        rig.control.demandThrough(Number.MAX_SAFE_INTEGER);
        rig.settle();
      };
      const writer = rig.writer(0, 2, stepped.ops);
      writer.tryAppend(checked(onePage(1)), 0);
      writer.tryAppend(checked(onePage(2)), 0);
      rig.settle(20);
      expect(rig.events, `at ${at}`).toEqual([]);
      expect(rig.control.durableSeq.load(), `at ${at}`).toBe(rig.control.commitSeqNext.load() - 1);
      if (!isReached) break;
    }
  });
});

describe('the tally of an epoch', () => {
  const tallyOf = (...sequences: number[]): EpochTally => {
    const tally = new EpochTally();
    for (const seq of sequences) tally.frame(seq, seq * 3, 1);
    return tally;
  };
  const bounds = (firstSeq: number, endSeq: number) => ({ firstSeq, endSeq, tails: [] });

  test('digests all checksums in the order of the frames, however many', () => {
    const tally = new EpochTally();
    const checksums = new DataView(new ArrayBuffer(4 * 3000));
    for (let index = 0; index < 3000; index += 1) {
      tally.frame(index + 1, 0xffff_ffff - index, 2);
      checksums.setUint32(index * 4, 0xffff_ffff - index, true);
    }
    expect(tally.framesDigest()).toBe(crc32c(new Uint8Array(checksums.buffer)));
    expect([tally.frameCount, tally.pageCount]).toEqual([3000, 6000]);
    tally.reset();
    expect([tally.frameCount, tally.pageCount, tally.framesDigest(), tally.sizes()]).toEqual([0, 0, 0, []]);
  });

  test('keeps the size of the highest sequence of each space, ascending by space', () => {
    const tally = new EpochTally();
    tally.size(7, 3, 70);
    tally.size(9, 1, 90);
    tally.size(8, 3, 80);
    tally.size(5, 1, 50);
    expect(tally.sizes()).toEqual([
      { space: 1, pages: 90 },
      { space: 3, pages: 80 },
    ]);
  });

  test('has no voids when every sequence has a frame', () => {
    const deadGuards = [{ first: 1, end: 9 }];
    expect(tallyOf(5, 7, 6).voids(bounds(5, 8), deadGuards)).toEqual({ voids: [], deadGuards });
  });

  test('I6: a void lies within a dead guard of its own', () => {
    const explain = (...deadGuards: [number, number][]) =>
      tallyOf(1, 4).voids(
        bounds(1, 5),
        deadGuards.map(([first, end]) => ({ first, end })),
      );
    expect(explain([2, 3], [3, 4])).toEqual({ voids: [2, 3], deadGuards: [] });
    expect(explain([1, 9], [3, 4])).toEqual({ voids: [2, 3], deadGuards: [] });
    expect(explain([1, 9], [1, 4], [1, 3])).toEqual({ voids: [2, 3], deadGuards: [{ first: 1, end: 9 }] });
    for (const guards of [
      [],
      [[2, 4]],
      [
        [2, 3],
        [2, 3],
      ],
      [
        [3, 4],
        [3, 9],
      ],
      [
        [1, 2],
        [4, 9],
      ],
    ] as [number, number][][]) {
      expect(() => explain(...guards), JSON.stringify(guards)).toThrow(
        expect.objectContaining({ code: 'ERR_WAL_INVARIANT' }),
      );
    }
  });

  test('I6: voids are explained exactly when each can have a dead guard of its own', () => {
    const guard = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 4 }));
    const law = fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 8 })),
      fc.array(guard, { maxLength: 5 }),
      (present, list) => {
        const deadGuards = list.map(([first, length]) => ({ first, end: first + length }));
        const voids = [1, 2, 3, 4, 5, 6, 7, 8].filter((seq) => !present.includes(seq));
        const act = () => tallyOf(...present).voids(bounds(1, 9), deadGuards);
        if (isMatched(voids, deadGuards)) expect(act().voids).toEqual(voids);
        else expect(act).toThrow();
      },
    );
    fc.assert(law, { ...announced('voids and dead guards match'), numRuns: 500 });
  });
});

/** Whether each void can have a guard of its own: tries all. */
function isMatched(voids: readonly number[], guards: readonly { first: number; end: number }[]): boolean {
  const [seq, ...rest] = voids;
  if (seq === undefined) return true;
  return guards.some(
    ({ first, end }, index) =>
      first <= seq &&
      seq < end &&
      isMatched(
        rest,
        guards.filter((_, other) => other !== index),
      ),
  );
}
