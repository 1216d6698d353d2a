// Runs verification batches, first inline and for large logs in a pool of threads, and hands the results back in the
// order in which the batches came: the end of the chain is the first bad place in order, whoever finds it first.

import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { WalError } from '../base/errors.js';
import type { Directory } from '../storage/directory.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { type WorkerUrls, workerUrl } from '../thread/worker-files.js';
import { type VerifierInput, type VerifierOutput, type VerifyResult, type VerifyTask, verifyBatch } from './verify.js';

/** Measured: 64 MiB take 55 ms on one thread, and a pool of two costs 150 ms before it verifies anything. */
const INLINE_BYTES_MAX = 64 * 2 ** 20;

/** Settings of a pipeline. */
export interface VerifyPipelineOptions {
  readonly workerUrls?: WorkerUrls | undefined;
  /** Verified inline before a pool is started; default 64 MiB. */
  readonly inlineBytesMax?: number | undefined;
}

type Consume = (result: VerifyResult) => void;

/** Takes batches, gives results in order. Close it, whatever happens. */
export class VerifyPipeline {
  readonly #directory: Directory;
  readonly #options: VerifyPipelineOptions;
  readonly #threads = availableParallelism();
  readonly #waiting: { readonly answer: Promise<VerifierOutput>; readonly consume: Consume }[] = [];
  #inlineBytes = 0;
  #pool: Piscina<VerifierInput, VerifierOutput> | undefined;

  constructor(directory: Directory, options: VerifyPipelineOptions = {}) {
    this.#directory = directory;
    this.#options = options;
  }

  /** Whether threads are in use; for tests and metrics. */
  get isPooled(): boolean {
    return this.#pool !== undefined;
  }

  /**
   * Adds a batch; waits while twice as many batches as threads are under way.
   *
   * @param consume - called with the result, after those of all earlier batches
   */
  async submit(task: VerifyTask, bytes: number, consume: Consume): Promise<void> {
    if (this.#isInline()) {
      this.#inlineBytes += bytes;
      consume(verifyBatch(this.#directory, task));
      return;
    }
    const answer = this.#start().run({ path: this.#directory.path, task });
    // Looked at in order below; until then a failure must not count as unhandled.
    answer.catch(() => undefined);
    this.#waiting.push({ answer, consume });
    while (this.#waiting.length > 2 * this.#threads) await this.#consumeFirst();
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
    if (!(this.#directory instanceof NodeDirectory) || this.#threads < 2) return true;
    return this.#inlineBytes < (this.#options.inlineBytesMax ?? INLINE_BYTES_MAX);
  }

  #start(): Piscina<VerifierInput, VerifierOutput> {
    if (this.#pool === undefined) {
      this.#pool = new Piscina<VerifierInput, VerifierOutput>({
        filename: workerUrl('verifier', this.#options.workerUrls).href,
        maxThreads: this.#threads,
        minThreads: 1,
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
    if (first === undefined) return;
    const output = await first.answer.catch((cause: unknown) => {
      throw new WalError('ERR_WAL_IO', 'A verifier thread ended. Look at the cause.', {}, cause);
    });
    if ('error' in output) throw WalError.fromWire(output.error);
    first.consume(output.result);
  }
}
