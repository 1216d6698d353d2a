// Goal: a wrong call says what is wrong, in one line, with the right status, and leaves nothing behind. Method: a table.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { makeFolder, removeFolders, runCommand, runProcess } from '../support/command-line.js';
import { tracePath } from '../support/traces.js';

afterEach(removeFolders);

const BASE = tracePath('torn-tail-4k', 'base.db.gz');
const WAL = tracePath('torn-tail-4k', 'trace.db-wal.gz');
const COMMANDS = ['demo', 'replay', 'recover', 'checkpoint', 'verify', 'inspect', 'stat', 'tail', 'torture', 'bench'];

/** The arguments of a replay that is right but for what is put in its place. */
function replay(folder: string, changes: Readonly<Record<string, string>> = {}): string[] {
  const options: Record<string, string> = { '--base': BASE, '--wal': WAL, '--db': join(folder, 'a.db'), ...changes };
  return ['replay', ...Object.entries(options).flat()];
}

async function expectRefused(args: readonly string[], names: string, code = 'ERR_WAL_INVALID_ARGUMENT'): Promise<void> {
  const { status, stdout, stderr } = await runCommand(args);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^lanewal: [^\n]+\n$/);
  expect(stderr).toContain(names);
  expect(stderr).toContain(`(${code})`);
}

test('a process that is called wrongly ends with that status', async () => {
  const { status, stdout, stderr } = await runProcess(['inspect']);
  expect([status, stdout, stderr]).toEqual([2, '', expect.stringMatching(/^lanewal: [^\n]+\n$/)]);
});

describe('options', () => {
  test.each<[readonly string[], string]>([
    [['nonsense'], 'nonsense'],
    [['bench', 'nonsense'], 'nonsense'],
    [['--nonsense'], '--nonsense'],
    [['replay'], '--base'],
    [['inspect'], 'db'],
    [['verify', ''], 'empty'],
    [['stat', 'a.db', 'b.db'], 'too many arguments'],
    [['recover', 'a.db', '--until-seq', '3'], '--until-seq'],
    [['recover', 'a.db', '--salvage', '--stop-at-damage'], '--salvage'],
    [['demo', '--seed', 'x'], '--seed'],
  ])('%j is refused by name', async (args, names) => {
    await expectRefused(args, names);
  });

  test.each([
    ['--mode', 'sometimes'],
    ['--copies', '0'],
    ['--copies', '4097'],
    ['--writers', '1.5'],
    ['--writers', 'many'],
    ['--lanes', '-1'],
    ['--lanes', '65536'],
    ['--fsync', 'sometimes'],
    ['--stop-after', '-1'],
    ['--db', ''],
  ])('replay %s %j is refused by name', async (option, value) => {
    const folder = makeFolder();
    await expectRefused(replay(folder, { [option]: value }), option);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('no command at all prints the help on standard error', async () => {
    const { status, stdout, stderr } = await runCommand([]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('lanewal demo');
  });

  test('help and version end well', async () => {
    expect(await runCommand(['--version'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    for (const command of COMMANDS) {
      const { status, stdout } = await runCommand([command, '--help']);
      expect([status, stdout]).toEqual([0, expect.stringContaining(`Usage: lanewal ${command}`)]);
    }
  });
});

describe('variables', () => {
  test.each(COMMANDS)('an unknown one is refused by %s', async (command) => {
    const isAlone = command === 'demo' || command === 'torture';
    const args = command === 'replay' ? replay(makeFolder()) : isAlone ? [command] : [command, 'a.db'];
    const { status, stdout, stderr } = await runCommand(args, { LANEWAL_NONSENSE: '1' });
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('LANEWAL_NONSENSE');
  });

  test('a bad value is refused with its bounds, and an option goes before a variable', async () => {
    const folder = makeFolder();
    const { status, stderr } = await runCommand(replay(folder), { LANEWAL_FSYNC: 'sometimes' });
    expect([status, stderr]).toEqual([2, expect.stringMatching(/LANEWAL_FSYNC.*sometimes.*full, normal, off/)]);
    const args = [...replay(folder), '--json', '--writers', '2'];
    const three = await runCommand(args, { LANEWAL_LANES: '3', LANEWAL_FSYNC: ' OFF ' });
    expect(JSON.parse(three.stdout)).toMatchObject({ lanes: 3, syncs: 0 });
    const option = await runCommand([...replay(makeFolder(), { '--lanes': '1' }), '--json'], { LANEWAL_LANES: '3' });
    expect(JSON.parse(option.stdout)).toMatchObject({ lanes: 1 });
  });
});

describe('inputs', () => {
  test.each([
    ['--base', 'missing', 'ERR_WAL_NOT_FOUND'],
    ['--wal', 'missing', 'ERR_WAL_NOT_FOUND'],
    ['--base', 'folder', 'ERR_WAL_INVALID_ARGUMENT'],
    ['--wal', 'folder', 'ERR_WAL_INVALID_ARGUMENT'],
    ['--wal', 'text', 'ERR_WAL_INVALID_ARGUMENT'],
    ['--wal', 'cut.gz', 'ERR_WAL_INVALID_ARGUMENT'],
    ['--base', 'text', 'ERR_WAL_INVALID_ARGUMENT'],
  ])('a %s that is %s is refused by name, and nothing is made', async (option, name, code) => {
    const inputs = makeFolder();
    mkdirSync(join(inputs, 'folder'));
    writeFileSync(join(inputs, 'text'), 'neither a database nor a log\n');
    writeFileSync(join(inputs, 'cut.gz'), readFileSync(WAL).subarray(0, 5000));
    const folder = makeFolder();
    await expectRefused(replay(folder, { [option]: join(inputs, name) }), join(inputs, name), code);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a base with pages of another size is refused, and nothing is made', async () => {
    const folder = makeFolder();
    await expectRefused(replay(folder, { '--base': tracePath('page-1k', 'base.db.gz') }), '1024');
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each(['a.db', 'a.db.2', 'a.db-wal'])('an existing %s is refused and left as it is', async (name) => {
    const folder = makeFolder();
    writeFileSync(join(folder, name), 'precious');
    await expectRefused(replay(folder, { '--copies': '2' }), join(folder, name), 'ERR_WAL_EXISTS');
    expect(readdirSync(folder)).toEqual([name]);
    expect(readFileSync(join(folder, name), 'utf8')).toBe('precious');
  });

  test('a log that is there already is refused, an empty directory in its place is not', async () => {
    const folder = makeFolder();
    mkdirSync(join(folder, 'a.db-wal'));
    writeFileSync(join(folder, 'a.db-wal', '0000000000000001.wal'), 'precious');
    await expectRefused(replay(folder), 'a.db-wal', 'ERR_WAL_EXISTS');
    const empty = makeFolder();
    mkdirSync(join(empty, 'a.db-wal'));
    expect((await runCommand(replay(empty))).status).toBe(0);
  });

  test('a folder that is not there, and an ack file in the way, are refused', async () => {
    const folder = makeFolder();
    await expectRefused(
      replay(folder, { '--db': join(folder, 'no', 'a.db') }),
      join(folder, 'no'),
      'ERR_WAL_NOT_FOUND',
    );
    await expectRefused(replay(folder, { '--ack-file': join(folder, 'a.db') }), '--ack-file');
    await expectRefused(
      replay(folder, { '--ack-file': join(folder, 'no', 'a') }),
      join(folder, 'no'),
      'ERR_WAL_NOT_FOUND',
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test.skipIf(process.getuid?.() === 0)('a folder without permission is an error of its own', async () => {
    const { status, stderr } = await runCommand(replay('/'));
    expect([status, stderr]).toEqual([3, expect.stringContaining('(ERR_WAL_IO)')]);
    expect(existsSync('/a.db')).toBe(false);
  });

  test.each(['recover', 'verify', 'inspect', 'stat', 'tail'])(
    '%s refuses a directory, and a log of SQLite',
    async (command) => {
      const folder = makeFolder();
      await expectRefused([command, folder], folder);
      writeFileSync(join(folder, 'a.db-wal'), '');
      await expectRefused([command, join(folder, 'a.db')], 'a.db-wal');
    },
  );

  test('recover without its page file is refused and makes none', async () => {
    const folder = makeFolder();
    expect((await runProcess([...replay(folder, { '--stop-after': '9' }), '--no-checkpoint'])).status).toBe(0);
    const moved = join(folder, 'b.db');
    renameSync(join(folder, 'a.db-wal'), `${moved}-wal`);
    await expectRefused(['recover', moved], moved, 'ERR_WAL_NOT_FOUND');
    expect(existsSync(moved)).toBe(false);
  });
});
