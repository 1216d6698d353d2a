// Goal: writers die in the middle of whatever they do, and nobody else notices, also while the main thread blocks.
// Method: threads are terminated after a random number of commits, again and again, beside threads that wait for every
// commit; then the log is opened again and every number is accounted for.

import fs from 'node:fs';
import { join } from 'node:path';
import { postMessageToThread } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openWal, recoverWal, type Wal, WalError } from '../../src/index.js';
import { LogThread } from '../support/log-threads.js';
import type { Fate } from '../support/mortal-thread.js';
import { scratchFolder } from '../support/program.js';
import { randomStream } from '../unit/cli/seeded.js';

const ROUNDS = 12;
const SETTINGS = { pageSize: 512, lanes: 2, laneBytes: 65_536, logFileBytes: 2 ** 20 };

let folder = '';
beforeEach(() => {
  folder = scratchFolder('deaths');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof WalError ? error.code : `untyped: ${error}`),
  );

/** Every sequence that recovery finds. */
async function sequencesOf(db: string): Promise<number[]> {
  const sequences: number[] = [];
  await recoverWal(db, { into: (commit) => void sequences.push(commit.seq) });
  return sequences;
}

describe('a writer terminated at a random moment', () => {
  test('I6: costs at most its own last sequence, and holds up nobody, though the main thread blocks', async () => {
    const seed = Number(process.env.WAL_TEST_SEED ?? Date.now() % 2 ** 31);
    process.stdout.write(`seed=${seed} writers terminated at random moments\n`);
    const random = randomStream(seed);
    const db = join(folder, 'db');
    const wal = await openWal(db, SETTINGS);
    // Two threads and the main one on two lanes: the dead share theirs with the living.
    const steady = [await LogThread.start(wal, 'appendDurably')];
    for (let round = 0; round < ROUNDS; round += 1) {
      const victim = await LogThread.start(wal, 'appendForever');
      victim.blockUntil(random(120));
      for (let spin = random(2000); spin > 0; spin -= 1);
      const terminated = victim.worker.terminate();
      for (const thread of steady) thread.blockUntil(thread.count + 5);
      await terminated;
    }
    await Promise.all(steady.map((thread) => thread.stop()));
    const flushed = await wal.flush();
    expect(flushed.durableSeq).toBe(wal.marks().appendedSeq);
    const { commits, voids, writersReaped } = wal.counters();
    expect(commits + voids).toBe(flushed.durableSeq);
    expect(voids).toBeLessThanOrEqual(ROUNDS);
    expect(writersReaped).toBeGreaterThanOrEqual(ROUNDS);
    await wal.close();
    const sequences = await sequencesOf(db);
    expect(sequences).toHaveLength(commits);
    expect(sequences.every((seq, index) => index === 0 || seq > (sequences[index - 1] as number))).toBe(true);
    expect(sequences.at(-1)).toBeLessThanOrEqual(flushed.durableSeq);
  });

  test('leaves its lane to the next one', async () => {
    const wal = await openWal(join(folder, 'db'), { ...SETTINGS, lanes: 3 });
    const own = wal.connect().lane;
    const first = await LogThread.start(wal, 'serve');
    expect(first.lane).not.toBe(own);
    for (let round = 0; round < 4; round += 1) {
      const thread = await LogThread.start(wal, 'appendForever');
      expect([own, first.lane]).not.toContain(thread.lane);
      thread.blockUntil(3);
      await thread.worker.terminate();
      // The lane is free once the flusher has heard of it.
      while (wal.counters().writersReaped <= round) await wal.files();
    }
    expect((await first.ask({ ask: 'append', bytes: 10 })).lane).toBe(first.lane);
    await first.ask({ ask: 'leave' });
    await wal.close();
  });
});

describe('the death of the flusher', () => {
  const workerUrls = { flusher: new URL('../support/mortal-flusher.js', import.meta.url).href };

  /** Not awaited: a thread that dies of a message never answers it. */
  function kill(wal: Wal, how: Fate): void {
    void postMessageToThread(wal.handle.flusherThreadId, how).catch(() => undefined);
  }

  test.each(['throw', 'exit', 'rejection'] as const)(
    'by %s, asleep, fails the log and everybody is told',
    async (how) => {
      const db = join(folder, 'db');
      const wal = await openWal(db, { ...SETTINGS, ticker: false, fsync: 'normal', workerUrls });
      const failed = new Promise<WalError>((resolve) => wal.on('failed', resolve));
      const thread = await LogThread.start(wal, 'serve');
      await wal.flush();
      const durable = wal.marks().durableSeq;
      expect((await thread.ask({ ask: 'append', bytes: 10 })).seq).toBe(durable + 1);
      const waiting = codeOf(wal.durable({ seq: durable + 100 }));
      const blocked = thread
        .ask({ ask: 'append', bytes: 10 })
        .then(() => thread.ask({ ask: 'waitDurable', timeoutMs: 20_000 }));
      kill(wal, how);
      expect((await failed).code).toBe('ERR_WAL_POISONED');
      expect(await waiting).toBe('ERR_WAL_OUTCOME_UNKNOWN');
      // Durable before the flusher died, or not: never left waiting.
      expect([undefined, 'ERR_WAL_OUTCOME_UNKNOWN', 'ERR_WAL_POISONED']).toContain((await blocked).code);
      expect(wal.state).toBe('failed');
      expect((await thread.ask({ ask: 'append', bytes: 10 })).code).toBe('ERR_WAL_POISONED');
      expect(await codeOf(wal.flush())).toBe('ERR_WAL_POISONED');
      expect(await codeOf(wal.files())).toBe('ERR_WAL_POISONED');
      await thread.worker.terminate();
      await wal.close();
      // The lock is free, and what was durable is there.
      const reopened = await openWal(db, SETTINGS);
      expect(reopened.marks().durableSeq).toBeGreaterThanOrEqual(durable);
      await reopened.close();
    },
  );
});
