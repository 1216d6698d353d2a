// Entries of a log a second: of several sizes, by 1 to 8 threads, each waiting for its entry to be durable, and nobody
// waiting for anything; beside classic-level and a file that is appended to and synced, in the same rounds.

import { join } from 'node:path';
import { bytesCodec, openTypedLog, type TypedLogOptions } from '../src/index.js';
import { BATCH, type EntryPlan, type EntryWriterData, IN_FLIGHT, type SinkStart } from './entry-sinks.js';
import { inDirectory, pointAt, ratios, round, summary } from './harness.js';
import { openLevel } from './peers/classic-level.js';
import { loadPeer } from './peers/contender.js';
import type { BenchResult, Comparison, Plot } from './result.js';
import { WARM } from './warm-up.js';
import { WorkerGroup } from './worker-group.js';
import { recycleBehind } from './writers.js';

/** What is measured, and for how long. */
export interface EntriesCase {
  readonly sizes: readonly number[];
  readonly writers: readonly number[];
  readonly rounds: number;
  /** Of each figure in a round. */
  readonly seconds: number;
}

/** One line of the figures. */
interface Line {
  readonly name: string;
  readonly mode: EntryPlan['mode'];
  readonly group: WorkerGroup<EntryPlan, number>;
}

/** Entries a second of a line, by round. */
interface Measured {
  readonly name: string;
  readonly mode: EntryPlan['mode'];
  readonly bytes: number;
  readonly writers: number;
  readonly rates: number[];
}

const ROW_BYTES = 256;
const LOG = { name: 'lanewal', batches: `lanewal, batches of ${BATCH}` } as const;
const LEVEL = 'classic-level';
const FILE = 'appendFile';

export async function benchEntries(parent: string, given: EntriesCase): Promise<BenchResult> {
  return inDirectory(parent, async (directory) => {
    const most = Math.max(...given.writers);
    const closing: (() => Promise<unknown>)[] = [];
    const lines: Line[] = [];
    const add = async (start: SinkStart, named: readonly (readonly [string, EntryPlan['mode']])[]): Promise<void> => {
      const data = Array.from({ length: most }, (_, writer): EntryWriterData => ({ start, writer }));
      const url = new URL('./entry-worker.js', import.meta.url);
      const group = await WorkerGroup.launch<EntryPlan, number>(url, data);
      for (const [name, mode] of named) lines.push({ name, mode, group });
      closing.unshift(() => group.stop());
    };
    for (const fsync of ['full', 'off'] as const) {
      const options: TypedLogOptions<Uint8Array> = { codec: bytesCodec, fsync, lanes: most, maxLogBytes: 2 ** 40 };
      const log = await openTypedLog(join(directory, fsync), options);
      const stopRecycling = recycleBehind(log.wal);
      closing.unshift(stopRecycling, () => log.close());
      const durable = [
        [LOG.name, 'durable'],
        [LOG.name, 'in-flight'],
      ] as const;
      const unsynced = [
        [LOG.name, 'unsynced'],
        [LOG.batches, 'batch'],
      ] as const;
      await add({ kind: 'lanewal', handle: log.handle }, fsync === 'full' ? durable : unsynced);
    }
    await addPeers(directory, add, closing);
    try {
      return resultOf(given, await measure(given, lines));
    } finally {
      for (const close of closing) await close();
    }
  });
}

type Add = (start: SinkStart, named: readonly (readonly [string, EntryPlan['mode']])[]) => Promise<void>;

async function addPeers(directory: string, add: Add, closing: (() => Promise<unknown>)[]): Promise<void> {
  const all = (name: string) =>
    [
      [name, 'durable'],
      [name, 'in-flight'],
      [name, 'unsynced'],
    ] as const;
  if (loadPeer(LEVEL) !== undefined) {
    const path = join(directory, 'level');
    const level = await openLevel(path);
    closing.unshift(() => level.close());
    await add({ kind: 'level', path }, all(LEVEL));
  }
  await add({ kind: 'file', path: join(directory, 'file') }, all(FILE));
}

async function measure({ sizes, writers, rounds, seconds }: EntriesCase, lines: readonly Line[]): Promise<Measured[]> {
  const all = sizes.flatMap((bytes) =>
    writers.flatMap((count) =>
      lines.map(({ name, mode, group }) => ({ name, mode, group, bytes, writers: count, rates: [] as number[] })),
    ),
  );
  const warm = (group: Line['group'], mode: EntryPlan['mode']) => group.round({ mode, bytes: ROW_BYTES, ...WARM });
  // Waiting makes an epoch of every few entries, which warms the flusher of the unsynced log too.
  for (const group of new Set(lines.map((line) => line.group))) await warm(group, 'durable');
  for (const { group, mode } of lines) if (mode !== 'durable') await warm(group, mode);
  for (let index = 0; index < rounds; index += 1) {
    for (const { group, mode, bytes, writers: count, rates } of all) {
      const run = await group.round({ mode, seconds, bytes }, count);
      rates.push(run.results.reduce((sum, taken) => sum + taken, 0) / run.seconds);
    }
  }
  return all.map(({ group: _, ...measured }) => measured);
}

function resultOf(given: EntriesCase, all: readonly Measured[]): BenchResult {
  const find = (name: string, mode: EntryPlan['mode'], writers: number): Measured | undefined =>
    all.find(
      (each) => each.name === name && each.mode === mode && each.bytes === ROW_BYTES && each.writers === writers,
    );
  return {
    comparisons: comparisonsOf(find),
    plots: [
      plot(all, ['durable'], 'entries-durable', 'Entries of 256 bytes, each durable before the next'),
      plot(all, ['in-flight'], 'entries-in-flight', `Durable entries of 256 bytes, ${IN_FLIGHT} in flight each`),
      plot(all, ['unsynced', 'batch'], 'entries-unsynced', 'Entries of 256 bytes, nobody waits'),
    ],
    notes: [
      `Entries of ${given.sizes.join(', ')} bytes: one commit, put or write for each, but for batches. Each thread ` +
        'has its own connection or handle, all to one log, database or file. Waiting: waitDurable of a log under ' +
        'full; put with sync: true; appendFile and fsync. In flight: each writer goes on until ' +
        `${IN_FLIGHT} of its entries are not durable, and then waits for the oldest of them: waitDurable, or the ` +
        'promise of a put, or of an appendFile and fsync. Those promises have UV_THREADPOOL_SIZE threads, 64 unless ' +
        'it is set: with the 4 that Node has by default no more than 4 puts would share a sync. Nobody waiting: a ' +
        'log under off, until all is written; put without sync and appendFile, 16 of a thread under way at once. Log ' +
        'files are recycled; classic-level compacts as it does, without compression; the file grows.',
    ],
    figures: all.map(({ rates, ...what }) => ({ ...what, entriesPerSecond: rates.map((rate) => round(rate, 0)) })),
  };
}

type Find = (name: string, mode: EntryPlan['mode'], writers: number) => Measured | undefined;

function comparisonsOf(find: Find): Comparison[] {
  const comparisons: Comparison[] = [];
  const add = (id: Comparison['id'], beside: string, one?: Measured, other?: Measured): void => {
    if (one === undefined || other === undefined) return;
    const { rates } = one;
    comparisons.push({
      id,
      what: 'lanewal, one commit an entry',
      beside,
      unit: 'entries/s',
      value: summary(rates),
      besideValue: summary(other.rates),
      // A target for the figure itself is not about the ratio.
      ...(id !== 'entries-unsynced' && { ratio: ratios(rates, other.rates) }),
    });
  };
  const unsynced = find(LOG.name, 'unsynced', 2);
  add('entries-unsynced', `batches of ${BATCH}`, unsynced, find(LOG.batches, 'batch', 2));
  add('entries-unsynced-level', 'put without sync', unsynced, find(LEVEL, 'unsynced', 2));
  const durable = find(LOG.name, 'durable', 8);
  add('entries-durable-level', 'put with sync: true', durable, find(LEVEL, 'durable', 8));
  add('entries-durable-file', 'appendFile and fsync', durable, find(FILE, 'durable', 8));
  const inFlight = find(LOG.name, 'in-flight', 8);
  add('entries-in-flight-level', 'put with sync: true', inFlight, find(LEVEL, 'in-flight', 8));
  add('entries-in-flight-file', 'appendFile and fsync', inFlight, find(FILE, 'in-flight', 8));
  return comparisons;
}

function plot(all: readonly Measured[], modes: readonly EntryPlan['mode'][], id: string, title: string): Plot {
  const shown = all.filter(({ mode, bytes }) => modes.includes(mode) && bytes === ROW_BYTES);
  return {
    id,
    title,
    caption: 'Medians over the rounds. Shaded: smallest and largest round.',
    kind: 'lines',
    x: { label: 'writers', scale: 'log' },
    y: { label: 'entries/s', scale: 'log' },
    series: [...new Set(shown.map(({ name }) => name))].map((name) => ({
      name,
      points: shown.filter((each) => each.name === name).map(({ writers, rates }) => pointAt(writers, rates)),
    })),
  };
}
