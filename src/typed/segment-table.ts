// The durable segments of a log of entries, in order: where each stands, when it was written, and how many entries
// there are up to its end. Columns of numbers, because a log may have a million of them. Not here: what an id is.

/** A segment whose place is known. */
export interface PlacedSegment {
  readonly fileNumber: number;
  readonly offset: number;
  /** Its last commit. */
  readonly lastSeq: number;
  readonly wallClockMs: number;
}

/** One row of the table. */
export interface SegmentRow extends PlacedSegment {
  /** The last commit in front of it. */
  readonly seqBefore: number;
  /** Entries in front of it, and up to its end, since counting began. */
  readonly countBefore: number;
  readonly count: number;
}

/** Segments from where counting began; row 0 is what lies in front of it. */
export class SegmentTable {
  readonly #lastSeqs: number[];
  readonly #counts = [0];
  readonly #fileNumbers = [0];
  readonly #offsets = [0];
  readonly #wallClocksMs = [0];

  /** @param beginSeq - counting began behind this commit */
  constructor(beginSeq: number) {
    this.#lastSeqs = [beginSeq];
  }

  /** Rows, row 0 included. */
  get rowCount(): number {
    return this.#lastSeqs.length;
  }

  /** @param count - entries up to its end since counting began */
  push(segment: PlacedSegment, count: number): void {
    this.#lastSeqs.push(segment.lastSeq);
    this.#counts.push(count);
    this.#fileNumbers.push(segment.fileNumber);
    this.#offsets.push(segment.offset);
    this.#wallClocksMs.push(segment.wallClockMs);
  }

  /** The last commit up to the end of a row. */
  lastSeqAt(row: number): number {
    return this.#lastSeqs[row] as number;
  }

  /** Entries up to the end of a row. */
  countAt(row: number): number {
    return this.#counts[row] as number;
  }

  /** A row, which is not row 0. */
  at(row: number): SegmentRow {
    return {
      fileNumber: this.#fileNumbers[row] as number,
      offset: this.#offsets[row] as number,
      lastSeq: this.lastSeqAt(row),
      wallClockMs: this.#wallClocksMs[row] as number,
      seqBefore: this.lastSeqAt(row - 1),
      countBefore: this.countAt(row - 1),
      count: this.countAt(row),
    };
  }

  /** The last row up to whose end there are fewer than `count` entries; 0 if there is none. */
  rowBelow(count: number): number {
    return lastWhere(this.#counts, (each) => each < count);
  }

  /** The row that a commit is in, which is counted; 0 for one in front of where counting began. */
  rowOf(seq: number): number {
    return seq <= this.lastSeqAt(0) ? 0 : lastWhere(this.#lastSeqs, (each) => each < seq) + 1;
  }

  /** Forgets the oldest rows; the next one is row 0. */
  forget(rows: number): void {
    for (const column of [this.#lastSeqs, this.#counts, this.#fileNumbers, this.#offsets, this.#wallClocksMs])
      column.splice(0, rows);
  }
}

/** The last place of an ascending list that `holds`; 0 if it holds nowhere. */
function lastWhere(list: readonly number[], holds: (each: number) => boolean): number {
  let low = 0;
  let high = list.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(list[middle] as number)) low = middle;
    else high = middle - 1;
  }
  return low;
}
