// A log whose flusher will die, with everybody waiting for it that can: blocked threads, promises, appenders without
// room, a thread that connects. What each of them is told is the test's business.

import { once } from 'node:events';
import { Control } from '../../src/epoch/control.js';
import { type OpenOptions, openWal, type Wal, WalError } from '../../src/index.js';
import { atomics } from '../../src/memory/atomics.js';
import { Word32 } from '../../src/memory/words.js';
import { LogThread } from './log-threads.js';
import type { Moment } from './mortal-thread.js';
import { type Death, MORTAL_URLS, Mortal } from './mortality.js';

const SETTINGS: OpenOptions = { pageSize: 512, lanes: 3, laneBytes: 65_536, logFileBytes: 2 ** 18, ticker: false };
/** Longer than any test may take: who is not told makes the test fail. */
const WAIT_MS = 600_000;
/** Fills a lane so that the same does not fit again. */
const FILLING_BYTES = 40_000;
/** Lines of the control block (design/shared-memory.md). */
const SLEEPERS = { written: 10, durable: 12 } as const;

const operation = (bytes: number) => ({ operations: [{ code: 1, bytes: new Uint8Array(bytes) }] });

/** The code of an error, or `resolved`. */
export const outcomeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof WalError ? error.code : `untyped: ${error}`),
  );

/** The outcome of everybody who waited, by what they did. */
export type Outcomes = Readonly<Record<string, string>>;

export class DoomedLog {
  readonly wal: Wal;
  readonly failures: WalError[] = [];
  /** Resolves when the log says that it has failed. */
  readonly failed: Promise<unknown>;
  /** Threads of this one that were started between the end of the flusher and the last outcome. */
  threadsStarted = 0;
  /** The last commit that {@link park} appended. */
  lastSeq = 0;
  readonly #mortal: Mortal;
  readonly #threads: readonly LogThread[];
  readonly #waiting = new Map<string, Promise<string>>();
  readonly #onWorker = (): void => {
    this.threadsStarted += 1;
  };

  private constructor(wal: Wal, mortal: Mortal, threads: readonly LogThread[]) {
    this.wal = wal;
    this.#mortal = mortal;
    this.#threads = threads;
    wal.on('failed', (error) => this.failures.push(error));
    this.failed = once(wal, 'failed');
  }

  /** Opens a log with a few durable commits, the flusher of which will park at `moment`. */
  static async open(db: string, moment: Moment | undefined, options: OpenOptions = {}): Promise<DoomedLog> {
    const mortal = new Mortal();
    const settings = { ...SETTINGS, ...options, workerUrls: { flusher: MORTAL_URLS.flusher } };
    const wal = await mortal.within('flusher', moment, () => openWal(db, settings));
    const threads = [await LogThread.start(wal, 'serve'), await LogThread.start(wal, 'serve')];
    for (let count = 0; count < 3; count += 1) await wal.connect().append(operation(40_000)).durable();
    return new DoomedLog(wal, mortal, threads);
  }

  /**
   * Appends until the flusher is parked; that commit waits to be durable.
   *
   * @returns false when its moment does not come within `commits` commits; the default has a rotation among them
   */
  async park(commits = 8): Promise<boolean> {
    this.#mortal.arm();
    // Large, so that a few of them begin another file.
    for (let round = 0; !this.#mortal.isParked; round += 1) {
      if (round === commits) return false;
      const commit = this.wal.connect().append(operation(50_000));
      this.lastSeq = commit.seq;
      const durable = outcomeOf(commit.durable());
      this.#waiting.set('the commit in the flusher', durable);
      await Promise.race([this.#mortal.parked(), durable]);
    }
    return true;
  }

  /** Everybody waits: two threads block, for durability and for room, and the main thread has promises. */
  async haveEverybodyWait(): Promise<void> {
    const [blocked, filling] = this.#threads as [LogThread, LogThread];
    const { wal } = this;
    const wait = (what: string, promise: Promise<unknown>): void => void this.#waiting.set(what, outcomeOf(promise));
    await blocked.ask({ ask: 'append', bytes: 100 });
    await filling.ask({ ask: 'append', bytes: FILLING_BYTES });
    this.#waitIn('a blocked waitDurable', blocked.ask({ ask: 'waitDurable', timeoutMs: WAIT_MS }));
    this.#waitIn('an append without room', filling.ask({ ask: 'append', bytes: FILLING_BYTES, timeoutMs: WAIT_MS }));
    await this.#asleep(SLEEPERS.durable);
    await this.#asleep(SLEEPERS.written);
    const seq = wal.marks().appendedSeq;
    wait('a sequence to come', wal.durable({ seq: seq + 100 }));
    wait('an epoch to come', wal.durable({ epoch: wal.marks().epoch + 100 }));
    wait('flush', wal.flush());
    wait('advanceAndFlush', wal.advanceAndFlush());
    wait('checkpoint', wal.checkpoint({ throughSeq: 1 }));
    wait('files', wal.files());
    if (wal.connect().writable) wal.connect().append(operation(FILLING_BYTES));
    wait('ready', wal.connect().ready());
    wait('appendAsync without room', wal.connect().appendAsync(operation(60_000)));
    this.#waitIn('a thread that connects', LogThread.connect(wal));
    // Its start is told of later than this.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Everybody waits for a log that is being closed. */
  async haveEverybodyWaitForClose(): Promise<void> {
    const [blocked] = this.#threads as [LogThread];
    await blocked.ask({ ask: 'append', bytes: 100 });
    this.#waitIn('a blocked waitDurable', blocked.ask({ ask: 'waitDurable', timeoutMs: WAIT_MS }));
    await this.#asleep(SLEEPERS.durable);
    this.#waiting.set('close', outcomeOf(this.wal.close()));
    this.#waiting.set('close again', outcomeOf(this.wal.close()));
  }

  /** Terminates a thread that blocks: for the durability of its commit, or for room. */
  async terminateBlocked(ask: 'waitDurable' | 'append'): Promise<void> {
    const [blocked] = this.#threads as [LogThread];
    await blocked.ask({ ask: 'append', bytes: FILLING_BYTES });
    void blocked.ask({ ask, bytes: FILLING_BYTES, timeoutMs: WAIT_MS });
    await this.#asleep(ask === 'append' ? SLEEPERS.written : SLEEPERS.durable);
    await blocked.worker.terminate();
  }

  /** Lets the flusher go on. */
  goOn(): void {
    this.#mortal.tell('goes on');
  }

  /** Ends the flusher's thread where it is parked. */
  async end(death: Death): Promise<void> {
    process.on('worker', this.#onWorker);
    await this.#mortal.end(death);
  }

  /** What everybody was told; nobody waits any more when this resolves. */
  async outcomes(): Promise<Outcomes> {
    const entries = [...this.#waiting].map(async ([what, outcome]) => [what, await outcome] as const);
    const outcomes = Object.fromEntries(await Promise.all(entries));
    process.off('worker', this.#onWorker);
    return outcomes;
  }

  async leave(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #waitIn(what: string, answer: Promise<{ code?: string }>): void {
    this.#waiting.set(
      what,
      answer.then(({ code }) => code ?? 'resolved'),
    );
  }

  async #asleep(line: number): Promise<void> {
    const sleepers = new Word32(atomics, this.wal.handle.control, line);
    while (sleepers.load() === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The durable mark as the shared memory says, whatever became of the flusher. */
export function durableSeqOf(wal: Wal): number {
  return new Control(wal.handle.control).durableSeq.load();
}
