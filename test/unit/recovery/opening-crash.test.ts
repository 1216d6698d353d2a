// Goal: a crash at any point of an opening loses nothing that was promised. Method: pass 1 counts the operations of an
// opening, pass 2 stops at each of them, cuts the power in several ways, opens again, writes, and cuts the power again.

import { describe, expect, test } from 'vitest';
import { openLog } from '../../../src/recovery/opening.js';
import { scanLog } from '../../../src/recovery/scan.js';
import type { Directory } from '../../../src/storage/directory.js';
import { CrashDirectory } from '../../support/crash-directory.js';
import { cut, flip, LogBuilder, pages } from '../../support/log-builder.js';
import {
  checkCrashesOfOpening,
  halfSynced,
  LINES,
  linesOf,
  losses,
  openUntilCrash,
  operationsOf,
  SETTINGS,
  syncAll,
} from '../../support/opening-crash.js';

const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_120);

describe.each([false, true])('with a spare: %s', (withSpare) => {
  test('R9: a crash at every operation of an opening keeps every synced commit and a prefix of the others', async () => {
    await checkCrashesOfOpening(withSpare, SEED);
  });
});

test('R9: a crash at every operation of an opening with stop ends at the same proven prefix', async () => {
  const make = (): CrashDirectory => {
    const directory = new CrashDirectory();
    const builder = new LogBuilder(directory, { fileBytes: 32 * 1024 })
      .start()
      .epoch(pages(1, 1))
      .sync()
      .epoch(pages(2, 2));
    builder.sync().epoch(pages(3, 3)).rotate().sync().epoch(pages(4, 4)).rotate().sync().epoch(pages(5, 5));
    flip(directory, builder.segments[1]!.name, builder.segments[1]!.offset + 300);
    syncAll(directory);
    return directory.afterCrash('kept');
  };
  const settings = { ...SETTINGS, onDamage: 'stop' } as const;
  const count = await operationsOf(make(), settings);
  for (let crashAt = 1; crashAt <= count + 1; crashAt += 1) {
    for (const { name, loss } of losses(crashAt, SEED)) {
      const first = make();
      first.crashAt = crashAt;
      await openUntilCrash(first, settings);
      const second = first.afterCrash(loss);
      await openLog(second, settings);
      expect(await linesOf(second), `operation ${crashAt}, ${name}`).toEqual(['1 p0.1=1']);
      expect(await scanLog(second)).toMatchObject({ verdict: 'clean' });
    }
  }
});

test('R1: numbers that were discarded and used again never come back in their old meaning (F18)', async () => {
  // Epoch 2 is torn, so commit 2 is discarded; the next opening uses the number again, and epoch 3 of before stays away.
  const first = new CrashDirectory();
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
  const directory = halfSynced().afterCrash('kept');
  const failing: Directory = {
    path: 'failing:',
    exists: () => true,
    create: () => undefined,
    list: () => directory.list(),
    rename: (from, to) => directory.rename(from, to),
    remove: (name) => directory.remove(name),
    sync: () => directory.sync(),
    open: (name, mode) => {
      const file = directory.open(name, mode);
      return Object.assign(Object.create(file), {
        name,
        read(target: Uint8Array, position: number): number {
          reads += 1;
          if (reads === failAt) throw new Error('EIO');
          return file.read(target, position);
        },
        size: () => file.size(),
        close: () => file.close(),
      });
    },
  };
  let reads = 0;
  let failAt = 0;
  await scanLog(failing);
  const count = reads;
  for (failAt = 1; failAt <= count; failAt += 1) {
    reads = 0;
    await expect(scanLog(failing), `read ${failAt}`).rejects.toThrow('EIO');
  }
});

test('a cut through the middle of the newest file keeps the prefix', async () => {
  const directory = halfSynced();
  cut(directory, '0000000000000001.wal', 4096 + 4096 + 100);
  // The second epoch was synced, but what tells so was cut off with it.
  expect(await linesOf(directory)).toEqual(LINES.slice(0, 2));
});
