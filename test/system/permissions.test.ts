// What a log leaves in a file system that is not its own: modes whatever the umask, nothing odd opened or followed in any
// place of a file, no name believed that the package did not build, and no path built from what a log holds.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  attachPageCache,
  exportSegment,
  openWal,
  readSegmentFile,
  recoverWal,
  removeWal,
  verifyWal,
  type Wal,
  WalError,
} from '../../src/index.js';
import { logFileName } from '../../src/log/names.js';
import { NodeDirectory, openWalOn } from '../../src/testing.js';
import { scratchFolder } from '../support/program.js';
import { announceSkip } from '../support/workload-check.js';

const SETTINGS = { pageSize: 512, lanes: 1, laneBytes: 65_536, logFileBytes: 2 ** 17 };
const image = new Uint8Array(512).fill(7);

let root = '';
let db = '';
beforeEach(() => {
  root = scratchFolder('permissions');
  db = join(root, 'db');
});
afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(root, { recursive: true, force: true });
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'resolved',
    (error: unknown) => (error instanceof WalError ? error.code : `untyped: ${error}`),
  );

/** Appends durable commits until `count` more files were begun. */
async function rotate(wal: Wal, count: number, bytes = new Uint8Array(40_000)): Promise<void> {
  const before = wal.counters().rotations;
  while (wal.counters().rotations < before + count) {
    await wal
      .connect()
      .append({ pages: [{ pageNumber: 1, image }], operations: [{ code: 1, bytes }] })
      .durable();
  }
}

/** Everything a log makes: files, spares, a recycled file, both checkpoint slots, what was damaged, exports. */
async function useEverything(path: string): Promise<void> {
  const wal = await openWal(path, SETTINGS);
  const cached = await attachPageCache(wal, { pageFile: path, cache: new Map() });
  await rotate(wal, 2);
  for (let slot = 0; slot < 2; slot += 1) {
    await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
    await rotate(wal, 2);
  }
  await cached.checkpoint();
  const { epoch } = wal.marks();
  await wal.close();
  await exportSegment(path, epoch);
  // The newest synced epoch is spoilt, so that the next opening moves it aside.
  const newest = fs
    .readdirSync(`${path}-wal`)
    .filter((name) => /^[0-9a-f]{16}\.wal$/.test(name))
    .sort()
    .at(-1)!;
  const fd = fs.openSync(join(`${path}-wal`, newest), 'r+');
  fs.writeSync(fd, Buffer.alloc(16, 255), 0, 16, 4096 + 200);
  fs.closeSync(fd);
  const again = await openWal(path, { ...SETTINGS, onDamage: 'stop' });
  await rotate(again, 1);
  await again.close();
}

/** Modes of everything below a folder, by what it is. */
function modesBelow(folder: string): Map<string, string> {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const modes = names.map((name) => [name, (fs.lstatSync(join(folder, name)).mode & 0o7777).toString(8)] as const);
  return new Map(modes);
}

describe.skipIf(process.platform === 'win32')('modes', () => {
  test.each([0o000, 0o022, 0o077])('are 0600 for files and 0700 for directories under umask %o', async (umask) => {
    const before = process.umask(umask);
    try {
      await useEverything(join(root, 'new', 'deep', 'db'));
    } finally {
      process.umask(before);
    }
    const modes = modesBelow(root);
    const kinds = [/^new\/deep$/, /-wal$/, /\/lock$/, /\/checkpoint-0$/, /\/checkpoint-1$/, /\/spare-/, /\.damaged-/];
    for (const kind of [...kinds, /[0-9a-f]{16}\.wal$/, /-wal-seg-/, /deep\/db$/]) {
      expect(
        [...modes.keys()].some((name) => kind.test(name)),
        `${kind} in ${[...modes.keys()]}`,
      ).toBe(true);
    }
    for (const [name, mode] of modes) {
      const isDirectory = fs.lstatSync(join(root, name)).isDirectory();
      expect(mode, name).toBe(isDirectory ? '700' : '600');
    }
  });
});

const whyNoSpecialFiles =
  process.platform !== 'linux'
    ? 'FIFOs and devices are made for Linux here'
    : process.getuid?.() !== 0
      ? 'only root makes devices'
      : undefined;
announceSkip('odd files', whyNoSpecialFiles);

/** What may stand where a file should be. */
const ODD: Readonly<Record<string, (path: string) => void>> = {
  'a link to a file': (path) => fs.symlinkSync(join(root, 'outside'), path),
  'a dangling link': (path) => fs.symlinkSync(join(root, 'nothing'), path),
  'a link to a directory': (path) => fs.symlinkSync(root, path),
  'a FIFO': (path) => void spawnSync('mkfifo', [path]),
  'a directory': (path) => fs.mkdirSync(path),
  'a device': (path) => void spawnSync('mknod', [path, 'c', '1', '3']),
};

/** Files in a log directory in the place of which something odd may stand; the first log file is there already. */
const PLACES = [
  logFileName(1),
  logFileName(2),
  logFileName(3),
  'spare-0000.wal',
  'spare-0007.wal',
  'checkpoint-0',
  'checkpoint-1',
  'lock',
];

describe.skipIf(whyNoSpecialFiles !== undefined)('F30: in the place of', () => {
  beforeEach(() => fs.writeFileSync(join(root, 'outside'), 'untouched'));
  afterEach(() => {
    expect(fs.readFileSync(join(root, 'outside'), 'utf8')).toBe('untouched');
    expect(fs.existsSync(join(root, 'nothing'))).toBe(false);
  });

  test.each(Object.keys(ODD))(
    'any file of a log, %s is refused and left, and the log is whole without it',
    async (kind) => {
      const wal = await openWal(db, { ...SETTINGS, fsync: 'off' });
      await wal
        .connect()
        .append({ pages: [{ pageNumber: 1, image }] })
        .durable();
      await wal.close();
      for (const place of PLACES) {
        const path = join(`${db}-wal`, place);
        const aside = join(root, 'aside');
        const wasThere = fs.existsSync(path);
        if (wasThere) fs.renameSync(path, aside);
        ODD[kind]!(path);
        const kindOf = () => fs.lstatSync(path).mode;
        const [mode, names] = [kindOf(), fs.readdirSync(`${db}-wal`).sort()];
        const where = `${kind} as ${place}`;
        // The end of the log must not be taken for one that is readable: every reader refuses.
        expect(await codeOf(openWal(db, SETTINGS)), where).toBe('ERR_WAL_IO');
        const readers =
          place === 'lock' || place.startsWith('spare') ? [] : [verifyWal(db), recoverWal(db, { dryRun: true })];
        for (const reader of readers) expect(await codeOf(reader), where).toBe('ERR_WAL_IO');
        expect([kindOf(), fs.readdirSync(`${db}-wal`).sort()], where).toEqual([mode, names]);
        fs.rmSync(path, { recursive: true });
        if (wasThere) fs.renameSync(aside, path);
        expect((await recoverWal(db, { into: () => undefined })).lastSeq, where).toBe(1);
      }
    },
  );

  test.each(Object.keys(ODD))('a page file, an export or the log directory, %s is refused', async (kind) => {
    const wal = await openWal(db, SETTINGS);
    await wal
      .connect()
      .append({ pages: [{ pageNumber: 1, image }] })
      .durable();
    const odd = join(root, 'odd');
    ODD[kind]!(odd);
    expect(await codeOf(attachPageCache(wal, { pageFile: odd, cache: new Map() }))).toMatch(/^ERR_WAL_(IO|EXISTS)$/);
    await wal.close();
    expect(await codeOf(recoverWal(db, { into: { pageFiles: [odd] } }))).toBe('ERR_WAL_IO');
    expect(await codeOf(exportSegment(db, 1, odd))).toBe('ERR_WAL_EXISTS');
    expect(await codeOf(readSegmentFile(odd))).toBe('ERR_WAL_IO');
    if (kind === 'a directory' || kind === 'a link to a directory') return;
    ODD[kind]!(join(root, 'other-wal'));
    expect(await codeOf(openWal(join(root, 'other'), SETTINGS))).toMatch(/^ERR_WAL_(IO|EXISTS)$/);
  });

  test('a log file, a socket is refused', async () => {
    fs.mkdirSync(`${db}-wal`);
    const server = createServer().listen(join(`${db}-wal`, logFileName(1)));
    await new Promise((resolve) => server.once('listening', resolve));
    expect(await codeOf(openWal(db, SETTINGS))).toBe('ERR_WAL_IO');
    server.close();
  });
});

describe('F32: names', () => {
  const HOSTILE = [
    ...['..%2fescape', '...', '~', 'con', 'a b', ' 0000000000000001.wal', '0000000000000001.wal ', 'a\nb', '-rf', '*'],
    ...['0000000000000001.wal\n', '0000000000000001.WAL', '000000000000000A.wal', '000000000000001.wal', '\u202elaw.'],
    ...['00000000000000001.wal', '0000000000000000.wal', 'ffffffffffffffff.wal', '0x00000000000001.wal', '１.wal', 'é'],
    ...['0000000000000001.wal.bak', 'spare-000A.wal', 'spare-00000.wal', 'spare-0.wal', 'checkpoint-2', 'checkpoint-'],
    ...['lock.bak', '\\..\\escape', 'x'.repeat(255), `${'f'.repeat(251)}.wal`],
  ];

  test('that are none of a log are left alone, whatever they are', async () => {
    const folder = `${db}-wal`;
    fs.mkdirSync(folder);
    for (const name of HOSTILE) fs.writeFileSync(join(folder, name), `not a log: ${name}`);
    // No text at all: what is listed is not what is there.
    const bytes = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe]), Buffer.from('.new')]);
    if (process.platform === 'linux') fs.writeFileSync(bytes, '');
    const wal = await openWal(db, SETTINGS);
    await rotate(wal, 3);
    await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
    const { durableSeq } = wal.marks();
    await wal.close();
    await (await openWal(db, SETTINGS)).close();
    expect((await recoverWal(db, { into: () => undefined })).damage).toEqual([]);
    expect((await verifyWal(db)).tail).toBe('clean');
    expect(durableSeq).toBeGreaterThan(0);
    for (const name of HOSTILE) expect(fs.readFileSync(join(folder, name), 'utf8')).toBe(`not a log: ${name}`);
    const left = removeWal(db);
    expect(HOSTILE.filter((name) => !left.includes(name))).toEqual([]);
  });

  test('in use are built from numbers, whatever the commits hold', async () => {
    const used = new Set<string>();
    for (const call of ['openSync', 'renameSync', 'unlinkSync', 'mkdirSync', 'readdirSync'] as const) {
      const real = fs[call] as (...rest: unknown[]) => unknown;
      vi.spyOn(fs, call).mockImplementation(((...rest: unknown[]) => {
        for (const path of rest.slice(0, call === 'renameSync' ? 2 : 1)) used.add(String(path));
        return real(...rest);
      }) as never);
    }
    const hostile = new TextEncoder().encode('../../escape\0/etc/passwd'.repeat(1000));
    const directory = new NodeDirectory(`${db}-wal`);
    const wal = await openWalOn(directory, { ...SETTINGS, fsync: 'full' });
    await rotate(wal, 3, hostile);
    await wal.checkpoint({ throughSeq: wal.marks().durableSeq });
    await rotate(wal, 3, hostile);
    await wal.close();
    await (await openWalOn(directory, SETTINGS)).close();
    const inside = /^([0-9a-f]{16}\.wal(\.new)?|spare-[0-9a-f]{4}\.wal|checkpoint-[01]|fallback)$/;
    const strange = [...used].filter((path) => {
      const isInside = dirname(path) === directory.path && inside.test(basename(path));
      return !isInside && path !== directory.path && path !== dirname(directory.path);
    });
    expect(used.size).toBeGreaterThan(5);
    expect(strange).toEqual([]);
  });
});
