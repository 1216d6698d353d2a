// Goal: ids have no gap and no double whatever dies, every batch is there whole or not at all, and what a thread was
// told of its ids stays true; one of many creates a log. Method: threads that append batches are terminated in the
// middle, again and again, while the log is truncated under them; then it is opened anew and every entry is looked at.

import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LoggedEntry, openTypedLog, removeWal, type TypedLog, WalError } from '../../src/index.js';
import { scratchFolder } from '../support/program.js';
import { runScript } from '../support/script.js';
import type { TypedAck, TypedEntry, TypedWorkerData } from '../support/typed-worker.js';
import { randomStream } from '../unit/cli/seeded.js';

const SETTINGS = { lanes: 2, laneBytes: 65_536, logFileBytes: 65_536, maxLogBytes: 2 ** 23 };

let folder = '';
let db = '';
beforeEach(() => {
  folder = scratchFolder('typed');
  db = join(folder, 'db');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'resolved',
    (error: unknown) => (error instanceof WalError ? error.code : `untyped: ${error}`),
  );

/** Lets a thread append until it has told so many batches, then ends it in the middle of what it does. */
async function appendUntilTerminated(log: TypedLog<TypedEntry>, thread: number, acks: number): Promise<TypedAck[]> {
  const workerData: TypedWorkerData = { handle: log.handle, thread };
  const worker = new Worker(new URL('../support/typed-worker.js', import.meta.url), { workerData });
  const told: TypedAck[] = [];
  worker.on('message', (ack: TypedAck) => {
    told.push(ack);
    if (told.length === acks) void worker.terminate();
  });
  await once(worker, 'exit');
  return told;
}

/** What is wrong with a run of entries, and which batch has which ids. */
function check(entries: readonly LoggedEntry<TypedEntry>[], firstId: number): Map<string, TypedAck> {
  const batches = new Map<string, TypedAck>();
  for (const [index, { id, seq, entry }] of entries.entries()) {
    expect(id).toBe(firstId + index);
    const { thread, number, part, parts } = entry;
    // The first batch may be cut by truncation.
    if (index > 0 && part > 0)
      expect(entries[index - 1]).toMatchObject({ seq, entry: { thread, number, part: part - 1 } });
    if (part === parts - 1) batches.set(`${thread} ${number}`, { number, firstId: id - part, lastId: id });
  }
  expect(entries.at(-1)?.entry.part).toBe((entries.at(-1)?.entry.parts ?? 0) - 1);
  return batches;
}

test('ids go on without a gap while threads that append are terminated, and the log is truncated and opened again', async () => {
  const seed = Number(process.env.WAL_TEST_SEED ?? Date.now() % 2 ** 31);
  process.stdout.write(`seed=${seed} threads of a log of entries are terminated\n`);
  const random = randomStream(seed);
  let thread = 0;
  const told = new Map<string, TypedAck>();
  for (let opening = 0; opening < 2; opening += 1) {
    const log = await openTypedLog<TypedEntry>(db, SETTINGS);
    for (let round = 0; round < 2; round += 1) {
      const threads = [++thread, ++thread];
      const all = await Promise.all(threads.map((each) => appendUntilTerminated(log, each, 1 + random(40))));
      for (const [index, acks] of all.entries())
        for (const ack of acks) told.set(`${threads[index]} ${ack.number}`, ack);
      await log.flush();
      const entries = await log.collect();
      const batches = check(entries, log.firstId);
      for (const [name, ack] of told) if (ack.firstId >= log.firstId) expect(batches.get(name)).toEqual(ack);
      await log.truncateBefore(log.firstId + random(Math.floor(log.count() / 2)));
    }
    const { firstId, lastId } = log;
    await log.close();
    const again = await openTypedLog<TypedEntry>(db, { ...SETTINGS, how: 'open' });
    expect([again.firstId, again.lastId, again.recovery.cleanlyClosed]).toEqual([firstId, lastId, true]);
    await again.close();
  }
  expect(told.size).toBeGreaterThanOrEqual(8);
});

test('a log at its bound is truncated, and goes on: nothing has to be appended for that', async () => {
  const log = await openTypedLog<number[]>(db, { ...SETTINGS, maxLogBytes: 2 ** 18, lanes: 1 });
  const stalled = new Promise((resolve) => log.wal.once('stalled', resolve));
  const entry = (value: number): number[] => new Array<number>(2000).fill(value);
  let appended = 0;
  while (log.wal.state !== 'stalled') {
    appended += 1;
    log.append(entry(appended));
    await Promise.race([log.flush(), stalled]);
  }
  const { lastId } = log;
  expect(lastId).toBeLessThan(appended);
  // Twice: a file goes when both checkpoint records cover it.
  await log.truncateBefore(lastId);
  await log.truncateBefore(lastId + 1);
  await log.flush();
  expect([log.firstId, log.lastId]).toEqual([lastId + 1, appended]);
  for (const { id, entry: found } of await log.collect()) expect(found).toEqual(entry(id));
  await log.close();
});

test('what has to be there, and what must not, is told apart', async () => {
  expect(await codeOf(openTypedLog(db, { how: 'open' }))).toBe('ERR_WAL_NOT_FOUND');
  expect(fs.existsSync(`${db}-wal`)).toBe(false);
  const log = await openTypedLog(db, { ...SETTINGS, how: 'create' });
  expect(await codeOf(openTypedLog(db, { ...SETTINGS, how: 'create' }))).toBe('ERR_WAL_LOCKED');
  await log.close();
  expect(await codeOf(openTypedLog(db, { ...SETTINGS, how: 'create' }))).toBe('ERR_WAL_EXISTS');
  const latched = await openTypedLog(db, { ...SETTINGS, how: 'open' });
  await latched.wal.setMode('conservative');
  await latched.close();
  // With the latch, which would keep the next log conservative.
  expect(removeWal(db)).toEqual([]);
  fs.mkdirSync(`${db}-wal`);
  expect(await codeOf(openTypedLog(db, { how: 'open' }))).toBe('ERR_WAL_NOT_FOUND');
  await (await openTypedLog(join(folder, 'parent', 'db'), { ...SETTINGS, how: 'create' })).close();
  fs.writeFileSync(join(folder, 'file'), '');
  expect(await codeOf(openTypedLog(join(folder, 'file', 'db'), { how: 'create' }))).toBe('ERR_WAL_IO');
  for (const how of ['new', null] as never[])
    expect(await codeOf(openTypedLog(db, { how }))).toBe('ERR_WAL_INVALID_ARGUMENT');
});

test('of several processes that create a log at once, one does', async () => {
  for (let round = 0; round < 3; round += 1) {
    const path = join(folder, `db${round}`);
    const script = `
      const { openTypedLog } = await import(${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)});
      try {
        await (await openTypedLog(${JSON.stringify(path)}, { how: 'create', logFileBytes: 65536 })).close();
        console.log('created');
      } catch (error) {
        console.log(error.code);
      }`;
    const ended = await Promise.all([1, 2, 3].map((each) => runScript(join(folder, `own${each}`), script)));
    const said = ended.map(({ stdout }) => stdout.trim()).sort();
    expect(said.filter((each) => each === 'created')).toHaveLength(1);
    expect(said.every((each) => ['created', 'ERR_WAL_EXISTS', 'ERR_WAL_LOCKED'].includes(each))).toBe(true);
  }
});

// Method: /proc says how each file is open.
test.runIf(process.platform === 'linux')(
  'syncMethod: with dsync the flusher writes the log through O_DSYNC',
  async () => {
    for (const syncMethod of ['fdatasync', 'dsync'] as const) {
      const path = `${db}-${syncMethod}`;
      const log = await openTypedLog<number>(path, { ...SETTINGS, syncMethod });
      await log.appendDurable(1);
      await log.rotate();
      await log.appendDurable(2);
      const [current] = (await log.files()).filter(({ isCurrent }) => isCurrent);
      const flags = fs.readdirSync('/proc/self/fd').flatMap((fd) => {
        const isLog =
          fs.existsSync(`/proc/self/fd/${fd}`) && fs.readlinkSync(`/proc/self/fd/${fd}`).endsWith(`${current?.name}`);
        const info = isLog ? fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8') : '';
        return isLog ? [Number.parseInt(/flags:\s*([0-7]+)/.exec(info)?.[1] ?? '', 8)] : [];
      });
      const isSynchronous = flags.some((each) => (each & fs.constants.O_DSYNC) !== 0);
      expect(isSynchronous).toBe(syncMethod === 'dsync');
      await log.close();
      const again = await openTypedLog<number>(path, { ...SETTINGS, syncMethod });
      expect((await again.collect()).map(({ entry }) => entry)).toEqual([1, 2]);
      await again.close();
    }
  },
);
