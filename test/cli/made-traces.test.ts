// Goal: logs that no recorded trace shows. Method: SQLite logs built byte by byte, and SQLite's own rule, written down
// here once more and as simply as it can be: the newest committed frame of a page wins, else the base, cut at the end.

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { makeFolder, type ReplayDocument, removeFolders, runCommand, runJson } from '../support/command-line.js';
import { buildLog, type FrameSpec } from '../unit/cli/sqlite-wal-builder.js';

afterEach(removeFolders);

interface Inputs {
  readonly folder: string;
  readonly args: readonly string[];
}

function write(base: Uint8Array, wal: Uint8Array): Inputs {
  const folder = makeFolder();
  writeFileSync(join(folder, 'base'), base);
  writeFileSync(join(folder, 'wal'), wal);
  const files = ['--base', join(folder, 'base'), '--wal', join(folder, 'wal'), '--db', join(folder, 'a.db')];
  return { folder, args: ['replay', ...files] };
}

function basePages(pages: number, pageBytes: number): Uint8Array {
  return Uint8Array.from({ length: pages * pageBytes }, (_, index) => 200 + Math.floor(index / pageBytes));
}

/** SHA-256 of what SQLite makes of the committed frames. */
function expected(base: Uint8Array, frames: readonly FrameSpec[], pageBytes: number): string {
  const committed = frames.slice(0, frames.findLastIndex(({ commit = 0 }) => commit > 0) + 1);
  const size = committed.at(-1)?.commit ?? base.length / pageBytes;
  const result = new Uint8Array(size * pageBytes);
  result.set(base.subarray(0, result.length));
  for (const { page, fill = 0 } of committed) {
    if (page <= size) result.fill(fill, (page - 1) * pageBytes, page * pageBytes);
  }
  return createHash('sha256').update(result).digest('hex');
}

test.each([512, 1024, 2048, 8192, 16_384, 32_768, 65_536])('pages of %i bytes come through', async (pageBytes) => {
  const frames = Array.from({ length: 40 }, (_, index): FrameSpec => {
    return { page: 1 + ((index * 7) % 11), fill: index + 1, commit: index % 3 === 2 || index > 36 ? 11 : 0 };
  });
  const base = basePages(5, pageBytes);
  const { args } = write(base, buildLog({ pageBytes, bigEndian: pageBytes > 4096 }, frames));
  const result = await runJson<ReplayDocument>([...args, '--copies', '2', '--writers', '3']);
  const hash = expected(base, frames, pageBytes);
  expect(result).toMatchObject({ pageSize: pageBytes, sha256: [hash, hash] });
});

test.each<[string, readonly FrameSpec[]]>([
  [
    'a page of the base that was cut off and is grown over',
    [
      { page: 1, fill: 1, commit: 2 },
      { page: 6, fill: 2, commit: 6 },
    ],
  ],
  [
    'a page with a frame that was cut off and is grown over',
    [
      { page: 4, fill: 1, commit: 5 },
      { page: 1, fill: 2, commit: 1 },
      { page: 1, fill: 3, commit: 4 },
      { page: 5, fill: 4, commit: 5 },
    ],
  ],
  [
    'a frame beyond the size of its own commit',
    [
      { page: 8, fill: 1 },
      { page: 1, fill: 2, commit: 3 },
      { page: 2, fill: 3, commit: 9 },
    ],
  ],
  [
    'a page repeated in its transaction',
    [
      { page: 3, fill: 1 },
      { page: 2, fill: 2 },
      { page: 3, fill: 3, commit: 4 },
    ],
  ],
  [
    'a transaction with nothing but a size',
    [
      { page: 9, fill: 1, commit: 3 },
      { page: 9, fill: 2, commit: 3 },
      { page: 9, fill: 3, commit: 4 },
    ],
  ],
  [
    'frames that were never committed',
    [
      { page: 1, fill: 1, commit: 4 },
      { page: 2, fill: 2 },
      { page: 3, fill: 3 },
    ],
  ],
  [
    'frames of an earlier generation behind the last commit',
    [
      { page: 1, fill: 1, commit: 4 },
      { page: 2, fill: 2, commit: 4, salts: [1, 2] },
    ],
  ],
  ['no commit at all', [{ page: 1, fill: 1 }]],
])('%s ends as SQLite would have it', async (_, frames) => {
  const base = basePages(4, 512);
  const { args } = write(base, buildLog({ pageBytes: 512 }, frames));
  const valid = frames.filter(({ salts }) => salts === undefined);
  const result = await runJson<ReplayDocument>([...args, '--copies', '2', '--writers', '2']);
  const hash = expected(base, valid, 512);
  expect(result.sha256).toEqual([hash, hash]);
});

test.each([0, 3, 31])('a log of %i bytes has no commits: the result is the base', async (length) => {
  const base = basePages(3, 4096);
  const { args } = write(base, buildLog({ pageBytes: 4096 }, []).subarray(0, length));
  const result = await runJson<ReplayDocument>([...args, '--writers', '2']);
  const sha256 = [createHash('sha256').update(base).digest('hex')];
  expect(result).toMatchObject({
    sha256,
    transactions: 0,
    frames: 0,
    dbSizePages: [3],
    epochs: 0,
    commitsPerSecond: 0,
  });
});

test('a page number of 0 ends the log, as for SQLite', async () => {
  const base = basePages(3, 512);
  const frames = [
    { page: 1, fill: 1, commit: 3 },
    { page: 0, fill: 2, commit: 3 },
  ];
  const { args } = write(base, buildLog({ pageBytes: 512 }, frames));
  const result = await runJson<ReplayDocument>(args);
  expect(result.sha256).toEqual([expected(base, frames.slice(0, 1), 512)]);
});

test('a base of another page size is refused, and nothing is made', async () => {
  const { args, folder } = write(basePages(3, 512).subarray(0, 600), buildLog({ pageBytes: 512 }, []));
  const { status, stderr } = await runCommand(args);
  expect([status, stderr]).toEqual([2, expect.stringContaining('(ERR_WAL_INVALID_ARGUMENT)')]);
  expect((await runCommand(['stat', join(folder, 'a.db')])).status).toBe(0);
});
