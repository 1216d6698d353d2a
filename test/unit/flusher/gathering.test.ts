// Goal: threads that wait for one sync commit again into one epoch, and nobody is waited for in vain for long. Method: a
// flusher that is driven one step at a time, and sleepers on the durable turn.

import { describe, expect, test } from 'vitest';
import { onePage, Rig } from '../../support/flusher-rig.js';

const PATIENCE_MS = 0.1;

/** A rig in which a commit became durable while so many slept. */
async function wokenRig(sleepers: number): Promise<Rig> {
  const rig = await Rig.open();
  wake(rig, sleepers);
  return rig;
}

function wake(rig: Rig, sleepers: number): void {
  const turn = rig.control.durableTurn;
  // Counted until the next announcement: that wakes them.
  for (let count = 0; count < sleepers; count += 1) void turn.waitAsync(turn.load());
  commit(rig);
  rig.settle(10);
  expect(rig.control.durableSeq.load()).toBe(rig.control.commitSeqNext.load() - 1);
}

/** A commit that somebody waits for. */
function commit(rig: Rig): void {
  rig.control.demandThrough(rig.append(onePage(1)));
}

const unsealed = ({ control }: Rig): number => control.commitSeqNext.load() - 1 - control.writtenSeq.load();

describe('behind a sync that several threads waited for', () => {
  test('threads that were woken together share the next epoch', async () => {
    const rig = await wokenRig(3);
    for (let count = 1; count <= 2; count += 1) {
      commit(rig);
      expect(rig.settle()).toMatchObject({ kind: 'sleep', untilMs: rig.nowMs + PATIENCE_MS });
      expect(unsealed(rig)).toBe(count);
    }
    commit(rig);
    rig.settle();
    expect(unsealed(rig)).toBe(0);
    expect(rig.control.sealedEpoch.load()).toBe(2);
  });

  test('those that do not come are not waited for', async () => {
    const rig = await wokenRig(3);
    commit(rig);
    rig.settle();
    expect(unsealed(rig)).toBe(1);
    rig.settle(PATIENCE_MS);
    expect(unsealed(rig)).toBe(0);
  });

  test('those that do not come again and again are not waited for at all, but for a trial now and then', async () => {
    const rig = await Rig.open();
    // A round has two epochs, and trials come after an even number: this one makes them fall on what is looked at.
    wake(rig, 0);
    wake(rig, 3);
    let putOff = 0;
    for (let round = 1; round <= 130; round += 1) {
      commit(rig);
      rig.settle();
      if (unsealed(rig) > 0) putOff += 1;
      rig.settle(PATIENCE_MS);
      expect(unsealed(rig)).toBe(0);
      await new Promise(setImmediate);
      wake(rig, 3);
    }
    // Four epochs, two a round, until it is given up; tried again every 64 epochs, and in none of the next.
    expect(putOff).toBe(2 + 4);
  });

  test('who only follows the log is not waited for when all others have come, but for a trial now and then', async () => {
    const rig = await wokenRig(4);
    let late = 0;
    const rounds = 300;
    for (let round = 1; round <= rounds; round += 1) {
      for (let writer = 1; writer <= 3; writer += 1) {
        commit(rig);
        rig.settle();
        if (writer < 3) expect(unsealed(rig)).toBe(writer);
      }
      if (unsealed(rig) > 0) late += 1;
      rig.settle(PATIENCE_MS);
      expect(unsealed(rig)).toBe(0);
      await new Promise(setImmediate);
      wake(rig, 4);
    }
    // Until what is usual is known; then one epoch in 64, of which there are two a round.
    expect(late).toBeGreaterThan(0);
    expect(late).toBeLessThanOrEqual(32 + (2 * rounds) / 64);
  });

  test('a flush does not wait for them', async () => {
    const rig = await wokenRig(3);
    commit(rig);
    const flushed = rig.flusher.flush();
    rig.settle();
    expect(await flushed).toMatchObject({ durableSeq: 2 });
  });
});

test('behind a sync that one thread waited for nothing is put off', async () => {
  const rig = await wokenRig(1);
  commit(rig);
  rig.settle();
  expect(unsealed(rig)).toBe(0);
});
