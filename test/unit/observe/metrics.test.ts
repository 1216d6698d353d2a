// Goal: metrics agree with what was done, and a scrape with the metrics. Method: counted work over logs in memory; the
// registry of prom-client itself.

import { Registry, register } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import { exportMetrics } from '../../../src/adapters/prometheus.js';
import { connectThread } from '../../../src/store/connect.js';
import { ConnectedPageStore } from '../../../src/store/connected-store.js';
import { StoreThread } from '../../../src/store/store-thread.js';
import { MemoryDirectory, openWalOn, PAGE_FILE_NAME } from '../../../src/testing.js';
import type { OpenOptions, Wal } from '../../../src/wal.js';
import { readMarkdown, withoutBackticks } from '../../support/markdown.js';
import { readPackageFile } from '../../support/package-root.js';
import { apply, openOn } from '../../support/store-workload.js';

const page = (pageNumber: number) => ({ pages: [{ pageNumber, image: new Uint8Array(512) }] });

const opened: Wal[] = [];
afterEach(async () => {
  for (const wal of opened.splice(0)) await wal.close();
  register.clear();
});

async function open(options: OpenOptions = {}): Promise<Wal> {
  const settings = { lanes: 2, laneBytes: 2 ** 20, pageSize: 512, logFileBytes: 2 ** 20, ticker: false };
  const wal = await openWalOn(new MemoryDirectory({ pretendSync: true }), { ...settings, ...options });
  opened.push(wal);
  return wal;
}

describe('metrics', () => {
  test('count what was done', async () => {
    const wal = await open();
    const writer = wal.connect();
    for (let number = 1; number <= 640; number += 1) writer.append(page(number));
    await wal.durable({ seq: 640 });
    for (let number = 1; number <= 5; number += 1) await writer.append(page(number)).durable();
    writer.append(page(1));
    const { state, counters, gauges, histograms } = wal.metrics();
    expect(state).toBe('running');
    expect(counters).toMatchObject({ commits: 645, pages: 645, voids: 0, stalls: 0 });
    expect(gauges).toMatchObject({
      appendedSeq: 646,
      durableSeq: 645,
      pendingCommits: 1,
      lanesUsed: 1,
      laneBytes: 2 ** 21,
    });
    expect(gauges.durableEpoch).toBe(counters.epochs);
    expect(gauges.stagedBytes).toBeGreaterThan(512);
    expect(histograms.append.count).toBe(10);
    expect(histograms.sealToWrite.count).toBe(counters.epochs);
    expect(histograms.sync.count).toBe(counters.syncs);
    expect(counters.syncs).toBe(counters.epochs);
    expect(histograms.commit.count).toBe(6);
    for (const { sumMs } of Object.values(histograms)) expect(sumMs).toBeGreaterThan(0);
  });

  test('are those of this opening, readable when it has ended, and survive JSON', async () => {
    const wal = await open();
    await wal.connect().append(page(1)).durable();
    await wal.close();
    const metrics = wal.metrics();
    expect(metrics).toMatchObject({ state: 'closed', counters: { commits: 1 }, gauges: { durableSeq: 1 } });
    // The clean mark is synced, too.
    expect(metrics.histograms.sync.count).toBe(metrics.counters.syncs);
    expect(JSON.parse(JSON.stringify(metrics))).toEqual(metrics);
  });

  test('of waits count those that reached their commit, at once or not, and no others', async () => {
    const wal = await open();
    const commit = wal.connect().append(page(1));
    const controller = new AbortController();
    const waiting = commit.durable({ signal: controller.signal });
    controller.abort();
    await waiting.catch(() => undefined);
    await commit.written();
    expect(wal.metrics().histograms.commit.count).toBe(0);
    await commit.durable();
    await commit.durable();
    expect(wal.metrics().histograms.commit.count).toBe(2);
  });

  test('of a log whose syncs are off have none', async () => {
    const wal = await open({ fsync: 'off' });
    await wal.connect().append(page(1)).durable();
    expect(wal.metrics()).toMatchObject({ counters: { syncs: 0 }, histograms: { sync: { count: 0 } } });
  });
});

/** The samples of a scrape: name with labels, and value. */
async function scrape(registry: { metrics(): Promise<string> }): Promise<Map<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

describe('a registry of prom-client', () => {
  test('shows every metric of the document with its type', async () => {
    const store = await openOn(new MemoryDirectory({ pretendSync: true }), { controller: 'on' });
    const stop = exportMetrics(register, store);
    const text = await register.metrics();
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]);
    const { tables } = readMarkdown(readPackageFile('design/observability.md'));
    const rows = tables.find(({ columns }) => columns[0] === 'metric')?.rows ?? [];
    expect(types).toEqual(rows.map(([, type, name = '']) => [withoutBackticks(name), type]));
    const { state, mode, fallback, counters, gauges, decisions, histograms, store: own } = store.metrics();
    const all = [counters, gauges, { state, mode, fallback, decisions }, own.counters, own.gauges, histograms];
    const names = all.flatMap((each) => Object.keys(each)).sort();
    expect(rows.map(([name = '']) => withoutBackticks(name)).sort()).toEqual(names);
    stop();
    expect(await register.metrics()).not.toContain('lanewal');
    await store.close();
  });

  test('is scraped with the figures of this moment', async () => {
    const wal = await open();
    exportMetrics(register, wal, { log: 'a"b' });
    expect((await scrape(register)).get('lanewal_commits_total{log="a\\"b"}')).toBe(0);
    for (let number = 1; number <= 3; number += 1) await wal.connect().append(page(number)).durable();
    const samples = await scrape(register);
    const of = (name: string, more = '') => samples.get(`${name}{log="a\\"b"${more}}`);
    const { counters, histograms } = wal.metrics();
    expect(of('lanewal_commits_total')).toBe(3);
    expect(of('lanewal_bytes_written_total')).toBe(counters.bytesWritten);
    expect(of('lanewal_durable_seq')).toBe(3);
    expect(of('lanewal_state', ',state="running"')).toBe(1);
    expect(of('lanewal_state', ',state="failed"')).toBe(0);
    expect(of('lanewal_mode', ',mode="auto"')).toBe(1);
    expect(of('lanewal_mode', ',mode="shadow_compare"')).toBe(0);
    expect(of('lanewal_fallback', ',reason="none"')).toBe(1);
    expect(of('lanewal_fallback', ',reason="publication_mismatch"')).toBe(0);
    expect(of('lanewal_sync_seconds_count')).toBe(counters.syncs);
    expect(of('lanewal_sync_seconds_sum')).toBeCloseTo(histograms.sync.sumMs / 1000, 12);
    expect(of('lanewal_sync_seconds_bucket', ',le="+Inf"')).toBe(counters.syncs);
    const buckets = [...samples].filter(([name]) => name.startsWith('lanewal_sync_seconds_bucket'));
    const bounds = buckets.map(([name]) => Number(/le="([^"]+)"/.exec(name)?.[1]?.replace('+Inf', 'Infinity')));
    expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
    expect(bounds).toContain(0.000256);
    for (const [index, [, count]] of buckets.entries()) {
      const finer = histograms.sync.counts.slice(
        0,
        histograms.sync.boundsMs.filter((ms) => ms / 1000 <= bounds[index]!).length,
      );
      const below =
        bounds[index] === Number.POSITIVE_INFINITY ? counters.syncs : finer.reduce((sum, each) => sum + each, 0);
      expect(count).toBe(below);
    }
  });

  test('keeps several logs apart, and lets each go alone', async () => {
    const registry = new Registry();
    const [one, two] = [await open(), await open()];
    const stopOne = exportMetrics(registry, one, { log: 'one' });
    exportMetrics(registry, two, { log: 'two' });
    await two.connect().append(page(1)).durable();
    const both = await scrape(registry);
    expect([both.get('lanewal_commits_total{log="one"}'), both.get('lanewal_commits_total{log="two"}')]).toEqual([
      0, 1,
    ]);
    stopOne();
    const left = await scrape(registry);
    expect([left.has('lanewal_commits_total{log="one"}'), left.has('lanewal_commits_total{log="two"}')]).toEqual([
      false,
      true,
    ]);
    registry.resetMetrics();
    registry.clear();
    exportMetrics(registry, one, { log: 'one' });
    expect((await scrape(registry)).get('lanewal_commits_total{log="two"}')).toBe(1);
    expect(await registry.getMetricsAsJSON()).not.toHaveLength(0);
  });

  test('of the OpenMetrics format names counters as that format has it', async () => {
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    exportMetrics(registry, await open());
    const text = await registry.metrics();
    expect(text).toContain('# TYPE lanewal_commits counter\nlanewal_commits_total 0\n');
    expect(text).toMatch(/# EOF\n$/);
  });
});

describe('of a page store', () => {
  const fill = (pages: readonly number[]) => ({ fill: Object.fromEntries(pages.map((page) => [page, 1])) });
  const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

  test('metrics count what its threads did, and say what is held', async () => {
    // 128 frames.
    const store = await openOn(new MemoryDirectory({ pretendSync: true }), {
      cacheBytes: 65_536,
      latchTimeoutMs: 0,
      maxLogBytes: 2 ** 22,
    });
    const own = () => store.metrics().store;
    await store.transaction((transaction) => apply(transaction, { sizePages: 300 }));
    for (const first of [1, 11, 1])
      await store.transaction((transaction) => apply(transaction, fill(range(first, first + 9))));
    expect(own()).toMatchObject({
      counters: { cacheMisses: 20, cacheHits: 10, cacheEvictions: 0, transactions: 4, latchTimeouts: 0, snapshots: 0 },
      gauges: { cacheFrames: 128, cachedPages: 20, latchedPages: 0, openSnapshots: 0, checkpointSeq: 0 },
    });
    const snapshot = await store.snapshot();
    const open = store.begin();
    for (const page of range(1, 5)) open.read(page);
    expect(own()).toMatchObject({ counters: { snapshots: 1 }, gauges: { latchedPages: 5, openSnapshots: 1 } });
    open.rollback();
    snapshot.close();
    for (const first of range(0, 19)) {
      await store.transaction((transaction) => apply(transaction, fill(range(first * 15 + 1, first * 15 + 15))));
      // What is written may be evicted from here on, however late the log is followed: nobody waits for a frame here.
      await store.checkpoint({ mode: 'passive' });
    }
    const { counters, gauges } = own();
    // Every page that is missed has a frame, or had one.
    expect(counters.cacheMisses).toBe(counters.cacheEvictions + gauges.cachedPages);
    expect(counters.cacheEvictions).toBeGreaterThan(100);
    await store.checkpoint({ mode: 'full' });
    expect(own().gauges).toMatchObject({ openSnapshots: 0, checkpointSeq: 24 });
    await store.close();
    expect(store.metrics()).toMatchObject({ state: 'closed', store: { counters: { transactions: 24 } } });
  });

  test('are counted on each thread and add up', async () => {
    const disk = new MemoryDirectory({ pretendSync: true });
    const store = await openOn(disk, { latchTimeoutMs: 0 });
    await store.transaction((transaction) => apply(transaction, { sizePages: 3 }));
    const place = { log: disk, pages: disk, pageFileName: PAGE_FILE_NAME };
    const { parts, port } = await connectThread(store.handle, store.wal.connect(), place);
    const other = new ConnectedPageStore(new StoreThread(parts), parts, port).begin();
    other.edit(1);
    await store.transaction((transaction) => apply(transaction, { fill: { 2: 1 } }));
    const blocked = store.begin();
    expect(() => blocked.edit(1)).toThrow(expect.objectContaining({ code: 'ERR_WAL_DEADLOCK' }));
    blocked.rollback();
    other.commit();
    const { counters } = store.metrics().store;
    expect(counters).toMatchObject({ transactions: 3, latchTimeouts: 1, cacheMisses: 2, cacheHits: 0 });
    port.close();
    await store.close();
  });

  test('are in a scrape beside those of its log', async () => {
    const store = await openOn(new MemoryDirectory({ pretendSync: true }));
    await store.transaction((transaction) => apply(transaction, { sizePages: 3, fill: { 1: 1 } }));
    exportMetrics(register, store);
    const samples = await scrape(register);
    expect(samples.get('lanewal_store_transactions_total')).toBe(1);
    expect(samples.get('lanewal_store_cached_pages')).toBe(1);
    expect(samples.get('lanewal_commits_total')).toBe(store.metrics().counters.commits);
    await store.close();
  });
});
