// Goal: a crash at any point of an opening loses nothing that was promised. Method: pass 1 counts the operations of an
// opening, pass 2 stops at each of them, cuts the power in several ways, opens again, writes, and cuts the power again.

import { describe, expect, test } from 'vitest';
import { openLog } from '../../../src/recovery/opening.js';
import { scanLog } from '../../../src/recovery/scan.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { cut, flip, LogBuilder, pages } from '../../support/log-builder.js';
import { checkCrashesOfOpening, halfSynced, LINES, outcomes, SETTINGS } from '../../support/opening-crash.js';
import { crashPointsOf, linesOf, syncAll } from '../../support/simulated-disk.js';

const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_120);

describe.each([false, true])('with a spare: %s', (withSpare) => {
  test('R9: a crash at every operation of an opening keeps every synced commit and a prefix of the others (F41)', async () => {
    await checkCrashesOfOpening(withSpare, SEED);
  });
});

test('R9: a crash at every operation of an opening with stop ends at the same proven prefix', async () => {
  const first = new SimulatedDirectory();
  const builder = new LogBuilder(first, { fileBytes: 32 * 1024 }).start().epoch(pages(1, 1)).sync().epoch(pages(2, 2));
  builder.sync().epoch(pages(3, 3)).rotate().sync().epoch(pages(4, 4)).rotate().sync().epoch(pages(5, 5));
  flip(first, builder.segments[1]!.name, builder.segments[1]!.offset + 300);
  syncAll(first);
  const settings = { ...SETTINGS, onDamage: 'stop' } as const;
  const points = await crashPointsOf(first, () => openLog(first, settings));
  for (const [round, point] of points.entries()) {
    for (const { name, disk } of outcomes(point, round, SEED)) {
      await openLog(disk, settings);
      expect(await linesOf(disk), `operation ${round + 1}, ${name}`).toEqual(['1 p0.1=1']);
      expect(await scanLog(disk)).toMatchObject({ verdict: 'clean' });
    }
  }
});

test('R1: numbers that were discarded and used again never come back in their old meaning (F18)', async () => {
  // Epoch 2 is torn, so commit 2 is discarded; the next opening uses the number again, and epoch 3 of before stays away.
  const first = new SimulatedDirectory();
  const builder = new LogBuilder(first, { fileBytes: 32 * 1024 })
    .start()
    .epoch(pages(1, 1))
    .epoch(pages(2, 2))
    .epoch(pages(3, 3));
  flip(first, builder.name, builder.segments[1]!.offset + 300);
  const opened = await openLog(first, SETTINGS);
  expect(opened.report).toMatchObject({ tail: 'torn', lastSeq: 1, droppedBytes: 8192 });
  LogBuilder.resume(first, opened).epoch(pages(2, 20));
  expect(await linesOf(first)).toEqual(['1 p0.1=1', '2 p0.2=20']);
  await openLog(first, SETTINGS);
  expect(await linesOf(first)).toEqual(['1 p0.1=1', '2 p0.2=20']);
});

test('R3: an error while reading is an error and never the end of the log (F42)', async () => {
  const directory = halfSynced();
  for (let from = 1; ; from += 1) {
    directory.heal();
    directory.fail({ on: 'read', errno: 'EIO', from, times: 1 });
    const result = await scanLog(directory).then(
      () => 'scanned',
      (error) => error.code,
    );
    if (result === 'scanned') {
      // Every read of a scan has failed once.
      expect(from).toBeGreaterThan(10);
      break;
    }
    expect(result, `read ${from}`).toBe('ERR_WAL_IO');
  }
});

test('a cut through the middle of the newest file keeps the prefix', async () => {
  const directory = halfSynced();
  cut(directory, '0000000000000001.wal', 4096 + 4096 + 100);
  // The second epoch was synced, but what tells so was cut off with it.
  expect(await linesOf(directory)).toEqual(LINES.slice(0, 2));
});
