// The process that is killed with a map: opens it and lets threads change it, until the kill.

import { writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type DurableMapHandle, openDurableMap } from '../../kv.js';
import type { SettingOptions } from '../../settings.js';
import { MAP_CODECS, type MapContent } from './map-content.js';
import { type Moment, SAYS } from './victim-plan.js';

/** What the process is told: plain data, one JSON argument. */
export interface MapPlan {
  readonly path: string;
  readonly settings: SettingOptions;
  readonly compactCommits: number;
  readonly content: MapContent;
  /** Changes of a thread that wait for the disk at the same time. */
  readonly window: number;
  readonly ackFile: string;
  readonly moment: Moment;
  /** What to do at that moment: say so, or send the kill at once and to oneself. */
  readonly act: 'say' | 'die';
}

/** What a thread is started with. */
export interface MapWriterStart {
  readonly handle: DurableMapHandle;
  readonly plan: MapPlan;
  readonly writer: number;
}

/** A victim that nobody kills, because its killer is dead, ends by itself. */
const LIFE_MS = 180_000;

function fail(error: unknown): void {
  writeSync(2, `${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
}

setTimeout(() => fail(new Error(`Nobody killed this process within ${LIFE_MS} ms.`)), LIFE_MS);
try {
  const plan = JSON.parse(process.argv[2] ?? '{}') as MapPlan;
  writeSync(1, SAYS.begins);
  const { compactCommits, settings, content } = plan;
  const map = await openDurableMap<string, Uint8Array>(plan.path, { ...settings, compactCommits, ...MAP_CODECS });
  for (let writer = 0; writer < content.writers; writer += 1) {
    const workerData: MapWriterStart = { handle: map.handle, plan, writer };
    new Worker(new URL('./map-victim-writer.js', import.meta.url), { workerData, execArgv: [] }).on('error', fail);
  }
} catch (thrown) {
  fail(thrown);
}
