// Goal: a closed log of entries gives what it holds whatever has become of it: strict all or an error, best effort the
// proven prefix, salvage everything that is whole, each with a report that says what is missing. Method: a log on a disk
// that is simulated, whose entries are their own ids; bytes of it are flipped, and files are cut and removed.

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { EntryReplayReport, ReplayMode, ReplayPlace, WalError } from '../../../src/index.js';
import { type Directory, MemoryDirectory, openTypedLogOn, replayEntriesOn } from '../../../src/testing.js';
import { testSeed } from '../../support/workload-check.js';

const ENTRIES = 400;
const SETTINGS = { lanes: 1, laneBytes: 65_536, logFileBytes: 65_536, ticker: false } as const;

interface Entry {
  readonly id: number;
  readonly filler: string;
}

let whole: ReadonlyMap<string, Uint8Array>;

/** A log of entries in a few files; those below `firstId` are let go, in two steps: files go with the second. */
async function write(firstId = 1): Promise<ReadonlyMap<string, Uint8Array>> {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = await openTypedLogOn<Entry>(directory, SETTINGS);
  for (let id = 1; id <= ENTRIES; ) {
    const batch = Array.from({ length: 1 + (id % 5) }, (_, at) => ({ id: id + at, filler: 'x'.repeat(600) }));
    log.appendBatch(batch.filter((entry) => entry.id <= ENTRIES));
    id += batch.length;
    await log.flush();
  }
  for (const id of [firstId - 1, firstId]) if (id > 1) await log.truncateBefore(id);
  await log.close();
  return contentsOf(directory);
}

function contentsOf(directory: Directory): Map<string, Uint8Array> {
  return new Map(
    directory.list().map((name) => {
      const file = directory.open(name, 'read');
      const bytes = new Uint8Array(file.size());
      file.read(bytes, 0);
      file.close();
      return [name, bytes];
    }),
  );
}

function directoryWith(contents: ReadonlyMap<string, Uint8Array>): MemoryDirectory {
  const directory = new MemoryDirectory();
  directory.create({ sync: false });
  for (const [name, bytes] of contents) {
    const file = directory.open(name, 'create');
    file.write([bytes], 0);
    file.close();
  }
  return directory;
}

interface Replayed {
  readonly entries: (ReplayPlace & { readonly entry: Entry })[];
  readonly report: EntryReplayReport;
}

async function replay(contents: ReadonlyMap<string, Uint8Array>, mode?: ReplayMode): Promise<Replayed> {
  const entries: (ReplayPlace & { entry: Entry })[] = [];
  const report = await replayEntriesOn<Entry>(directoryWith(contents), {
    mode,
    apply: (entry, place) => void entries.push({ entry, ...place }),
  });
  return { entries, report };
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'resolved',
    (error: WalError) => error.code,
  );

/** Ids that are told are those of the entries, and every entry comes once, in order. */
function expectTrue({ entries, report }: Replayed): number[] {
  for (const { id, entry } of entries) if (id !== null) expect(id).toBe(entry.id);
  const ids = entries.map(({ entry }) => entry.id);
  expect(ids).toEqual([...new Set(ids)].sort((one, other) => one - other));
  expect(report.replayed).toBe(entries.length);
  expect(report.withoutId).toBe(entries.filter(({ id }) => id === null).length);
  return ids;
}

const logFiles = (): string[] => [...whole.keys()].filter((name) => /^[0-9a-f]{16}\.wal$/.test(name)).sort();

function changed(name: string, change: (bytes: Uint8Array) => Uint8Array): Map<string, Uint8Array> {
  return new Map(whole).set(name, change((whole.get(name) as Uint8Array).slice()));
}

beforeAll(async () => {
  whole = await write();
});

describe('a closed log', () => {
  test('that is whole gives every entry with its id, in each mode', async () => {
    for (const mode of ['strict', 'bestEffort', 'salvage'] as const) {
      const replayed = await replay(whole, mode);
      expect(expectTrue(replayed)).toHaveLength(ENTRIES);
      expect(replayed.report).toMatchObject({ firstId: 1, lastId: ENTRIES, withoutId: 0, isComplete: true });
      expect(replayed.report.log.notRecovered).toEqual([]);
    }
  });

  test('of which a prefix is truncated goes on with its ids; without its marks they are unknown', async () => {
    const contents = new Map(await write(251));
    const replayed = await replay(contents);
    expect(expectTrue(replayed)[0]).toBe(251);
    expect(replayed.report).toMatchObject({ firstId: 251, lastId: ENTRIES, isComplete: true });
    for (const name of ['ids-0', 'ids-1']) contents.delete(name);
    expect(await codeOf(replay(contents))).toBe('ERR_WAL_GAP');
    const salvaged = await replay(contents, 'salvage');
    expect(expectTrue(salvaged).at(-1)).toBe(ENTRIES);
    expect(salvaged.report).toMatchObject({ firstId: null, isComplete: false, withoutId: salvaged.entries.length });
  });

  test('that is damaged in the middle is refused, ends there, or goes on behind it, and says so', async () => {
    const name = logFiles()[1] as string;
    const contents = changed(name, (bytes) => bytes.fill(0, 20_480, 24_576));
    expect(await codeOf(replay(contents))).toBe('ERR_WAL_CORRUPT');
    const prefix = await replay(contents, 'bestEffort');
    const ids = expectTrue(prefix);
    expect(ids).toEqual(ids.map((_, at) => at + 1));
    expect(prefix.report).toMatchObject({ lastId: ids.length, withoutId: 0, isComplete: false });
    expect(prefix.report.log.notRecovered.length).toBeGreaterThan(0);
    const salvaged = await replay(contents, 'salvage');
    const all = expectTrue(salvaged);
    expect(all.slice(0, ids.length)).toEqual(ids);
    expect(all.at(-1)).toBe(ENTRIES);
    expect(all.length).toBeGreaterThan(ENTRIES - 30);
    expect(salvaged.report.withoutId).toBe(all.length - ids.length);
    expect(salvaged.report.log.notRecovered[0]).toMatchObject({ file: name });
  });

  test('of which a file is missing gives what stands in the others', async () => {
    const contents = new Map(whole);
    contents.delete(logFiles()[1] as string);
    expect(await codeOf(replay(contents))).toBe('ERR_WAL_GAP');
    const salvaged = await replay(contents, 'salvage');
    const ids = expectTrue(salvaged);
    expect([ids[0], ids.at(-1)]).toEqual([1, ENTRIES]);
    expect(salvaged.report.isComplete).toBe(false);
  });

  test('with an entry that the codec refuses: an error, the end, or a gap with its id', async () => {
    const codec = {
      encode: () => new Uint8Array(0),
      decode(bytes: Uint8Array) {
        const entry = JSON.parse(new TextDecoder().decode(bytes)) as Entry;
        if (entry.id === 7) throw new Error('no seven');
        return entry;
      },
    };
    const seen: number[] = [];
    const apply = async ({ id }: Entry): Promise<void> => void seen.push(id);
    const run = (mode: ReplayMode) => replayEntriesOn<Entry>(directoryWith(whole), { codec, mode, apply });
    expect(await codeOf(run('strict'))).toBe('ERR_WAL_CORRUPT');
    seen.length = 0;
    expect(await run('bestEffort')).toMatchObject({ lastId: 6, replayed: 6, isComplete: false });
    seen.length = 0;
    const { refused, replayed } = await run('salvage');
    expect([refused.map(({ id }) => id), replayed]).toEqual([[7], ENTRIES - 1]);
    expect(seen.includes(7)).toBe(false);
  });

  test('any byte flipped, or any cut: no mode gives an entry that was not written, or in another order', async () => {
    const law = async (fileAt: number, offset: number, bit: number, isCut: boolean): Promise<void> => {
      const names = logFiles();
      const name = names[fileAt % names.length] as string;
      const length = (whole.get(name) as Uint8Array).length;
      const at = offset % length;
      const contents = changed(name, (bytes) => {
        if (isCut) return bytes.slice(0, at);
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        return bytes;
      });
      const strict = await replay(contents).catch((error: WalError) => error.code);
      if (typeof strict === 'string') expect(['ERR_WAL_CORRUPT', 'ERR_WAL_GAP', 'ERR_WAL_VERSION']).toContain(strict);
      if (strict === 'ERR_WAL_VERSION') return;
      const prefix = expectTrue(await replay(contents, 'bestEffort'));
      expect(prefix).toEqual(prefix.map((_, id) => id + 1));
      const salvaged = await replay(contents, 'salvage');
      const all = expectTrue(salvaged);
      expect(all.slice(0, prefix.length)).toEqual(prefix);
      if (typeof strict === 'string') expect(salvaged.report.isComplete).toBe(false);
      else expect(expectTrue(strict)).toEqual(prefix);
    };
    const number = fc.nat(2 ** 30);
    await fc.assert(fc.asyncProperty(number, number, fc.nat(7), fc.boolean(), law), {
      seed: testSeed('replay'),
      numRuns: process.env.WAL_TEST_SUITE === 'deep' ? 2000 : 25,
    });
  });
});
