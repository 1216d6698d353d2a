// Goal: a certificate can be read and checked by somebody who does not have this library. Method: the script of
// design/certificates.md, which imports nothing of ours, beside `inspect --certificates` and `verify`, over a log that
// threads wrote, over logs whose checksums are right and whose contents are not, and over damaged ones.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import type { Certificate } from '../../src/segment/codec.js';
import { CERTIFICATE_FLAG } from '../../src/segment/layout.js';
import { NodeDirectory } from '../../src/storage/node-directory.js';
import { type InspectDocument, makeFolder, removeFolders, runCommand, runJson } from '../support/command-line.js';
import { LogBuilder, pages } from '../support/log-builder.js';
import { PACKAGE_ROOT } from '../support/package-root.js';
import { Program } from '../support/program.js';
import { tracePath } from '../support/traces.js';

afterEach(removeFolders);

const SCRIPT = fileURLToPath(new URL('design/check-certificates.mjs', PACKAGE_ROOT));

interface CertificateDocument {
  readonly certificates: readonly {
    readonly file: string;
    readonly offset: number;
    readonly kind: string;
    readonly formatVersion: number;
    readonly epoch: number;
    readonly firstSeq: number;
    readonly endSeq: number;
    readonly syncedThrough: number;
    readonly frameCount: number;
    readonly pageCount: number;
    readonly voids: readonly number[];
    readonly lanes: readonly { readonly lane: number; readonly frameCount: number }[];
    readonly sizes: readonly { readonly space: number; readonly pages: number }[];
    readonly crc: number;
    readonly isFallback: boolean;
  }[];
  readonly damage: readonly unknown[];
}

/** Runs the script over all log files of a database. */
async function check(db: string): Promise<{ status: number | null; stdout: string }> {
  const directory = `${db}-wal`;
  const files = readdirSync(directory).filter((name) => /^[0-9a-f]{16}\.wal$/.test(name));
  const { status, stdout, stderr } = await new Program([
    process.execPath,
    SCRIPT,
    ...files.map((name) => join(directory, name)),
  ]).ended;
  expect(stderr).toBe('');
  return { status, stdout };
}

/** A log that two threads wrote for two page files, and that nothing was checkpointed from. */
async function makeLog(): Promise<string> {
  const db = join(makeFolder(), 'a.db');
  const inputs = [
    '--base',
    tracePath('torn-tail-4k', 'base.db.gz'),
    '--wal',
    tracePath('torn-tail-4k', 'trace.db-wal.gz'),
  ];
  await runJson([
    'replay',
    ...inputs,
    '--db',
    db,
    '--copies',
    '2',
    '--writers',
    '2',
    '--lanes',
    '2',
    '--no-checkpoint',
  ]);
  return db;
}

/** A log of two epochs of which the first has this certificate, with every checksum right. */
async function buildLog(change: (certificate: Certificate) => Certificate): Promise<string> {
  const db = join(makeFolder(), 'a.db');
  new LogBuilder(new NodeDirectory(`${db}-wal`))
    .start()
    .epochWith(change, { ...pages(1, 7), dbSizePages: 3 }, { isVoid: true }, pages(2, 8))
    .epoch(pages(1, 9))
    .sync()
    .mark();
  return db;
}

test('inspect prints every field of every certificate, and the counts are those of the frames', async () => {
  const db = await makeLog();
  const { segments } = await runJson<InspectDocument>(['inspect', db]);
  const { certificates } = await runJson<CertificateDocument>(['inspect', db, '--certificates']);
  expect(certificates.map(({ epoch, kind }) => [epoch, kind])).toEqual(
    segments.map(({ epoch, kind }) => [epoch, kind]),
  );
  for (const [index, { frames, firstSeq, endSeq, file, offset, bytes }] of segments.entries()) {
    const certificate = certificates[index]!;
    const lanes = [...new Set(frames.map(({ lane }) => lane))];
    expect(certificate).toMatchObject({
      formatVersion: 1,
      firstSeq,
      endSeq,
      file,
      offset,
      isFallback: false,
      voids: [],
    });
    expect(certificate.lanes.map(({ lane }) => lane).sort()).toEqual(lanes.sort());
    for (const { lane, frameCount } of certificate.lanes) {
      expect(frames.filter((frame) => frame.lane === lane)).toHaveLength(frameCount);
    }
    expect(certificate.pageCount).toBe(frames.reduce((sum, frame) => sum + frame.pages.length, 0));
    expect(certificate.syncedThrough).toBeLessThanOrEqual(certificate.epoch);
    const end = readFileSync(join(`${db}-wal`, file)).readUInt32LE(offset + bytes - 4);
    expect(certificate.crc).toBe(end);
  }
  const sizes = certificates.flatMap((certificate) => certificate.sizes.filter(({ space }) => space === 1));
  expect(sizes.at(-1)).toEqual({ space: 1, pages: 303 });
  const { stdout, status } = await runCommand(['inspect', db, '--certificates']);
  expect(status).toBe(0);
  for (const { crc } of certificates) expect(stdout).toContain(crc.toString(16).padStart(8, '0'));
});

test('a fallback is a flag of the certificate that inspect prints', async () => {
  const db = await buildLog((certificate) => ({ ...certificate, flags: CERTIFICATE_FLAG.fallback }));
  const { certificates } = await runJson<CertificateDocument>(['inspect', db, '--certificates']);
  expect(certificates.map(({ isFallback }) => isFallback)).toEqual([true, false, false]);
  const { stdout } = await runCommand(['inspect', db, '--certificates']);
  expect(stdout.split('\n').filter((line) => line.endsWith('yes'))).toHaveLength(1);
  expect(await check(db)).toMatchObject({ status: 0 });
});

describe('the script without this library', () => {
  test('proves the same epochs and ranges as inspect lists', async () => {
    const db = await makeLog();
    const { certificates } = await runJson<CertificateDocument>(['inspect', db, '--certificates']);
    const { status, stdout } = await check(db);
    expect(status).toBe(0);
    const listed = certificates
      .filter(({ kind }) => kind === 'epoch')
      .map(({ epoch, firstSeq, endSeq, frameCount, lanes, pageCount }) => {
        const counts = `${frameCount} frames in ${lanes.length} lanes, 0 voids, ${pageCount} pages`;
        return `epoch ${epoch}, commits ${firstSeq} to ${endSeq - 1}: ${counts}`;
      });
    expect(stdout.split('\n').flatMap((line) => /: (epoch \d+, .*)/.exec(line)?.[1] ?? [])).toEqual(listed);
    expect(stdout).toContain(`${listed.length} epochs proven; synced and not proven: none`);
  });

  test('takes a log with voids and sizes that is whole', async () => {
    expect(await check(await buildLog((certificate) => certificate))).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('commits 1 to 3: 2 frames in 1 lanes, 1 voids, 2 pages'),
    });
  });

  test.each<[string, (certificate: Certificate) => Certificate]>([
    ['a commit that is missing', (certificate) => ({ ...certificate, voids: [] })],
    ['a void for a commit that is there', (certificate) => ({ ...certificate, voids: [1] })],
    ['a void of another epoch', (certificate) => ({ ...certificate, voids: [9] })],
    [
      'a commit of another lane',
      ({ lanes, ...rest }) => ({ ...rest, lanes: lanes.map((each) => ({ ...each, lane: 5 })) }),
    ],
    ['too few frames', ({ lanes, ...rest }) => ({ ...rest, lanes: lanes.map((each) => ({ ...each, frameCount: 1 })) })],
    ['other frames', (certificate) => ({ ...certificate, framesDigest: certificate.framesDigest ^ 1 })],
    ['another number of pages', (certificate) => ({ ...certificate, pageCount: 3 })],
    ['another size', (certificate) => ({ ...certificate, sizes: [{ space: 0, pages: 4 }] })],
    ['a size that is not listed', (certificate) => ({ ...certificate, sizes: [] })],
    ['an unknown flag', (certificate) => ({ ...certificate, flags: 2 })],
  ])('and verify refuse %s, behind checksums that are right', async (_, change) => {
    const db = await buildLog(change);
    const { status, stdout } = await check(db);
    expect([status, stdout]).toEqual([1, expect.stringContaining('epoch 1 is not proven')]);
    expect(stdout).toContain('synced and not proven: 1');
    expect((await runCommand(['verify', db])).status).not.toBe(0);
  });

  test('names every epoch of which a byte was flipped, and its end when that was synced', async () => {
    const db = await makeLog();
    const { certificates } = await runJson<CertificateDocument>(['inspect', db, '--certificates']);
    const epochs = certificates.filter(({ kind }) => kind === 'epoch');
    const [, second, third] = epochs;
    // In the middle of a frame, and in the magic of a header.
    flip(db, second!.file, second!.offset + 1000);
    flip(db, third!.file, third!.offset);
    const { status, stdout } = await check(db);
    expect(status).toBe(1);
    expect(stdout).toMatch(/epoch 2 is not proven/);
    expect(stdout).toContain('synced and not proven: 2, 3');
    expect((await runCommand(['verify', db])).status).toBe(1);
  });

  test('takes a torn last epoch that nothing calls synced for the end of the log, as recovery does', async () => {
    const db = join(makeFolder(), 'a.db');
    const builder = new LogBuilder(new NodeDirectory(`${db}-wal`)).start().epoch(pages(1, 7)).sync().epoch(pages(1, 8));
    const { name, offset } = builder.segments[1]!;
    flip(db, name, offset + 200);
    expect(await check(db)).toMatchObject({ status: 0, stdout: expect.stringContaining('epoch 2 is not proven') });
    expect((await runCommand(['verify', db])).status).toBe(0);
  });
});

function flip(db: string, name: string, offset: number): void {
  const path = join(`${db}-wal`, name);
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 0x10, offset);
  writeFileSync(path, bytes);
}
