// Goal: metrics agree with what was done, and a scrape with the metrics. Method: counted work over logs in memory; the
// registry of prom-client itself.

import { Registry, register } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import { exportMetrics } from '../../../src/adapters/prometheus.js';
import { MemoryDirectory, openWalOn } from '../../../src/testing.js';
import type { OpenOptions, Wal } from '../../../src/wal.js';
import { readMarkdown, withoutBackticks } from '../../support/markdown.js';
import { readPackageFile } from '../../support/package-root.js';

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
    const wal = await open();
    const stop = exportMetrics(register, wal);
    const text = await register.metrics();
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]);
    const { tables } = readMarkdown(readPackageFile('design/observability.md'));
    const rows = tables.find(({ columns }) => columns[0] === 'metric')?.rows ?? [];
    expect(types).toEqual(rows.map(([, type, name = '']) => [withoutBackticks(name), type]));
    const { state, counters, gauges, decisions, histograms } = wal.metrics();
    const names = [counters, gauges, { state, decisions }, histograms].flatMap((each) => Object.keys(each)).sort();
    expect(rows.map(([name = '']) => withoutBackticks(name)).sort()).toEqual(names);
    stop();
    expect(await register.metrics()).not.toContain('lanewal');
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
