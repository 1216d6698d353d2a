// Runs verification batches, for large logs also in a pool of threads, and hands the results back in the order in which
// the batches came: the end of the chain is the first bad place in order, whoever finds it first. The calling thread
// verifies what the pool has no hands for: threads take longer to start than hundreds of MiB to verify.

import { availableParallelism } from 'node:os';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { Piscina } from 'piscina';
import { WalError } from '../base/errors.js';
import type { Directory } from '../storage/directory.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { type WorkerUrls, workerUrl } from '../thread/worker-files.js';
import { type VerifierInput, type VerifierOutput, type VerifyResult, type VerifyTask, verifyBatch } from './verify.js';

/** Measured: 256 MiB take 110 to 200 ms on one thread, and one more thread takes 100 to 150 ms to start and to end. */
const INLINE_BYTES_MAX = 256 * 2 ** 20;
/** A thread that has a batch waiting never waits for one itself. */
const BATCHES_PER_THREAD = 2;
/** So far the calling thread goes ahead of the first batch that has no answer yet. */
const WAITING_MAX = 64;

/** Settings of a pipeline. */
export interface VerifyPipelineOptions {
  readonly workerUrls?: WorkerUrls | undefined;
  /** Verified inline before a pool is started; default 256 MiB. */
  readonly inlineBytesMax?: number | undefined;
}

type Consume = (result: VerifyResult) => void;

interface Batch {
  readonly answer: Promise<VerifyResult>;
  readonly consume: Consume;
  isAnswered: boolean;
}

/** Takes batches, gives results in order. Close it, whatever happens. */
export class VerifyPipeline {
  readonly #directory: Directory;
  readonly #isOnDisk: boolean;
  readonly #options: VerifyPipelineOptions;
  /** The calling thread is one of those that verify. */
  readonly #threads = Math.max(1, availableParallelism() - 1);
  /** In order; those in front have no answer yet, others may. */
  readonly #waiting: Batch[] = [];
  #inlineBytes = 0;
  #pooled = 0;
  /** Before the first answer the threads are still starting. */
  #isStarted = false;
  #pool: Piscina<VerifierInput, VerifierOutput> | undefined;

  constructor(directory: Directory, options: VerifyPipelineOptions = {}) {
    this.#directory = directory;
    this.#isOnDisk = directory instanceof NodeDirectory;
    this.#options = options;
  }

  /**
   * Adds a batch, and verifies it here and now if the threads have enough.
   *
   * @param consume - called with the result, after those of all earlier batches
   */
  async submit(task: VerifyTask, bytes: number, consume: Consume): Promise<void> {
    if (this.#isInline()) {
      this.#inlineBytes += bytes;
      consume(verifyBatch(this.#directory, task));
      // Whoever opens a log has other things to do, too.
      if (this.#isOnDisk) await turnOfTheLoop();
      return;
    }
    if (this.#pooled < this.#threads * (this.#isStarted ? BATCHES_PER_THREAD : 1)) {
      this.#push(this.#runInPool(task), consume);
    } else {
      this.#push(Promise.resolve(verifyBatch(this.#directory, task)), consume);
      // Answers of the threads arrive, and they are given more.
      await turnOfTheLoop();
    }
    while (this.#waiting[0]?.isAnswered || this.#waiting.length > WAITING_MAX) await this.#consumeFirst();
  }

  /** Waits for all batches. */
  async drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#consumeFirst();
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    this.#waiting.length = 0;
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.destroy();
  }

  #isInline(): boolean {
    if (this.#pool !== undefined) return false;
    // A directory in memory exists on this thread only, and a single processor gains nothing.
    if (!this.#isOnDisk || availableParallelism() < 2) return true;
    return this.#inlineBytes < (this.#options.inlineBytesMax ?? INLINE_BYTES_MAX);
  }

  #push(answer: Promise<VerifyResult>, consume: Consume): void {
    const batch: Batch = { answer, consume, isAnswered: false };
    // Looked at in order; until then a failure must not count as unhandled.
    const answered = (): void => {
      batch.isAnswered = true;
    };
    answer.then(answered, answered);
    this.#waiting.push(batch);
  }

  async #runInPool(task: VerifyTask): Promise<VerifyResult> {
    this.#pooled += 1;
    try {
      const output = await this.#start().run({ path: this.#directory.path, task });
      if ('error' in output) throw WalError.fromWire(output.error);
      return output.result;
    } catch (cause) {
      if (cause instanceof WalError) throw cause;
      throw new WalError('ERR_WAL_IO', 'A verifier thread ended. Look at the cause.', {}, cause);
    } finally {
      this.#pooled -= 1;
      this.#isStarted = true;
    }
  }

  #start(): Piscina<VerifierInput, VerifierOutput> {
    if (this.#pool === undefined) {
      this.#pool = new Piscina<VerifierInput, VerifierOutput>({
        filename: workerUrl('verifier', this.#options.workerUrls).href,
        maxThreads: this.#threads,
        // All of them from the beginning: one above the least number is ended as soon as it is idle, and started again.
        minThreads: this.#threads,
        // Debug flags and loaders of the host are not for our threads, and blocking waits would keep them from ending.
        execArgv: [],
        atomics: 'disabled',
      });
      // Errors of threads reject their task too; without a listener this event would end the process.
      this.#pool.on('error', () => undefined);
    }
    return this.#pool;
  }

  async #consumeFirst(): Promise<void> {
    const first = this.#waiting.shift();
    if (first !== undefined) first.consume(await first.answer);
  }
}
