// The law of opening (R9) as a function of a seed: the unit suite checks it for one, the deep suite for many.

import { expect } from 'vitest';
import { type OpenedLog, openLog } from '../../src/recovery/opening.js';
import { replayLog } from '../../src/recovery/replay.js';
import { scanLog } from '../../src/recovery/scan.js';
import type { Directory } from '../../src/storage/directory.js';
import { CrashDirectory, Crashed, type Loss, seeded } from './crash-directory.js';
import { LogBuilder, PAGE_BYTES, pages, transcript } from './log-builder.js';

export const SETTINGS = { logFileBytes: 32 * 1024, sync: true, pageBytes: PAGE_BYTES } as const;

export async function linesOf(directory: Directory): Promise<string[]> {
  const target = transcript();
  await replayLog(directory, await scanLog(directory), target);
  return target.lines;
}

export function syncAll(directory: CrashDirectory): void {
  for (const name of directory.list()) {
    const file = directory.open(name, 'write');
    file.sync();
    file.close();
  }
  directory.sync();
}

/** A log of which two epochs are on disk and two only in the cache, as after the death of a process. */
export function halfSynced({ withSpare = false } = {}): CrashDirectory {
  const directory = new CrashDirectory();
  const builder = new LogBuilder(directory, { fileBytes: 32 * 1024 }).start();
  if (withSpare) {
    const spare = directory.open('spare-0000.wal', 'create');
    spare.write([new Uint8Array(32 * 1024).fill(0xee)], 0);
    spare.close();
  }
  builder.epoch(pages(1, 1), pages(2, 2)).epoch(pages(1, 3));
  syncAll(directory);
  builder.sync().mark().epoch(pages(3, 4), pages(4, 5)).epoch(pages(3, 6));
  return directory;
}

export const LINES = ['1 p0.1=1', '2 p0.2=2', '3 p0.1=3', '4 p0.3=4', '5 p0.4=5', '6 p0.3=6'];
/** The mark that tells of the sync may be lost, the synced commits may not. */
const SYNCED = 3;

/** Opens and returns what was opened, or undefined when the directory crashed on the way. */
export async function openUntilCrash(
  directory: CrashDirectory,
  settings: Parameters<typeof openLog>[1] = SETTINGS,
): Promise<OpenedLog | undefined> {
  try {
    return await openLog(directory, settings);
  } catch (error) {
    if (error instanceof Crashed) return undefined;
    throw error;
  }
}

export async function operationsOf(
  directory: CrashDirectory,
  settings = SETTINGS as Parameters<typeof openLog>[1],
): Promise<number> {
  await openLog(directory, settings);
  return directory.operations;
}

export function losses(round: number, seed: number): { name: string; loss: Loss }[] {
  return [
    { name: 'kept', loss: 'kept' },
    { name: 'lost', loss: 'lost' },
    ...[1, 2, 3].map((index) => ({
      name: `random seed=${seed + round * 7 + index}`,
      loss: { random: seeded(seed + round * 7 + index) },
    })),
  ];
}

/** Crashes an opening at each of its operations, cuts the power in several ways, opens, writes, and cuts it again. */
export async function checkCrashesOfOpening(withSpare: boolean, seed: number): Promise<void> {
  const count = await operationsOf(halfSynced({ withSpare }).afterCrash('kept'));
  expect(count).toBeGreaterThan(6);
  for (let crashAt = 1; crashAt <= count + 1; crashAt += 1) {
    for (const { name, loss } of losses(crashAt, seed)) {
      const label = `operation ${crashAt} of ${count}, ${name}`;
      const first = halfSynced({ withSpare }).afterCrash('kept');
      first.crashAt = crashAt;
      const opened = await openUntilCrash(first);
      const second = first.afterCrash(loss);
      const again = await openLog(second, SETTINGS);
      const lines = await linesOf(second);
      expect(lines, label).toEqual(LINES.slice(0, lines.length));
      expect(lines.length, label).toBeGreaterThanOrEqual(
        opened !== undefined || loss === 'kept' ? LINES.length : SYNCED,
      );
      // What the second opening found is on disk, whatever comes next, and so is what is synced after it.
      const builder = LogBuilder.resume(second, again, { fileBytes: again.fileBytes }).epoch(pages(9, 9));
      syncAll(second);
      builder.sync().epoch(pages(10, 10));
      for (const { name: nextName, loss: nextLoss } of losses(crashAt + 1000, seed)) {
        const third = second.afterCrash(nextLoss);
        await openLog(third, SETTINGS);
        const after = await linesOf(third);
        const expected = [...lines, `${lines.length + 1} p0.9=9`, `${lines.length + 2} p0.10=10`];
        expect(after, `${label}, ${nextName}`).toEqual(expected.slice(0, after.length));
        expect(after.length, `${label}, ${nextName}`).toBeGreaterThan(lines.length);
      }
    }
  }
}
