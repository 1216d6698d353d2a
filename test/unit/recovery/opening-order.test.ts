// In which order an opening syncs and names: what a crash would need a disk that reorders to show (opening-crash.test.ts
// shows the rest).

import { expect, test } from 'vitest';
import { logFileName } from '../../../src/log/names.js';
import { openLog } from '../../../src/recovery/opening.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { flip, LogBuilder, pages } from '../../support/log-builder.js';
import { FILE_BYTES } from '../../support/recovery-corpus.js';

const SETTINGS = { logFileBytes: FILE_BYTES, sync: true } as const;

function log(): { directory: SimulatedDirectory; builder: LogBuilder } {
  const directory = new SimulatedDirectory();
  const builder = new LogBuilder(directory, { fileBytes: FILE_BYTES }).start();
  return { directory, builder: builder.epoch(pages(1, 1)).sync().epoch(pages(2, 2)) };
}

test('R9: an opening syncs the tail, then the header, then the name', async () => {
  const { directory } = log();
  directory.done.length = 0;
  await openLog(directory, SETTINGS);
  const made = `${logFileName(2)}.new`;
  const done = directory.done
    .slice(directory.done.indexOf(`create ${made}`) + 1)
    .filter((each) => each.includes(made) || each === 'syncDirectory');
  // Zeros, then the three parts of one segment.
  expect(done.slice(0, 9)).toEqual([
    ...Array.from({ length: 4 }, () => `write ${made}`),
    `sync ${made}`,
    `write ${made}`,
    `sync ${made}`,
    `rename ${made} ${logFileName(2)}`,
    'syncDirectory',
  ]);
});

test('F07: what an opening makes a spare is one on disk before it is taken', async () => {
  const { directory } = log();
  let discardedCount = 0;
  for (let round = 0; round < 4; round += 1) {
    directory.done.length = 0;
    await openLog(directory, SETTINGS);
    const discarded = directory.done.findLastIndex((each) => /^rename \S+\.wal spare/.test(each));
    if (discarded >= 0) discardedCount += 1;
    expect(directory.done.lastIndexOf('syncDirectory')).toBeGreaterThan(discarded);
  }
  expect(discardedCount).toBeGreaterThan(0);
});

test('R9: stop syncs the copy of what it discards before it has its name', async () => {
  const { directory, builder } = log();
  builder.sync().mark();
  flip(directory, builder.name, builder.segments[1]!.offset + 200);
  directory.done.length = 0;
  await openLog(directory, { ...SETTINGS, onDamage: 'stop' });
  const copy = `${logFileName(1)}.damaged-00000002`;
  const done = directory.done.filter((each) => each.includes(copy));
  expect(done).toEqual([
    `create ${copy}.new`,
    `write ${copy}.new`,
    `sync ${copy}.new`,
    `close ${copy}.new`,
    `rename ${copy}.new ${copy}`,
  ]);
  const named = directory.done.indexOf(done.at(-1)!);
  expect(directory.done.indexOf('syncDirectory')).toBeGreaterThan(named);
});
