// Goal: files are archived one at a time and in order, a failing archive holds them back, is told once and tried again,
// and nothing is lost by ending. Method: a queue over an archiver whose answers the test gives.

import { expect, test } from 'vitest';
import { ArchiveQueue, type QueuedFile } from '../../../src/archive/archive-queue.js';
import type { ArchiveOrder } from '../../../src/archive/archiver.js';
import type { Archiver } from '../../../src/archive/archiver-host.js';
import { WalError } from '../../../src/base/errors.js';

const fileOf = (fileNumber: number): QueuedFile => ({ fileNumber, name: `${fileNumber}`, endSeq: fileNumber + 1 });
const full = new WalError('ERR_WAL_STORAGE_FULL', 'full');

function rig() {
  const orders: ArchiveOrder[] = [];
  const answers: ((result: WalError | undefined) => void)[] = [];
  const refusals: ((error: WalError) => void)[] = [];
  const told: string[] = [];
  let isEnded = false;
  const archiver: Archiver = {
    archive(order) {
      orders.push(order);
      return new Promise((resolve, reject) => {
        answers.push(resolve);
        refusals.push(reject);
      });
    },
    prune: () => expect.fail('files are archived, and that prunes'),
    end: async () => {
      isEnded = true;
    },
  };
  const events = {
    archived: ({ fileNumber }: QueuedFile) => void told.push(`archived ${fileNumber}`),
    failing: (error: WalError, isHeld: boolean) => void told.push(`${isHeld ? 'held' : 'odd'} ${error.code}`),
    resumed: () => void told.push('resumed'),
  };
  const queue = new ArchiveQueue(archiver, () => 40 + orders.length, events, { min: 1, max: 1 });
  const isOrdered = async (count: number): Promise<void> => {
    while (orders.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  return { queue, orders, answers, refusals, told, isOrdered, isEnded: () => isEnded };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('files are archived one at a time, oldest first, each with what must be kept then', async () => {
  const { queue, orders, answers, told } = rig();
  queue.add(fileOf(1), fileOf(2));
  queue.add(fileOf(3));
  for (let number = 1; number <= 3; number += 1) {
    expect(orders).toHaveLength(number);
    expect([1, 2, 3].map((one) => queue.holds(one))).toEqual([1, 2, 3].map((one) => one >= number));
    answers[number - 1]?.(undefined);
    await settled();
  }
  expect(orders.map(({ file, keepAboveSeq }) => `${file?.name} ${keepAboveSeq}`)).toEqual(['1 40', '2 41', '3 42']);
  expect(told).toEqual(['archived 1', 'archived 2', 'archived 3']);
});

test('a failing archive holds the file and those behind it, is told once, and tried until it takes them', async () => {
  const { queue, refusals, answers, told, isOrdered } = rig();
  queue.add(fileOf(1), fileOf(2));
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    await isOrdered(attempt);
    refusals[attempt - 1]?.(full);
    await settled();
    expect(queue.failure).toBe(full);
    expect([queue.holds(1), queue.holds(2)]).toEqual([true, true]);
  }
  await isOrdered(4);
  answers[3]?.(undefined);
  await settled();
  expect(queue.failure).toBeUndefined();
  expect([queue.holds(1), queue.holds(2)]).toEqual([false, true]);
  expect(told).toEqual(['held ERR_WAL_STORAGE_FULL', 'resumed', 'archived 1']);
});

test('an archive that cannot be pruned holds nothing back', async () => {
  const { queue, answers, told } = rig();
  queue.add(fileOf(1));
  answers[0]?.(full);
  await settled();
  expect(queue.holds(1)).toBe(false);
  expect(told).toEqual(['odd ERR_WAL_STORAGE_FULL', 'archived 1']);
});

test('the end waits for the file under way and starts no other', async () => {
  const { queue, orders, answers, isEnded } = rig();
  queue.add(fileOf(1), fileOf(2));
  const ended = queue.end();
  await settled();
  expect(isEnded()).toBe(false);
  answers[0]?.(undefined);
  await ended;
  expect(isEnded()).toBe(true);
  expect(orders).toHaveLength(1);
  expect(queue.holds(2)).toBe(true);
});
