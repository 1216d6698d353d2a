// One thread of a process with a tortured map: goes on where the map says it was, keeps a window of changes under way,
// swaps a key that all threads swap, and acknowledges each as soon as the map says that it is durable.

import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { connectDurableMap } from '../../kv.js';
import { AcknowledgementWriter } from './acknowledgements.js';
import { changesOf, countOf, MAP_CODECS, SWAPPED } from './map-content.js';
import type { MapWriterStart } from './map-victim.js';
import { type Moment, SAYS } from './victim-plan.js';

/** A victim whose killer is late must not fill the disk. */
const CHANGES_MAX = 2000;
const SWAP_EVERY = 4;

const { handle, plan, writer } = workerData as MapWriterStart;
const { content, window, moment, act } = plan;
const map = await connectDurableMap<string, Uint8Array>(handle, MAP_CODECS);
const acknowledgements = new AcknowledgementWriter(plan.ackFile, writer);
/** Successful swaps, as of another writer: each is one, whichever. */
const swaps = new AcknowledgementWriter(plan.ackFile, content.writers + writer);
const before = countOf(map, writer);
let number = before;

function reached(behind: Moment['behind'], changes: number): void {
  if (moment.writer !== writer || moment.behind !== behind || moment.number !== changes - before) return;
  if (act === 'die') process.kill(process.pid, 'SIGKILL');
  writeSync(1, SAYS.moment);
}

/** Changes go into the log in the order of their numbers: they are appended before anything is waited for. */
async function goOn(): Promise<void> {
  while (number - before < CHANGES_MAX) {
    number += 1;
    const own = number;
    const done = map.batch(changesOf(content, writer, own));
    reached('append', own);
    await done;
    acknowledgements.give([{ number: own, seq: map.seq }]);
    reached('acknowledgement', own);
    if (own % SWAP_EVERY === 0) await swap();
  }
}

/** Raises the number that all threads raise. */
async function swap(): Promise<void> {
  for (let isDone = false; !isDone; ) {
    const seen = map.get(SWAPPED);
    const next = Buffer.from(String(Number(Buffer.from(seen ?? '0').toString()) + 1));
    isDone = await map.compareAndSwap(SWAPPED, seen, next);
  }
  swaps.give([{ number: 1, seq: map.seq }]);
}

await Promise.all(Array.from({ length: window }, goOn));
