// Threads other than the flusher's die: those that make spares, those that verify, those that append, and the one that
// owns the log. However they end, the rest goes on, or is told, and nothing that was acknowledged is lost.

import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { postMessageToThread, Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openWal, recoverWal, type Wal } from '../../src/index.js';
import { scanLog } from '../../src/recovery/scan.js';
import { NodeDirectory } from '../../src/storage/node-directory.js';
import { expectAllTold } from '../support/all-told.js';
import { DoomedLog, outcomeOf } from '../support/doomed-log.js';
import { LogThread } from '../support/log-threads.js';
import type { LogWorkerRequest } from '../support/log-worker.js';
import { type Death, MORTAL_URLS, Mortal } from '../support/mortality.js';
import { scratchFolder } from '../support/program.js';
import { announceSkip } from '../support/workload-check.js';

const SETTINGS = { pageSize: 512, lanes: 2, laneBytes: 65_536, logFileBytes: 2 ** 18 };
const LITTLE_MEMORY = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 };
/** Longer than any test may take. */
const WAIT_MS = 600_000;
const operation = (bytes: number) => ({ operations: [{ code: 1, bytes: new Uint8Array(bytes) }] });

let folder = '';
let db = '';
beforeEach(() => {
  folder = scratchFolder('thread-deaths');
  db = join(folder, 'db');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Resolves when a thread has ended, with the error that ended it. */
function endOf(worker: Worker): Promise<NodeJS.ErrnoException | undefined> {
  let thrown: NodeJS.ErrnoException | undefined;
  worker.on('error', (error) => {
    thrown = error;
  });
  return new Promise((resolve) => worker.once('exit', () => resolve(thrown)));
}

/** Appends durable commits until three more files were begun. */
async function rotateThrice(wal: Wal): Promise<void> {
  const before = wal.counters().rotations;
  while (wal.counters().rotations < before + 3) await wal.connect().append(operation(50_000)).durable();
}

async function expectWhole(lastSeq: number): Promise<void> {
  const report = await recoverWal(db, { into: () => undefined });
  expect([report.tail, report.lastSeq, report.damage]).toEqual(['clean', lastSeq, []]);
}

describe('the preallocator', () => {
  test.each<Death>(['exit', 'out of memory', 'terminate'])(
    'F35: that ends by %s in the middle of a spare costs speed, nothing else',
    async (death) => {
      const mortal = new Mortal();
      mortal.arm();
      const open = () => openWal(db, { ...SETTINGS, workerUrls: MORTAL_URLS });
      const wal = await mortal.within('preallocator', { call: 'writeSync', when: 'before' }, open);
      await mortal.parked();
      await wal.connect().append(operation(100)).durable();
      if (death === 'terminate') await postMessageToThread(wal.handle.flusherThreadId, 'terminate the preallocator');
      else mortal.tell(death);
      await rotateThrice(wal);
      expect(wal.state).toBe('running');
      const { durableSeq } = wal.marks();
      await wal.close();
      await expectWhole(durableSeq);
      // What it had begun is gone with the next opening.
      expect(fs.readdirSync(`${db}-wal`).filter((name) => name.endsWith('.new'))).not.toEqual([]);
      await (await openWal(db)).close();
      expect(fs.readdirSync(`${db}-wal`).filter((name) => name.endsWith('.new'))).toEqual([]);
    },
  );
});

describe('a verifier', () => {
  test.each<Death>(['exit', 'out of memory', 'terminate', 'throw'])(
    'F35, F42: that ends by %s makes the reading fail, and the next one succeeds',
    async (death) => {
      const wal = await openWal(db, SETTINGS);
      await rotateThrice(wal);
      await wal.close();
      const directory = new NodeDirectory(`${db}-wal`);
      const before = fs.readdirSync(directory.path);
      const mortal = new Mortal();
      mortal.arm();
      const workerUrls = { verifier: MORTAL_URLS.verifier };
      const scanned = mortal.within('verifier', { call: 'readSync', when: 'before' }, async () => {
        const outcome = outcomeOf(scanLog(directory, { inlineBytesMax: 0, workerUrls }));
        await mortal.parked();
        await mortal.end(death);
        return outcome;
      });
      expect(await scanned).toBe('ERR_WAL_IO');
      expect(fs.readdirSync(directory.path)).toEqual(before);
      expect((await scanLog(directory, { inlineBytesMax: 0, workerUrls })).damage).toEqual([]);
    },
  );
});

describe('a writer', () => {
  test.each(['throw', 'exit', 'rejection', 'out of memory'] as const)(
    'F25, F35: that ends by %s leaves its lane to others, and what it appended',
    async (fate) => {
      const wal = await openWal(db, { ...SETTINGS, ticker: false });
      const thread = await LogThread.start(wal, 'serve', LITTLE_MEMORY);
      const { seq, lane } = await thread.ask({ ask: 'append', bytes: 100 });
      const ended = endOf(thread.worker);
      thread.worker.postMessage({ ask: 'die', how: fate } satisfies LogWorkerRequest);
      const error = await ended;
      expect(error !== undefined).toBe(fate !== 'exit');
      if (fate === 'out of memory') expect(error?.code).toBe('ERR_WORKER_OUT_OF_MEMORY');
      while (wal.counters().writersReaped === 0) await wal.files();
      const next = await LogThread.start(wal, 'serve');
      expect(next.lane).toBe(lane);
      const answer = await next.ask({ ask: 'appendDurable', bytes: 100, timeoutMs: WAIT_MS });
      expect(answer.seq).toBe((seq as number) + 1);
      await next.worker.terminate();
      await wal.close();
      await expectWhole((seq as number) + 1);
    },
  );

  test.each(['waitDurable', 'append'] as const)(
    'F25: terminated while it blocks in %s holds up nobody',
    async (ask) => {
      // The flusher is parked, so the thread blocks for certain.
      const log = await DoomedLog.open(db, { call: 'fdatasyncSync', when: 'before' });
      await log.park();
      await log.terminateBlocked(ask);
      log.goOn();
      expect(Object.values(await log.outcomes())).toEqual(['resolved']);
      await log.wal.connect().append(operation(60_000)).durable();
      expect(log.wal.state).toBe('running');
      const { durableSeq } = log.wal.marks();
      expect(log.wal.counters().voids).toBe(0);
      await log.leave();
      await log.wal.close();
      await expectWhole(durableSeq);
    },
  );
});

const noDescriptors = process.platform === 'linux' ? undefined : 'descriptors are listed in /proc on Linux only';
announceSkip('F43: descriptors of a dead thread', noDescriptors);

/** Descriptors of this process, all threads, that lead into the log. */
function descriptorsInto(folderOfLog: string): number[] {
  return fs
    .readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => {
      try {
        return linkOf(fd).startsWith(folderOfLog) && linkOf(fd).endsWith('.wal');
      } catch {
        // The one with which the list was read.
        return false;
      }
    });
}

const linkOf = (fd: number): string => fs.readlinkSync(`/proc/self/fd/${fd}`);

describe.skipIf(noDescriptors !== undefined)('the descriptors of a dead flusher', () => {
  test('F43: are closed with it, and whoever gets their numbers next has them for himself', async () => {
    const log = await DoomedLog.open(db, { call: 'writevSync', when: 'before' });
    await log.park();
    const numbers = descriptorsInto(`${db}-wal`);
    expect(numbers).not.toEqual([]);
    await log.haveEverybodyWait();
    await log.end('terminate');
    await log.failed;
    expect(descriptorsInto(`${db}-wal`)).toEqual([]);
    const strangers: number[] = [];
    const names: string[] = [];
    while (numbers.some((number) => !strangers.includes(number))) {
      names.push(join(folder, `stranger-${strangers.length}`));
      strangers.push(fs.openSync(names.at(-1)!, 'wx+'));
    }
    await expectAllTold(db, log);
    for (const [index, fd] of strangers.entries()) {
      expect(linkOf(fd)).toBe(names[index]);
      expect(fs.fstatSync(fd).size).toBe(0);
      fs.closeSync(fd);
    }
  });
});

describe('the owner of a log', () => {
  test.each(['terminate', 'exit', 'throw'] as const)(
    'F26: that is a thread and ends by %s fails the log for others, and frees the lock',
    async (how) => {
      const worker = new Worker(new URL('../support/log-owner.js', import.meta.url), { workerData: { db, how } });
      const ended = endOf(worker);
      const [handle] = (await once(worker, 'message')) as [Wal['handle']];
      const thread = await LogThread.start({ handle } as Wal, 'serve');
      const { seq } = await thread.ask({ ask: 'appendDurable', bytes: 100, timeoutMs: WAIT_MS });
      if (how === 'terminate') await worker.terminate();
      else worker.postMessage('end');
      await ended;
      let code: string | undefined;
      // The end of the flusher's thread reaches the other one a moment later.
      while (code === undefined) ({ code } = await thread.ask({ ask: 'append', bytes: 100, timeoutMs: WAIT_MS }));
      expect(code).toBe('ERR_WAL_POISONED');
      await thread.worker.terminate();
      const wal = await openWal(db, { pageSize: 512 });
      expect(wal.marks().durableSeq).toBeGreaterThanOrEqual(seq as number);
      await wal.close();
    },
  );
});
