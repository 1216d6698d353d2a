// Goal: a saved state and the entries behind it give what the entries alone would, whichever of the two slots is
// damaged, and the log lets go of no more than both hold. Method: a sum over the entries as state, in memory; slots are
// damaged byte by byte.

import { afterEach, expect, test } from 'vitest';
import { type EntryRecoveryReport, openMemoryLog, type TypedLog, type WalError } from '../../../src/index.js';
import { MemoryDirectory } from '../../../src/testing.js';
import { STATE_HEADER } from '../../../src/typed/layout.js';

let directory: MemoryDirectory;
let log: TypedLog<number>;

async function open(at = new MemoryDirectory({ pretendSync: true })): Promise<void> {
  directory = at;
  log = await openMemoryLog<number>({
    directory,
    lanes: 1,
    laneBytes: 65_536,
    logFileBytes: 65_536,
    pretendSync: true,
  });
}

afterEach(() => log.close().catch(() => undefined));

async function write(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    log.append(1);
    if (index % 7 === 6) await log.flush();
  }
  await log.flush();
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The state is how many entries there were: each is a 1. */
async function recovered(): Promise<{ sum: number; ids: number[]; report: EntryRecoveryReport; metadata: unknown }> {
  let sum = 0;
  let metadata: unknown;
  const ids: number[] = [];
  const report = await log.recover({
    load(state, saved) {
      sum = Number(decoder.decode(state));
      metadata = saved.metadata;
    },
    apply(entry, id) {
      sum += entry;
      ids.push(id);
    },
  });
  return { sum, ids, report, metadata };
}

const save = (lastId = log.lastId): Promise<void> =>
  log.saveState({ state: encoder.encode(String(lastId)), lastId, metadata: { lastId } });

function damage(name: string, change: (bytes: Uint8Array) => Uint8Array): void {
  const file = directory.open(name, 'write');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0);
  const changed = change(bytes);
  file.truncate(0);
  file.write([changed], 0);
  file.close();
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'resolved',
    (error: WalError) => error.code,
  );

test('without one, recovery replays every entry', async () => {
  await open();
  await write(20);
  const { sum, report } = await recovered();
  expect(sum).toBe(20);
  expect(report).toMatchObject({ stateUsed: null, firstId: 1, lastId: 20, replayed: 20, skipped: 0, problems: [] });
  expect(report).toMatchObject({ success: true, log: { tail: 'clean' } });
});

test('the newest counts, with the entries behind it; the log keeps what the older one needs', async () => {
  await open();
  for (let round = 1; round <= 4; round += 1) {
    await write(100);
    await save(log.lastId - 10);
    expect(log.firstId).toBe(round === 1 ? 1 : 100 * round - 109);
    const { sum, ids, report, metadata } = await recovered();
    expect([sum, ids.length]).toEqual([100 * round, 10]);
    expect(metadata).toEqual({ lastId: 100 * round - 10 });
    expect(report).toMatchObject({ stateUsed: 100 * round - 10, replayed: 10, problems: [], success: true });
    await log.close();
    await open(directory);
  }
});

test('either may be damaged at any byte, or cut anywhere, and the other counts', async () => {
  await open();
  await write(50);
  await save();
  await write(50);
  await save();
  await write(5);
  await log.close();
  const names = directory.list().filter((name) => name.startsWith('state-'));
  expect(names).toHaveLength(2);
  for (const name of names) {
    const file = directory.open(name, 'read');
    const whole = new Uint8Array(file.size());
    file.read(whole, 0);
    file.close();
    // The version is its own error.
    const places = [...whole.keys()]
      .filter((at) => at % 3 === 0 || at >= STATE_HEADER.bytes)
      .filter((at) => at < STATE_HEADER.at.version || at >= STATE_HEADER.at.reserved0);
    for (const at of places) {
      damage(name, () => whole.map((byte, index) => (index === at ? byte ^ 0x10 : byte)));
      await open(directory);
      const { sum, report } = await recovered();
      expect(sum, `${name} at ${at}`).toBe(105);
      expect(report.success).toBe(true);
      expect(report.problems.map(({ place, isFatal }) => [place, isFatal])).toEqual([[name, false]]);
      await log.close();
    }
    for (let length = 0; length < whole.length; length += 7) {
      damage(name, () => whole.slice(0, length));
      await open(directory);
      expect((await recovered()).sum).toBe(105);
      await log.close();
    }
    damage(name, () => whole);
  }
  await open(directory);
});

test('with both gone, what they held is reported as missing', async () => {
  await open();
  for (const round of [1, 2, 3]) {
    await write(50 * round);
    await save();
  }
  for (const name of directory.list().filter((each) => each.startsWith('state-')))
    damage(name, (bytes) => bytes.fill(0xff, 8));
  const { report } = await recovered();
  expect(report.success).toBe(false);
  expect(report.stateUsed).toBeNull();
  expect(report.problems.filter(({ isFatal }) => isFatal)).toHaveLength(1);
});

test('truncation goes no further than the newest state, and a state no further than the log', async () => {
  await open();
  await write(30);
  await save(20);
  expect(await codeOf(log.truncateBefore(22))).toBe('ERR_WAL_INVALID_ARGUMENT');
  await log.truncateBefore(21);
  expect(log.firstId).toBe(21);
  for (const lastId of [31, 19, -1, 1.5]) expect(await codeOf(save(lastId))).toBe('ERR_WAL_INVALID_ARGUMENT');
  expect(await codeOf(log.saveState({ state: 'text' as never, lastId: 30 }))).toBe('ERR_WAL_INVALID_ARGUMENT');
  expect(await recovered()).toMatchObject({ sum: 30, report: { stateUsed: 20 } });
});

test('a state of another log, or of entries that this one lost, is not used', async () => {
  await open();
  await write(10);
  await save();
  const other = new MemoryDirectory({ pretendSync: true });
  const first = directory;
  await log.close();
  await open(other);
  await write(20);
  await log.close();
  const file = first.open('state-1', 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0);
  file.close();
  const copy = other.open('state-1', 'create');
  copy.write([bytes], 0);
  copy.close();
  await open(other);
  const { sum, report } = await recovered();
  expect([sum, report.stateUsed, report.success]).toEqual([20, null, true]);
  expect(report.problems).toHaveLength(1);
});
