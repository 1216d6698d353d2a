// The metrics of an open page store: what each thread counted, added up, and how its cache and snapshots stand. The
// words are in shared memory, a line for each session; nothing goes by them (design/observability.md, "Page stores").

import { CacheWords, FRAME_STRIDE, FRAME_WORDS, type PageCacheMemory } from './cache/cache-memory.js';
import { FREE, SESSIONS_MAX } from './cache/latch-word.js';
import type { Control } from './epoch/control.js';
import { atomics } from './memory/atomics.js';
import { LINE_BYTES } from './memory/words.js';

/** What the threads of a store count. */
export const STORE_COUNTERS = [
  'cacheHits',
  'cacheMisses',
  'cacheEvictions',
  'latchTimeouts',
  'transactions',
  'snapshots',
  'backups',
] as const;
export type StoreCounterName = (typeof STORE_COUNTERS)[number];

/** How the cache and the snapshots of a store stand. */
export interface StoreGauges {
  /** Frames of the cache, those that hold a page, and those that a transaction has latched. */
  readonly cacheFrames: number;
  readonly cachedPages: number;
  readonly latchedPages: number;
  /** Snapshots and backups that are open. */
  readonly openSnapshots: number;
  readonly openBackups: number;
  /** Last commit that the page file holds, or is about to. */
  readonly checkpointSeq: number;
}

/** What a page store has besides its log. */
export interface StoreMetrics {
  readonly counters: Readonly<Record<StoreCounterName, number>>;
  readonly gauges: StoreGauges;
}

const WORDS_A_LINE = LINE_BYTES / 8;

/**
 * The counts of one session. Only its thread writes them, and nobody needs an order: so plain additions, which cost a
 * hundredth of what a hit costs. Whoever has a session later counts on.
 */
export class StoreCounts {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Float64Array;
  readonly #first: number;

  constructor(buffer: SharedArrayBuffer, session: number) {
    this.buffer = buffer;
    this.#words = new Float64Array(buffer);
    this.#first = session * WORDS_A_LINE;
  }

  /** Memory for all sessions of a store. */
  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer(SESSIONS_MAX * LINE_BYTES);
  }

  add(name: StoreCounterName, count = 1): void {
    const at = this.#first + STORE_COUNTERS.indexOf(name);
    this.#words[at] = (this.#words[at] as number) + count;
  }
}

/** Reads everything once; together it is no snapshot. */
export function readStoreMetrics(counts: SharedArrayBuffer, cache: PageCacheMemory, control: Control): StoreMetrics {
  const words = new Float64Array(counts);
  const totals = STORE_COUNTERS.map((name, at) => {
    let sum = 0;
    for (let first = 0; first < words.length; first += WORDS_A_LINE) sum += words[first + at] as number;
    return [name, sum] as const;
  });
  return {
    counters: Object.fromEntries(totals) as Record<StoreCounterName, number>,
    gauges: {
      ...framesOf(cache),
      openSnapshots: control.pins.count('snapshot'),
      openBackups: control.pins.count('backup'),
      checkpointSeq: control.pins.checkpointSeq,
    },
  };
}

function framesOf(cache: PageCacheMemory): Pick<StoreGauges, 'cacheFrames' | 'cachedPages' | 'latchedPages'> {
  const { frames: cacheFrames } = cache;
  const { tags, records } = new CacheWords(cache, atomics);
  let [cachedPages, latchedPages] = [0, 0];
  for (let frame = 0; frame < cacheFrames; frame += 1) {
    if (tags.load(frame) !== 0) cachedPages += 1;
    if (records.load(FRAME_STRIDE * frame + FRAME_WORDS.latch) !== FREE) latchedPages += 1;
  }
  return { cacheFrames, cachedPages, latchedPages };
}
