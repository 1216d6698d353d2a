// One thread of the workload: appends its commits in order, some of them in flight at once, and acknowledges each only
// after it is durable. How an acknowledgement is kept is the caller's: a line in a file, an entry in memory.

import { seeded } from '../../src/base/random.js';
import { type Commit, WalError, type WalWriter } from '../../src/index.js';
import { type Ack, commitOf, txnIdOf, type WorkerOutcome, type WorkloadPlan } from './workload-model.js';

const PATIENCE_MS = 200;

/** Nobody waits for ever for a log that is stalled or failed: what is thrown is counted. */
export class WorkloadWriter {
  readonly #log: WalWriter;
  readonly #plan: Pick<WorkloadPlan, 'run' | 'commits' | 'windowMax' | 'waitsWritten'>;
  readonly #worker: number;
  readonly #give: (ack: Ack) => void;
  readonly #window: { commit: Commit; txnId: number }[] = [];
  readonly #outcome = { acknowledged: 0, timeouts: 0, appendErrors: [] as string[], waitErrors: [] as string[] };

  /** @param give - called with each commit that is durable, at once */
  constructor(
    log: WalWriter,
    plan: Pick<WorkloadPlan, 'run' | 'commits' | 'windowMax' | 'waitsWritten'>,
    worker: number,
    give: (ack: Ack) => void,
  ) {
    this.#log = log;
    this.#plan = plan;
    this.#worker = worker;
    this.#give = give;
  }

  run(): WorkerOutcome {
    const { run, commits, windowMax = 1 } = this.#plan;
    const random = seeded(run * 1000 + this.#worker);
    let window = windowMax;
    for (let number = 1; number <= commits && this.#append(txnIdOf(run, this.#worker, number)); number += 1) {
      if (this.#window.length < window) continue;
      this.#acknowledge();
      window = 1 + Math.floor(random() * windowMax);
    }
    this.#acknowledge();
    return this.#outcome;
  }

  #append(txnId: number): boolean {
    const input = commitOf(txnId);
    const { appendErrors, waitErrors } = this.#outcome;
    const commit = this.#patiently(() => this.#log.append(input, { timeoutMs: PATIENCE_MS }), appendErrors);
    if (commit === undefined) return false;
    this.#window.push({ commit, txnId });
    if (this.#plan.waitsWritten !== true) return true;
    return this.#waits(() => commit.waitWritten(PATIENCE_MS), waitErrors);
  }

  /** Waits for what is in flight, oldest first, and acknowledges each. */
  #acknowledge(): void {
    for (const { commit, txnId } of this.#window.splice(0)) {
      if (!this.#waits(() => commit.waitDurable(PATIENCE_MS), this.#outcome.waitErrors)) continue;
      this.#give({ seq: commit.seq, txnId });
      this.#outcome.acknowledged += 1;
    }
  }

  #waits(wait: () => void, errors: string[]): boolean {
    const isReached = this.#patiently(() => {
      wait();
      return true;
    }, errors);
    return isReached === true;
  }

  /** Tries again while it is only a matter of time or space. */
  #patiently<Result>(attempt: () => Result, errors: string[]): Result | undefined {
    for (;;) {
      try {
        return attempt();
      } catch (thrown) {
        if (!(thrown instanceof WalError)) throw thrown;
        if (thrown.code !== 'ERR_WAL_TIMEOUT' && thrown.code !== 'ERR_WAL_STORAGE_FULL') {
          errors.push(thrown.code);
          return undefined;
        }
        this.#outcome.timeouts += 1;
      }
    }
  }
}
