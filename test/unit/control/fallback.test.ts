// Goal: each reason to leave the parallel path comes from what it is named for, stays over openings, and goes when an
// operator says so. Method: logs over memory, in which the condition is made; what the certificates, the trace and the
// next opening say is compared.

import { expect, test } from 'vitest';
import { readLatch, writeLatch } from '../../../src/control/latch.js';
import type { Fallback, OpenOptions, Wal } from '../../../src/index.js';
import { LATCH_NAME } from '../../../src/log/names.js';
import { CERTIFICATE_FLAG } from '../../../src/segment/layout.js';
import { type Directory, MemoryDirectory, openWalOn, SimulatedDirectory } from '../../../src/testing.js';
import { onePage, Rig } from '../../support/flusher-rig.js';
import { DISK_FULL } from '../../support/simulated-disk.js';

const bytes = (length: number) => ({ operations: [{ code: 1, bytes: new Uint8Array(length) }] });
const open = (directory: Directory, options: OpenOptions = {}): Promise<Wal> =>
  openWalOn(directory, { lanes: 2, laneBytes: 8192, pageSize: 512, logFileBytes: 65_536, ...options });

/** What the log says now, and what it says when it is closed and opened again. */
async function nowAndThen(wal: Wal, directory: Directory): Promise<unknown[]> {
  const now = [wal.mode, wal.fallback, wal.metrics().fallback];
  await wal.close().catch(() => undefined);
  const next = await open(directory);
  const then = [next.mode, next.fallback];
  await next.resumeAuto();
  expect([next.mode, next.fallback, readLatch(directory)]).toEqual(['auto', 'none', undefined]);
  await next.close();
  const last = await open(directory);
  expect([last.mode, last.fallback]).toEqual(['auto', 'none']);
  await last.close();
  return [...now, ...then];
}

const memory = () => new MemoryDirectory({ pretendSync: true });
const latched = (reason: Fallback) => ['conservative', reason, reason, 'conservative', reason];

test('M3: operator_forced, by setMode, is latched until another mode is asked for', async () => {
  const directory = memory();
  const wal = await open(directory);
  await (await wal.connect().appendAsync(bytes(10))).durable();
  await wal.setMode('conservative');
  await (await wal.connect().appendAsync(bytes(10))).durable();
  expect(await nowAndThen(wal, directory)).toEqual(latched('operator_forced'));
  const again = await open(directory);
  await again.setMode('conservative');
  await again.setMode('auto');
  expect([again.mode, again.fallback, readLatch(directory)]).toEqual(['auto', 'none', undefined]);
  await again.close();
});

test('M3: a log that is opened conservative says so, and leaves no latch', async () => {
  const directory = memory();
  const wal = await open(directory, { mode: 'conservative' });
  expect([wal.mode, wal.fallback, readLatch(directory)]).toEqual(['conservative', 'operator_forced', undefined]);
  await wal.resumeAuto();
  expect([wal.mode, wal.fallback]).toEqual(['auto', 'none']);
  await wal.close();
});

test('lane_overflow: appends that run out of time in three epochs in a row, and in fewer nothing', async () => {
  const directory = memory();
  const wal = await open(directory, { lanes: 1, ticker: false });
  const told: string[] = [];
  wal.on('fallback', (reason) => told.push(reason));
  const epoch = async (isOverflowing: boolean): Promise<void> => {
    const writer = wal.connect();
    writer.append(bytes(5000));
    if (isOverflowing) expect(() => writer.append(bytes(5000), { timeoutMs: 1 })).toThrow('No space');
    await wal.flush();
  };
  for (const isOverflowing of [true, true, false, true, true]) await epoch(isOverflowing);
  expect(wal.fallback).toBe('none');
  await epoch(true);
  expect(await nowAndThen(wal, directory)).toEqual(latched('lane_overflow'));
  expect(told).toEqual(['lane_overflow']);
});

test('certificate_gap: a sequence that nobody published fails the log; the next opening is conservative', async () => {
  const directory = memory();
  const wal = await open(directory);
  await (await wal.connect().appendAsync(bytes(10))).durable();
  const failed = new Promise((resolve) => wal.once('failed', resolve));
  // Taken past every lane: neither a frame nor a dead guard explains it.
  const counter = new BigInt64Array(wal.handle.control, 0, 1);
  Atomics.add(counter, 0, 1n);
  await wal.connect().appendAsync(bytes(10));
  await failed;
  expect(wal.state).toBe('failed');
  expect(await nowAndThen(wal, directory)).toEqual(latched('certificate_gap'));
});

test('checkpoint_conflict: a store that claims commits which are not durable, not one that names none', async () => {
  const directory = memory();
  const wal = await open(directory, { ticker: false });
  wal.connect().append(bytes(10));
  await expect(wal.checkpoint({ throughSeq: 2 })).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' });
  expect(wal.fallback).toBe('none');
  await expect(wal.checkpoint({ throughSeq: 1 })).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' });
  expect(await nowAndThen(wal, directory)).toEqual(latched('checkpoint_conflict'));
});

test.each([
  ['recovery_gap', 200],
  ['certificate_checksum_mismatch', -1],
] as const)('%s: an opening that goes on behind damage', async (reason, place) => {
  const directory = memory();
  const wal = await open(directory);
  await (await wal.connect().appendAsync(bytes(100))).durable();
  await (await wal.connect().appendAsync(bytes(100))).durable();
  const [first] = await wal.segments();
  await wal.close();
  const { file: name, offset, bytes: length } = first as { file: string; offset: number; bytes: number };
  const file = directory.open(name, 'write');
  const at = offset + (place < 0 ? length + place : place);
  const byte = new Uint8Array(1);
  file.read(byte, at);
  file.write([Uint8Array.of(byte[0]! ^ 1)], at);
  file.close();
  await expect(open(directory)).rejects.toMatchObject({ code: 'ERR_WAL_CORRUPT' });
  expect(readLatch(directory)).toBeUndefined();
  expect(await nowAndThen(await open(directory, { onDamage: 'stop' }), directory)).toEqual(latched(reason));
});

test('controller_evidence_lost: a latch that does not say why is one nevertheless', async () => {
  for (const text of ['', 'nonsense', '{"reason":"none","message":""}', '{"reason":"lane_overflow"}', 'null']) {
    const directory = memory();
    await (await open(directory)).close();
    const file = directory.open(LATCH_NAME, 'create');
    file.write([new TextEncoder().encode(text)], 0);
    file.close();
    expect(await nowAndThen(await open(directory), directory)).toEqual(latched('controller_evidence_lost'));
  }
});

test('the first reason stands, and a mode that is asked for does not undo it', async () => {
  const directory = memory();
  const wal = await open(directory, { ticker: false });
  wal.connect().append(bytes(10));
  await expect(wal.checkpoint({ throughSeq: 1 })).rejects.toThrow();
  await wal.setMode('conservative');
  await wal.setMode('auto');
  expect(await nowAndThen(wal, directory)).toEqual(latched('checkpoint_conflict'));
});

test('a disk that takes no latch refuses an operator, and leaves the mode', async () => {
  const directory = new SimulatedDirectory();
  const wal = await open(directory);
  directory.fail(DISK_FULL);
  await expect(wal.setMode('conservative')).rejects.toMatchObject({ code: 'ERR_WAL_STORAGE_FULL' });
  expect([wal.mode, wal.fallback]).toEqual(['auto', 'none']);
  directory.heal();
  await wal.setMode('conservative');
  expect(wal.mode).toBe('conservative');
  await wal.close();
});

test('a latch replaces an older one, and one that was not finished', () => {
  const directory = memory();
  directory.create({ sync: true });
  directory.open(`${LATCH_NAME}.new`, 'create').close();
  writeLatch(directory, { reason: 'recovery_gap', message: 'one' }, true);
  writeLatch(directory, { reason: 'lane_overflow', message: 'x'.repeat(9999) }, true);
  expect(readLatch(directory)).toEqual({ reason: 'lane_overflow', message: 'x'.repeat(400) });
});

test('an epoch that is sealed under a fallback says so in its certificate', async () => {
  const rig = await Rig.open();
  rig.append(onePage(1));
  expect(rig.flusherLanes.seal(1, 1)?.certificate.flags).toBe(0);
  rig.control.fallback = 'lane_overflow';
  expect(rig.flusherLanes.seal(1, 1)?.certificate.flags).toBe(CERTIFICATE_FLAG.fallback);
});
