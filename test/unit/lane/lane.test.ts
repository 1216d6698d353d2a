// One lane: a ring of frames with one producer at a time and one consumer. Small rings, so that everything wraps.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MODE } from '../../../src/epoch/mode.js';
import { decodeFrameHeader } from '../../../src/frame/codec.js';
import { FRAME_ALIGNMENT, FRAME_HEADER } from '../../../src/frame/layout.js';
import { advance, bytesBetween, Lane } from '../../../src/lane/lane.js';
import { cutLane, type LaneCut } from '../../../src/lane/lane-reader.js';
import { frameBytesFor, LaneWriter, type SequenceSource } from '../../../src/lane/lane-writer.js';
import { decodeRecord } from '../../../src/record/codec.js';
import { checked, operation } from '../../support/flusher-rig.js';
import { isTerminated, SteppedAtomics } from '../../support/stepped-atomics.js';
import { announced } from '../cli/seeded.js';

const SEED = 0x1234;
const LANE_BYTES = 4096;

class Sequences implements SequenceSource {
  next = 1;
  isRunning = true;
  readonly sizes = new Map<number, number>();
  readonly commitSeqNext = { load: () => this.next, increment: () => this.next++ };
  modeCode(): number {
    return MODE.auto;
  }

  isOpen(): boolean {
    return this.isRunning;
  }
  setSizePages(space: number, pages: number): void {
    this.sizes.set(space, pages);
  }
}

/** A lane whose positions start at `position`. */
function laneAt(position: number, laneBytes = LANE_BYTES): { lane: Lane; sequences: Sequences; writer: LaneWriter } {
  const lane = Lane.create(0, laneBytes);
  lane.head.store(position);
  lane.tail.store(position);
  const sequences = new Sequences();
  return { lane, sequences, writer: new LaneWriter(lane, 2, sequences, SEED, MODE.auto) };
}

interface Frame {
  readonly seq: number;
  readonly value: number;
  readonly bytes: number;
}

/** The frames of a cut, decoded and checked as recovery would. */
function framesOf(cut: LaneCut): Frame[] {
  const bytes = Buffer.concat(cut.pieces);
  const frames: Frame[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const header = decodeFrameHeader(bytes.subarray(offset), bytes.length - offset, SEED);
    if (typeof header === 'string') throw new Error(header);
    const decoded = decodeRecord(bytes.subarray(offset, offset + header.frameBytes), FRAME_HEADER.bytes);
    if (typeof decoded === 'string' || decoded.record.kind !== 'operation') throw new Error('no operation');
    const payload = decoded.record.bytes;
    expect(payload.every((byte) => byte === payload[0])).toBe(true);
    frames.push({ seq: header.commitSeq, value: payload[0] ?? 0, bytes: payload.length });
    offset += header.frameBytes;
  }
  return frames;
}

function cutAll(lane: Lane, endSeq = Number.MAX_SAFE_INTEGER): LaneCut {
  const visitor = {
    frame: () => undefined,
    size: () => undefined,
    jumbo: () => {
      throw new Error('no jumbo');
    },
  };
  return cutLane(lane, lane.tail.load(), endSeq, visitor);
}

describe('the ring', () => {
  test('holds frames of every length at every place, also across its end and across 2^32', () => {
    for (let start = 0; start < LANE_BYTES; start += FRAME_ALIGNMENT) {
      for (const base of [0, 2 ** 31 - LANE_BYTES, -LANE_BYTES]) {
        const { lane, writer } = laneAt(advance(base, start));
        expect(writer.tryAppend(checked(operation(1500, 7)), 0)).toBe(1);
        expect(writer.tryAppend(checked(operation(start % 97, 8)), 0)).toBe(2);
        const cut = cutAll(lane);
        expect(framesOf(cut).map(({ seq, bytes }) => [seq, bytes])).toEqual([
          [1, 1500],
          [2, start % 97],
        ]);
        expect(bytesBetween(lane.head.load(), cut.end)).toBe(cut.bytes);
      }
    }
  });

  test('I1: a lane is a queue: what went in comes out in order, and space that is not free is never written', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ append: fc.nat(2000) }) },
      { weight: 2, arbitrary: fc.record({ release: fc.nat(4) }) },
    );
    const law = fc.property(fc.integer(), fc.array(step, { maxLength: 60 }), (start, steps) => {
      const { lane, sequences, writer } = laneAt(start & ~(FRAME_ALIGNMENT - 1));
      const model: Frame[] = [];
      for (const each of steps) {
        if ('append' in each) {
          const value = sequences.next % 251;
          const commit = checked(operation(each.append, value));
          const free = LANE_BYTES - lane.stagedBytes();
          const result = writer.tryAppend(commit, 0);
          expect(result).toBe(frameBytesFor(commit.recordsBytes) <= free ? sequences.next - 1 : 'full');
          if (typeof result === 'number') {
            model.push({ seq: result, value: each.append === 0 ? 0 : value, bytes: each.append });
          }
        } else {
          const cut = cutAll(lane, (model[0]?.seq ?? 1) + each.release);
          expect(framesOf(cut)).toEqual(model.splice(0, cut.frameCount));
          expect(cut.frameCount).toBeLessThanOrEqual(each.release);
          lane.head.store(cut.end);
        }
        expect(framesOf(cutAll(lane))).toEqual(model);
      }
    });
    fc.assert(law, { ...announced('a lane is a queue'), numRuns: 200 });
  });

  test('takes a frame of exactly its size when it is empty, and then nothing', () => {
    const { lane, writer } = laneAt(64);
    const largest = operation(LANE_BYTES - FRAME_HEADER.bytes - 24);
    expect(writer.isJumbo(checked(largest).recordsBytes)).toBe(false);
    expect(writer.tryAppend(checked(largest), 0)).toBe(1);
    expect(writer.freeBytes()).toBe(0);
    expect(writer.tryAppend(checked(operation(0)), 0)).toBe('full');
    expect(framesOf(cutAll(lane))).toHaveLength(1);
    expect(writer.isJumbo(checked(operation(LANE_BYTES - FRAME_HEADER.bytes - 16)).recordsBytes)).toBe(true);
  });

  test('a refused append takes no sequence and leaves the lane as it was', () => {
    const { lane, sequences, writer } = laneAt(0);
    writer.tryAppend(checked(operation(3000)), 0);
    const before = Buffer.from(lane.ring.bytes).toString('hex');
    expect(writer.tryAppend(checked(operation(2000)), 0)).toBe('full');
    expect(Buffer.from(lane.ring.bytes).toString('hex')).toBe(before);
    expect([sequences.next, lane.lock.isHeld(), lane.guard.load()]).toEqual([2, false, 0]);
  });

  test('a lane that somebody else is inside refuses after the time given, and takes nothing', () => {
    const { lane, sequences, writer } = laneAt(0);
    lane.lock.tryAcquire(9);
    expect(writer.tryAppend(checked(operation(10)), 1)).toBe('locked');
    expect([sequences.next, lane.tail.load()]).toEqual([1, 0]);
    lane.lock.release(9);
    expect(writer.tryAppend(checked(operation(10)), 1)).toBe(1);
  });

  test('I4: a log that closed behind the guard refuses, with the guard idle and no sequence taken', () => {
    const { lane, sequences, writer } = laneAt(0);
    sequences.isRunning = false;
    expect(writer.tryAppend(checked(operation(10)), 0)).toBe('closed');
    expect([sequences.next, lane.tail.load(), lane.guard.load(), lane.lock.isHeld()]).toEqual([1, 0, 0, false]);
  });

  test('a new size is in force before the guard is idle', () => {
    const { lane, sequences, writer } = laneAt(0);
    const guards: number[] = [];
    sequences.setSizePages = () => void guards.push(lane.guard.load());
    writer.tryAppend(checked({ dbSizePages: 3 }), 0);
    expect(guards).toEqual([1]);
  });
});

describe('a cut', () => {
  test('ends in front of the first frame at the sequence, for every sequence', () => {
    const { lane, writer } = laneAt(advance(0, LANE_BYTES - 256));
    for (let seq = 1; seq <= 5; seq += 1) writer.tryAppend(checked(operation(seq * 50, seq)), 0);
    for (let endSeq = 0; endSeq <= 7; endSeq += 1) {
      const expected = [1, 2, 3, 4, 5].filter((seq) => seq < endSeq);
      expect(framesOf(cutAll(lane, endSeq)).map(({ seq }) => seq)).toEqual(expected);
    }
  });

  test('I2: a cut sees nothing behind the tail it was given', () => {
    const { lane, writer } = laneAt(0);
    writer.tryAppend(checked(operation(10, 1)), 0);
    const tail = lane.tail.load();
    writer.tryAppend(checked(operation(10, 2)), 0);
    const cut = cutLane(lane, tail, 99, { frame: () => undefined, size: () => undefined, jumbo: () => lane.buffer });
    expect(framesOf(cut).map(({ seq }) => seq)).toEqual([1]);
  });

  test('I2: a frame is visible whole or not at all, between any two operations of its append', () => {
    for (let at = 0; ; at += 1) {
      const { lane, sequences } = laneAt(advance(0, LANE_BYTES - 128));
      const stepped = new SteppedAtomics();
      const writer = new LaneWriter(new Lane(0, lane.buffer, stepped.ops), 2, sequences, SEED, MODE.auto);
      stepped.terminateAt(at);
      const wasTerminated = isTerminated(() => void writer.tryAppend(checked(operation(300, 5)), 0));
      const frames = framesOf(cutAll(lane));
      if (frames.length > 0) expect(frames).toEqual([{ seq: 1, value: 5, bytes: 300 }]);
      if (!wasTerminated) break;
    }
  });

  test('tells of sizes with the sequence of their commit', () => {
    const { lane, writer } = laneAt(advance(0, LANE_BYTES - 128));
    writer.tryAppend(
      checked({
        sizes: [
          { space: 1, pages: 7 },
          { space: 0, pages: 9 },
        ],
      }),
      0,
    );
    const sizes: number[][] = [];
    cutLane(lane, lane.tail.load(), 99, {
      frame: () => undefined,
      size: (...size) => void sizes.push(size),
      jumbo: () => lane.buffer,
    });
    expect(sizes).toEqual([
      [1, 1, 7],
      [1, 0, 9],
    ]);
  });

  test('puts the bytes of a jumbo in the place of its reference', () => {
    const { lane, writer } = laneAt(advance(0, LANE_BYTES - 192));
    writer.tryAppend(checked(operation(20, 1)), 0);
    const jumbo = writer.encodeJumbo(checked(operation(10_000, 2)), 77);
    expect(writer.tryAppendJumbo(checked(operation(10_000, 2)), jumbo, 0, () => true)).toBe(2);
    writer.tryAppend(checked(operation(30, 3)), 0);
    const asked: number[] = [];
    const cut = cutLane(lane, lane.tail.load(), 99, {
      frame: () => undefined,
      size: () => undefined,
      jumbo: (jumboId) => {
        asked.push(jumboId);
        return jumbo.frame;
      },
    });
    expect(asked).toEqual([77]);
    expect(framesOf(cut).map(({ seq, value, bytes }) => [seq, value, bytes])).toEqual([
      [1, 1, 20],
      [2, 2, 10_000],
      [3, 3, 30],
    ]);
    expect(cut).toMatchObject({ frameCount: 3, jumboCount: 1, jumboBytes: jumbo.frame.byteLength });
    expect(cut.bytes).toBe(cut.pieces.reduce((sum, piece) => sum + piece.length, 0));
    expect(cut.end).toBe(lane.tail.load());
  });

  test('a jumbo that is not admitted takes no sequence and no space', () => {
    const { lane, sequences, writer } = laneAt(0);
    const commit = checked(operation(10_000));
    expect(writer.tryAppendJumbo(commit, writer.encodeJumbo(commit, 1), 0, () => false)).toBe('full');
    expect([sequences.next, lane.tail.load(), lane.lock.isHeld()]).toEqual([1, 0, false]);
  });
});
