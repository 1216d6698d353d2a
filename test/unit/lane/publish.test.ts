// What stands in a lane at the moment of publication. A frame is encoded by plain stores, which no hook can stop between,
// so these tests look at the memory when the one store of the tail has just been made.

import { describe, expect, test } from 'vitest';
import { MODE } from '../../../src/epoch/mode.js';
import { FRAME_HEADER } from '../../../src/frame/layout.js';
import { GUARD_IDLE, Lane } from '../../../src/lane/lane.js';
import { cutLane } from '../../../src/lane/lane-reader.js';
import { LaneWriter } from '../../../src/lane/lane-writer.js';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';
import { checked, onePage, operation, Rig } from '../../support/flusher-rig.js';

/** Operations that call `published` right behind a store that moved the tail of the lane. */
function watchingTail(lane: Lane, published: () => void): AtomicOps {
  return {
    ...atomics,
    store: (...args) => {
      const before = lane.tail.load();
      atomics.store(...args);
      if (lane.tail.load() !== before) published();
    },
  };
}

describe('publication', () => {
  test('I2: a frame is whole, checksums included, when the store of the tail makes it visible', async () => {
    const rig = await Rig.open({ lanes: 1 });
    const lane = rig.lanes[0]!;
    // Whatever stood in the ring before is no zero.
    lane.ring.bytes.fill(0xee);
    const seen: Uint8Array[] = [];
    const ops = watchingTail(lane, () => seen.push(lane.ring.bytes.slice()));
    expect(rig.writer(0, 2, ops).tryAppend(checked(operation(301, 5)), 0)).toBe(1);
    expect(seen).toHaveLength(1);
    expect(Buffer.from(lane.ring.bytes).equals(seen[0]!)).toBe(true);
    rig.settle(10);
    expect(await rig.recovered()).toMatchObject([{ seq: 1, value: 5 }]);
  });

  test('I2: the header of a jumbo is whole when the store of the tail makes its reference visible', async () => {
    const rig = await Rig.open({ lanes: 1 });
    const lane = rig.lanes[0]!;
    lane.ring.bytes.fill(0xee);
    const { commit, frame } = rig.postJumbo(operation(20_000, 6), 9);
    const seen: Uint8Array[] = [];
    const ops = watchingTail(lane, () => seen.push(new Uint8Array(frame).slice(), lane.ring.bytes.slice()));
    rig.writer(0, 2, ops).tryAppendJumbo(commit, { jumboId: 9, frame }, 0, () => true);
    expect(Buffer.from(frame).equals(seen[0]!)).toBe(true);
    expect(Buffer.from(lane.ring.bytes).equals(seen[1]!)).toBe(true);
    expect(lane.guard.load()).toBe(GUARD_IDLE);
    rig.settle(10);
    expect(await rig.recovered()).toMatchObject([{ seq: 1, value: 6 }]);
  });

  test('I2 I3 I4 M1: publishing goes in one order, from the counter to the idle guard', () => {
    const order: string[] = [];
    const lane = Lane.create(0, 4096);
    const ops: AtomicOps = {
      ...watchingTail(lane, () => order.push('tail')),
      store64: (words, index, value) => {
        order.push(`guard ${value}`);
        atomics.store64(words, index, value);
      },
    };
    const says = <T>(name: string, value: T) => {
      return (): T => {
        order.push(name);
        return value;
      };
    };
    const sequences = {
      commitSeqNext: { load: says('counter', 7), increment: says('sequence', 8) },
      isOpen: says('state', true),
      modeCode: says('mode', MODE.auto),
      setSizePages: says('size', undefined),
    };
    const writer = new LaneWriter(new Lane(0, lane.buffer, ops), 2, sequences, 1, MODE.auto);
    expect(writer.tryAppend(checked({ dbSizePages: 3 }), 0)).toBe(8);
    expect(order).toEqual(['counter', 'guard 7', 'state', 'mode', 'sequence', 'tail', 'size', 'guard 0']);
  });
});

test('a lane whose published bytes break a law is not cut', async () => {
  const laws: [law: string, offset: number, value: number][] = [
    ['published bytes are whole frames', FRAME_HEADER.at.frameBytes, 0],
    ['published bytes are whole frames', FRAME_HEADER.at.frameBytes, 65],
    ['published bytes are whole frames', FRAME_HEADER.at.frameBytes, 4096],
    ['sequences ascend within a lane', FRAME_HEADER.at.commitSeq, 1],
  ];
  for (const [law, offset, value] of laws) {
    const rig = await Rig.open({ lanes: 1 });
    const lane = rig.lanes[0]!;
    rig.append(onePage(1));
    const second = lane.tail.load();
    rig.append(onePage(2));
    lane.ring.setU32(second + offset, value);
    const visitor = { frame: () => undefined, size: () => undefined, jumbo: () => lane.buffer };
    expect(() => cutLane(lane, lane.tail.load(), 99, visitor), `${law}: ${value}`).toThrow(
      expect.objectContaining({ code: 'ERR_WAL_INVARIANT', details: { law } }),
    );
  }
});
