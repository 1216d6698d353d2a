// A page cache of few frames on a machine, the log behind it as far as the cache can tell, and the threads of sessions:
// they latch, look at every byte, commit and give back. Which laws hold is in cache-laws.ts.

import { CacheWords, FRAME_STRIDE, FRAME_WORDS } from '../../../src/cache/cache-memory.js';
import { Latches } from '../../../src/cache/latches.js';
import { reapSession } from '../../../src/cache/reap.js';
import { SessionTurn } from '../../../src/cache/session-turn.js';
import { type PageSource, SharedPageCache } from '../../../src/cache/shared-page-cache.js';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';
import { LINE_BYTES, Word64 } from '../../../src/memory/words.js';
import { Machine } from './machine.js';
import type { Seen, ThreadPlan } from './thread-tree.js';
import './shared-log.js';
import { codeOf } from './wal-threads.js';
import { ENDED } from './world.js';

/** What the session that runs now knows besides what it has told: labels of its checkpoints. */
const known = { act: 0, isEntered: false, claimed: -1, isLate: false };

function label(where: string): void {
  const { act, isEntered, claimed, isLate } = known;
  Machine.running?.checkpoint(`${where} ${act} ${isEntered} ${claimed} ${isLate}`);
}

// Who looks again knows nothing of what it saw before, but that it sleeps, claims, or has lost its patience.
const turns = SessionTurn.prototype;
const { enter, leave, load, wait } = turns;
turns.enter = function (bit) {
  enter.call(this, bit);
  known.isEntered = true;
};
turns.leave = function (bit) {
  leave.call(this, bit);
  known.isEntered = false;
};
turns.load = function () {
  label('looks');
  return load.call(this);
};
turns.wait = function (seen, timeoutMs) {
  const startMs = performance.now();
  wait.call(this, seen, timeoutMs);
  if (performance.now() - startMs > 1) known.isLate = true;
};
const { tryClaim, unclaim } = Latches.prototype;
Latches.prototype.tryClaim = function (frame) {
  const isClaimed = tryClaim.call(this, frame);
  if (isClaimed) known.claimed = frame;
  return isClaimed;
};
Latches.prototype.unclaim = function (frame) {
  unclaim.call(this, frame);
  known.claimed = -1;
};

/** Two bytes a page, so that one can be right and the other not yet. */
const PAGE_BYTES = 2;

/** What a session does with one page. */
export type CacheAct =
  | 'read'
  | 'write'
  /** Commits without having read. */
  | 'overwrite'
  /** Latches to overwrite and changes its mind. */
  | 'give up'
  /** Reads, then upgrades and commits; gives way when it cannot. */
  | 'upgrade'
  /** Latches the size. */
  | 'size';

export interface SessionPlan {
  readonly acts: readonly (readonly [CacheAct, page: number])[];
  readonly isMortal?: boolean;
}

/** A latch that a thread is sure to hold. */
export interface Held {
  readonly frame: number;
  readonly pageNumber: number;
  readonly isExclusive: boolean;
}

export interface CacheGhost {
  /** Undefined for whoever reaps. */
  readonly session: number | undefined;
  readonly held: readonly Held[];
  readonly refusals: number;
}

type Note = { readonly kind: 'latched'; readonly held: Held } | { readonly kind: 'unlatching' | 'refused' };

/** The fold. */
export function observeCache(ghost: CacheGhost, { notes }: Seen): CacheGhost {
  let { held, refusals } = ghost;
  for (const note of notes as Note[]) {
    if (note.kind === 'refused') refusals += 1;
    else held = note.kind === 'latched' ? [note.held] : [];
  }
  return { ...ghost, held, refusals };
}

/** One cache and one log. */
export class SharedCache {
  readonly machine = new Machine();
  readonly memory: ReturnType<typeof SharedPageCache.create>;
  readonly words: CacheWords;
  readonly tags: readonly number[];
  readonly latches: readonly number[];
  readonly claims: readonly number[];
  readonly lock: number;
  readonly sleepers: readonly number[];
  readonly #pause: ReturnType<Machine['word']>;
  readonly #seqNext: Word64;
  readonly #flushedSeq: Word64;
  /** The newest commit of each page. */
  readonly #newest: Map<number, Word64>;

  /** @param cached - pages that are in frames in the beginning */
  constructor(frames: number, pages: readonly number[], cached: readonly number[] = []) {
    const { machine } = this;
    this.memory = SharedPageCache.create({ frames, pageBytes: PAGE_BYTES });
    cached.forEach((page, frame) => {
      new CacheWords(this.memory, atomics).tags.store(frame, page);
      new Uint8Array(this.memory.pages).fill(imageByte(page, 0), PAGE_BYTES * frame, PAGE_BYTES * (frame + 1));
    });
    machine.plain.addWhole(new Uint8Array(this.memory.pages));
    this.words = new CacheWords(this.memory, machine.ops);
    const { words } = this;
    const all = Array.from({ length: frames }, (_, frame) => frame);
    const word = (name: string, frame: number, at: number) =>
      machine.slot(`${name} of frame ${frame}`, () => words.records.load(FRAME_STRIDE * frame + at));
    this.tags = all.map((frame) => machine.slot(`page in frame ${frame}`, () => words.tags.load(frame)));
    this.latches = [...all, frames].map((frame) => word('latch', frame, FRAME_WORDS.latch));
    this.claims = all.map((frame) => word('claim', frame, FRAME_WORDS.claim));
    this.lock = machine.slot('lock', () => words.lockOf(0).isHeld());
    this.sleepers = [0, 1].map((set) => machine.slot(`sleepers ${set}`, () => words.turnOf(set).announce()));
    machine.onLocked = () => label('locked');
    machine.slot('hand', () => words.hands.load(0));
    machine.slot('turn', () => words.turnOf(0).load());
    this.#pause = machine.word('between two bytes');
    this.#seqNext = this.#word64('next commit', 1);
    this.#flushedSeq = this.#word64('flushed', 0);
    this.#newest = new Map(pages.map((page) => [page, this.#word64(`newest of page ${page}`, 0)]));
  }

  /** A thread that does its acts one after the other. */
  session(session: number, { acts, isMortal = false }: SessionPlan): ThreadPlan<CacheGhost> {
    const body = (): void => {
      const cache = new SharedPageCache(this.memory, session, this.#source(), this.machine.ops);
      acts.forEach(([act, page], index) => {
        // Between two acts a session holds nothing; what it was refused, the ghost knows.
        Object.assign(known, { act: index, isEntered: false, claimed: -1, isLate: false });
        label('begins');
        this.#act(cache, act, page);
      });
    };
    return { name: `session ${session}`, body, isMortal, ghost: { session, held: [], refusals: 0 } };
  }

  /** A thread that cleans up behind a session if it dies, and has its commits flushed before. */
  reaper(session: number): ThreadPlan<CacheGhost> {
    const { ops } = this.machine;
    const reaping: AtomicOps = {
      ...ops,
      compareExchange: (words, index, expected, replacement) => {
        // The claim of a frame, whose page has been told of and taken out by now, if it was the session's.
        if (expected === session + 1 && replacement === 0) this.machine.checkpoint(`frees record ${index}`);
        return ops.compareExchange(words, index, expected, replacement);
      },
    };
    const body = (): void => {
      if (this.machine.awaitEndOf(session) !== ENDED.dead) return;
      this.#flush();
      reapSession(this.memory, session, () => undefined, reaping);
    };
    return { name: 'reaper', body, ghost: { session: undefined, held: [], refusals: 0 } };
  }

  #act(cache: SharedPageCache, act: CacheAct, page: number): void {
    try {
      if (act === 'size') this.#useSize(cache);
      else if (act === 'read' || act === 'upgrade') this.#read(cache, page, act === 'upgrade');
      else this.#write(cache, page, act);
    } catch (error) {
      if (codeOf(error) !== 'ERR_WAL_DEADLOCK') throw error;
      this.#tell({ kind: 'refused' });
    }
  }

  #read(cache: SharedPageCache, page: number, upgrades: boolean): void {
    const frame = cache.latchShared(page, Number.POSITIVE_INFINITY);
    this.#tell({ kind: 'latched', held: { frame, pageNumber: page, isExclusive: false } });
    this.#check(cache, frame, page);
    try {
      if (!upgrades) return;
      if (cache.latchExclusive(page, Number.POSITIVE_INFINITY) !== frame)
        throw new Error('K3: an upgrade moved the page');
    } catch (error) {
      this.#tell({ kind: 'refused' });
      if (codeOf(error) !== 'ERR_WAL_DEADLOCK') throw error;
      upgrades = false;
    } finally {
      if (!upgrades) {
        this.#tell({ kind: 'unlatching' });
        cache.unlatchShared(frame);
      }
    }
    if (upgrades) this.#commit(cache, frame, page);
  }

  #write(cache: SharedPageCache, page: number, act: CacheAct): void {
    const frame = cache.latchExclusive(page, Number.POSITIVE_INFINITY, act !== 'write');
    if (act === 'write') this.#check(cache, frame, page);
    if (act !== 'give up') {
      this.#commit(cache, frame, page);
      return;
    }
    this.#tell({ kind: 'latched', held: { frame, pageNumber: page, isExclusive: true } });
    this.#tell({ kind: 'unlatching' });
    cache.unlatchExclusive(frame);
  }

  /** Appends a commit, installs its image, gives the latch back. */
  #commit(cache: SharedPageCache, frame: number, page: number): void {
    this.#tell({ kind: 'latched', held: { frame, pageNumber: page, isExclusive: true } });
    const seq = this.#seqNext.increment();
    this.#newest.get(page)!.store(seq);
    this.#fill(cache.view(frame), page, seq);
    cache.setSeq(frame, seq);
    this.#tell({ kind: 'unlatching' });
    cache.unlatchExclusive(frame);
  }

  #useSize(cache: SharedPageCache): void {
    cache.latchSize(Number.POSITIVE_INFINITY);
    const frame = this.memory.frames;
    this.#tell({ kind: 'latched', held: { frame, pageNumber: 0, isExclusive: true } });
    this.#pause.load();
    this.#tell({ kind: 'unlatching' });
    cache.unlatchSize();
  }

  /** Every byte is that of the newest commit of the page. */
  #check(cache: SharedPageCache, frame: number, page: number): void {
    const view = cache.view(frame);
    const wanted = imageByte(page, this.#newest.get(page)!.load());
    const first = view[0];
    this.#pause.load();
    if (first !== wanted || view[1] !== wanted)
      throw new Error(`K6: page ${page} is ${first}, ${view[1]}, not ${wanted}`);
  }

  #fill(view: Uint8Array, page: number, seq: number): void {
    view[0] = imageByte(page, seq);
    this.#pause.load();
    view[1] = imageByte(page, seq);
  }

  #source(): PageSource {
    return {
      isEvictable: (seq) => seq <= this.#flushedSeq.load(),
      load: (page, target) => {
        const seq = this.#newest.get(page)!.load();
        if (seq > this.#flushedSeq.load()) throw new Error(`K7: commit ${seq} of page ${page} was only in memory`);
        this.#fill(target, page, seq);
        return seq;
      },
      awaitEvictable: () => this.#flush(),
    };
  }

  #flush(): void {
    this.#flushedSeq.raise(this.#seqNext.load() - 1);
  }

  #tell(note: Note): void {
    this.machine.note(note);
    label(note.kind);
  }

  #word64(name: string, value: number): Word64 {
    const buffer = new SharedArrayBuffer(LINE_BYTES);
    new BigInt64Array(buffer)[0] = BigInt(value);
    const word = new Word64(this.machine.ops, buffer, 0);
    this.machine.slot(name, () => word.load());
    return word;
  }
}

function imageByte(page: number, seq: number): number {
  return 16 * page + seq;
}
