// Goal: a disk that is full, read-only, forbidden or out of descriptors costs time or gives a typed error, and never a
// commit. Method: small file systems of our own, filled to the last block and freed again; limits set from outside.

import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openWal, recoverWal, type Wal } from '../../src/index.js';
import { runJson } from '../support/command-line.js';
import { fillDisk, InlineWorkload } from '../support/full-disk.js';
import { mountReadOnly, mountTmpfs, unmountAll, whyNoMounts } from '../support/mounts.js';
import { runWorkload, scratchFolder } from '../support/program.js';
import { announceSkip, WorkloadCheck } from '../support/workload-check.js';
import type { WorkloadPlan } from '../support/workload-model.js';

const reason = whyNoMounts('prlimit');
announceSkip('full disks', reason);

const SETTINGS = { pageSize: 512, lanes: 1, laneBytes: 16_384, logFileBytes: 65_536 };
const NOBODY = 65_534;
const ENDLESS = Number.POSITIVE_INFINITY;

let folder = '';
let disk = '';
let db = '';
let acks = '';
let check = new WorkloadCheck('', '');

beforeEach(() => {
  folder = scratchFolder('full');
  disk = join(folder, 'disk');
  db = join(disk, 'app.db');
  acks = join(folder, 'acks');
  check = new WorkloadCheck(db, acks);
});

afterEach(() => {
  unmountAll();
  rmSync(folder, { recursive: true, force: true });
});

async function expectRecovered(): Promise<void> {
  expect(await check.recover()).toEqual([]);
  expect(check.lost).toEqual([]);
}

/** A closed log with some commits on a disk of its own. */
async function makeLog(diskBytes = 2 ** 20): Promise<void> {
  mountTmpfs(disk, diskBytes);
  const wal = await openWal(db, SETTINGS);
  const workload = new InlineWorkload(wal, acks, 1);
  await workload.append(20);
  await workload.acknowledge();
  await wal.close();
  await expectRecovered();
}

describe.skipIf(reason !== undefined)('a full disk', () => {
  // One flush needs at most a lane and a half here, a rotation a file of 16 blocks: every size from none to beyond both.
  test.each(Array.from({ length: 24 }, (_, blocks) => blocks))(
    'F11 with %i free blocks stalls the log, and nothing is lost',
    async (blocks) => {
      mountTmpfs(disk, 2 ** 20);
      const wal = await openWal(db, SETTINGS);
      const stalled = once(wal, 'stalled');
      const workload = new InlineWorkload(wal, acks, 1);
      const free = fillDisk(disk, blocks * 4096);
      const refusal = await workload.append(ENDLESS);
      expect(refusal).toMatchObject({ code: 'ERR_WAL_STORAGE_FULL', cause: { code: 'ERR_WAL_STORAGE_FULL' } });
      expect(await stalled).toMatchObject([{ code: 'ERR_WAL_STORAGE_FULL' }]);
      expect(wal.state).toBe('stalled');
      await expect(workload.last.durable({ timeoutMs: 1 })).rejects.toMatchObject({
        code: 'ERR_WAL_TIMEOUT',
        details: { reasonCode: 'ERR_WAL_STORAGE_FULL' },
      });
      const resumed = once(wal, 'resumed');
      free();
      await resumed;
      await workload.acknowledge();
      await workload.append(1);
      await workload.acknowledge();
      expect(wal.state).toBe('running');
      await wal.close();
      await expectRecovered();
    },
  );

  test('keeps what is in the lanes for a close that waits until there is space', async () => {
    mountTmpfs(disk, 2 ** 20);
    const wal = await openWal(db, SETTINGS);
    const workload = new InlineWorkload(wal, acks, 1);
    const free = fillDisk(disk);
    await workload.append(ENDLESS);
    await expect(wal.close({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'ERR_WAL_TIMEOUT' });
    free();
    await wal.close();
    await workload.acknowledge();
    await expectRecovered();
  });

  test('does not keep a log from being opened, thanks to the spare', async () => {
    await makeLog();
    expect(readdirSync(`${db}-wal`).filter((name) => name.startsWith('spare-')).length).toBeGreaterThan(0);
    const free = fillDisk(disk);
    const wal = await openWal(db, SETTINGS);
    expect(wal.recovery).toMatchObject({ lastSeq: 20, tail: 'clean' });
    const workload = new InlineWorkload(wal, acks, 2);
    await workload.append(1);
    await workload.acknowledge();
    free();
    await wal.close();
    await expectRecovered();
  });

  test('is a typed error where even the spare is missing, and leaves the log as it was', async () => {
    await makeLog();
    for (const name of readdirSync(`${db}-wal`)) if (name.startsWith('spare-')) rmSync(join(`${db}-wal`, name));
    const before = readdirSync(`${db}-wal`).sort();
    const free = fillDisk(disk);
    await expect(openWal(db, SETTINGS)).rejects.toMatchObject({ code: 'ERR_WAL_STORAGE_FULL' });
    expect(readdirSync(`${db}-wal`).sort()).toEqual(before);
    free();
    await (await openWal(db, SETTINGS)).close();
    await expectRecovered();
  });
});

describe.skipIf(reason !== undefined)('a disk that refuses', () => {
  test('a read-only file system is a typed error, and the log on it can be inspected (F14)', async () => {
    await makeLog();
    const view = join(folder, 'view');
    mountReadOnly(view, disk);
    await expect(openWal(join(view, 'app.db'), SETTINGS)).rejects.toMatchObject({
      code: 'ERR_WAL_IO',
      details: { errno: 'EROFS' },
    });
    await expect(openWal(join(view, 'new.db'), SETTINGS)).rejects.toMatchObject({
      code: 'ERR_WAL_IO',
      details: { errno: 'EROFS' },
    });
    expect(existsSync(join(disk, 'new.db-wal'))).toBe(false);
    expect(await recoverWal(join(view, 'app.db'), { dryRun: true })).toMatchObject({ lastSeq: 20, tail: 'clean' });
    expect(await runJson(['inspect', join(view, 'app.db')])).toMatchObject({ firstSeq: 1, lastSeq: 20 });
    await expectRecovered();
  });

  test('a directory without permission is a typed error that names it, and nothing is made in it', async () => {
    await makeLog();
    chmodSync(folder, 0o755);
    const forbidden = join(disk, 'forbidden');
    mkdirSync(forbidden, { mode: 0o755 });
    const refused = await asNobody(() => openWal(join(forbidden, 'new.db'), SETTINGS));
    expect(refused).toMatchObject({
      code: 'ERR_WAL_IO',
      details: { errno: 'EACCES', path: join(forbidden, 'new.db-wal') },
    });
    expect(readdirSync(forbidden)).toEqual([]);
    expect(await asNobody(() => openWal(db, SETTINGS))).toMatchObject({
      code: 'ERR_WAL_IO',
      details: { errno: 'EACCES' },
    });
    expect(await asNobody(() => recoverWal(db, { dryRun: true }))).toMatchObject({ code: 'ERR_WAL_IO' });
    await expectRecovered();
  });
});

describe.skipIf(reason !== undefined)('a limit of the process', () => {
  test('on the size of files is a typed error, and the log opens without it (F14)', async () => {
    await makeLog();
    const before = readdirSync(`${db}-wal`)
      .filter((name) => !name.startsWith('spare-'))
      .sort();
    const settings = { ...SETTINGS, logFileBytes: 2 ** 17 };
    const events = await runWorkload(openOnly({ settings }), ['prlimit', '--fsize=100000']);
    expect(events.at(-1)).toMatchObject({ event: 'refused', code: 'ERR_WAL_IO', cause: 'EFBIG' });
    expect(
      readdirSync(`${db}-wal`)
        .filter((name) => /^[0-9a-f]{16}\.wal$|^lock$/.test(name))
        .sort(),
    ).toEqual(before);
    expect((await runWorkload(openOnly({ settings }))).at(-1)).toMatchObject({ event: 'done', closed: 'closed' });
    await expectRecovered();
  });

  test('on descriptors, whoever meets it, is a typed error, and the log opens with enough (F14)', async () => {
    await makeLog();
    const codes: unknown[] = [];
    for (const descriptorsLeft of [0, 1, 3, 6, 12, 90]) {
      const events = await runWorkload(openOnly({ descriptorsLeft }), ['prlimit', '--nofile=128']);
      const refused = events.find(({ event }) => event === 'refused');
      codes.push(events.at(-1)?.event === 'done' ? 'opened' : refused?.code);
    }
    expect(codes[0]).toBe('ERR_WAL_IO');
    expect(codes.at(-1)).toBe('opened');
    // Where the flusher's thread is what cannot start, the log counts as failed.
    expect(codes.every((code) => code === 'opened' || code === 'ERR_WAL_IO' || code === 'ERR_WAL_POISONED')).toBe(true);
    await expectRecovered();
  });

  function openOnly(more: Partial<WorkloadPlan>): WorkloadPlan {
    return { db, acks, run: 2, workers: 1, commits: 0, settings: SETTINGS, ...more };
  }
});

/** What an attempt fails with when it is nobody's. */
async function asNobody(attempt: () => Promise<Wal | unknown>): Promise<unknown> {
  process.seteuid?.(NOBODY);
  try {
    return await attempt().then(
      () => 'done',
      (thrown: unknown) => thrown,
    );
  } finally {
    process.seteuid?.(0);
  }
}
