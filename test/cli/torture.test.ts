// Goal: `lanewal torture` finds nothing where nothing is wrong, and finds whatever is. Method: a short run, and runs that
// are tampered with from outside: the torture is stopped while its victim writes, files are changed, and it goes on.

import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { MapTortureTally } from '../../src/cli/torture/map-run.js';
import type { TortureTally } from '../../src/cli/torture/torture-run.js';
import { makeFolder, removeFolders, runCommand, runJson, runProcess, startCommand } from '../support/command-line.js';

afterEach(removeFolders);

/** As small as the torture itself would choose. */
const VARIABLES = { LANEWAL_LOG_FILE_BYTES: '65536' };

type TortureDocument = TortureTally & {
  readonly passed: boolean;
  readonly seed: number;
  readonly bound: number | null;
};

test('a torture loses nothing, says how many kills there were, and leaves nothing behind', async () => {
  const db = makeFolder();
  const document = await runJson<TortureDocument>(['torture', '--cycles', '5', '--jobs', '2', '--db', db], VARIABLES);
  expect(document).toMatchObject({ passed: true, lost: 0, failures: [], bound: 3 / document.kills });
  expect(document.kills).toBeGreaterThanOrEqual(5);
  expect(document.acknowledged).toBeGreaterThan(0);
  expect(document.recovered).toBeGreaterThanOrEqual(document.acknowledged);
  expect(readdirSync(db)).toEqual([]);
});

test('writers, spaces, policy and seed can be fixed, and it says so in words, too', async () => {
  const fixed = ['--writers', '2', '--spaces', '1', '--fsync', 'normal', '--seed', '5'];
  const { status, stdout, stderr } = await runProcess(
    ['torture', '--cycles', '2', ...fixed, '--db', makeFolder()],
    VARIABLES,
  );
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^kills +\d+: \d+ writing, \d+ opening, \d+ recovering$/m);
  expect(stdout).toMatch(/^policies +full 0, normal \d+, off 0$/m);
  expect(stdout).toMatch(/^lost +0$/m);
  expect(stdout).toMatch(/^bound +fewer than [\d.]+% of kills lose anything \(95%\)$/m);
  expect(stdout).toMatch(/\nPASS \(seed 5\)\n$/);
});

test('a map is tortured, too', async () => {
  const db = makeFolder();
  const args = ['torture', '--workload', 'map', '--cycles', '3', '--writers', '2', '--fsync', 'full', '--db', db];
  const document = await runJson<MapTortureTally & { passed: boolean }>(args, VARIABLES);
  expect(document).toMatchObject({ passed: true, kills: 3, byPolicy: { full: 3, normal: 0, off: 0 }, lost: 0 });
  expect(document.acknowledged).toBeGreaterThan(0);
  expect(readdirSync(db)).toEqual([]);
});

test('a map has no spaces', async () => {
  const { status, stderr } = await runCommand(['torture', '--workload', 'map', '--spaces', '2']);
  expect([status, stderr]).toEqual([
    2,
    expect.stringMatching(/^lanewal: --spaces [^\n]+ \(ERR_WAL_INVALID_ARGUMENT\)\n$/),
  ]);
});

test.each([
  ['--cycles', '0'],
  ['--seconds', 'many'],
  ['--writers', '65'],
  ['--spaces', '-1'],
  ['--fsync', 'sometimes'],
  ['--workload', 'trees'],
  ['--jobs', '1.5'],
  ['--seed', 'x'],
  ['--db', ''],
  ['--mode', 'auto'],
])('%s %j is refused by name', async (option, value) => {
  const { status, stdout, stderr } = await runCommand(['torture', option, value]);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^lanewal: [^\n]+ \(ERR_WAL_INVALID_ARGUMENT\)\n$/);
  expect(stderr).toContain(option);
});

/** Where one log is, while its victim writes. */
interface Scene {
  readonly log: string;
  readonly ackFile: string;
}

/** Stops a torture while acknowledgements are there that it has not looked at, tampers, and lets it go on. */
async function tamperedTorture(
  args: readonly string[],
  tamper: (scene: Scene) => void,
): Promise<{ status: number | null; document: TortureDocument }> {
  const db = makeFolder();
  const { child, ended } = startCommand(['torture', '--cycles', '50', ...args, '--db', db, '--json'], VARIABLES);
  for (let scene: Scene | undefined; scene === undefined; await pause(1)) {
    if (child.exitCode !== null) break;
    if (findScene(db) === undefined) continue;
    child.kill('SIGSTOP');
    while (stateOf(child.pid) !== 'T') await pause(1);
    // Only now it is certain that nobody has looked at it.
    scene = findScene(db);
    if (scene !== undefined) tamper(scene);
    child.kill('SIGCONT');
  }
  const { status, stdout } = await ended;
  return { status, document: JSON.parse(stdout) as TortureDocument };
}

function findScene(db: string): Scene | undefined {
  const names = readdirSync(db, { recursive: true, encoding: 'utf8' });
  const ackFile = names.map((name) => join(db, name)).find((path) => /acknowledged-\d+$/.test(path));
  if (ackFile === undefined || !existsSync(ackFile) || statSync(ackFile).size === 0) return undefined;
  return { log: join(ackFile, '..', 'app.db-wal'), ackFile };
}

/** Acknowledges a commit, or a change, that the first writer has not made. */
function forge(ackFile: string): void {
  const forged = Buffer.alloc(24);
  for (const [index, value] of [0n, 2n ** 20n, 2n ** 40n].entries()) forged.writeBigUInt64LE(value, index * 8);
  appendFileSync(ackFile, forged);
}

function stateOf(pid: number | undefined): string | undefined {
  return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];
}

function logFiles({ log }: Scene): string[] {
  const names = readdirSync(log).filter((name) => name.endsWith('.wal') && !name.startsWith('spare'));
  return names.map((name) => join(log, name));
}

describe.skipIf(process.platform !== 'linux')('a torture bites', () => {
  test('F15: a byte that changes in the log is a loss', async () => {
    const { status, document } = await tamperedTorture(['--fsync', 'full'], (scene) => {
      for (const path of logFiles(scene)) {
        const bytes = readFileSync(path);
        // In the first segment behind the file header.
        bytes[4096 + 200] = (bytes[4096 + 200] as number) ^ 1;
        writeFileSync(path, bytes);
      }
    });
    expect([status, document.passed, document.failures.length]).toEqual([1, false, 1]);
    expect(document.lost).toBeGreaterThan(0);
  });

  test('F20: a log without its files is a loss, although it looks like an empty one', async () => {
    const { status, document } = await tamperedTorture(['--fsync', 'off'], (scene) => {
      for (const path of logFiles(scene)) rmSync(path);
    });
    expect([status, document.passed]).toEqual([1, false]);
    expect(document.lost).toBeGreaterThan(0);
  });

  test('an acknowledgement of a commit that nobody made is a loss, and the files stay', async () => {
    const { status, document } = await tamperedTorture(['--fsync', 'normal'], ({ ackFile }) => forge(ackFile));
    expect([status, document.passed, document.lost, document.bound]).toEqual([1, false, 1, null]);
    const [failure] = document.failures;
    expect(failure?.faults).toEqual(['1 acknowledged commits are lost']);
    expect(existsSync(`${failure?.db}-wal`)).toBe(true);
  });

  test('an acknowledgement of a change to a map that nobody made is a loss', async () => {
    const { status, document } = await tamperedTorture(['--workload', 'map'], ({ ackFile }) => forge(ackFile));
    expect([status, document.passed, document.bound]).toEqual([1, false, null]);
    expect(document.lost).toBeGreaterThan(2 ** 19);
    expect(document.failures[0]?.faults).toEqual([
      expect.stringMatching(/^writer 0: 1048576 changes are acknowledged/),
    ]);
  });

  test('F22: a write that was reported and never made is a loss', async () => {
    const preload = join(makeFolder(), 'lie.cjs');
    writeFileSync(preload, LIE);
    const args = ['torture', '--cycles', '50', '--db', makeFolder(), '--json'];
    // A log in shadow compare would read it back, and fail before anybody is told.
    const variables = { ...VARIABLES, LANEWAL_MODE: 'auto', NODE_OPTIONS: `--require ${preload}` };
    const { status, stdout } = await runProcess(args, variables);
    const document = JSON.parse(stdout) as TortureDocument;
    expect([status, document.passed]).toEqual([1, false]);
    expect(document.lost).toBeGreaterThan(0);
  });
});

/** Loaded into every thread: from the third on, the segments of a flusher are reported as written and are not. */
const LIE = `
const fs = require('node:fs');
const { isMainThread } = require('node:worker_threads');
const writev = fs.writevSync;
let calls = 0;
if (!isMainThread) fs.writevSync = (fd, buffers, position) => {
  calls += 1;
  if (calls < 3) return writev(fd, buffers, position);
  return buffers.reduce((sum, { length }) => sum + length, 0);
};
`;
