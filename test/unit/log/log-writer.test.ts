// Rotation, release and the order of operations on the directory. The flusher drives the log writer as in production;
// the simulated disk notes what was done, and forgets what was not synced.

import { describe, expect, test } from 'vitest';
import { FILE_HEADER_BYTES } from '../../../src/log/layout.js';
import { logFileName } from '../../../src/log/names.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { onePage, operation, Rig } from '../../support/flusher-rig.js';
import { DISK_FULL } from '../../support/simulated-disk.js';

const SPARES = ['spare-0000.wal', 'spare-0001.wal', 'spare-0002.wal'];

function makeSpares(directory: Pick<MemoryDirectory, 'open'>, names: readonly string[], bytes = 65_536): void {
  for (const name of names) {
    const file = directory.open(name, 'create');
    file.write([new Uint8Array(bytes)], 0);
    file.close();
  }
}

/** One epoch of about `bytes` bytes. */
function epoch(rig: Rig, bytes: number, value = 1): number {
  const seq = rig.append(operation(bytes, value));
  rig.settle(10);
  return seq;
}

/** Appends epochs until the log has rotated once more. */
function rotate(rig: Rig): void {
  const before = rig.count('rotated');
  while (rig.count('rotated') === before) epoch(rig, 5000);
}

describe('a rotation', () => {
  test('names the next file once its header is synced, and syncs the name before anything is written', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    directory.done.length = 0;
    rotate(rig);
    const [first, second] = [logFileName(1), logFileName(2)];
    const at = directory.done.indexOf(`create ${second}.new`);
    expect(directory.done.slice(at, at + 8)).toEqual([
      `create ${second}.new`,
      `write ${second}.new`,
      `sync ${second}.new`,
      `rename ${second}.new ${second}`,
      'syncDirectory',
      `close ${first}`,
      `write ${second}.new`,
      `sync ${second}.new`,
    ]);
  });

  test('takes the oldest spare and leaves one as the reserve', async () => {
    const directory = new MemoryDirectory({ pretendSync: true });
    directory.create({ sync: false });
    const rig = await Rig.open({ directory });
    makeSpares(directory, SPARES);
    const reopened = await Rig.open({ directory });
    // The opening itself has used one.
    expect(reopened.spares.count).toBe(2);
    rotate(reopened);
    expect(reopened.spares.count).toBe(1);
    rotate(reopened);
    expect(reopened.spares.count).toBe(1);
    expect(rig.spares.count).toBe(0);
  });

  test('gives a segment larger than a file one of its own size, which is not recycled', async () => {
    const rig = await Rig.open({ lanes: 1, laneBytes: 2 ** 18 });
    epoch(rig, 100_000);
    const [old, large] = rig.log.files();
    expect(old).toMatchObject({ fileNumber: 1, isCurrent: false, endSeq: 1 });
    expect(large!.bytes).toBeGreaterThan(100_000 + FILE_HEADER_BYTES);
    epoch(rig, 5000);
    rig.log.release(1);
    expect(rig.log.files().map(({ fileNumber }) => fileNumber)).toEqual([3]);
    expect(rig.directory.list().filter((name) => name.startsWith('spare'))).toHaveLength(1);
  });

  test('keeps a mark that the next file is chained to, whatever the power cut loses', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    epoch(rig, 5000);
    // The mark of an idle interval; nothing of it is synced until the next epoch, and that one needs a new file.
    rig.settle(10);
    expect(rig.control.counters().marksWritten).toBe(1);
    while (rig.count('rotated') === 0) {
      epoch(rig, 5000);
      rig.settle(10);
    }
    const durable = rig.control.durableSeq.load();
    const found = await rig.recovered(directory.crashPoint().lost().disk());
    expect(found.map(({ seq }) => seq)).toEqual(Array.from({ length: durable }, (_, index) => index + 1));
  });

  test('under normal syncs what the old file holds before it goes on', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory, settings: { fsync: 'normal' }, isTicking: false });
    directory.done.length = 0;
    while (rig.count('rotated') === 0) {
      // More than half a lane: sealed at once, and nobody waits for it.
      rig.append(operation(5000));
      rig.settle();
    }
    const created = directory.done.findIndex((each) => each.startsWith('create'));
    expect(directory.done[created - 1]).toBe(`sync ${logFileName(1)}`);
    expect(rig.log.syncedThrough).toBe(rig.control.sealedEpoch.load() - 1);
  });
});

describe('a release', () => {
  test('recycles files wholly below the sequence, oldest first, and syncs the directory behind them', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    while (rig.log.files().length < 4) rotate(rig);
    const files = rig.log.files();
    directory.done.length = 0;
    rig.log.release(files[1]!.endSeq - 1);
    const renamed = directory.done.filter((each) => each.startsWith('rename')).map((each) => each.split(' ')[1]);
    expect(renamed).toEqual([files[0]!.name, files[1]!.name]);
    expect(directory.done.map((each) => each.split(' ')[0])).toEqual(['rename', 'rename', 'syncDirectory']);
    rig.log.release(files[2]!.endSeq - 2);
    expect(rig.log.files().map(({ name }) => name)).toEqual(files.slice(2).map(({ name }) => name));
  });

  test('is known to the checkpoints after it, which may cover no further file', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    rotate(rig);
    epoch(rig, 5000);
    const [old, current] = rig.log.files();
    rig.checkpoint(old!.endSeq - 1);
    rig.checkpoint(old!.endSeq);
    expect(rig.log.files()).toHaveLength(1);
    // The log begins behind the first checkpoint's epoch; a second one that named an earlier epoch would be a gap.
    const found = await rig.recovered(directory.crashPoint().lost().disk());
    expect(found.map(({ seq }) => seq)).toEqual([current!.endSeq - 1]);
  });

  test('that a power cut undid in part does not mislead the checkpoints after it (F18)', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    while (rig.log.files().length < 4) rotate(rig);
    epoch(rig, 5000);
    const freed = rig.log.files()[2]!.endSeq - 1;
    let point = directory.crashPoint();
    directory.onOperation = ({ kind }) => {
      if (kind === 'syncDirectory') point = directory.crashPoint();
    };
    rig.checkpoint(freed);
    let states = 0;
    for (const state of point.states({ sectorsMax: 0 })) {
      states += 1;
      const again = await Rig.open({ directory: state.disk() });
      again.checkpoint(freed + 1);
      const found = await rig.recovered(again.directory);
      expect(found.at(-1)?.seq, state.label).toBe(freed + 2);
    }
    // Each of the three names changed or not, and more.
    expect(states).toBeGreaterThanOrEqual(8);
  });

  test('never touches the current file', async () => {
    const rig = await Rig.open();
    epoch(rig, 100);
    rig.log.release(1);
    expect(rig.log.files()).toMatchObject([{ fileNumber: 1, isCurrent: true, endSeq: 2 }]);
    expect(rig.directory.list()).toContain(logFileName(1));
  });

  test('that a full disk stops goes on with the same file the next time', async () => {
    const directory = new SimulatedDirectory();
    const rig = await Rig.open({ directory });
    while (rig.log.files().length < 3) rotate(rig);
    const through = rig.control.durableSeq.load();
    directory.fail(DISK_FULL);
    expect(() => rig.log.release(through)).toThrow(expect.objectContaining({ code: 'ERR_WAL_STORAGE_FULL' }));
    expect(rig.log.files()).toHaveLength(3);
    directory.heal();
    rig.log.release(through);
    expect(rig.log.files()).toHaveLength(1);
    expect(rig.spares.count).toBe(2);
  });

  test('turns files into spares that hold stale segments, and recovery is not misled by them', async () => {
    const rig = await Rig.open();
    while (rig.log.files().length < 3) rotate(rig);
    const kept = rig.log.files().at(-2)!.endSeq;
    rig.log.release(kept - 1);
    rotate(rig);
    rotate(rig);
    const durable = rig.control.durableSeq.load();
    const [oldest] = rig.log.files();
    expect(oldest!.fileNumber).toBe(3);
    expect(durable).toBeGreaterThan(kept);
    expect(rig.append(onePage(9))).toBe(durable + 1);
  });
});
