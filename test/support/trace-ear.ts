// Listens to channels of the trace on this thread, and keeps what it hears.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { TraceRecord } from '../../src/index.js';
import { TRACE_COMPONENTS } from '../../src/observe/trace.js';

const NAMES = [...TRACE_COMPONENTS, 'trace'] as const;
export type ChannelName = (typeof NAMES)[number];

/** What was heard on each channel, in order. */
export class TraceEar {
  readonly heard = Object.fromEntries(NAMES.map((name) => [name, []])) as unknown as Record<ChannelName, TraceRecord[]>;
  readonly #listeners: (() => void)[];

  /** @param names - all channels when left out */
  constructor(names: readonly ChannelName[] = NAMES) {
    this.#listeners = names.map((name) => {
      const listener = (message: unknown): void => void this.heard[name].push(message as TraceRecord);
      subscribe(`lanewal:${name}`, listener);
      return () => unsubscribe(`lanewal:${name}`, listener);
    });
  }

  /** Hears no more. */
  close(): void {
    for (const stop of this.#listeners.splice(0)) stop();
  }
}

/** Whether ranges follow on each other from `firstSeq` on; where they end. */
export function endOfRanges(records: readonly TraceRecord[], firstSeq = 1): number {
  return records.reduce(
    (next, { firstSeq: first, endSeq = Number.NaN }) => (first === next ? endSeq : Number.NaN),
    firstSeq,
  );
}
