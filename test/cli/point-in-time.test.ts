// Goal: `lanewal recover` makes a store as it was at a commit or a time, says what it did, and refuses with the right
// status what cannot be reached. Method: a backup, an archive and a lost store on the file system; the bytes of each
// state are known.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type BaseAndArchive, makeBaseAndArchive } from '../support/base-and-archive.js';
import { makeFolder, type RecoverDocument, removeFolders, runCommand, runJson } from '../support/command-line.js';

afterEach(removeFolders);

const SEED = Number(process.env.WAL_TEST_SEED ?? 20_261_121);

function made(): BaseAndArchive & { readonly into: string } {
  return { ...makeBaseAndArchive(makeFolder(), SEED), into: join(makeFolder(), 'new.db') };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('a commit is gone back to, and what was done is printed', async () => {
  const { base, archive, into, states } = made();
  const args = ['recover', base, '--archive', archive, '--until-seq', '17', '--into', into];
  const report = await runJson<RecoverDocument>(args);
  expect(report).toMatchObject({ lastSeq: 17, commitsApplied: 8, checkpointUsed: 9, pageFiles: [into], dryRun: false });
  expect(report.sha256).toEqual([sha256(states[17] as Uint8Array)]);
  expect(readFileSync(into).equals(states[17] as Uint8Array)).toBe(true);
  expect(await runJson(['verify', into])).toMatchObject({ isSound: true });
  const { status, stdout } = await runCommand([...args.slice(0, -1), `${into}.words`]);
  expect([status, stdout]).toEqual([0, expect.stringContaining('8 commits above the checkpoint at commit 9')]);
});

test.each([
  ['ms since 1970', (ms: number) => String(ms)],
  ['ISO 8601', (ms: number) => new Date(ms).toISOString()],
])('a time is gone back to, in %s', async (_, written) => {
  const { base, archive, into, states, timesMs } = made();
  const time = written((timesMs[14] as number) + 500);
  expect(await runJson(['recover', base, '--archive', archive, '--until-time', time, '--into', into])).toMatchObject({
    lastSeq: 14,
  });
  expect(readFileSync(into).equals(states[14] as Uint8Array)).toBe(true);
});

test('everything is brought together from an archive and the log directory of the store that is lost', async () => {
  const { base, archive, lost, into, states, lastSeq } = made();
  const args = ['recover', base, '--archive', archive, '--archive', `${lost}-wal`, '--into', into];
  expect(await runJson(args)).toMatchObject({ lastSeq });
  expect(readFileSync(into).equals(states[lastSeq] as Uint8Array)).toBe(true);
});

test('a dry run says that it can be done, and makes nothing', async () => {
  const { base, archive, into } = made();
  const args = ['recover', base, '--archive', archive, '--until-seq', '17', '--into', into, '--dry-run'];
  expect(await runJson(args)).toMatchObject({ lastSeq: 17, sha256: [null], dryRun: true });
  expect(readdirSync(join(into, '..'))).toEqual([]);
});

describe('is refused, and nothing is made:', () => {
  const WRONG_CALL = 2;
  const DAMAGED = 1;
  test.each<[string, (from: ReturnType<typeof made>) => string[], number, string]>([
    ['a target before the base', () => ['--until-seq', '3'], WRONG_CALL, 'ERR_WAL_INVALID_ARGUMENT'],
    ['a target behind the end', () => ['--until-seq', '99'], WRONG_CALL, 'ERR_WAL_INVALID_ARGUMENT'],
    ['a time behind the end', () => ['--until-time', '2026-01-01T00:00:00Z'], WRONG_CALL, 'ERR_WAL_INVALID_ARGUMENT'],
    ['a time that is none', () => ['--until-time', 'yesterday'], WRONG_CALL, '--until-time'],
    ['a day that is none', () => ['--until-time', '2026-13-01'], WRONG_CALL, '--until-time'],
    ['a sequence that is none', () => ['--until-seq', '-1'], WRONG_CALL, '--until-seq'],
    ['two targets', () => ['--until-seq', '12', '--until-time', '5'], WRONG_CALL, '--until-time'],
    ['salvage', () => ['--salvage'], WRONG_CALL, '--salvage'],
    ['a missing archive', () => ['--archive', '/nowhere/at/all'], WRONG_CALL, 'ERR_WAL_NOT_FOUND'],
    [
      'a gap',
      ({ archive }) => {
        writeFileSync(join(archive, '00000001-0000000000000005.wal'), 'x');
        return ['--until-seq', '17'];
      },
      DAMAGED,
      'Commits 13 to 15 are missing',
    ],
  ])('%s', async (_, optionsOf, status, names) => {
    const from = made();
    const { base, archive, into } = from;
    const options = optionsOf(from);
    const ended = await runCommand(['recover', base, '--archive', archive, '--into', into, ...options]);
    expect([ended.status, ended.stdout]).toEqual([status, '']);
    expect(ended.stderr).toMatch(/^lanewal: [^\n]+\n$/);
    expect(ended.stderr).toContain(names);
    expect(readdirSync(join(into, '..'))).toEqual([]);
  });

  test('a target without a place for what is made', async () => {
    const { base, archive } = made();
    const { status, stderr } = await runCommand(['recover', base, '--archive', archive, '--until-seq', '12']);
    expect([status, stderr]).toEqual([WRONG_CALL, expect.stringContaining('--into')]);
  });
});
