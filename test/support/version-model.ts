// What a version index must say, told by plain lists: everything ever inserted, in order, and how far it was released.

import type { PageVersion, VersionIndex, VersionPlace } from '../../src/versions/version-index.js';

type Entry = { readonly kind: 'version'; readonly version: PageVersion } | Cut;

interface Cut {
  readonly kind: 'cut';
  readonly space: number;
  readonly pages: number;
  readonly seq: number;
}

/** The seq of what `find` says, or what it says instead. */
export function told(found: VersionPlace | 'zero' | undefined): number | 'zero' | 'page file' {
  return found === undefined || found === 'zero' ? (found ?? 'page file') : found.seq;
}

export class VersionModel {
  readonly #entries: Entry[] = [];
  #releasedSeq = 0;

  get releasedSeq(): number {
    return this.#releasedSeq;
  }

  get live(): readonly Entry[] {
    return this.#entries.filter((entry) => seqOf(entry) > this.#releasedSeq);
  }

  insert(version: PageVersion): void {
    this.#entries.push({ kind: 'version', version });
  }

  cut(cut: Omit<Cut, 'kind'>): void {
    this.#entries.push({ kind: 'cut', ...cut });
  }

  release(throughSeq: number): void {
    this.#releasedSeq = Math.max(this.#releasedSeq, throughSeq);
  }

  /** The last word on a page as of a sequence. */
  find(space: number, pageNumber: number, asOf: number): PageVersion | 'zero' | undefined {
    let last: PageVersion | 'zero' | undefined;
    for (const entry of this.live) {
      if (seqOf(entry) > asOf) continue;
      if (entry.kind === 'version') {
        const { version } = entry;
        if (version.space === space && version.pageNumber === pageNumber) last = version;
      } else if (entry.space === space && entry.pages < pageNumber) last = 'zero';
    }
    return last;
  }

  newestThrough(space: number, throughSeq: number): PageVersion[] {
    const numbers = new Set(this.live.flatMap((entry) => (entry.kind === 'version' ? entry.version.pageNumber : [])));
    const newest = [...numbers].map((pageNumber) => this.find(space, pageNumber, throughSeq));
    const versions = newest.filter((found) => found !== undefined && found !== 'zero');
    return versions.sort((one, other) => one.pageNumber - other.pageNumber);
  }

  smallestCut(space: number, throughSeq: number): number | undefined {
    const cuts = this.live.filter((entry) => entry.kind === 'cut');
    const pages = cuts.filter((cut) => cut.space === space && cut.seq <= throughSeq).map((cut) => cut.pages);
    return pages.length === 0 ? undefined : Math.min(...pages);
  }
}

function seqOf(entry: Entry): number {
  return entry.kind === 'version' ? entry.version.seq : entry.seq;
}

/** What an index says about a page differs from what the model says; undefined when it does not. */
export function disagreement(
  index: VersionIndex,
  model: VersionModel,
  page: { space: number; pageNumber: number },
  asOf: number,
): string | undefined {
  const found = index.find(page.space, page.pageNumber, asOf);
  const wanted = model.find(page.space, page.pageNumber, asOf);
  const isSame =
    typeof found === 'object' && typeof wanted === 'object'
      ? found.seq === wanted.seq && found.fileNumber === wanted.fileNumber && found.offset === wanted.offset
      : found === wanted;
  if (isSame) return undefined;
  return `page ${page.space}.${page.pageNumber} as of ${asOf}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`;
}
