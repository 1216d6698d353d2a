// A process that tries to open a log at the same moment as others. Gates are files: what a process waits for, the test
// makes. Prints what it got as lines of JSON.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openWal, type Wal, WalError } from '../../src/index.js';

const [db = '', gates = '', task = 'race', rounds = '1'] = process.argv.slice(2);
const SETTINGS = { pageSize: 512, lanes: 1, laneBytes: 65_536, logFileBytes: 2 ** 17 };

const say = (event: string, more: object = {}): void => console.log(JSON.stringify({ event, ...more }));

const idle = new Int32Array(new SharedArrayBuffer(4));

/** Looks again so soon that all who wait see it at the same moment: opening takes longer. */
function waitFor(gate: string): void {
  while (!existsSync(join(gates, gate))) Atomics.wait(idle, 0, 0, 1);
}

async function tryToOpen(): Promise<Wal | WalError> {
  try {
    return await openWal(db, SETTINGS);
  } catch (error) {
    if (error instanceof WalError) return error;
    throw error;
  }
}

async function appendOne(wal: Wal): Promise<number> {
  const commit = wal.connect().append({ pages: [{ pageNumber: 1, image: new Uint8Array(512) }], txnId: process.pid });
  await commit.durable();
  return commit.seq;
}

/** One try a round; whoever has the log keeps it until the round is over. */
async function race(round: number): Promise<void> {
  say(`ready-${round}`);
  waitFor(`go-${round}`);
  const got = await tryToOpen();
  const holder = got instanceof WalError ? got.details.holder : undefined;
  if (got instanceof WalError) say(`tried-${round}`, { code: got.code, holder });
  else say(`tried-${round}`, { code: 'opened', seq: await appendOne(got) });
  waitFor(`over-${round}`);
  if (!(got instanceof WalError)) await got.close();
}

/** Opens as soon as the log is free. */
async function handOver(): Promise<void> {
  let got = await tryToOpen();
  for (; got instanceof WalError; got = await tryToOpen()) {
    if (got.code !== 'ERR_WAL_LOCKED') throw got;
    Atomics.wait(idle, 0, 0, 1);
  }
  say('acknowledged', { seq: await appendOne(got) });
  await got.close();
}

for (let round = 0; round < Number(rounds); round += 1) await (task === 'race' ? race(round) : handOver());
