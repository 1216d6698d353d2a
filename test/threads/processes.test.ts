// Whole processes: how they may end with an open log, what keeps them alive and what does not, and that a log has one
// owner on the machine.

import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openWal, recoverWal } from '../../src/index.js';
import { type Ending, scratchFolder } from '../support/program.js';
import { runScript } from '../support/script.js';

let folder = '';
let db = '';
beforeEach(() => {
  folder = scratchFolder('processes');
  db = join(folder, 'db');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const run = (body: string, settings = ''): Promise<Ending> => runScript(db, body, { settings });

async function lastSeq(): Promise<number> {
  return (await recoverWal(db, { into: () => undefined })).lastSeq;
}

describe('a process that ends with an open log', () => {
  test.each([
    ['process.exit', 'process.exit(0);', 0],
    ['the end of its work', '', 0],
    ['an uncaught exception', "setImmediate(() => { throw new Error('x'); });", 1],
    ['an unhandled rejection', "void Promise.reject(new Error('x'));", 1],
    ['process.exit while it closes', 'void wal.close(); process.exit(0);', 0],
  ])('through %s drains what was appended', async (_, ending, status) => {
    const ended = await run(`for (let seq = 0; seq < 50; seq += 1) wal.connect().append(page);\n${ending}`);
    expect(ended.status).toBe(status);
    expect(ended.stderr).not.toContain('lanewal:');
    expect(await lastSeq()).toBe(50);
  });

  test('under every policy, without a ticker too', async () => {
    for (const options of ["fsync: 'normal', ticker: false", "fsync: 'off', ticker: false"]) {
      fs.rmSync(`${db}-wal`, { recursive: true, force: true });
      const ended = await run('wal.connect().append(page); process.exit(0);', options);
      expect(ended, options).toMatchObject({ status: 0, stderr: '' });
      expect(await lastSeq(), options).toBe(1);
    }
  });

  test('by SIGKILL keeps what was acknowledged, and frees the lock', async () => {
    const ended = await run(`
      for (let seq = 0; seq < 20; seq += 1) await wal.connect().append(page).durable();
      process.kill(process.pid, 'SIGKILL');`);
    expect(ended.status).toBeNull();
    const wal = await openWal(db, { pageSize: 512 });
    expect(wal.marks().durableSeq).toBeGreaterThanOrEqual(20);
    await wal.close();
  });
});

describe('what keeps a process alive', () => {
  test('not an open, idle log', async () => {
    expect((await run('await wal.connect().append(page).durable();')).status).toBe(0);
  });

  test('not a wait that has given up, nor a listener', async () => {
    const ended = await run(
      `wal.onDurable(() => undefined);
       await wal.durable({ seq: 99 }, { timeoutMs: 1 }).catch((error) => console.log(error.code));`,
    );
    expect(ended).toMatchObject({ status: 0, stdout: 'ERR_WAL_TIMEOUT\n' });
  });

  test('a pending wait, flush and close', async () => {
    for (const pending of ['wal.connect().append(page).durable()', 'wal.flush()', 'wal.close()']) {
      const ended = await run(`wal.connect().append(page); void ${pending}.then(() => console.log('settled'));`);
      expect(ended, pending).toMatchObject({ status: 0, stdout: 'settled\n' });
      fs.rmSync(`${db}-wal`, { recursive: true, force: true });
    }
  });
});

describe('a log has one owner', () => {
  test('a second one in the same process is refused, also through a link, until the first has closed', async () => {
    const wal = await openWal(db, { pageSize: 512 });
    fs.symlinkSync(folder, `${folder}-link`);
    for (const path of [db, join(`${folder}-link`, 'db')]) {
      await expect(openWal(path)).rejects.toMatchObject({ code: 'ERR_WAL_LOCKED' });
    }
    fs.unlinkSync(`${folder}-link`);
    await wal.close();
    await (await openWal(db)).close();
  });

  test('another process is refused', async () => {
    const wal = await openWal(db, { pageSize: 512 });
    const ended = await run('');
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain('ERR_WAL_LOCKED');
    await wal.close();
    expect((await run('')).status).toBe(0);
  });

  test('many logs of one process warn of nothing', async () => {
    const ended = await run(
      `
      const logs = [];
      for (let count = 0; count < 12; count += 1) {
        logs.push(await openWal(${JSON.stringify(db)} + count, settings));
      }
      await Promise.all(logs.map((log) => log.close()));`,
      'fsync: "off"',
    );
    expect(ended).toMatchObject({ status: 0, stderr: '' });
  });
});
