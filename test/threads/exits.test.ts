// Goal: a process may end in every way there is with a log open: what was acknowledged is kept, what was appended is
// drained where a handler of the exit runs, the status is what it would be without us, nothing hangs, and the lock is
// free. Method: a process of its own for each way, then the log is opened again here.

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWal, recoverWal } from '../../src/index.js';
import { scratchFolder } from '../support/program.js';
import { runScript, type ScriptOptions } from '../support/script.js';
import { announceSkip } from '../support/workload-check.js';

let folder = '';
beforeAll(() => {
  folder = scratchFolder('exits');
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

let count = 0;
const newLog = (parent = folder): string => join(parent, `db-${count++}`);

/** What recovery finds, and that the log opens again: nobody holds its lock. */
async function found(db: string): Promise<{ lastSeq: number; tail: string }> {
  const { lastSeq, tail } = await recoverWal(db, { into: () => undefined });
  await (await openWal(db)).close();
  return { lastSeq, tail };
}

const STAY = 'setInterval(() => undefined, 1000);';
/** No core dumps. */
const NO_CORE: ScriptOptions = { shell: 'ulimit -c 0; exec "$@"' };

describe.concurrent('a process that ends through a handler', () => {
  test.each([
    ['process.exit(3)', 'process.exit(3);', 3],
    ['a handler of SIGTERM that exits', `process.on('SIGTERM', () => process.exit(7)); ${STAY} kill('SIGTERM');`, 7],
    [
      'a handler of SIGINT that throws',
      `process.on('SIGINT', () => { throw new Error(); }); ${STAY} kill('SIGINT');`,
      1,
    ],
    ['a worker that throws', "new Worker('throw new Error()', { eval: true });", 1],
    ['a worker that rejects', "new Worker('Promise.reject(new Error())', { eval: true });", 1],
  ])('%s drains what was appended', async (_, ending, status) => {
    const db = newLog();
    const ended = await runScript(
      db,
      `const kill = (signal) => process.kill(process.pid, signal); append(50);\n${ending}`,
    );
    expect([ended.status, ended.signal]).toEqual([status, null]);
    expect(ended.stderr).not.toContain('lanewal:');
    expect((await found(db)).lastSeq).toBe(50);
  });

  test.each([
    // In front of ours, which drains.
    ['appends at the exit', "process.prependListener('exit', () => append(1));", ''],
    [
      'appends and waits at the exit',
      "process.on('exit', () => { wal.connect().append(page).waitDurable(60_000); say('durable'); });",
      'durable',
    ],
    [
      'appends and waits in beforeExit',
      "process.once('beforeExit', async () => { await wal.connect().append(page).durable(); say('durable'); });",
      'durable',
    ],
  ])('of its own that %s keeps it', async (_, handler, said) => {
    const db = newLog();
    const ended = await runScript(db, `append(50);\n${handler}`);
    expect([ended.status, ended.stdout.trim(), ended.stderr]).toEqual([0, said, '']);
    expect((await found(db)).lastSeq).toBe(51);
  });

  test.each([
    ['SIGTERM', 'process.exit(0);', 0, null],
    ['SIGINT', 'process.exit(130);', 130, null],
    ['SIGHUP', 'process.kill(process.pid, signal);', null, 'SIGHUP'],
  ] as const)('of %s that closes the log leaves it clean', async (signal, then, status, killedBy) => {
    const db = newLog();
    const ended = await runScript(
      db,
      `const signal = '${signal}';
       process.once(signal, async () => { await wal.close(); ${then} });
       append(50); ${STAY} process.kill(process.pid, signal);`,
    );
    expect([ended.status, ended.signal, ended.stderr]).toEqual([status, killedBy, '']);
    expect(await found(db)).toEqual({ lastSeq: 50, tail: 'clean' });
  });

  test('of beforeExit that closes the log leaves it clean', async () => {
    const db = newLog();
    const ended = await runScript(db, "append(50); process.once('beforeExit', () => wal.close());");
    expect([ended.status, ended.stderr]).toEqual([0, '']);
    expect(await found(db)).toEqual({ lastSeq: 50, tail: 'clean' });
  });

  test('says what is not durable in time, and ends', async () => {
    const db = newLog();
    const mortality = new URL('../support/mortality.js', import.meta.url).href;
    const ended = await runScript(
      db,
      // The first sync of a commit never returns.
      'append(3); mortal.arm(); void wal.flush().catch(() => undefined); await mortal.parked(); process.exit(4);',
      {
        before: `import { Mortal, MORTAL_URLS } from '${mortality}'; const mortal = new Mortal();`,
        settings: 'exitFlushMs: 20, ticker: false, workerUrls: { flusher: MORTAL_URLS.flusher }',
        open: `await mortal.within('flusher', { call: 'fdatasyncSync', when: 'before' }, () => openWal(path, settings))`,
      },
    );
    expect(ended.status).toBe(4);
    expect(ended.stderr).toBe('lanewal: the process exited before 3 commit(s) were durable.\n');
    await found(db);
  });
});

describe.concurrent('a process that ends while a worker appends', () => {
  test.each([
    ['process.exit(0)', 'process.exit(0);', 0, null],
    ['an uncaught exception', 'throw new Error();', 1, null],
    ['SIGTERM', "process.kill(process.pid, 'SIGTERM');", null, 'SIGTERM'],
    ['SIGINT', "process.kill(process.pid, 'SIGINT');", null, 'SIGINT'],
    ['SIGHUP', "process.kill(process.pid, 'SIGHUP');", null, 'SIGHUP'],
    ['SIGKILL', "process.kill(process.pid, 'SIGKILL');", null, 'SIGKILL'],
    ['SIGKILL by a worker', "new Worker(`process.kill(process.pid, 'SIGKILL')`, { eval: true });", null, 'SIGKILL'],
    ['process.abort', 'process.abort();', null, 'SIGABRT'],
  ] as const)('through %s keeps every commit that it acknowledged', async (_, ending, status, signal) => {
    const db = newLog();
    const ended = await runScript(
      db,
      `const done = await appendingWorker();
       for (let seq = 0; seq < 5; seq += 1) await wal.connect().append(page).durable();
       say('acknowledged ' + (5 + done()));
       ${ending} ${STAY}`,
      NO_CORE,
    );
    expect([ended.status, ended.signal]).toEqual([status, signal]);
    const acknowledged = Number(/acknowledged (\d+)/.exec(ended.stdout)?.[1]);
    expect(acknowledged).toBeGreaterThanOrEqual(10);
    expect((await found(db)).lastSeq).toBeGreaterThanOrEqual(acknowledged);
  });

  test('through process.exit in a worker ends that worker only', async () => {
    const db = newLog();
    const ended = await runScript(
      db,
      `const worker = new Worker('process.exit(3)', { eval: true });
       const [code] = await once(worker, 'exit');
       append(50);
       await wal.close();
       say(String(code));`,
    );
    expect(ended).toMatchObject({ status: 0, stdout: '3\n', stderr: '' });
    expect(await found(db)).toEqual({ lastSeq: 50, tail: 'clean' });
  });

  test('while a log is being opened leaves no lock', async () => {
    const db = newLog();
    const ended = await runScript(newLog(), `void openWal(${JSON.stringify(db)}); process.exit(5);`);
    expect(ended.status).toBe(5);
    expect((await found(db)).lastSeq).toBe(0);
  });
});

const CGROUPS = '/sys/fs/cgroup/memory';
function whyNoCgroup(): string | undefined {
  const path = join(CGROUPS, `lanewal-probe-${process.pid}`);
  try {
    fs.mkdirSync(path);
    fs.accessSync(join(path, 'memory.limit_in_bytes'), fs.constants.W_OK);
    return undefined;
  } catch (error) {
    return `no cgroup of version 1 can limit memory here: ${(error as Error).message}`;
  } finally {
    if (fs.existsSync(path)) fs.rmdirSync(path);
  }
}
const noCgroup = whyNoCgroup();
announceSkip('F36: killed for want of memory', noCgroup);

test.skipIf(noCgroup !== undefined)('F36: a process killed for want of memory keeps what it acknowledged', async () => {
  const group = join(CGROUPS, `lanewal-${process.pid}`);
  // On a disk: files in memory would count.
  const parent = fs.mkdtempSync(join(tmpdir(), 'lanewal-memory-'));
  const db = newLog(parent);
  fs.mkdirSync(group);
  try {
    fs.writeFileSync(join(group, 'memory.limit_in_bytes'), String(150 * 2 ** 20));
    const ended = await runScript(
      db,
      `const hog = [];
       for (let seq = 1; ; seq += 1) {
         await wal.connect().append(page).durable();
         say(String(seq));
         hog.push(Buffer.alloc(4 * 2 ** 20, 1));
       }`,
      { shell: `echo $$ > ${group}/cgroup.procs; exec "$@"` },
    );
    expect(ended.signal).toBe('SIGKILL');
    const acknowledged = Number(ended.stdout.trim().split('\n').at(-1));
    expect(acknowledged).toBeGreaterThan(0);
    expect((await found(db)).lastSeq).toBeGreaterThanOrEqual(acknowledged);
  } finally {
    fs.rmdirSync(group);
    fs.rmSync(parent, { recursive: true });
  }
});
