// The threads that use the store, as the checkpointer sees them: it gives each its session, hears of its end by its
// port, however it ends, and cleans up (design/page-store.md, "Reaping").

import { WalError } from '../base/errors.js';
import { CacheWords, FRAME_STRIDE, FRAME_WORDS, type PageCacheMemory } from '../cache/cache-memory.js';
import { exclusiveOf, SESSIONS_MAX } from '../cache/latch-word.js';
import { reapSession } from '../cache/reap.js';
import { type CacheSession, SessionTable } from '../cache/session-table.js';
import { atomics } from '../memory/atomics.js';
import { answerRequests } from '../thread/request-port.js';
import type { MessagePort } from '../thread/thread-connect.js';
import type { SessionWelcome } from './messages.js';
import type { StoreWords } from './store-words.js';

/** What sessions need of the checkpointer. */
export interface SessionServices {
  answer(request: unknown): unknown;
  /** Resolves when everything that was appended before the call is indexed; rejects when it never will be. */
  indexAll(): Promise<number>;
}

/** All sessions of one store. */
export class Sessions {
  readonly #memory: PageCacheMemory;
  readonly #words: StoreWords;
  readonly #services: SessionServices;
  readonly #table: SessionTable;
  readonly #ports = new Map<MessagePort, CacheSession>();
  #connections = 0;

  constructor(memory: PageCacheMemory, words: StoreWords, services: SessionServices) {
    this.#memory = memory;
    this.#words = words;
    this.#services = services;
    this.#table = new SessionTable(memory);
  }

  /** Takes in a thread. */
  connect(port: MessagePort): void {
    const session = this.#table.take(this.#connections++);
    if (session === undefined) {
      const message = `${SESSIONS_MAX} threads use the page store already.`;
      const error = new WalError('ERR_WAL_EXHAUSTED', message, { sessionsMax: SESSIONS_MAX });
      port.postMessage({ error: error.toWire() } satisfies SessionWelcome);
      port.close();
      return;
    }
    this.#ports.set(port, session);
    answerRequests(port, (request) => this.#services.answer(request));
    port.on('close', () => void this.#leave(port));
    port.unref();
    port.postMessage({ session: session.session } satisfies SessionWelcome);
  }

  /** Closes the ports from this side: the store has ended, and nobody is dead. */
  end(): void {
    const ports = [...this.#ports.keys()];
    this.#ports.clear();
    for (const port of ports) port.close();
  }

  async #leave(port: MessagePort): Promise<void> {
    const session = this.#ports.get(port);
    if (session === undefined) return;
    this.#ports.delete(port);
    try {
      // S4: a commit that the thread published before it died may not be in its frames yet. Once it is indexed, who
      // loads the page finds it, and only then the frames are free.
      const seq = await this.#services.indexAll();
      this.#reap(session, seq);
    } catch {
      // The log or the store has failed: nobody will use these latches any more.
    }
  }

  #reap(cacheSession: CacheSession, seq: number): void {
    const { session } = cacheSession;
    if (this.#holdsSize(session)) {
      // In front of the end of the latch, which is the reaper's last word about the size.
      this.#words.raiseCutSeq(seq);
      this.#words.shrinkTo = undefined;
    }
    reapSession(this.#memory, session, () => undefined);
    this.#table.free(cacheSession);
  }

  #holdsSize(session: number): boolean {
    const { records } = new CacheWords(this.#memory, atomics);
    return records.load(FRAME_STRIDE * this.#memory.frames + FRAME_WORDS.latch) === exclusiveOf(session);
  }
}
