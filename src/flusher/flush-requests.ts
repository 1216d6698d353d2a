// Flushes that somebody asked for, until the durable mark covers them.

import type { WalError } from '../base/errors.js';

/** The marks after a flush. */
export interface FlushResult {
  readonly durableSeq: number;
  readonly durableEpoch: number;
}

interface FlushRequest {
  readonly throughSeq: number;
  resolve(result: FlushResult): void;
  reject(error: WalError): void;
}

/** The flushes that one flusher owes; they come in order of their sequences. */
export class FlushRequests {
  readonly #requests: FlushRequest[] = [];

  get isEmpty(): boolean {
    return this.#requests.length === 0;
  }

  /** Resolves when everything up to `throughSeq` is durable. */
  add(throughSeq: number): Promise<FlushResult> {
    return new Promise((resolve, reject) => this.#requests.push({ throughSeq, resolve, reject }));
  }

  answer(result: FlushResult): void {
    while (this.#requests[0] !== undefined && this.#requests[0].throughSeq <= result.durableSeq) {
      this.#requests.shift()?.resolve(result);
    }
  }

  rejectAll(error: WalError): void {
    for (const request of this.#requests.splice(0)) request.reject(error);
  }
}
