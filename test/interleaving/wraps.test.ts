// Positions that wrap within a lane and at the end of their 32 bits, and sequences near the end of what a number holds.

import { expect, test } from 'vitest';
import { COUNTER_MAX } from '../../src/base/counters.js';
import { exploreSealing } from '../support/interleaving/scopes.js';

const LANE_BYTES = 512;

/** A writer of three frames of 192 bytes in a lane of 512: the ring wraps within one of them, or between two. */
async function exploreWrap(position: number, nextSeq: number): Promise<number> {
  const { states } = await exploreSealing(`from position ${position}, sequence ${nextSeq}`, {
    laneBytes: LANE_BYTES,
    position,
    nextSeq,
    writers: [{ lane: 0, values: [1, 2, 3], withSize: true, isMortal: true }],
    seals: 1,
    statesMin: 4790,
  });
  return states;
}

test.each([
  ['0', 0],
  ['2^31', 2 ** 31 - LANE_BYTES],
  ['2^32', -LANE_BYTES],
])(
  'I1, I2 (F33, F34): frames that wrap at any offset of a lane, near position %s, are whole',
  async (_, base) => {
    const states = new Set<number>();
    for (let offset = 0; offset < LANE_BYTES; offset += 64) states.add(await exploreWrap((base + offset) | 0, 1));
    // Where a lane begins makes no difference to what can happen in it.
    expect([...states]).toHaveLength(1);
  },
  300_000,
);

test.each([
  ['2^31', 2 ** 31 - 2],
  ['2^32', 2 ** 32 - 2],
  ['2^53', COUNTER_MAX - 5],
])(
  'I3, I5 (F33): sequences near %s are taken, sealed and voided like any',
  async (_, nextSeq) => {
    await exploreWrap(0, nextSeq);
  },
  300_000,
);
