// A thread of a session that uses a page cache without end, over a log that is one number a page: its newest version.
// It checks every byte of every page that it latches. Its progress is a word; so is the wish that it stop.

import { parentPort, threadId, workerData } from 'node:worker_threads';
import type { WalError } from '../../src/base/errors.js';
import { seeded } from '../../src/base/random.js';
import type { PageCacheMemory } from '../../src/cache/cache-memory.js';
import { type PageSource, SharedPageCache } from '../../src/cache/shared-page-cache.js';
import { AtomicsGate } from './gated-atomics.js';

export interface CacheWorkerData {
  readonly memory: PageCacheMemory;
  readonly session: number;
  readonly pages: number;
  readonly seed: number;
  /** The newest version of each page, by its number. */
  readonly log: SharedArrayBuffer;
  /** Acts so far, and 1 to stop. */
  readonly progress: SharedArrayBuffer;
  /** Left out, the thread works without end; else it does one act, and parks in front of its operation `before`. */
  readonly gate?: { readonly word: SharedArrayBuffer; readonly before: number; readonly act: 'read' | 'write' };
}

const TIMEOUT_MS = 20_000;

/** The bytes of a page as of a version: no two words of two pages or versions are the same. */
export function fillPage(target: Uint8Array, pageNumber: number, version: number): void {
  const words = new Uint32Array(target.buffer, target.byteOffset, target.length / 4);
  for (let index = 0; index < words.length; index += 1) {
    words[index] = Math.imul(pageNumber * 65_537 + version, 0x9e3779b1) + index;
  }
}

/** A session over the log; `check` compares a page that is latched with its newest version. */
export function openSession(memory: PageCacheMemory, session: number, log: SharedArrayBuffer) {
  const versions = new Int32Array(log);
  const source: PageSource = {
    isEvictable: (seq) => seq % 2 === 0,
    load: (pageNumber, target) => {
      const version = Atomics.load(versions, pageNumber);
      fillPage(target, pageNumber, version);
      return 2 * version;
    },
    awaitEvictable: () => {
      throw new Error('everything is in the log');
    },
  };
  const cache = new SharedPageCache(memory, session, source);
  const wanted = new Uint8Array(memory.pageBytes);
  const check = (frame: number, pageNumber: number): void => {
    const version = Atomics.load(versions, pageNumber);
    fillPage(wanted, pageNumber, version);
    if (Buffer.compare(cache.view(frame), wanted) !== 0)
      throw new Error(`K6: page ${pageNumber} is not version ${version}`);
    if (cache.seqOf(frame) !== 2 * version) throw new Error(`page ${pageNumber} has the wrong sequence`);
  };
  const commit = (frame: number, pageNumber: number): void => {
    const version = Atomics.add(versions, pageNumber, 1) + 1;
    fillPage(cache.view(frame), pageNumber, version);
    cache.setSeq(frame, 2 * version);
  };
  return { cache, check, commit };
}

type Session = ReturnType<typeof openSession>;

function read({ cache, check }: Session, pageNumber: number): number {
  const frame = cache.latchShared(pageNumber, TIMEOUT_MS);
  check(frame, pageNumber);
  return frame;
}

function write({ cache, check, commit }: Session, pageNumber: number): void {
  const frame = cache.latchExclusive(pageNumber, TIMEOUT_MS);
  check(frame, pageNumber);
  commit(frame, pageNumber);
  cache.unlatchExclusive(frame);
}

/** Reads, then has the page alone, or gives way to another that wants to. */
function upgrade(session: Session, pageNumber: number): void {
  const { cache, check, commit } = session;
  const frame = read(session, pageNumber);
  try {
    cache.latchExclusive(pageNumber, TIMEOUT_MS);
  } catch (error) {
    if ((error as WalError).code !== 'ERR_WAL_DEADLOCK') throw error;
    cache.unlatchShared(frame);
    return;
  }
  check(frame, pageNumber);
  commit(frame, pageNumber);
  cache.downgrade(frame);
  check(frame, pageNumber);
  cache.unlatchShared(frame);
}

function work({ memory, session, pages, seed, log, progress }: CacheWorkerData): void {
  const own = openSession(memory, session, log);
  const random = seeded(seed);
  const words = new Int32Array(progress);
  while (Atomics.load(words, 1) === 0) {
    const pageNumber = 1 + Math.floor(random() * pages);
    const choice = random();
    if (choice < 0.5) own.cache.unlatchShared(read(own, pageNumber));
    else if (choice < 0.8) write(own, pageNumber);
    else if (choice < 0.95) upgrade(own, pageNumber);
    else {
      own.cache.latchSize(TIMEOUT_MS);
      own.cache.unlatchSize();
    }
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 0);
  }
}

function workGated(
  { memory, session, log }: CacheWorkerData,
  { word, before, act }: NonNullable<CacheWorkerData['gate']>,
) {
  const own = openSession(memory, session, log);
  const gate = new AtomicsGate(word, ({ operation }) => parentPort?.postMessage({ at: operation }));
  gate.arm(before);
  if (act === 'read') own.cache.unlatchShared(read(own, 1));
  else write(own, 1);
  gate.disarm();
  parentPort?.postMessage({ at: 'done' });
}

if (threadId !== 0 && workerData !== null) {
  const data = workerData as CacheWorkerData;
  if (data.gate === undefined) work(data);
  else workGated(data, data.gate);
}
