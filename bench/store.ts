// Page-store transactions beside what else one would use: each writes one value of 4 KiB to one of the same number of
// keys that all exist, and is acknowledged durable before its writer goes on. The same writers, as threads, for as long;
// the contenders take turns in each round, another one first in each. A round ends when everything acknowledged is in
// its place (a checkpoint), and that is in its time. In the end each store is closed, opened anew, and every value read:
// it must be the last write of some writer to that key, whole. Between two rounds nobody writes
// anything any more.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inDirectory, quantile, round, summary } from './harness.js';
import type { Contender, OpenContender } from './peers/contender.js';
import { lanewal } from './peers/lanewal.js';
import { lmdb } from './peers/lmdb.js';
import { sqlite } from './peers/sqlite.js';
import { fillValue, VALUE_BYTES, type WriterPlan, type WriterResult } from './peers/writer.js';
import { WorkerGroup } from './worker-group.js';

const QUIET_MS = 100;
const QUIET_LOOKS_MAX = 50;

/** How much is done. */
export interface StoreCase {
  readonly writers: number;
  readonly keys: number;
  readonly seconds: number;
  readonly rounds: number;
}

interface Runner {
  readonly contender: Contender;
  readonly directory: string;
  readonly opened: OpenContender;
  readonly group: WorkerGroup<WriterPlan, WriterResult>;
  readonly rates: number[];
  readonly ratesBeforeSettling: number[];
  readonly p50: number[];
  readonly p99: number[];
  readonly bytesEach: number[];
  worstMs: number;
}

/** What is compared: lanewal, and of the peers those that are installed. */
export function contenders(): Contender[] {
  return [lanewal('await'), lanewal('block'), sqlite(), ...lmdb()].filter((each) => each !== undefined);
}

export async function benchStore(
  parent: string,
  compared: readonly Contender[],
  given: StoreCase,
): Promise<Record<string, unknown>> {
  return inDirectory(parent, async (directory) => {
    const runners: Runner[] = [];
    for (const [index, contender] of compared.entries()) {
      const own = join(directory, String(index));
      mkdirSync(own);
      runners.push(await start(contender, own, given));
    }
    // Behind a round that warms up.
    for (let index = 0; index <= given.rounds; index += 1) {
      for (let turn = 0; turn < runners.length; turn += 1) {
        await runRound(runners[(turn + index) % runners.length] as Runner, given.seconds, index > 0);
      }
    }
    const rows: Record<string, unknown> = {};
    for (const runner of runners) {
      await end(runner, given.keys);
      rows[runner.contender.name] = report(runner);
    }
    return { writers: given.writers, keys: given.keys, unit: 'transactions/s', ...rows };
  });
}

async function start(contender: Contender, directory: string, { writers, keys }: StoreCase): Promise<Runner> {
  const opened = await contender.open(directory, keys, new Uint8Array(VALUE_BYTES).fill(1));
  const data = Array.from({ length: writers }, (_, index) => ({ ...opened.workerData, index, keys }));
  const group = await WorkerGroup.launch<WriterPlan, WriterResult>(contender.worker, data);
  await quiet();
  const figures = { rates: [], ratesBeforeSettling: [], p50: [], p99: [], bytesEach: [], worstMs: 0 };
  return { contender, directory, opened, group, ...figures };
}

async function runRound(runner: Runner, seconds: number, isMeasured: boolean): Promise<void> {
  const bytesBefore = bytesWritten();
  const startMs = performance.now();
  const run = await runner.group.round({ kind: 'write', seconds });
  await runner.opened.settle();
  const settledSeconds = (performance.now() - startMs) / 1000;
  const bytes = bytesWritten() - bytesBefore;
  // What a contender does behind its round must not slow down the next one.
  await quiet();
  if (!isMeasured) return;
  const latenciesMs = run.results.flatMap((result) => [...result.latenciesMs]);
  runner.rates.push(latenciesMs.length / settledSeconds);
  runner.ratesBeforeSettling.push(latenciesMs.length / run.seconds);
  runner.p50.push(quantile(latenciesMs, 0.5) * 1000);
  runner.p99.push(quantile(latenciesMs, 0.99) * 1000);
  runner.bytesEach.push(bytes / latenciesMs.length);
  runner.worstMs = latenciesMs.reduce((worst, ms) => Math.max(worst, ms), runner.worstMs);
}

function report(runner: Runner): Record<string, unknown> {
  const rate = summary(runner.rates);
  return {
    how: runner.contender.how,
    rate: { ...rate, median: round(rate.median, 0), min: round(rate.min, 0), max: round(rate.max, 0) },
    rateBeforeLastCheckpoint: round(quantile(runner.ratesBeforeSettling, 0.5), 0),
    p50Us: round(quantile(runner.p50, 0.5), 0),
    p99Us: round(quantile(runner.p99, 0.5), 0),
    worstMs: round(runner.worstMs, 1),
    kibWrittenEach: round(quantile(runner.bytesEach, 0.5) / 1024, 1),
  };
}

/** Closes the store and reads all of it back. */
async function end({ contender, directory, opened, group }: Runner, keys: number): Promise<void> {
  const { results } = await group.round({ kind: 'last' });
  await group.stop();
  await opened.close();
  const values = await contender.readAll(directory, keys);
  const expected = new Uint8Array(VALUE_BYTES);
  for (let key = 1; key <= keys; key += 1) {
    const value = values[key - 1];
    const isOneOf = results.some(({ last }, index) => {
      const count = last[key] as number;
      return count > 0 && value !== undefined && isEqual(value, fillValue(expected, key, index + 1, count));
    });
    const isUntouched = results.every(({ last }) => last[key] === 0);
    if (isOneOf || (isUntouched && value?.every((byte) => byte === 1) === true)) continue;
    throw new Error(`${contender.name} lost what was written to key ${key}.`);
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Waits until nothing is written any more, files made ready ahead for example, at most some seconds. */
async function quiet(): Promise<void> {
  for (let looks = 0, before = Number.NaN; looks < QUIET_LOOKS_MAX; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const bytes = bytesWritten();
    if (Number.isNaN(bytes) || bytes === before) return;
    before = bytes;
  }
}

/** Bytes that this process has handed to `write` and the like so far, where the system tells it; else NaN. */
function bytesWritten(): number {
  try {
    return Number(/^wchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
  } catch {
    return Number.NaN;
  }
}
