// Goal: an open log gets every closed file into its archive before it lets it go, in both modes, whatever the archive's
// disk does meanwhile, and from archive and log every commit can be gone back to. Method: real logs with small files on
// the file system; archives that go away, are full, are another log's, or on another file system.

import { once } from 'node:events';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type OpenOptions, openWal, recoverWal, type Wal, type WalError } from '../../src/index.js';
import { fillDisk } from '../support/full-disk.js';
import { codeOf } from '../support/log-builder.js';
import { mountTmpfs, unmountAll, whyNoMounts } from '../support/mounts.js';
import { scratchFolder } from '../support/program.js';
import { announceSkip } from '../support/workload-check.js';

const reason = whyNoMounts();
announceSkip('archives on file systems of their own', reason);

const PAGE_BYTES = 4096;
const SETTINGS = { pageSize: PAGE_BYTES, lanes: 1, laneBytes: 65_536, logFileBytes: 65_536, maxLogBytes: 524_288 };
const MODES = ['copy', 'rename'] as const;

let folder = '';
let db = '';
let archive = '';
let wal: Wal | undefined;

beforeEach(() => {
  folder = scratchFolder('archive');
  db = join(folder, 'app.db');
  archive = join(folder, 'archive');
});

afterEach(async () => {
  await wal?.close({ timeoutMs: 5000 }).catch(() => undefined);
  wal = undefined;
  unmountAll();
  rmSync(folder, { recursive: true, force: true });
});

async function open(options: OpenOptions = {}): Promise<Wal> {
  wal = await openWal(db, { ...SETTINGS, archiveDirectory: archive, archiveFilesMax: 1000, ...options });
  return wal;
}

const byteOf = (seq: number): number => seq % 251;

/** Appends commits one by one, each of one page of one value; some share a file of the log. */
async function append(log: Wal, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const seq = log.marks().appendedSeq + 1;
    const page = { pageNumber: 1 + (seq % 5), image: new Uint8Array(PAGE_BYTES).fill(byteOf(seq)) };
    await log
      .connect()
      .append({ pages: [page] })
      .durable();
  }
}

const archived = (): string[] => readdirSync(archive).sort();

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await turn();
}

/** Lets go of whatever is let go, and waits until nothing but the current file is in the log. */
async function checkpointAll(log: Wal): Promise<void> {
  await log.checkpoint({ throughSeq: log.marks().durableSeq });
  await until(async () => (await log.files()).length === 1);
}

/** What the store is after each commit, from the archive and the log alone. */
async function expectEveryCommit(lastSeq: number): Promise<void> {
  const model = new Map<number, number>();
  for (let seq = 1; seq <= lastSeq; seq += 1) {
    model.set(1 + (seq % 5), byteOf(seq));
    if (seq % 7 !== 0 && seq !== lastSeq) continue;
    const pages = new Map<number, Uint8Array>();
    const base = join(folder, 'no.db');
    await recoverWal(base, { archive: [archive, `${db}-wal`], throughSeq: seq, into: pages });
    const found = [...pages].map(([pageNumber, image]) => [pageNumber, image[17]]);
    expect(Object.fromEntries(found), `commit ${seq}`).toEqual(Object.fromEntries(model));
  }
}

test.each(MODES)(
  '%s: every file is in the archive before it is let go, and every commit can be gone back to',
  async (archiveMode) => {
    const first = await open({ archiveMode });
    for (let round = 0; round < 3; round += 1) {
      await append(first, 20);
      await checkpointAll(first);
    }
    await first.close();
    expect(archived().length).toBeGreaterThanOrEqual(6);
    // The file that was current then is closed now, and archived by the next opening.
    const second = await open({ archiveMode });
    await append(second, 20);
    await checkpointAll(second);
    await second.close();
    expect(archived().some((name) => name.startsWith('00000002-'))).toBe(true);
    await expectEveryCommit(80);
    expect(statSync(archive).mode & 0o777).toBe(0o700);
    for (const name of archived()) expect(statSync(join(archive, name)).mode & 0o777).toBe(0o600);
    expect(archived().every((name) => /^[0-9a-f]{8}-[0-9a-f]{16}\.wal$/.test(name))).toBe(true);
  },
);

test.each(MODES)('%s: the archive keeps its bounds, and what no checkpoint covers', async (archiveMode) => {
  const log = await open({ archiveMode, archiveFilesMax: 2 });
  for (let round = 0; round < 4; round += 1) {
    await append(log, 20);
    await checkpointAll(log);
  }
  await until(() => archived().length === 2);
  await append(log, 40);
  // Copies of what the log still holds go in, and nothing of it out.
  if (archiveMode === 'copy') await until(() => archived().length > 2);
  const pages = new Map<number, Uint8Array>();
  await log.flush();
  expect(await codeOf(recoverWal(join(folder, 'no.db'), { archive, into: pages }))).toBe('ERR_WAL_GAP');
});

test('a file that is in the archive already is let go, and not copied again', async () => {
  const first = await open();
  await append(first, 30);
  await until(() => archived().length >= 2);
  await first.close();
  const before = archived().map((name) => statSync(join(archive, name)).ino);
  const second = await open();
  await until(() => archived().length > before.length);
  await checkpointAll(second);
  const after = archived().map((name) => statSync(join(archive, name)).ino);
  expect(after.slice(0, before.length)).toEqual(before);
});

test.each(MODES)(
  '%s: an archive that has gone away holds the log back, says so once, and goes on when it is back',
  async (archiveMode) => {
    const log = await open({ archiveMode });
    const told: string[] = [];
    log.on('archiveFailing', ({ code }) => told.push(code));
    log.on('archiveResumed', () => told.push('resumed'));
    renameSync(archive, `${archive}.away`);
    await append(log, 40);
    await log.checkpoint({ throughSeq: log.marks().durableSeq });
    await until(async () => (await log.files()).some(({ keptBy }) => keptBy === 'archive') && told.length > 0);
    const names = (await log.files()).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(2);
    expect(readdirSync(`${db}-wal`)).toEqual(expect.arrayContaining(names));
    renameSync(`${archive}.away`, archive);
    await until(async () => {
      await log.checkpoint({ throughSeq: log.marks().durableSeq });
      return (await log.files()).length === 1;
    });
    expect(told.slice(0, 2)).toEqual([expect.stringMatching(/^ERR_WAL_(NOT_FOUND|IO)$/), 'resumed']);
    await log.close();
    await expectEveryCommit(40);
  },
);

test('without a thread that archives files are held back, and the next opening archives them', async () => {
  const log = await open({ workerUrls: { archiver: 'file:///nowhere/archiver.js' } });
  const failing = once(log, 'archiveFailing');
  await append(log, 40);
  const [error] = (await failing) as [WalError];
  expect(error.code).toBe('ERR_WAL_IO');
  await log.checkpoint({ throughSeq: 40 });
  expect((await log.files())[0]).toMatchObject({ fileNumber: 1, keptBy: 'archive' });
  await log.close();
  expect(archived()).toEqual([]);
  await checkpointAll(await open());
  await wal?.close();
  await expectEveryCommit(40);
});

describe.skipIf(reason !== undefined)('on a file system of its own', () => {
  test('a full archive holds the log back; at its bound the log says so, and space brings everything back (F11)', async () => {
    mountTmpfs(archive, 512 * 1024);
    const empty = fillDisk(archive);
    const log = await open({ archiveFilesMax: 3 });
    const failing = once(log, 'archiveFailing');
    const stalled = once(log, 'stalled');
    log.on('checkpointWanted', () => void log.checkpoint({ throughSeq: log.marks().durableSeq }));
    const appending = append(log, 200);
    const [reported] = (await failing) as [WalError];
    expect(reported.code).toBe('ERR_WAL_STORAGE_FULL');
    const [why] = (await stalled) as [WalError];
    expect([why.code, why.details]).toMatchObject(['ERR_WAL_LOG_FULL', { keptBy: 'archive' }]);
    expect((await log.files())[0]).toMatchObject({ fileNumber: 1, keptBy: 'archive' });
    empty();
    await appending;
    expect(log.marks().durableSeq).toBe(200);
    expect(log.state).toBe('running');
  });

  test('a log is not opened with mode rename across file systems, and is with mode copy', async () => {
    mountTmpfs(archive, 512 * 1024);
    expect(await codeOf(open({ archiveMode: 'rename' }))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(archived()).toEqual([]);
    expect(readdirSync(`${db}-wal`).filter((name) => name.includes('probe'))).toEqual([]);
    await open({ archiveMode: 'copy' });
  });
});

describe('a log is not opened', () => {
  test('with the archive of another log', async () => {
    const other = await openWal(join(folder, 'other.db'), { ...SETTINGS, archiveDirectory: archive });
    await append(other, 20);
    await until(() => archived().length > 0);
    await other.close();
    expect(await codeOf(open())).toBe('ERR_WAL_WRONG_STORE');
  });

  test('with its own directory as the archive', async () => {
    mkdirSync(`${db}-wal`);
    expect(await codeOf(open({ archiveDirectory: `${db}-wal` }))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });

  test('with an archive under policy off, which may take commits from the log that the archive keeps', async () => {
    expect(await codeOf(open({ fsync: 'off' }))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });
});
