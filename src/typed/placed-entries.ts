// Entries by their places, for whoever does not read on from one to the next: newest first, and by a list of ids. The
// index knows the segment of an entry; one look at its record headers gives the place of its bytes, which are read only
// if they are wanted.

import type { LogSource } from '../follow/durable-commits.js';
import { refuseEnded } from '../follow/durable-commits.js';
import type { LogFile } from '../storage/directory.js';
import { type EntryIndex, type EntrySegment, isEntry } from './entry-index.js';
import { PlacedSegments } from './placed-segments.js';

/** An entry, not decoded. */
export interface RawEntry {
  readonly id: number;
  readonly seq: number;
  readonly wallClockMs: number;
  /** Its bytes, of its own. */
  readonly bytes: Uint8Array;
}

interface PlacedEntry {
  readonly id: number;
  readonly seq: number;
  readonly bytesAt: number;
  readonly byteCount: number;
}

/**
 * The entries from `from` down to the first one, newest first. What is still to be read stays in the log until the
 * iteration ends.
 *
 * @param index - with everything durable in it
 * @throws {WalError} ERR_WAL_OVERTAKEN, ERR_WAL_CORRUPT, ERR_WAL_IO, ERR_WAL_CLOSED, and what the log failed with
 */
export function* entriesBackward(source: LogSource, index: EntryIndex, from: number): Generator<RawEntry, void, void> {
  const { firstId } = index;
  if (from < firstId) return;
  const read = new PlacedSegments(source, index.placeBefore(firstId).seq);
  try {
    for (let id = from; id >= firstId; ) {
      refuseEnded(source.control);
      const segment = index.segmentOf(id);
      const { file, entries } = placesIn(read, segment);
      const wanted = entries.filter((entry) => entry.id >= firstId && entry.id <= id);
      for (const entry of wanted.reverse()) yield rawEntry(file, segment, entry);
      id = segment.firstId - 1;
    }
  } finally {
    read.close();
  }
}

/**
 * Entries by their ids, each segment looked at once.
 *
 * @param ids - of entries that are durable and not truncated, ascending
 * @throws {WalError} as {@link entriesBackward}
 */
export function* entriesById(
  source: LogSource,
  index: EntryIndex,
  ids: readonly number[],
): Generator<RawEntry, void, void> {
  const [first] = ids;
  if (first === undefined) return;
  const read = new PlacedSegments(source, index.placeBefore(first).seq);
  try {
    let place: { segment: EntrySegment; file: LogFile; entries: PlacedEntry[] } | undefined;
    for (const id of ids) {
      if (place === undefined || id > place.segment.lastId) {
        const segment = index.segmentOf(id);
        place = { segment, ...placesIn(read, segment) };
      }
      yield rawEntry(place.file, place.segment, place.entries[id - place.segment.firstId] as PlacedEntry);
    }
  } finally {
    read.close();
  }
}

/** Where the entries of a segment stand, in order. */
function placesIn(read: PlacedSegments, segment: EntrySegment): { file: LogFile; entries: PlacedEntry[] } {
  const { file, commits } = read.commits(segment);
  const entries: PlacedEntry[] = [];
  for (const commit of commits) {
    for (const shape of commit.shapes()) {
      if (!isEntry(shape)) continue;
      const id = segment.firstId + entries.length;
      entries.push({ id, seq: commit.frame.commitSeq, bytesAt: shape.bytesAt, byteCount: shape.bytes });
    }
  }
  return { file, entries };
}

function rawEntry(
  file: LogFile,
  { wallClockMs }: EntrySegment,
  { id, seq, bytesAt, byteCount }: PlacedEntry,
): RawEntry {
  const bytes = new Uint8Array(byteCount);
  file.read(bytes, bytesAt);
  return { id, seq, wallClockMs, bytes };
}
