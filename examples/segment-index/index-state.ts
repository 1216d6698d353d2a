// What the entries of an index of segments make of it: which segments there are, which of their documents are deleted,
// and which merges are under way.

import type { IndexEntry } from './entry.js';

interface Segment {
  readonly documents: number;
  readonly deleted: Set<number>;
}

/** The state of an index. */
export class IndexState {
  readonly segments = new Map<number, Segment>();
  /** Merges that were started and neither ended nor cancelled, with the segments that they merge. */
  readonly merges = new Map<number, readonly number[]>();
  generation = 0;

  /** Documents that are there. */
  get documents(): number {
    return [...this.segments.values()].reduce((sum, { documents, deleted }) => sum + documents - deleted.size, 0);
  }

  apply(entry: IndexEntry): void {
    switch (entry.kind) {
      case 'addSegment':
        this.segments.set(entry.segment, { documents: entry.documents, deleted: new Set() });
        break;
      case 'startMerge':
        this.merges.set(entry.merge, entry.segments);
        break;
      case 'cancelMerge':
        this.merges.delete(entry.merge);
        break;
      case 'endMerge':
        for (const merged of this.merges.get(entry.merge) ?? []) this.segments.delete(merged);
        this.merges.delete(entry.merge);
        this.segments.set(entry.segment, { documents: entry.documents, deleted: new Set(entry.remappedDeletes) });
        break;
      case 'deleteDocuments':
        for (const document of entry.documents) this.segments.get(entry.segment)?.deleted.add(document);
        break;
      case 'checkpoint':
        this.generation = entry.generation;
    }
  }

  /** The entries that make this state of nothing. */
  *entries(): Generator<IndexEntry, void, void> {
    for (const [segment, { documents, deleted }] of this.segments) {
      yield { kind: 'addSegment', segment, documents };
      if (deleted.size > 0) yield { kind: 'deleteDocuments', segment, documents: [...deleted] };
    }
    for (const [merge, segments] of this.merges) yield { kind: 'startMerge', merge, segments };
    yield { kind: 'checkpoint', generation: this.generation };
  }
}
