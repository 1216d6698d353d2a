// Goal: conservative mode is another way to the same log, and the way may change while the log runs. Method: logs over
// memory and over the file system; frames of both paths are compared byte for byte, threads append through switches.

import { describe, expect, test } from 'vitest';
import { OrderedEncoder } from '../../../src/control/ordered-encoder.js';
import { MODE } from '../../../src/epoch/mode.js';
import { type CommitInput, type Mode, openWal, recoverWal, resolveSettings } from '../../../src/index.js';
import { Lane } from '../../../src/lane/lane.js';
import { frameBytesFor, LaneWriter } from '../../../src/lane/lane-writer.js';
import { completeProofFrame, encodeProofFrame, proofFrameBytes } from '../../../src/proof/proof-frame.js';
import { openWalOn, SimulatedDirectory } from '../../../src/testing.js';
import { checked, PAGE_BYTES, Rig } from '../../support/flusher-rig.js';
import { LogThread } from '../../support/log-threads.js';
import { inTemporaryDirectory } from '../../support/temporary-path.js';

const image = (value: number) => new Uint8Array(PAGE_BYTES).fill(value);
const bytes = (length: number, value = 1) => ({ operations: [{ code: 7, bytes: new Uint8Array(length).fill(value) }] });

const COMMITS: readonly CommitInput[] = [
  { pages: [{ pageNumber: 9, image: image(1) }] },
  {
    txnId: 2n ** 64n - 1n,
    txnEpoch: 5,
    beginSeq: 2 ** 52,
    pages: [{ pageNumber: 2 ** 40, image: image(2), space: 3 }],
  },
  { pages: [{ pageNumber: 1, image: image(3), before: image(4) }], dbSizePages: 77 },
  {
    sizes: [
      { space: 2, pages: 2 ** 41 },
      { space: 1, pages: 0 },
    ],
    operations: [{ code: 1, bytes: new Uint8Array() }],
  },
  { ...bytes(301), pages: [1, 2, 3].map((pageNumber) => ({ pageNumber, image: image(pageNumber) })) },
];

describe('the encoder of conservative mode', () => {
  test('makes of every commit the bytes that the parallel path makes, without any of its code', () => {
    for (const input of COMMITS) {
      const commit = checked(input);
      const lane = Lane.create(0, 8192);
      lane.ring.bytes.fill(0xee);
      const sequences = { load: () => 5, increment: () => 6 };
      const source = { commitSeqNext: sequences, isOpen: () => true, setSizePages: () => undefined };
      const writer = new LaneWriter(lane, 2, { ...source, modeCode: () => MODE.auto }, 99, MODE.auto);
      expect(writer.tryAppend(commit, 0)).toBe(6);
      const proof = new Uint8Array(proofFrameBytes(commit)).fill(0xdd);
      encodeProofFrame(proof, commit, 0);
      completeProofFrame(proof, 6, 99);
      expect(proof.length).toBe(frameBytesFor(commit.recordsBytes));
      expect(Buffer.from(lane.ring.bytes.subarray(0, proof.length)).equals(proof)).toBe(true);
      const ordered = Lane.create(0, 8192);
      const encoder = new OrderedEncoder(ordered, 2, { ...source, modeCode: () => MODE.conservative }, 99);
      expect(encoder.tryAppend(commit, 0)).toBe(6);
      expect(Buffer.from(ordered.ring.bytes.subarray(0, proof.length)).equals(proof)).toBe(true);
    }
  });

  test('M1: an append on the way of another mode than the one in force takes no sequence', async () => {
    const rig = await Rig.open();
    const commit = checked(bytes(10));
    const ordered = new OrderedEncoder(rig.lanes[0]!, 9, rig.control, 1);
    expect(ordered.tryAppend(commit, 0)).toBe('switched');
    rig.control.mode = 'conservative';
    expect(rig.writer(1).tryAppend(commit, 0)).toBe('switched');
    expect([rig.control.commitSeqNext.load(), rig.flusherLanes.isGuarded()]).toEqual([1, false]);
    expect(rig.lanes.map((lane) => [lane.stagedBytes(), lane.lock.isHeld()])).toEqual([
      [0, false],
      [0, false],
    ]);
    expect(ordered.tryAppend(commit, 0)).toBe(1);
  });

  test('I6: a writer of another lane that died inside the first one is cleaned up after', async () => {
    const rig = await Rig.open();
    const [first, own] = rig.lanes as [Lane, Lane];
    first.lock.tryAcquire(9);
    first.guard.store(rig.control.commitSeqNext.increment());
    rig.flusherLanes.reap(9, own);
    expect([first.lock.isHeld(), rig.flusherLanes.isGuarded()]).toEqual([false, false]);
    expect(rig.flusherLanes.seal(1, 1)?.certificate.voids).toEqual([1]);
  });

  test('refuses what does not fit, and is refused by a log that closes', async () => {
    const rig = await Rig.open({ laneBytes: 4096 });
    rig.control.mode = 'conservative';
    const ordered = new OrderedEncoder(rig.lanes[0]!, 9, rig.control, 1);
    expect([ordered.isJumbo(4032), ordered.isJumbo(4033), ordered.freeBytes()]).toEqual([false, true, 4096]);
    expect([1, 2].map(() => ordered.tryAppend(checked(bytes(3000)), 0))).toEqual([1, 'full']);
    rig.lanes[0]!.lock.tryAcquire(5);
    expect(ordered.tryAppend(checked(bytes(10)), 0)).toBe('locked');
    rig.lanes[0]!.lock.release(5);
    void rig.flusher.close();
    expect(ordered.tryAppend(checked(bytes(10)), 0)).toBe('closed');
  });
});

test('the mode comes from option or variable, in each of its words, and others are refused by name', () => {
  const modeOf = (mode: string) => resolveSettings({ mode: mode as Mode }).mode.value;
  expect(['auto', 'conservative', ' Serialized ', 'SINGLE_LANE'].map(modeOf)).toEqual([
    'auto',
    'conservative',
    'conservative',
    'conservative',
  ]);
  expect(resolveSettings({}, { LANEWAL_MODE: 'single_lane' }).mode).toEqual({
    value: 'conservative',
    source: 'environment',
  });
  for (const wrong of ['constructor', '', 'parallel'])
    expect(() => resolveSettings({}, { LANEWAL_MODE: wrong })).toThrow(/LANEWAL_MODE.*one of auto, conservative/);
});

test('a conservative log takes jumbos, deaths and sizes as another, through one lane', async () => {
  await inTemporaryDirectory(async (path) => {
    const db = `${path}/a.db`;
    const wal = await openWal(db, { mode: 'conservative', lanes: 3, laneBytes: 8192, pageSize: PAGE_BYTES });
    expect(wal.mode).toBe('conservative');
    const threads = await Promise.all([1, 2].map(() => LogThread.start(wal, 'appendForever')));
    for (const thread of threads) thread.blockUntil(50);
    await threads[0]!.worker.terminate();
    const own = wal.connect();
    await (await own.appendAsync(bytes(30_000, 5))).durable();
    await (await own.appendAsync({ sizes: [{ space: 0, pages: 9 }] })).durable();
    await threads[1]!.worker.terminate();
    await wal.flush();
    const { lanesUsed, lanesPerEpochMax, jumbos } = wal.counters();
    expect({ lanesUsed, lanesPerEpochMax }).toEqual({ lanesUsed: 1, lanesPerEpochMax: 1 });
    expect(jumbos).toBeGreaterThan(0);
    await wal.close();
    const found: number[] = [];
    await recoverWal(db, { into: ({ seq }) => void found.push(seq) });
    expect(found.length).toBeGreaterThan(101);
  });
}, 60_000);

test('M2: threads that append through many switches lose, repeat and reorder nothing', async () => {
  await inTemporaryDirectory(async (path) => {
    const db = `${path}/a.db`;
    const wal = await openWal(db, { lanes: 3, laneBytes: 8192, fsync: 'off', pageSize: PAGE_BYTES });
    const threads = await Promise.all([1, 2].map(() => LogThread.start(wal, 'appendForever')));
    for (let round = 1; round <= 20; round += 1) {
      await wal.setMode(round % 2 === 0 ? 'auto' : 'conservative');
      for (const thread of threads) thread.blockUntil(thread.count + 5);
    }
    expect(wal.mode).toBe('auto');
    for (const thread of threads) await thread.worker.terminate();
    await wal.close();
    const { commitsApplied, lastSeq } = await recoverWal(db, { into: () => undefined });
    expect(lastSeq).toBeGreaterThanOrEqual(200);
    // At most the two that were terminated left a void.
    expect(commitsApplied).toBeGreaterThanOrEqual(lastSeq - 2);
  });
}, 60_000);

test('a wrong mode is refused, and so is a switch of a log that is closed', async () => {
  const wal = await openWalOn(new SimulatedDirectory(), { pageSize: PAGE_BYTES });
  await expect(wal.setMode('fast' as Mode)).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' });
  await wal.setMode('conservative');
  expect((await wal.connect().appendAsync(bytes(10))).seq).toBe(1);
  await wal.close();
  await expect(wal.setMode('auto')).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' });
});
