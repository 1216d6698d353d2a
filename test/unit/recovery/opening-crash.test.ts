// Goal: a crash at any point of an opening loses nothing that was promised. Method: pass 1 counts the operations of an
// opening, pass 2 stops at each of them, cuts the power in several ways, opens again, writes, and cuts the power again.

import { describe, expect, test } from 'vitest';
import { type OpenedLog, openLog } from '../../../src/recovery/opening.js';
import { replayLog } from '../../../src/recovery/replay.js';
import { scanLog } from '../../../src/recovery/scan.js';
import type { Directory } from '../../../src/storage/directory.js';
import { CrashDirectory, Crashed, type Loss, seeded } from '../../support/crash-directory.js';
import { cut, flip, LogBuilder, PAGE_BYTES, pages, transcript } from '../../support/log-builder.js';

const SETTINGS = { logFileBytes: 32 * 1024, sync: true, pageBytes: PAGE_BYTES } as const;
const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_120);

async function linesOf(directory: Directory): Promise<string[]> {
  const target = transcript();
  await replayLog(directory, await scanLog(directory), target);
  return target.lines;
}

function syncAll(directory: CrashDirectory): void {
  for (const name of directory.list()) {
    const file = directory.open(name, 'write');
    file.sync();
    file.close();
  }
  directory.sync();
}

/** A log of which two epochs are on disk and two only in the cache, as after the death of a process. */
function halfSynced({ withSpare = false } = {}): CrashDirectory {
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

const LINES = ['1 p0.1=1', '2 p0.2=2', '3 p0.1=3', '4 p0.3=4', '5 p0.4=5', '6 p0.3=6'];
/** The mark that tells of the sync may be lost, the synced commits may not. */
const SYNCED = 3;

/** Opens and returns what was opened, or undefined when the directory crashed on the way. */
async function openUntilCrash(
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

async function operationsOf(
  directory: CrashDirectory,
  settings = SETTINGS as Parameters<typeof openLog>[1],
): Promise<number> {
  await openLog(directory, settings);
  return directory.operations;
}

function losses(round: number): { name: string; loss: Loss }[] {
  return [
    { name: 'kept', loss: 'kept' },
    { name: 'lost', loss: 'lost' },
    ...[1, 2, 3].map((index) => ({
      name: `random seed=${SEED + round * 7 + index}`,
      loss: { random: seeded(SEED + round * 7 + index) },
    })),
  ];
}

describe.each([false, true])('with a spare: %s', (withSpare) => {
  test('R9: a crash at every operation of an opening keeps every synced commit and a prefix of the others', async () => {
    const count = await operationsOf(halfSynced({ withSpare }).afterCrash('kept'));
    expect(count).toBeGreaterThan(6);
    for (let crashAt = 1; crashAt <= count + 1; crashAt += 1) {
      for (const { name, loss } of losses(crashAt)) {
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
        for (const { name: nextName, loss: nextLoss } of losses(crashAt + 1000)) {
          const third = second.afterCrash(nextLoss);
          await openLog(third, SETTINGS);
          const after = await linesOf(third);
          const expected = [...lines, `${lines.length + 1} p0.9=9`, `${lines.length + 2} p0.10=10`];
          expect(after, `${label}, ${nextName}`).toEqual(expected.slice(0, after.length));
          expect(after.length, `${label}, ${nextName}`).toBeGreaterThan(lines.length);
        }
      }
    }
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
    for (const { name, loss } of losses(crashAt)) {
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
