// The law of opening (R9) as a function of a seed: the unit suite checks it for one, the deep suite for many.

import { expect } from 'vitest';
import { seeded } from '../../src/base/random.js';
import { openLog } from '../../src/recovery/opening.js';
import type { CrashPoint } from '../../src/storage/simulated-crash.js';
import { SimulatedDirectory } from '../../src/storage/simulated-directory.js';
import { LogBuilder, PAGE_BYTES, pages } from './log-builder.js';
import { crashPointsOf, linesOf, syncAll } from './simulated-disk.js';

export const SETTINGS = { logFileBytes: 32 * 1024, sync: true, pageBytes: PAGE_BYTES } as const;

/** A log of which two epochs are on disk and two only in the cache, as after the death of a process. */
export function halfSynced({ withSpare = false } = {}): SimulatedDirectory {
  const directory = new SimulatedDirectory();
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

/** What several crashes leave: the death of the process, and power cuts that lose nothing, everything, or some. */
export function outcomes(point: CrashPoint, round: number, seed: number): { name: string; disk: SimulatedDirectory }[] {
  const cuts = [1, 2, 3].map((index) => {
    const own = seed + round * 7 + index;
    const state = point.random(seeded(own));
    return { name: `random seed=${own}: ${state.label}`, disk: state.disk() };
  });
  return [
    { name: 'killed', disk: point.killed() },
    { name: 'kept', disk: point.kept().disk() },
    { name: 'lost', disk: point.lost().disk() },
    ...cuts,
  ];
}

/** Crashes an opening at each of its operations, cuts the power in several ways, opens, writes, and cuts it again. */
export async function checkCrashesOfOpening(withSpare: boolean, seed: number): Promise<void> {
  const first = halfSynced({ withSpare }).crashPoint().killed();
  const points = await crashPointsOf(first, () => openLog(first, SETTINGS));
  expect(points.length).toBeGreaterThan(6);
  for (const [round, point] of points.entries()) {
    const isOpened = round === points.length - 1;
    for (const { name, disk: second } of outcomes(point, round, seed)) {
      const label = `operation ${round + 1} of ${points.length}, ${name}`;
      const again = await openLog(second, SETTINGS);
      const lines = await linesOf(second);
      expect(lines, label).toEqual(LINES.slice(0, lines.length));
      const isWhole = isOpened || name === 'killed' || name === 'kept';
      expect(lines.length, label).toBeGreaterThanOrEqual(isWhole ? LINES.length : SYNCED);
      // What the second opening found is on disk, whatever comes next, and so is what is synced after it.
      const builder = LogBuilder.resume(second, again, { fileBytes: again.fileBytes }).epoch(pages(9, 9));
      syncAll(second);
      builder.sync().epoch(pages(10, 10));
      for (const { name: nextName, disk: third } of outcomes(second.crashPoint(), round + 1000, seed)) {
        await openLog(third, SETTINGS);
        const after = await linesOf(third);
        const expected = [...lines, `${lines.length + 1} p0.9=9`, `${lines.length + 2} p0.10=10`];
        expect(after, `${label}, ${nextName}`).toEqual(expected.slice(0, after.length));
        expect(after.length, `${label}, ${nextName}`).toBeGreaterThan(lines.length);
      }
    }
  }
}
