// What every change of a tortured map contains, computed from its place alone: the process that makes it and the one
// that looks for it agree without having spoken to each other. Threads have keys of their own, and add to one counter.

import { between, mixed, seeded } from '../../base/random.js';
import { encodeCounter } from '../../kv/replay.js';
import type { MapChange, MapSnapshot } from '../../kv.js';
import { bytesCodec } from '../../typed/codec.js';

/** What the changes of one map have in common. */
export interface MapContent {
  readonly seed: number;
  readonly writers: number;
}

/** Values as they are: counters are bytes, too. */
export const MAP_CODECS = { value: bytesCodec } as const;

const SLOTS = 40;
const TOTAL = 'total';
/** Swapped by all threads, each from what it is to one more. */
export const SWAPPED = 'swapped';

const countKey = (writer: number): string => `count ${writer}`;
const slotKey = (writer: number, slot: number): string => `slot ${writer} ${slot}`;

/** Change `number`, from 1, of a thread: a batch, which counts itself. */
export function changesOf({ seed }: MapContent, writer: number, number: number): MapChange<string, Uint8Array>[] {
  const random = seeded(mixed(seed, writer, number));
  const changes: MapChange<string, Uint8Array>[] = [{ set: countKey(writer), value: Buffer.from(String(number)) }];
  for (let count = between(random, 1, 5); count > 0; count -= 1) {
    const key = slotKey(writer, between(random, 0, SLOTS - 1));
    if (random() < 0.3) changes.push({ delete: key });
    else changes.push({ set: key, value: Buffer.alloc(between(random, 0, 300), number) });
  }
  if (random() < 0.5) changes.push({ increment: TOTAL, by: BigInt(between(random, -5, 9)) });
  return changes;
}

/** How many changes of a thread are in a map. */
export function countOf(map: Pick<MapSnapshot<string, Uint8Array>, 'get'>, writer: number): number {
  return Number(Buffer.from(map.get(countKey(writer)) ?? '0').toString());
}

/** What is in a map after so many changes of each thread, but for {@link SWAPPED}. */
export function expectedContents(content: MapContent, counts: readonly number[]): Map<string, Uint8Array> {
  const contents = new Map<string, Uint8Array>();
  let total: bigint | undefined;
  for (const [writer, count] of counts.entries()) {
    for (let number = 1; number <= count; number += 1) {
      for (const change of changesOf(content, writer, number)) {
        if ('set' in change) contents.set(change.set, change.value);
        else if ('delete' in change) contents.delete(change.delete);
        else total = (total ?? 0n) + change.by;
      }
    }
  }
  if (total !== undefined) contents.set(TOTAL, encodeCounter(total));
  return contents;
}
