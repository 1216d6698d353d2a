// Goal: whoever listens hears everything that a log does, once, in order, and in the one schema; and nothing is told when
// nobody does. Method: real logs over a simulated disk that do the real thing, with every channel subscribed.

import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Control } from '../../../src/epoch/control.js';
import { FlushTelemetry } from '../../../src/flusher/flush-telemetry.js';
import type { LogStart } from '../../../src/log/log-writer.js';
import { Telemetry } from '../../../src/observe/telemetry.js';
import { TRACE_COMPONENTS, type TraceRecord } from '../../../src/observe/trace.js';
import { openWalOn, SimulatedDirectory } from '../../../src/testing.js';
import type { OpenOptions, Wal } from '../../../src/wal.js';
import { readMarkdown, withoutBackticks } from '../../support/markdown.js';
import { readPackageFile } from '../../support/package-root.js';
import { DISK_FULL } from '../../support/simulated-disk.js';
import { apply, openOn } from '../../support/store-workload.js';
import { type ChannelName, endOfRanges, TraceEar } from '../../support/trace-ear.js';

const OPTIONS: OpenOptions = { lanes: 1, laneBytes: 8192, pageSize: 512, logFileBytes: 65_536, ticker: false };
const bytes = (length: number) => ({ operations: [{ code: 1, bytes: new Uint8Array(length) }] });
const page = { pages: [{ pageNumber: 1, image: new Uint8Array(512) }] };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  vi.useRealTimers();
});

function listen(...names: ChannelName[]): TraceEar {
  const ear = new TraceEar(names.length === 0 ? undefined : names);
  closing.push(() => ear.close());
  return ear;
}

async function open(options: OpenOptions = {}, directory = new SimulatedDirectory()): Promise<Wal> {
  const wal = await openWalOn(directory, { ...OPTIONS, ...options });
  wal.on('failed', () => undefined);
  closing.push(() => wal.close().catch(() => undefined));
  return wal;
}

/** What the document says of the fields of each component. */
function documentedFields(): Map<string, string> {
  const { tables } = readMarkdown(readPackageFile('design/observability.md'));
  const rows = tables.find(({ columns }) => columns[0] === 'component')?.rows ?? [];
  return new Map(rows.map(([component = '', , , fields = '']) => [withoutBackticks(component), fields]));
}

/** The fields of one record: those of all records of its component, and those of its case, which stands before them. */
function fieldsOf(words: string, { scenario, action }: TraceRecord): string[] {
  const parts = words.split(';').filter((part) => {
    const [, ofCase] = /^\s*`(\w+)`:/.exec(part) ?? [];
    return ofCase === undefined || ofCase === scenario || ofCase === action;
  });
  const names = parts.flatMap((part) => {
    return [...part.replace(/^\s*`\w+`:/, '').matchAll(/`(\w+)`/g)].map(([, name]) => name ?? '');
  });
  return ['component', 'traceId', 'timeMs', 'mode', 'fallback', ...names].sort();
}

/** Everything that a log can do: commits of all kinds, a full disk, a checkpoint, a close; then a failure. */
async function doEverything(): Promise<Wal> {
  const directory = new SimulatedDirectory();
  const wal = await open({}, directory);
  const writer = wal.connect();
  await writer.append(page).durable();
  await writer.append(bytes(10_000)).durable();
  directory.fail(DISK_FULL);
  writer.append(bytes(7500));
  const waiting = writer.appendAsync(bytes(5000));
  while (wal.state !== 'stalled') await new Promise((resolve) => setImmediate(resolve));
  directory.heal();
  await (await waiting).durable();
  await wal.checkpoint({ throughSeq: 2 });
  await wal.close();
  const again = await open({}, directory);
  directory.fail({ on: ['sync'], errno: 'EIO' });
  await again
    .connect()
    .append(page)
    .durable()
    .catch(() => undefined);
  await again.close();
  await doWithHelpers();
  return wal;
}

/** What a controller, an archive that fails at first, and a checkpointer of a page store do. */
async function doWithHelpers(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lanewal-trace-'));
  closing.push(() => rmSync(folder, { recursive: true }));
  const disk = new SimulatedDirectory();
  const store = await openOn(disk, { controller: 'on', archiveDirectory: join(folder, 'archive') });
  const round = () => store.transaction((transaction) => apply(transaction, { sizePages: 40, fill: { 1: 1 } }));
  await round();
  disk.fail({ on: ['write'], name: /^pages$/, errno: 'EIO' });
  await store.checkpoint().catch(() => undefined);
  disk.heal();
  renameSync(join(folder, 'archive'), join(folder, 'away'));
  const isTold = new Promise((resolve) => store.wal.once('archiveFailing', resolve));
  while (store.metrics().counters.rotations === 0) await round();
  await isTold;
  renameSync(join(folder, 'away'), join(folder, 'archive'));
  await new Promise((resolve) => store.wal.once('archiveResumed', () => resolve(undefined)));
  while (store.metrics().decisions?.last === undefined) await round();
  await store.close();
}

describe('a log that does everything', () => {
  test('is heard on the channel of each component, and all of it on lanewal:trace, in the fields of the document', async () => {
    const { heard } = listen();
    await doEverything();
    const fields = documentedFields();
    expect([...fields.keys()]).toEqual([...TRACE_COMPONENTS]);
    for (const component of TRACE_COMPONENTS) {
      expect(heard[component], component).not.toHaveLength(0);
      expect(heard.trace.filter((record) => record.component === component)).toEqual(heard[component]);
      for (const record of heard[component]) {
        // What a record is about in one of its cases only is behind that case.
        const expected = fieldsOf(fields.get(component) ?? '', record);
        expect(Object.keys(record).sort(), component).toEqual(expected);
        expect(Object.values(record)).not.toContain(undefined);
      }
    }
    const components = TRACE_COMPONENTS.reduce((sum, component) => sum + heard[component].length, 0);
    expect(heard.trace).toHaveLength(components);
  });

  test('tells of every commit once in each component, seal before flush before sync', async () => {
    const { heard } = listen();
    await doEverything();
    const [id] = heard.recovery.map(({ traceId }) => traceId);
    const own = (name: ChannelName): TraceRecord[] => heard[name].filter(({ traceId }) => traceId === id);
    expect(own('append').map(({ firstSeq, scenario }) => [firstSeq, scenario])).toEqual([
      [1, 'plain'],
      [2, 'jumbo'],
      [3, 'plain'],
      [4, 'waited'],
    ]);
    for (const name of ['append', 'seal', 'flush', 'sync'] as const) expect(endOfRanges(own(name)), name).toBe(5);
    expect(own('flush').map(({ epoch, firstSeq }) => [epoch, firstSeq])).toEqual(
      own('seal').map(({ epoch, firstSeq }) => [epoch, firstSeq]),
    );
    for (const { epoch } of own('seal')) {
      const order = own('trace').filter((record) => record.epoch === epoch && record.component !== 'append');
      const first = order.map(({ component }) => component).slice(0, 3);
      expect(first).toEqual(['seal', 'flush', 'sync']);
    }
    expect(own('append')[0]).toMatchObject({ lane: 0, pages: 1 });
    expect(own('flush').reduce((sum, { frames = 0 }) => sum + frames, 0)).toBe(4);
  });

  test('tells of a stall and its end, of a failure, of a checkpoint, and of what opening found', async () => {
    const { heard } = listen();
    await doEverything();
    expect(heard.stall.map(({ scenario, code }) => [scenario, code])).toEqual([
      ['stalled', 'ERR_WAL_STORAGE_FULL'],
      ['resumed', undefined],
    ]);
    expect(heard.failure.map(({ code }) => code)).toEqual(['ERR_WAL_POISONED']);
    expect(heard.checkpoint[0]).toMatchObject({ scenario: 'record', endSeq: 3, checkpointEpoch: expect.any(Number) });
    const [first, second] = heard.recovery;
    expect(first).toMatchObject({ scenario: 'clean', firstSeq: 1, endSeq: 1, recoveryEpoch: 0, checkpointEpoch: 0 });
    expect(second).toMatchObject({
      scenario: 'clean',
      endSeq: 5,
      checkpointEpoch: heard.checkpoint[0]?.checkpointEpoch,
    });
    expect(second?.recoveryEpoch).toBe(heard.seal.findLast(({ traceId }) => traceId === first?.traceId)?.epoch);
    expect(second?.traceId).not.toBe(first?.traceId);
    // In order with the records of the flusher, although the owner tells of it.
    const stalled = heard.trace.findIndex(({ component }) => component === 'stall');
    expect(heard.trace.slice(0, stalled).some(({ component, endSeq }) => component === 'seal' && endSeq === 4)).toBe(
      true,
    );
  });
});

describe('an epoch is sealed', () => {
  test.each<[TraceRecord['scenario'], OpenOptions, (wal: Wal) => Promise<unknown>]>([
    ['demand', {}, (wal) => wal.connect().append(page).durable()],
    ['tick', { ticker: true, epochIntervalMs: 1 }, (wal) => wal.connect().append(page) && untilDurable(wal)],
    ['pressure', {}, (wal) => wal.connect().append(bytes(7000)) && untilDurable(wal)],
    ['flush', {}, (wal) => wal.connect().append(page) && wal.flush()],
    ['close', {}, (wal) => wal.connect().append(page) && wal.close()],
  ])('by %s, and that is said', async (scenario, options, act) => {
    const { heard } = listen('seal', 'flush');
    const wal = await open(options);
    await act(wal);
    await wal.close();
    expect([...heard.seal, ...heard.flush].map((record) => record.scenario)).toEqual([scenario, scenario]);
  });
});

async function untilDurable(wal: Wal): Promise<void> {
  while (wal.marks().durableSeq === 0) await new Promise((resolve) => setImmediate(resolve));
}

describe('when nobody listens', () => {
  test('nothing is collected, and nothing crosses threads', async () => {
    const wal = await open();
    expect(new Telemetry(wal.handle.telemetry).isTraced).toBe(false);
    const post = vi.fn();
    const telemetry = new Telemetry();
    const logStart = { position: { nextSeq: 1 } } as LogStart;
    const start = { telemetry: telemetry.buffer, traceId: 'id', logStart };
    const told = new FlushTelemetry(Control.create(0, 0), start, post);
    const work = async (): Promise<void> => {
      told.synced(1, 1, 5);
      told.checkpointed(1, 5, 1);
      await Promise.resolve();
      told.post();
    };
    await work();
    expect(post).not.toHaveBeenCalled();
    telemetry.isTraced = true;
    await work();
    expect(post.mock.calls.map(([records]) => records.length)).toEqual([2]);
    expect(told.recent()).toEqual([]);
  });

  test('what was done last is kept for evidence where commits are compared, and crosses no threads', () => {
    const post = vi.fn();
    const logStart = { position: { nextSeq: 1 } } as LogStart;
    const start = { telemetry: new Telemetry().buffer, traceId: 'id', logStart };
    const told = new FlushTelemetry(Control.create(0, 0), start, post, () => true);
    for (let epoch = 1; epoch <= 70; epoch += 1) told.synced(1, epoch, epoch + 1);
    told.post();
    expect(post).not.toHaveBeenCalled();
    const epochs = told.recent().map(({ component, epoch }) => [component, epoch]);
    expect(epochs).toEqual(Array.from({ length: 64 }, (_, index) => ['sync', index + 7]));
  });

  test('a subscriber of another component costs an append nothing and is told nothing of it', async () => {
    const { heard } = listen('checkpoint');
    const wal = await open();
    await wal.connect().append(page).durable();
    await wal.checkpoint({ throughSeq: 1 });
    expect(heard.checkpoint).toHaveLength(1);
  });

  test('the owner looks again every second, for one that comes and one that goes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const wal = await open();
    const telemetry = new Telemetry(wal.handle.telemetry);
    const ear = listen('sync');
    expect(telemetry.isTraced).toBe(false);
    vi.advanceTimersByTime(1000);
    expect(telemetry.isTraced).toBe(true);
    await wal.connect().append(page).durable();
    await wal.flush();
    expect(ear.heard.sync).toHaveLength(1);
    ear.close();
    vi.advanceTimersByTime(1000);
    expect(telemetry.isTraced).toBe(false);
    await wal.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
