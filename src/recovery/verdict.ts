// What the end of the chain means: a table over a few booleans, which a test proves total and unambiguous. The
// situations are told as a story in design/recovery.md, "Case table" (R5, R7).

import { assert } from '../base/assert.js';

/** What is known about the place where the chain ends. */
export interface Evidence {
  /** Files are missing: in front of the first one, between two, or those of a newer incarnation. */
  readonly isFileMissing: boolean;
  /** An epoch that is bad or missing was recorded as synced. */
  readonly isBelowSynced: boolean;
  /** A file without a readable header holds segments of this log above the end. */
  readonly isHeaderLost: boolean;
  /** A file contradicts its name, another file, or the chain below the checkpoint. */
  readonly isContradictory: boolean;
  /** Bytes of this incarnation stand behind the end: a torn segment, or whole ones behind a hole. */
  readonly isFollowed: boolean;
}

/** `gap` and `damaged` differ in the error and the remedy: a missing file can be put back. */
export type Verdict = 'clean' | 'torn' | 'damaged' | 'gap';

type Cell = 0 | 1 | '_';

/** One row: evidence in the order of {@link Evidence}, and what it means. `_` is either. */
export interface VerdictRow {
  readonly id: string;
  readonly when: readonly [file: Cell, synced: Cell, header: Cell, contradiction: Cell, followed: Cell];
  readonly verdict: Verdict;
}

//             file     below   header  contra-  followed  verdict
//             missing  synced  lost    diction
export const VERDICTS: readonly VerdictRow[] = [
  { id: 'A', when: [1, '_', '_', '_', '_'], verdict: 'gap' },
  { id: 'B', when: [0, 1, '_', '_', '_'], verdict: 'damaged' },
  { id: 'C', when: [0, 0, 1, '_', '_'], verdict: 'damaged' },
  { id: 'D', when: [0, 0, 0, 1, '_'], verdict: 'damaged' },
  { id: 'E', when: [0, 0, 0, 0, 1], verdict: 'torn' },
  { id: 'F', when: [0, 0, 0, 0, 0], verdict: 'clean' },
];

/** The row that the evidence meets (R7). */
export function verdictRow(evidence: Evidence, rows: readonly VerdictRow[] = VERDICTS): VerdictRow {
  const cells = cellsOf(evidence);
  const met = rows.filter(({ when }) => when.every((cell, index) => cell === '_' || cell === cells[index]));
  const [row] = met;
  assert(row !== undefined && met.length === 1, 'every situation meets exactly one row of the verdict table');
  return row;
}

function cellsOf(evidence: Evidence): (0 | 1)[] {
  const { isFileMissing, isBelowSynced, isHeaderLost, isContradictory, isFollowed } = evidence;
  return [isFileMissing, isBelowSynced, isHeaderLost, isContradictory, isFollowed].map((holds) => (holds ? 1 : 0));
}
