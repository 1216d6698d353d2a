// Goal: a newcomer can use the store from the command line. Method: the commands, as processes.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Program, scratchFolder } from '../../support/program.js';

const MAIN = fileURLToPath(new URL('../../../examples/kv/main.js', import.meta.url));

async function run(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  // A small log: every command opens the store, and so begins a log file.
  const variables = { LANEWAL_MAX_LOG_BYTES: String(2 ** 22) };
  const { status, stdout, stderr } = await new Program([process.execPath, MAIN, ...args], variables).ended;
  return { status, stdout, stderr };
}

const said = (stdout: string, status = 0) => ({ status, stdout, stderr: '' });

test('put, get, scan, delete, load and verify do what --help says', async () => {
  const folder = scratchFolder('kv-main');
  try {
    const db = join(folder, 'kv.db');
    expect(await run('put', db, 'b', '2')).toEqual(said(''));
    expect(await run('put', db, 'a', '1')).toEqual(said(''));
    expect(await run('get', db, 'a')).toEqual(said('1'));
    expect(await run('scan', db, '--reverse', '--limit', '1')).toEqual(said('b\t2'));
    expect(await run('delete', db, 'a')).toEqual(said(''));
    expect(await run('get', db, 'a')).toEqual(said('', 1));
    expect(await run('load', db, '500', '--workers', '2')).toMatchObject({ status: 0, stderr: '' });
    const { status, stdout } = await run('verify', db);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^501 entries on/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);

test.each([
  [['fly', 'x.db'], "There is no command 'fly'."],
  [['get', 'x.db'], "Wrong number of arguments for 'get'."],
  [['scan', 'x.db', '--far'], '--far'],
])('a wrong call %j is refused with status 2', async (args, reason) => {
  const { status, stderr } = await run(...args);
  expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining(reason) });
});
