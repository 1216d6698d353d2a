// Goal: a log has one owner, also when several want it at the same moment, or while the owner opens or closes it, and a
// killed owner owns nothing. Method: processes that wait for the same gate and then open.

import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openWal, recoverWal, type WalError } from '../../src/index.js';
import { Program, scratchFolder } from '../support/program.js';
import { endingOf, startScript } from '../support/script.js';

const CONTENDER = fileURLToPath(new URL('../support/contender.js', import.meta.url));
const CONTENDERS = 3;
const ROUNDS = 5;
const HAND_OVERS = 2;
const SETTINGS = { pageSize: 512, lanes: 2, laneBytes: 65_536, logFileBytes: 2 ** 17 };

let folder = '';
let db = '';
beforeEach(() => {
  folder = scratchFolder('contenders');
  db = join(folder, 'db');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const openGate = (name: string): void => fs.writeFileSync(join(folder, name), '');
const start = (task: string, rounds: number): Program =>
  new Program([process.execPath, CONTENDER, db, folder, task, `${rounds}`]);

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: WalError) => error.code,
  );

async function appendOne(): Promise<void> {
  const wal = await openWal(db, SETTINGS);
  await wal
    .connect()
    .append({ pages: [{ pageNumber: 1, image: new Uint8Array(512) }] })
    .durable();
  await wal.close();
}

describe('F29: of several processes', () => {
  test('that open at the same moment one gets the log, the others its name, round after round', async () => {
    const programs = Array.from({ length: CONTENDERS }, () => start('race', ROUNDS));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const program of programs) expect(await program.said(`ready-${round}`)).toBe(true);
      openGate(`go-${round}`);
      for (const program of programs) expect(await program.said(`tried-${round}`)).toBe(true);
      const tries = programs.map((program) => program.events.find(({ event }) => event === `tried-${round}`));
      const codes = tries.map((each) => each?.code);
      expect(codes.sort()).toEqual(['ERR_WAL_LOCKED', 'ERR_WAL_LOCKED', 'opened']);
      expect(tries.find((each) => each?.code === 'opened')?.seq).toBe(round + 1);
      openGate(`over-${round}`);
    }
    for (const program of programs) expect(await program.ended).toMatchObject({ status: 0, stderr: '' });
    const report = await recoverWal(db, { into: () => undefined });
    expect([report.lastSeq, report.tail, report.damage]).toEqual([ROUNDS, 'clean', []]);
  });

  test('that hand a log over each finds what the others acknowledged', async () => {
    const programs = Array.from({ length: CONTENDERS }, () => start('hand over', HAND_OVERS));
    const acknowledged: number[] = [];
    for (const program of programs) {
      expect(await program.ended).toMatchObject({ status: 0, stderr: '' });
      acknowledged.push(...program.events.map(({ seq }) => seq as number));
    }
    const all = Array.from({ length: CONTENDERS * HAND_OVERS }, (_, index) => index + 1);
    expect(acknowledged.sort((a, b) => a - b)).toEqual(all);
    const report = await recoverWal(db, { into: () => undefined });
    expect([report.lastSeq, report.tail]).toEqual([all.length, 'clean']);
  });

  test('one that is killed frees the log at once', async () => {
    for (let round = 0; round < 2; round += 1) {
      const program = start('race', 1);
      openGate('go-0');
      expect(await program.said('tried-0')).toBe(true);
      expect(await codeOf(openWal(db, SETTINGS))).toBe('ERR_WAL_LOCKED');
      await program.kill();
      await appendOne();
    }
    expect((await recoverWal(db, { into: () => undefined })).lastSeq).toBe(4);
  });

  test.each([
    ['opens', 'openSync', '/0000000000000001\\.wal$/.test(rest[0])', ''],
    ['closes', 'writeSync', 'rest[1].length === 512 && String(rest[1]).trim() === ""', 'await wal.close();'],
  ])('one that %s the log holds it', async (_, call, isTheOne, then) => {
    await appendOne();
    const gate = JSON.stringify(join(folder, 'gate'));
    const child = startScript(db, `${then} process.exit(0);`, {
      before: `
        const real = fs.${call};
        fs.${call} = (...rest) => {
          if (${isTheOne} && !fs.existsSync(${gate})) {
            real === fs.writeSync || fs.writeFileSync(1, 'parked');
            while (!fs.existsSync(${gate}));
          }
          return real(...rest);
        };`,
    });
    const ended = endingOf(child);
    await once(child.stdout, 'data');
    for (const work of [openWal(db, SETTINGS), recoverWal(db, { into: () => undefined })]) {
      expect(await codeOf(work)).toBe('ERR_WAL_LOCKED');
    }
    openGate('gate');
    expect(await ended).toMatchObject({ status: 0, stderr: '' });
    await appendOne();
    expect((await recoverWal(db, { into: () => undefined })).lastSeq).toBe(2);
  });
});

describe('F29: of one process', () => {
  test('two openings at the same moment one is refused, and one while the log is being closed', async () => {
    for (let round = 0; round < 3; round += 1) {
      const opened = await Promise.allSettled([openWal(db, SETTINGS), openWal(db, SETTINGS), openWal(db, SETTINGS)]);
      const [first, ...others] = opened.filter(({ status }) => status === 'fulfilled');
      expect(others).toEqual([]);
      const refused = opened.filter((each) => each.status === 'rejected');
      expect(refused.map(({ reason }) => reason.code)).toEqual(['ERR_WAL_LOCKED', 'ERR_WAL_LOCKED']);
      if (first?.status !== 'fulfilled') throw new Error('nobody got the log');
      const closed = first.value.close();
      expect(await codeOf(openWal(db, SETTINGS))).toBe('ERR_WAL_LOCKED');
      await closed;
    }
    await appendOne();
  });
});
