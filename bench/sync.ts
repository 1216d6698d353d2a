// The latency of one writer that waits for each commit: blocking in a worker and awaited on the main thread, beside the
// raw disk writing and syncing the same bytes, and beside better-sqlite3 doing the same.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openWal, type Wal } from '../src/index.js';
import { ContenderRun } from './contender-run.js';
import { inDirectory, ratios, summary } from './harness.js';
import { LatencyHistogram } from './histogram.js';
import { PAGE_BYTES } from './log-writer.js';
import { sqlite } from './peers/sqlite.js';
import { RawStreams } from './raw-disk.js';
import type { BenchResult, Comparison } from './result.js';
import type { ComparisonId } from './rows.js';
import { WARM } from './warm-up.js';
import { fillPool, Writers } from './writers.js';

/** A segment of one page: header, frame, certificate, padded to 4 KiB. */
const SEGMENT_BYTES = 8192;
const KEYS = 2000;

/** How long it may take. */
export interface SyncCase {
  readonly rounds: number;
  /** Of each figure in a round. */
  readonly seconds: number;
}

/** Latencies of one way to write: of all rounds, and the median of each. */
class Track {
  readonly name: string;
  readonly #texts: string[] = [];
  readonly medians: number[] = [];

  constructor(name: string) {
    this.name = name;
  }

  note(latencies: LatencyHistogram): void {
    this.#texts.push(latencies.toText());
    this.medians.push(latencies.us(50));
  }

  all(): LatencyHistogram {
    return LatencyHistogram.merged(this.#texts);
  }
}

export async function benchSync(parent: string, { rounds, seconds }: SyncCase): Promise<BenchResult> {
  return inDirectory(parent, async (directory) => {
    const raw = await RawStreams.start(directory, 1);
    await using wal = await openWal(join(directory, 'db'), { fsync: 'full', lanes: 2 });
    const writers = await Writers.start(wal, 1);
    const peer = await startPeer(directory);
    const tracks = {
      raw: new Track('raw write + fdatasync'),
      blocking: new Track('lanewal, blocking'),
      awaited: new Track('lanewal, awaited'),
      sqlite: new Track('better-sqlite3, WAL FULL'),
    };
    const recycle = (): Promise<void> => wal.checkpoint({ throughSeq: wal.marks().durableSeq });
    await fillPool(wal, writers, 1);
    await recycle();
    await writers.run({ kind: 'wait', pages: 1, ...WARM });
    await awaited(wal, WARM);
    await peer?.round({ kind: 'write', ...WARM });
    for (let index = 0; index < rounds; index += 1) {
      await recycle();
      tracks.raw.note((await raw.round(SEGMENT_BYTES, seconds)).latencies);
      tracks.blocking.note((await writers.run({ kind: 'wait', seconds, pages: 1 })).latencies);
      tracks.awaited.note(await awaited(wal, { seconds }));
      if (peer !== undefined) tracks.sqlite.note((await peer.round({ kind: 'write', seconds })).latencies);
    }
    await peer?.end();
    await Promise.all([writers.stop(), raw.stop()]);
    const measured = Object.values(tracks).filter(({ medians }) => medians.length > 0);
    const comparisons = [
      beside('lone-blocking', tracks.blocking, tracks.raw),
      beside('lone-awaited', tracks.awaited, tracks.raw),
      ...(peer === undefined ? [] : [beside('lone-sqlite', tracks.blocking, tracks.sqlite)]),
    ];
    return {
      comparisons,
      plots: [
        {
          id: 'lone-latency',
          title: 'Latency of a lone durable commit',
          caption: 'One writer, one page of 4 KiB, synced before the next. All rounds together.',
          kind: 'lines',
          x: { label: 'percentile', scale: 'percentile' },
          y: { label: 'latency, µs', scale: 'log' },
          series: measured.map((track) => {
            return { name: track.name, points: track.all().curve(), isReference: track === tracks.raw };
          }),
        },
      ],
      notes: [
        `Sync: the raw disk overwrites ${SEGMENT_BYTES} bytes and syncs them, what a segment of one page takes. ` +
          'better-sqlite3 updates one row of 4,096 bytes.',
      ],
      figures: Object.fromEntries(measured.map((track) => [track.name, track.all().summary()])),
    };
  });
}

async function startPeer(directory: string): Promise<ContenderRun | undefined> {
  const contender = sqlite('FULL');
  if (contender === undefined) return undefined;
  const own = join(directory, 'peer');
  mkdirSync(own);
  return ContenderRun.start(contender, own, { writers: 1, keys: KEYS });
}

/** A commit of one page after the other, each awaited on this thread. */
async function awaited(wal: Wal, given: { seconds: number; commits?: number }): Promise<LatencyHistogram> {
  const { seconds, commits = Number.POSITIVE_INFINITY } = given;
  const latencies = new LatencyHistogram();
  const image = new Uint8Array(PAGE_BYTES).fill(3);
  const writer = wal.connect();
  let nowMs = performance.now();
  const endMs = nowMs + seconds * 1000;
  while (nowMs < endMs && latencies.count < commits) {
    await writer.append({ pages: [{ pageNumber: 1, image }] }).durable();
    const thenMs = performance.now();
    latencies.record(thenMs - nowMs);
    nowMs = thenMs;
  }
  return latencies;
}

function beside(id: ComparisonId, track: Track, other: Track): Comparison {
  return {
    id,
    what: track.name,
    beside: other.name,
    unit: 'µs, p50',
    value: summary(track.medians),
    besideValue: summary(other.medians),
    ratio: ratios(track.medians, other.medians),
  };
}
