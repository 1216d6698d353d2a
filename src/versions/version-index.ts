// Where in the log the versions of pages stand: one ring of versions in shared memory, filled by one thread, read by
// any without a lock. Nothing is deleted: a version dies when `firstLive` moves past its id, and its slot is used again
// once the ring comes round. design/readers.md, "Version index", has the proof; the accesses named there are marked.
//
// A cut (a size record that shrinks a space) is a version of page 0, which is no page: so one word decides what is
// live, of versions and cuts alike.

import { assert } from '../base/assert.js';
import { monotonicMs } from '../base/clock.js';
import { invalidArgument } from '../base/errors.js';
import { startTimer } from '../base/wait-bounds.js';
import { type AtomicOps, atomics, soleWriter } from '../memory/atomics.js';
import type { Turn } from '../memory/turn.js';
import type { Word64 } from '../memory/words.js';
import { inPageOrder, type NewestVersions } from './newest-versions.js';
import { indexBytes, indexTurn, indexWords, SLOT, VersionSlots } from './version-slots.js';

/** One image of a page in the log. */
export interface PageVersion {
  readonly space: number;
  /** From 1. */
  readonly pageNumber: number;
  /** Of its commit. */
  readonly seq: number;
  /** The log file that holds the image. */
  readonly fileNumber: number;
  /** Where the image starts in that file, in bytes. */
  readonly offset: number;
}

/** Where a version is. */
export interface VersionPlace {
  readonly fileNumber: number;
  readonly offset: number;
  readonly seq: number;
  /** Names the version while it is live: {@link VersionIndex.isLive}. */
  readonly id: number;
}

/** The page number under which the cuts of a space are kept. */
const CUTS = 0;
/** Ids begin here: 0 says that there is none. */
const ID_FIRST = 1;
const VERSIONS_MAX = 2 ** 24;

/**
 * Which images of pages the log holds, and since which commit.
 *
 * Threading: one thread, the indexer, calls what says so (best over {@link forIndexer}); any thread may call the rest
 * over the same buffer, without a lock and without waiting for the indexer.
 * Source: design/readers.md.
 */
export class VersionIndex {
  /** The largest index there can be. */
  static readonly versionsMax = VERSIONS_MAX;
  readonly buffer: SharedArrayBuffer;
  /** Announced whenever {@link indexedThrough} moved; for whoever waits for something else as well. */
  readonly indexedTurn: Turn;
  readonly #slots: VersionSlots;
  readonly #firstLive: Word64;
  readonly #idNext: Word64;
  readonly #lastCut: Word64;
  readonly #indexedThrough: Word64;
  /** The lowest id whose slot the present look depends on. */
  #lowest = 0;

  /**
   * A reader of an index that {@link create} made, on this or another thread.
   *
   * @param waitOps - for the words of the turn, which sleepers store to as well
   */
  constructor(buffer: SharedArrayBuffer, ops: AtomicOps = atomics, waitOps: AtomicOps = ops) {
    const words = indexWords(buffer, ops);
    this.buffer = buffer;
    this.#slots = new VersionSlots(buffer, ops);
    this.#firstLive = words.firstLive;
    this.#idNext = words.idNext;
    this.#lastCut = words.lastCut;
    this.#indexedThrough = words.indexedThrough;
    this.indexedTurn = indexTurn(buffer, waitOps);
  }

  /** The same for the indexer: sees its own stores without atomic loads, which is several times as fast. */
  static forIndexer(buffer: SharedArrayBuffer): VersionIndex {
    return new VersionIndex(buffer, soleWriter, atomics);
  }

  /**
   * A new, empty index.
   *
   * @param options - `versionsMax`: how many versions and cuts it must be able to hold, from 1 to 2^24; rounded up to
   *   a power of two, of 72 bytes each. `indexedThrough`: the sequence behind which indexing starts; default 0
   * @throws {WalError} ERR_WAL_INVALID_ARGUMENT
   */
  static create({ versionsMax, indexedThrough = 0 }: { versionsMax: number; indexedThrough?: number }): VersionIndex {
    if (!Number.isSafeInteger(versionsMax) || versionsMax < 1 || versionsMax > VERSIONS_MAX)
      throw invalidArgument(`An index holds from 1 to ${VERSIONS_MAX} versions.`, { versionsMax });
    const capacity = 2 ** Math.ceil(Math.log2(versionsMax));
    const buffer = new SharedArrayBuffer(indexBytes(capacity));
    const words = indexWords(buffer, atomics);
    words.firstLive.store(ID_FIRST);
    words.idNext.store(ID_FIRST);
    words.indexedThrough.store(indexedThrough);
    return new VersionIndex(buffer);
  }

  /** How many versions and cuts it can hold. */
  get capacity(): number {
    return this.#slots.capacity;
  }

  /** How many live versions and cuts it holds. */
  get liveCount(): number {
    const first = this.#firstLive.load();
    return this.#idNext.load() - first;
  }

  /** Sequence of the oldest live version or cut; undefined when there is none. Indexer only. */
  get oldestSeq(): number | undefined {
    const first = this.#firstLive.load();
    return first === this.#idNext.load() ? undefined : this.#slots.number(this.#slots.slotOf(first), SLOT.seq);
  }

  /** Every commit at or below this sequence is indexed. */
  get indexedThrough(): number {
    return this.#indexedThrough.load();
  }

  /**
   * Adds a version. Indexer only; in the order of the log: sequences never go down, and of one commit's images of one
   * page the last one counts.
   *
   * @returns false, with nothing changed, when the ring is full of live versions: release, then insert it again
   */
  insert({ space, pageNumber, seq, fileNumber, offset }: PageVersion): boolean {
    assert(pageNumber > CUTS, 'page numbers start at 1');
    return this.#put(space, pageNumber, seq, fileNumber, offset) !== 0;
  }

  /**
   * Notes that a space shrank: pages beyond `pages` are zero from commit `seq` on, until they are written again.
   * Indexer only; in front of the images of the same commit.
   *
   * @returns as {@link insert}
   */
  cut({ space, pages, seq }: { space: number; pages: number; seq: number }): boolean {
    const id = this.#put(space, CUTS, seq, 0, pages);
    // Behind the head, in front of indexedThrough: whoever may ask as of `seq` sees it.
    if (id !== 0) this.#lastCut.store(id);
    return id !== 0;
  }

  /** Says that every commit through `seq` is indexed, and wakes whoever waits for that. Indexer only. */
  announce(seq: number): void {
    this.#indexedThrough.store(seq);
    this.indexedTurn.announce();
  }

  /** Blocks until every commit through `seq` is indexed; false when that took longer than `timeoutMs`. */
  waitThrough(seq: number, timeoutMs: number): boolean {
    const endMs = monotonicMs() + timeoutMs;
    for (;;) {
      const turn = this.indexedTurn.load();
      if (this.indexedThrough >= seq) return true;
      const leftMs = endMs - monotonicMs();
      if (leftMs <= 0) return false;
      this.indexedTurn.wait(turn, leftMs);
    }
  }

  /** As {@link waitThrough}, without blocking. Does not keep the event loop alive. */
  async reaches(seq: number, timeoutMs?: number): Promise<boolean> {
    let isOver = false;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = startTimer(timeoutMs, () => {
        isOver = true;
        resolve();
      });
    });
    try {
      for (;;) {
        const turn = this.indexedTurn.load();
        if (this.indexedThrough >= seq) return true;
        if (isOver) return false;
        await Promise.race([this.indexedTurn.waitAsync(turn), over]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * The newest version of a page at or below `asOf`.
   *
   * @param asOf - at most {@link indexedThrough}, or what is beyond may be missing; and not below what was released:
   *   whoever reads as of a sequence pins it
   * @returns its place; `zero` when a later cut, also at or below `asOf`, removed the page, whoever has an older image;
   *   undefined when the log has neither: what the page file holds counts
   */
  find(space: number, pageNumber: number, asOf: number): VersionPlace | 'zero' | undefined {
    for (;;) {
      this.#lowest = Number.MAX_SAFE_INTEGER;
      const found = this.#look(space, pageNumber, asOf);
      // V3: behind all loads from slots. None of them was used again before, so what they said was true.
      if (this.#firstLive.load() <= this.#lowest) return found;
    }
  }

  /**
   * Whether a version is still in the index. Asked behind a read of its bytes: while it is, its log file was not used
   * again, and the bytes were its own.
   */
  isLive(id: number): boolean {
    return this.#firstLive.load() <= id;
  }

  /** Lets go of versions and cuts at or below `throughSeq`: the page file holds what they say. Indexer only. */
  release(throughSeq: number): void {
    // V2: one store decides of versions and cuts at once, in front of any use of their slots.
    this.#firstLive.store(this.#firstAbove(throughSeq));
  }

  /**
   * The smallest size that the live cuts at or below `throughSeq` leave a space, in pages; undefined without any.
   * Indexer only.
   */
  smallestCut(space: number, throughSeq: number): number | undefined {
    const first = this.#firstLive.load();
    let smallest: number | undefined;
    let id = this.#newest(space, CUTS, throughSeq, first);
    for (; id >= first; id = this.#slots.number(this.#slots.slotOf(id), SLOT.same)) {
      const pages = this.#slots.number(this.#slots.slotOf(id), SLOT.offset);
      smallest = Math.min(smallest ?? pages, pages);
    }
    return smallest;
  }

  /**
   * The newest version of each page of a space as of `throughSeq`, ascending by page number; without pages that a cut
   * removed later. Indexer only.
   */
  newestThrough(space: number, throughSeq: number): NewestVersions {
    const slots = this.#slots;
    const first = this.#firstLive.load();
    const end = this.#firstAbove(throughSeq);
    const isSuperseded = new Uint8Array(end - first);
    const pages = new Float64Array(end - first);
    const ids = new Float64Array(end - first);
    let count = 0;
    let smallest = Number.POSITIVE_INFINITY;
    // From the newest on: a version has been superseded, or cut, by what was seen before it.
    for (let id = end - 1; id >= first; id -= 1) {
      const slot = slots.slotOf(id);
      if (slots.ownWord(slot, SLOT.space) !== (space | 0)) continue;
      const pageNumber = slots.ownNumber(slot, SLOT.pageNumber);
      if (pageNumber === CUTS) {
        smallest = Math.min(smallest, slots.ownNumber(slot, SLOT.offset));
        continue;
      }
      const same = slots.ownNumber(slot, SLOT.same);
      if (same >= first) isSuperseded[same - first] = 1;
      if (isSuperseded[id - first] === 1 || pageNumber > smallest) continue;
      pages[count] = pageNumber;
      ids[count] = id;
      count += 1;
    }
    return inPageOrder(slots, pages.subarray(0, count), ids);
  }

  #look(space: number, pageNumber: number, asOf: number): VersionPlace | 'zero' | undefined {
    const first = this.#firstLive.load();
    const id = this.#newest(space, pageNumber, asOf, first);
    if (this.#lastCut.load() > Math.max(id, first - 1) && this.#isCut(space, pageNumber, asOf, Math.max(id + 1, first)))
      return 'zero';
    return id < first ? undefined : this.#place(id);
  }

  /** Whether a cut from id `from` on, at or below `asOf`, removed the page. */
  #isCut(space: number, pageNumber: number, asOf: number, from: number): boolean {
    for (let id = this.#newest(space, CUTS, asOf, from); id >= from; ) {
      const slot = this.#visit(id);
      if (this.#slots.number(slot, SLOT.offset) < pageNumber) return true;
      id = older(this.#slots.number(slot, SLOT.same), id);
    }
    return false;
  }

  /** The id of the newest version of a page at or below `asOf`, if it is from `first` on; else one below `first`. */
  #newest(space: number, pageNumber: number, asOf: number, first: number): number {
    const slots = this.#slots;
    let id = slots.head(slots.bucketOf(space, pageNumber));
    while (id >= first) {
      const slot = this.#visit(id);
      if (slots.isOf(slot, space, pageNumber)) break;
      id = older(slots.number(slot, SLOT.other), id);
    }
    while (id >= first) {
      const slot = this.#visit(id);
      if (slots.number(slot, SLOT.seq) <= asOf) return id;
      const jump = older(slots.number(slot, SLOT.jump), id);
      const isShort = jump >= first && slots.number(this.#visit(jump), SLOT.seq) > asOf;
      id = isShort ? jump : older(slots.number(slot, SLOT.same), id);
    }
    return 0;
  }

  /** The slot of an id that the present look is going to depend on. */
  #visit(id: number): number {
    if (id < this.#lowest) this.#lowest = id;
    return this.#slots.slotOf(id);
  }

  #place(id: number): VersionPlace {
    const slots = this.#slots;
    const slot = slots.slotOf(id);
    const fileNumber = slots.number(slot, SLOT.fileNumber);
    return { fileNumber, offset: slots.number(slot, SLOT.offset), seq: slots.number(slot, SLOT.seq), id };
  }

  /** @returns the id given to it, or 0 when there is no room */
  #put(space: number, pageNumber: number, seq: number, fileNumber: number, offset: number): number {
    const slots = this.#slots;
    const first = this.#firstLive.load();
    const id = this.#idNext.load();
    if (id - first >= slots.capacity) return 0;
    assert(
      id === first || slots.number(slots.slotOf(id - 1), SLOT.seq) <= seq,
      'versions come in the order of the log',
    );
    const bucket = slots.bucketOf(space, pageNumber);
    const head = live(slots.head(bucket), first);
    const same = this.#newest(space, pageNumber, Number.POSITIVE_INFINITY, first);
    const other = same === head && head !== 0 ? live(slots.number(slots.slotOf(head), SLOT.other), first) : head;
    const slot = slots.slotOf(id);
    slots.setWord(slot, SLOT.space, space);
    slots.setNumber(slot, SLOT.pageNumber, pageNumber);
    slots.setNumber(slot, SLOT.seq, seq);
    slots.setNumber(slot, SLOT.fileNumber, fileNumber);
    slots.setNumber(slot, SLOT.offset, offset);
    slots.setNumber(slot, SLOT.same, same);
    slots.setNumber(slot, SLOT.other, other);
    slots.setNumber(slot, SLOT.jump, this.#jumpOver(same, first));
    slots.setWord(slot, SLOT.depth, same === 0 ? 0 : slots.word(slots.slotOf(same), SLOT.depth) + 1);
    // V1: the slot is complete before anybody can come to it.
    slots.setHead(bucket, id);
    this.#idNext.store(id + 1);
    return id;
  }

  /**
   * Where the version behind `same` jumps to: two jumps of equal length become one, so that any older version is a
   * logarithmic number of steps away (the skew binary numbers of Myers).
   */
  #jumpOver(same: number, first: number): number {
    if (same === 0) return 0;
    const slots = this.#slots;
    const slot = slots.slotOf(same);
    const jump = slots.number(slot, SLOT.jump);
    if (jump < first) return same;
    const jumpSlot = slots.slotOf(jump);
    const further = slots.number(jumpSlot, SLOT.jump);
    if (further < first) return same;
    const depthOf = (at: number): number => slots.word(at, SLOT.depth);
    const length = (depthOf(slot) - depthOf(jumpSlot)) | 0;
    return length === ((depthOf(jumpSlot) - depthOf(slots.slotOf(further))) | 0) ? further : same;
  }

  /** The lowest live id whose sequence is above `seq`. */
  #firstAbove(seq: number): number {
    let low = this.#firstLive.load();
    let high = this.#idNext.load();
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#slots.number(this.#slots.slotOf(middle), SLOT.seq) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The next id of a walk: what a slot says that is used again meanwhile may lead anywhere, but never on for ever. */
function older(next: number, id: number): number {
  return next < id ? next : 0;
}

function live(id: number, first: number): number {
  return id >= first ? id : 0;
}
