// Goal: a proof counts for the frame that it was laid for and for no other, and a jumbo has one too. Method: a rig whose
// writers die between any two operations, with others behind them at the same place; buffers of jumbos are corrupted.

import { expect, test } from 'vitest';
import { OrderedEncoder } from '../../../src/control/ordered-encoder.js';
import { frameSeed } from '../../../src/frame/codec.js';
import type { Lane } from '../../../src/lane/lane.js';
import { clearProof, ProofWriter, proofBytesAt } from '../../../src/lane/proofs.js';
import { encodeProofFrame, proofFrameBytes } from '../../../src/proof/proof-frame.js';
import { checked, onePage, operation, Rig } from '../../support/flusher-rig.js';
import { isTerminated, SteppedAtomics } from '../../support/stepped-atomics.js';

const SEED = frameSeed(1, 1);

/** What the log holds, when all of it is written and compared. */
async function values(rig: Rig): Promise<unknown[]> {
  rig.settle(20);
  return (await rig.recovered()).map(({ value }) => value);
}

test('M4: what a dead writer had completed is no proof of what comes to its place', async () => {
  for (let at = 0; ; at += 1) {
    const rig = await Rig.open({ lanes: 1, logId: 1 });
    const stepped = new SteppedAtomics();
    const mortal = rig.writer(0, 9, stepped.ops, 1000);
    stepped.terminateAt(at);
    const isDead = isTerminated(() => void mortal.tryAppend(checked(operation(300, 5)), 0));
    if (isDead) rig.flusherLanes.reap(9, rig.lanes[0]!);
    expect(rig.writer(0, 3).tryAppend(checked(operation(300, 6)), 0)).toBeTypeOf('number');
    const found = await values(rig);
    expect(rig.diverged).toEqual([]);
    expect(found).toEqual(rig.control.counters().commits === 2 ? [5, 6] : [6]);
    if (!isDead) break;
  }
});

test('M4: in conservative mode, too, where a dead writer was on its way through the first lane', async () => {
  const rig = await Rig.open({ lanes: 1, logId: 1 });
  const [lane] = rig.lanes as [Lane];
  const proofs = new ProofWriter(lane, SEED, 1000);
  const commit = checked(operation(300, 5));
  lane.lock.tryAcquire(9);
  lane.guard.store(rig.control.commitSeqNext.load());
  proofs.lay(commit, lane.tail.load(), proofFrameBytes(commit));
  proofs.complete(lane.tail.load(), rig.control.commitSeqNext.increment());
  rig.flusherLanes.reap(9, lane);
  rig.control.mode = 'conservative';
  const ordered = new OrderedEncoder(lane, 4, rig.control, SEED);
  expect(ordered.tryAppend(checked(operation(300, 6)), 0)).toBe(2);
  expect(await values(rig)).toEqual([6]);
  expect(rig.diverged).toEqual([]);
});

test('a proof counts when its header is whole, it fits what is published, and its sequence is not sealed', async () => {
  const rig = await Rig.open({ lanes: 1 });
  const [lane] = rig.lanes as [Lane];
  const proofs = new ProofWriter(lane, SEED, 1000);
  const commit = checked(onePage(1));
  const bytes = proofFrameBytes(commit);
  const counts = (left = bytes, firstSeq = 1, seed = SEED) => proofBytesAt(lane, 0, left, firstSeq, seed);
  proofs.lay(commit, 0, bytes);
  expect(counts()).toBe(0);
  proofs.complete(0, 7);
  expect([counts(), counts(bytes + 64, 7)]).toEqual([bytes, bytes]);
  expect([counts(bytes - 64), counts(bytes, 8), counts(bytes, 1, SEED + 1)]).toEqual([0, 0, 0]);
  for (let at = 0; at < 64; at += 1) {
    const { bytes: memory } = lane.proofs;
    memory[at] = (memory[at] as number) ^ 1;
    expect(counts()).toBe(0);
    memory[at] = (memory[at] as number) ^ 1;
  }
  expect(counts()).toBe(bytes);
  clearProof(lane, 0);
  expect(counts()).toBe(0);
  expect(() => proofs.lay(commit, 0, bytes + 64)).toThrow('same length');
});

test('M5: a jumbo is compared with a proof of its own, and so is the reference that stands for it', async () => {
  const input = operation(9000, 3);
  for (const place of ['nowhere', 'jumbo', 'reference'] as const) {
    const rig = await Rig.open({ lanes: 1, laneBytes: 4096 });
    const writer = rig.writer(0, 2, undefined, 1000);
    const commit = checked(input);
    const jumbo = writer.encodeJumbo(commit, 77);
    rig.posted.push([77, { ...jumbo, writerId: 2 }]);
    expect(writer.tryAppendJumbo(commit, jumbo, 0, () => true)).toBe(1);
    const bytes = place === 'jumbo' ? new Uint8Array(jumbo.frame) : rig.lanes[0]!.ring.bytes;
    if (place !== 'nowhere') bytes[100] = (bytes[100] as number) ^ 0xff;
    rig.settle(20);
    const { shadowClean, shadowDiverged } = rig.control.counters();
    expect([shadowClean, shadowDiverged]).toEqual(place === 'nowhere' ? [1, 0] : [0, 1]);
    const proof = new Uint8Array(proofFrameBytes(commit));
    encodeProofFrame(proof, commit, 0);
    expect(Buffer.from(jumbo.frame, 64).equals(proof.subarray(64))).toBe(true);
    expect((await rig.recovered()).map(({ value }) => value)).toEqual([3]);
  }
});

test('what stands behind a frame that cannot be one is left to who cuts the lane', async () => {
  const rig = await Rig.open({ lanes: 1 });
  rig.append(onePage(1));
  rig.lanes[0]!.ring.setU32(0, 60);
  rig.settle(20);
  expect(rig.diverged).toEqual([]);
  expect(rig.events).toEqual(['failed ERR_WAL_INVARIANT']);
});
