// The disk without a log: threads that overwrite files which have all their blocks, each write synced or none. What a
// log can be measured against, in pieces of the size that the log writes.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LatencyHistogram } from './histogram.js';
import { WorkerGroup } from './worker-group.js';

/** What a stream does in a round. */
export interface RawPlan {
  readonly bytes: number;
  readonly seconds: number;
  /** `fdatasync` behind each write. */
  readonly isSynced: boolean;
  /** At moments that were fixed before, each counted from when it was due; otherwise one behind the other. */
  readonly perSecond?: number;
}

/** What a stream did. */
export interface RawResult {
  readonly bytes: number;
  readonly latencies: string;
}

/** What a stream is started with. */
export interface RawData {
  readonly path: string;
  readonly fileBytes: number;
}

/** Bytes a second of all streams together, and the latencies of their writes. */
export interface RawRound {
  readonly bytesPerSecond: number;
  readonly latencies: LatencyHistogram;
}

const FILE_BYTES = 64 * 2 ** 20;
/** A write takes at most this much of its file. */
const PIECE_BYTES_MAX = 32 * 2 ** 20;

/** Streams to the disk, each a thread with a file of its own. */
export class RawStreams {
  readonly #group: WorkerGroup<RawPlan, RawResult>;

  private constructor(group: WorkerGroup<RawPlan, RawResult>) {
    this.#group = group;
  }

  /** Starts `count` streams, whose files are filled with zeros and synced. */
  static async start(directory: string, count: number, fileBytes = FILE_BYTES): Promise<RawStreams> {
    const own = join(directory, 'raw');
    mkdirSync(own);
    const data = Array.from({ length: count }, (_, index): RawData => ({ path: join(own, String(index)), fileBytes }));
    return new RawStreams(await WorkerGroup.launch(new URL('./raw-worker.js', import.meta.url), data));
  }

  /** Writes pieces of `bytes`, rounded to pages, on the first `streams` streams at once, for about `seconds`. */
  round(bytes: number, seconds: number, streams = 1, isSynced = true): Promise<RawRound> {
    return this.#round({ bytes, seconds, isSynced }, streams);
  }

  /** Writes and syncs pieces of `bytes` on one stream, so many a second. */
  openLoop(bytes: number, seconds: number, perSecond: number): Promise<RawRound> {
    return this.#round({ bytes, seconds, isSynced: true, perSecond }, 1);
  }

  async #round(plan: RawPlan, streams: number): Promise<RawRound> {
    const piece = Math.min(PIECE_BYTES_MAX, Math.max(4096, Math.round(plan.bytes / 4096) * 4096));
    const run = await this.#group.round({ ...plan, bytes: piece }, streams);
    const total = run.results.reduce((sum, result) => sum + result.bytes, 0);
    const latencies = LatencyHistogram.merged(run.results.map((result) => result.latencies));
    return { bytesPerSecond: total / run.seconds, latencies };
  }

  stop(): Promise<void> {
    return this.#group.stop();
  }
}
