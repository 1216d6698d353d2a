// What is kept of a divergence for people to look at: both encodings as they are, so that they can be compared with any
// tool, the lane around them, and what the flusher did last. Files of the log's directory that nothing reads again.

import { wallClockMs } from '../base/clock.js';
import type { Lane } from '../lane/lane.js';
import { evidenceName, isEvidenceName } from '../log/names.js';
import type { TraceRecord } from '../observe/trace.js';
import type { Directory } from '../storage/directory.js';

/** A directory gets no more of it than this, whatever happens. */
const BUNDLES_MAX = 4;
/** And of each thing no more than this, from its beginning. */
const BYTES_MAX = 16 * 2 ** 20;

/** One commit that is not what its proof says. */
export interface Divergence {
  readonly commitSeq: number;
  readonly lane: Lane;
  /** Where it was seen: in memory before the write, or read back from the file behind it. */
  readonly where: 'memory' | 'file';
  readonly difference: string;
  readonly frame: readonly Uint8Array[];
  readonly proof: readonly Uint8Array[];
}

/**
 * Writes the evidence: `.json`, which says what it is about, `.frame`, `.proof` and `.lane`.
 *
 * @returns the name of the first, or why there is none
 */
export function writeEvidence(
  directory: Directory,
  divergence: Divergence,
  trace: readonly TraceRecord[],
  sync: boolean,
): string {
  const { commitSeq, lane, where, difference, frame, proof } = divergence;
  const base = evidenceName(commitSeq);
  const staged = lane.ring.pieces(lane.head.load(), lane.stagedBytes());
  const about = { commitSeq, lane: lane.index, where, difference, timeMs: wallClockMs(), words: wordsOf(lane), trace };
  try {
    const before = directory.list().filter(isEvidenceName);
    if (before.some((name) => name.startsWith(base))) return `${base}.json`;
    if (before.filter((name) => name.endsWith('.json')).length >= BUNDLES_MAX)
      return `none, there are ${BUNDLES_MAX} already`;
    write(directory, `${base}.frame`, frame, sync);
    write(directory, `${base}.proof`, proof, sync);
    write(directory, `${base}.lane`, staged, sync);
    write(directory, `${base}.json`, [new TextEncoder().encode(`${JSON.stringify(about, null, 2)}\n`)], sync);
    if (sync) directory.sync();
    return `${base}.json`;
  } catch (thrown) {
    // The commit matters more than what is known about it.
    return `none, ${thrown instanceof Error ? thrown.message : thrown}`;
  }
}

function wordsOf(lane: Lane) {
  const { head, tail, guard, lock, jumboClaimed, jumboReleased } = lane;
  return {
    head: head.load(),
    tail: tail.load(),
    guard: guard.load(),
    isLocked: lock.isHeld(),
    jumboClaimed: jumboClaimed.load(),
    jumboReleased: jumboReleased.load(),
  };
}

function write(directory: Directory, name: string, pieces: readonly Uint8Array[], sync: boolean): void {
  const file = directory.open(name, 'create');
  try {
    const bytes = Buffer.concat(pieces.map((piece) => piece.subarray(0, BYTES_MAX)));
    file.write([bytes.subarray(0, BYTES_MAX)], 0);
    if (sync) file.sync();
  } finally {
    file.close();
  }
}
