// Goal: bytes written by an earlier version are read for ever. Method: each folder of test/golden/v<N>/ holds a log as it
// was written and, in expected.json, what must come out. UPDATE_GOLDEN=1 makes a folder that is missing; one that is
// there is never written again.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { FORMAT_VERSION } from '../../src/base/format-version.js';
import { recoverDirectory, verifyDirectory } from '../../src/recovery/recover.js';
import { MemoryDirectory, openWalOn } from '../../src/testing.js';
import { PACKAGE_ROOT } from '../support/package-root.js';

const GOLDEN = fileURLToPath(new URL('test/golden', PACKAGE_ROOT));
const SETTINGS = { pageSize: 512, lanes: 1, laneBytes: 8192, logFileBytes: 65_536 } as const;

/** What recovery hands out, in plain data. */
async function commitsOf(directory: MemoryDirectory): Promise<unknown[]> {
  const commits: unknown[] = [];
  await recoverDirectory(directory, {
    into: ({ seq, epoch, txnId, txnEpoch, beginSeq, records }) => {
      const list = [...records()].map((record) => {
        if (record.kind === 'page') {
          const before = record.before === undefined ? null : record.before[0];
          return ['page', record.space, record.pageNumber, record.image[0], record.image.length, before];
        }
        if (record.kind === 'size') return ['size', record.space, record.pages];
        return ['operation', record.space, record.code, Buffer.from(record.bytes).toString('hex')];
      });
      commits.push({ seq, epoch, txnId: String(txnId), txnEpoch: String(txnEpoch), beginSeq, records: list });
    },
  });
  return commits;
}

/** A log with everything the format has but voids: two files and incarnations, a jumbo, sizes, a mark, a torn tail. */
async function writeCorpus(): Promise<MemoryDirectory> {
  const directory = new MemoryDirectory({ pretendSync: true });
  const image = (value: number): Uint8Array => new Uint8Array(512).fill(value);
  const first = await openWalOn(directory, SETTINGS);
  const writer = first.connect();
  await writer
    .append({ txnId: 2n ** 63n, txnEpoch: 7, beginSeq: 0, pages: [{ pageNumber: 1, image: image(1) }] })
    .durable();
  const jumbo = Array.from({ length: 20 }, (_, index) => ({ pageNumber: index + 1, image: image(index), space: 3 }));
  await writer.append({ txnId: 2, pages: jumbo, sizes: [{ space: 3, pages: 20 }] }).durable();
  await first.close();
  const second = await openWalOn(directory, SETTINGS);
  const operations = [{ code: 9, bytes: Buffer.from('abc') }];
  const pages = [{ pageNumber: 2, image: image(5), before: image(4) }];
  await second.connect().append({ txnId: 3, beginSeq: 2, pages, operations, dbSizePages: 2 }).durable();
  await second.close();
  return directory;
}

/** Puts files into a directory in memory. */
function load(folder: string): MemoryDirectory {
  const directory = new MemoryDirectory({ pretendSync: true });
  directory.create({ sync: false });
  for (const name of readdirSync(folder).filter((each) => each !== 'expected.json')) {
    const file = directory.open(name, 'create');
    file.write([readFileSync(join(folder, name))], 0);
    file.close();
  }
  return directory;
}

const CURRENT = join(GOLDEN, `v${FORMAT_VERSION}`, 'closed');
if (process.env.UPDATE_GOLDEN === '1' && !existsSync(CURRENT)) {
  const directory = await writeCorpus();
  mkdirSync(CURRENT, { recursive: true });
  for (const name of directory.list()) {
    const file = directory.open(name, 'read');
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0);
    writeFileSync(join(CURRENT, name), bytes);
  }
  writeFileSync(join(CURRENT, 'expected.json'), `${JSON.stringify(await commitsOf(directory), null, 2)}\n`);
}

const corpora = readdirSync(GOLDEN)
  .filter((name) => /^v\d+$/.test(name))
  .flatMap((version) => readdirSync(join(GOLDEN, version)).map((name) => `${version}/${name}`));

test('the present format has a corpus', () => {
  expect(corpora).toContain(`v${FORMAT_VERSION}/closed`);
});

test.each(corpora)('%s is read as it was written', async (name) => {
  const folder = join(GOLDEN, name);
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as unknown;
  const directory = load(folder);
  expect(await verifyDirectory(directory)).toMatchObject({ isSound: true, problems: [] });
  expect(await commitsOf(directory)).toEqual(expected);
});

test.each(corpora)('%s is opened, carried on and read again', async (name) => {
  const folder = join(GOLDEN, name);
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as unknown[];
  const directory = load(folder);
  const wal = await openWalOn(directory, { logFileBytes: 65_536 });
  const image = new Uint8Array(wal.settings.pageSize).fill(8);
  await wal
    .connect()
    .append({ txnId: 99, pages: [{ pageNumber: 1, image }] })
    .durable();
  await wal.close();
  const commits = await commitsOf(directory);
  expect(commits).toHaveLength(expected.length + 1);
  expect(commits.slice(0, -1)).toEqual(expected);
  expect(commits.at(-1)).toMatchObject({ txnId: '99' });
});
