// Goal: `lanewal tail` prints exactly the commits that the log records as synced, beside a writer, after a kill and of
// a damaged log, and changes nothing. Method: the built command line as child processes, logs of real threads.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { openWal, type Wal } from '../../src/index.js';
import { NodeDirectory } from '../../src/storage/node-directory.js';
import { makeFolder, removeFolders, runCommand, startCommand } from '../support/command-line.js';
import { flip, LogBuilder, pages } from '../support/log-builder.js';
import { PACKAGE_ROOT } from '../support/package-root.js';

afterEach(removeFolders);

interface Line {
  readonly seq: number;
  readonly epoch: number;
  readonly txnId: number;
  readonly records: readonly Record<string, unknown>[];
}

function linesIn(stdout: string): Line[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

function seqsIn(stdout: string): number[] {
  return linesIn(stdout).map(({ seq }) => seq);
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

async function openLog(): Promise<{ db: string; wal: Wal }> {
  const db = join(makeFolder(), 'a.db');
  return { db, wal: await openWal(db, { pageSize: 512, logFileBytes: 65_536, epochIntervalMs: 1 }) };
}

async function write(wal: Wal, count: number): Promise<void> {
  for (let value = 0; value < count; value += 1) {
    const commit = wal.connect().append({ txnId: value, pages: [{ pageNumber: 1, image: new Uint8Array(512) }] });
    if (value % 20 === 19) await commit.durable();
  }
  await wal.flush();
}

/** A log without a process, so that it can be damaged. */
function builtLog(): { db: string; log: LogBuilder; directory: NodeDirectory } {
  const db = join(makeFolder(), 'a.db');
  const directory = new NodeDirectory(`${db}-wal`);
  const log = new LogBuilder(directory).start();
  for (let epoch = 1; epoch <= 5; epoch += 1) log.epoch(pages(epoch, epoch)).sync();
  return { db, log: log.mark(), directory };
}

test('a closed log is printed whole, or the part asked for, with what its commits hold', async () => {
  const { db, wal } = await openLog();
  const operations = [{ code: 7, bytes: new Uint8Array(3) }];
  await wal
    .connect()
    .append({ txnId: 2n ** 60n, dbSizePages: 4, operations })
    .durable();
  await write(wal, 99);
  await wal.close();
  const whole = await runCommand(['tail', db]);
  expect([whole.status, seqsIn(whole.stdout)]).toEqual([0, upTo(100)]);
  expect(linesIn(whole.stdout)[0]).toMatchObject({
    epoch: 1,
    txnId: String(2n ** 60n),
    records: [
      { kind: 'size', space: 0, pages: 4 },
      { kind: 'operation', space: 0, code: 7, bytes: 3 },
    ],
  });
  const part = await runCommand(['tail', db, '--from', '40', '--limit', '7', '--json']);
  expect([part.status, seqsIn(part.stdout)]).toEqual([0, upTo(46, 40)]);
  expect((await runCommand(['tail', db, '--from', '101'])).stdout).toBe('');
  expect((await runCommand(['tail', db, '--limit', '0'])).stdout).toBe('');
});

describe('an empty log', () => {
  test('and a missing one have no commits, and none is made', async () => {
    const db = join(makeFolder(), 'a.db');
    expect(await runCommand(['tail', db])).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(readdirSync(dirname(db))).toEqual([]);
    mkdirSync(`${db}-wal`);
    expect(await runCommand(['tail', db])).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  test('is followed from its first commit on, until an interrupt', async () => {
    const db = join(makeFolder(), 'a.db');
    const { child, ended } = startCommand(['tail', db, '--follow']);
    const wal = await openWal(db, { pageSize: 512, logFileBytes: 65_536, epochIntervalMs: 1 });
    await write(wal, 60);
    await read(child, 60);
    await write(wal, 40);
    await read(child, 100);
    child.kill('SIGINT');
    const { status, stdout } = await ended;
    expect([status, seqsIn(stdout)]).toEqual([0, upTo(100)]);
    await wal.close();
  });
});

/** Resolves once a command has printed so many lines in all. */
async function read(child: ReturnType<typeof startCommand>['child'], lines: number): Promise<void> {
  const told = counts.get(child) ?? { lines: 0 };
  if (!counts.has(child)) {
    counts.set(child, told);
    child.stdout?.on('data', (piece: Buffer) => {
      told.lines += piece.toString().split('\n').length - 1;
    });
  }
  while (told.lines < lines) await new Promise((resolve) => child.stdout?.once('data', resolve));
}

const counts = new Map<unknown, { lines: number }>();

test('beside a running writer it ends at its limit, over rotations', async () => {
  const { db, wal } = await openLog();
  const tail = startCommand(['tail', db, '--follow', '--from', '3', '--limit', '400']);
  for (let round = 0; round < 5; round += 1) await write(wal, 100);
  const { status, stdout } = await tail.ended;
  expect([status, seqsIn(stdout)]).toEqual([0, upTo(402, 3)]);
  expect(wal.counters().rotations).toBeGreaterThan(2);
  await wal.close();
});

test('a commit that left the log before it was read is said to be missing', async () => {
  const { db, wal } = await openLog();
  await write(wal, 400);
  await wal.checkpoint({ throughSeq: 400 });
  const { status, stdout, stderr } = await runCommand(['tail', db, '--from', '1', '--follow']);
  expect([status, stdout]).toEqual([3, '']);
  expect(stderr).toMatch(/^lanewal: Commit 1 is not in the log any more: .*\(ERR_WAL_OVERTAKEN\)\n$/);
  await wal.close();
});

/** A process that appends durable commits and says so of each. */
const WRITER = `
  const { openWal } = await import(${JSON.stringify(new URL('dist/src/index.js', PACKAGE_ROOT).href)});
  const wal = await openWal(process.argv[1], { pageSize: 512, logFileBytes: 65536 });
  for (let seq = 1; ; seq += 1) {
    await wal.connect().append({ txnId: seq, pages: [{ pageNumber: 1, image: new Uint8Array(512) }] }).durable();
    process.stdout.write(seq + ' ');
  }`;

test('after a SIGKILL the commits that the log records as synced are printed, a prefix', async () => {
  const db = join(makeFolder(), 'a.db');
  const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, db], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout.on('data', (piece: Buffer) => {
    told += piece.toString();
    if (told.split(' ').length > 50) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const acknowledged = told.split(' ').length - 1;
  const { status, stdout } = await runCommand(['tail', db]);
  const seqs = seqsIn(stdout);
  expect([status, seqs]).toEqual([0, upTo(seqs.length)]);
  // A segment says what was synced before it: all but the last are known.
  expect(seqs.length).toBeGreaterThanOrEqual(acknowledged - 1);
});

test.each([false, true])(
  'what stands before damage is printed, and the status says the rest (follow: %s)',
  async (follow) => {
    const { db, log, directory } = builtLog();
    flip(directory, log.name, log.segments[3]!.offset + 300);
    const { status, stdout, stderr } = await runCommand(['tail', db, ...(follow ? ['--follow'] : [])]);
    expect([status, seqsIn(stdout)]).toEqual([1, upTo(3)]);
    expect(stderr).toMatch(/^lanewal: [^\n]*\(ERR_WAL_CORRUPT\)\n$/);
  },
);

test.each([
  [['tail'], 'db'],
  [['tail', 'a.db', '--nonsense'], '--nonsense'],
  [['tail', 'a.db', '--from', '0'], '--from'],
  [['tail', 'a.db', '--limit', 'x'], '--limit'],
])('%j is refused by name', async (args, names) => {
  const { status, stdout, stderr } = await runCommand(args);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain(names);
});
