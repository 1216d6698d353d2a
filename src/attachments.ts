// What is attached to an open log and keeps a store of its own up to it: brought up by checkpoints that the log wants,
// and by a clean close.

import { toWalError, type WalError } from './base/errors.js';

/** Something attached to the log. */
export interface Attachment {
  /** Brings its store up to everything committed so far. */
  checkpoint(): Promise<void>;
  /** Brings its store up to what is durable, without waiting for the log. */
  checkpointDurable(): Promise<void>;
  /** The log has ended, in order or not; its lock is freed when what is returned has settled. */
  detach(): void | Promise<void>;
}

/** The attachments of one open log. */
export class Attachments {
  readonly #attachments = new Set<Attachment>();
  readonly #onFailed: (error: WalError) => void;
  #isUnderWay = false;

  /** @param onFailed - told of a checkpoint that nobody awaits */
  constructor(onFailed: (error: WalError) => void) {
    this.#onFailed = onFailed;
  }

  add(attachment: Attachment): void {
    this.#attachments.add(attachment);
  }

  /** Checkpoints all, because the log wants it; once at a time. */
  async checkpointDurable(): Promise<void> {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    const results = await Promise.allSettled([...this.#attachments].map((each) => each.checkpointDurable()));
    this.#isUnderWay = false;
    for (const result of results)
      if (result.status === 'rejected') this.#onFailed(toWalError(result.reason, 'checkpoint'));
  }

  /** Checkpoints all; resolves to the first error, when all have settled. */
  async checkpoint(): Promise<unknown> {
    const results = await Promise.allSettled([...this.#attachments].map((each) => each.checkpoint()));
    return results.find((result) => result.status === 'rejected')?.reason;
  }

  /** Resolves when nobody writes any more on behalf of the log. */
  async detach(): Promise<void> {
    await Promise.allSettled([...this.#attachments].map(async (attachment) => attachment.detach()));
  }
}
