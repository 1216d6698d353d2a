// Threads of the package that die at a chosen moment: the test's side of mortal-thread.ts.

import { syncBuiltinESMExports } from 'node:module';
import workerThreads, { setEnvironmentData, type Worker, type WorkerOptions } from 'node:worker_threads';
import {
  FATES,
  type Fate,
  MORTAL_WORD,
  MORTALITY,
  type Moment,
  type Mortality,
  type MortalName,
} from './mortal-thread.js';

/** How a thread may end: as it is told, or by `terminate` from outside. */
export type Death = Exclude<Fate, 'goes on'> | 'terminate';

/** The `workerUrls` with which the threads of a log are mortal. */
export const MORTAL_URLS = {
  flusher: new URL('./mortal-flusher.js', import.meta.url).href,
  preallocator: new URL('./mortal-preallocator.js', import.meta.url).href,
  verifier: new URL('./mortal-verifier.js', import.meta.url).href,
};

const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 };

/** Gives the workers that this thread starts from now on little memory; returns how to stop doing so. */
export function limitWorkers(): () => void {
  const Real = workerThreads.Worker;
  class Limited extends Real {
    constructor(url: string | URL, options: WorkerOptions = {}) {
      super(url, { ...options, resourceLimits: RESOURCE_LIMITS });
    }
  }
  replaceWorker(Limited);
  return () => replaceWorker(Real);
}

function replaceWorker(Replacement: typeof Worker): void {
  Object.assign(workerThreads, { Worker: Replacement });
  syncBuiltinESMExports();
}

/** One thread that will die. */
export class Mortal {
  readonly #words = new Int32Array(new SharedArrayBuffer(16));
  #worker: Worker | undefined;

  /**
   * Runs `start`, which starts the thread.
   *
   * @param moment - left out, the thread never parks
   */
  async within<Started>(name: MortalName, moment: Moment | undefined, start: () => Promise<Started>): Promise<Started> {
    const mortality: Mortality = { name, moment, words: this.#words.buffer as SharedArrayBuffer };
    const onWorker = (worker: Worker): void => {
      this.#worker ??= worker;
    };
    setEnvironmentData(MORTALITY, mortality as never);
    process.on('worker', onWorker);
    const restore = limitWorkers();
    try {
      return await start();
    } finally {
      restore();
      process.off('worker', onWorker);
      setEnvironmentData(MORTALITY, undefined as never);
    }
  }

  /** From here on its moment may come. */
  arm(): void {
    Atomics.store(this.#words, MORTAL_WORD.armed, 1);
  }

  /** Resolves when its moment has come. */
  async parked(): Promise<void> {
    await Atomics.waitAsync(this.#words, MORTAL_WORD.parked, 0).value;
  }

  get isParked(): boolean {
    return Atomics.load(this.#words, MORTAL_WORD.parked) === 1;
  }

  /** Operations that changed anything since it was armed. */
  get changes(): number {
    return Atomics.load(this.#words, MORTAL_WORD.changes);
  }

  /** Ends it where it is parked; `terminate` also elsewhere. */
  async end(death: Death): Promise<void> {
    if (death === 'terminate') await this.#worker?.terminate();
    else this.tell(death);
  }

  /** Says what becomes of it where it is parked. */
  tell(fate: Fate): void {
    Atomics.store(this.#words, MORTAL_WORD.fate, FATES.indexOf(fate) + 1);
    Atomics.notify(this.#words, MORTAL_WORD.fate);
  }
}
