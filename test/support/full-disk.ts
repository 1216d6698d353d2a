// Filling a small disk to the last block, and a log that appends onto it as the workload does, but in this process.

import { appendFileSync, closeSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Commit, type Wal, WalError } from '../../src/index.js';
import { ackLine, commitOf, txnIdOf } from './workload-model.js';

const BLOCK = new Uint8Array(4096).fill(0xfb);

/** A file that takes all space there is but `leaveBytes`; returns how to remove it. */
export function fillDisk(folder: string, leaveBytes = 0): () => void {
  const path = join(folder, 'ballast');
  const fd = openSync(path, 'a');
  let bytes = 0;
  try {
    for (;;) bytes += writeSync(fd, BLOCK);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOSPC') throw thrown;
    ftruncateSync(fd, Math.max(0, bytes - leaveBytes));
  } finally {
    closeSync(fd);
  }
  return () => rmSync(path);
}

/** Appends commits of the workload's kind to an open log and acknowledges them. */
export class InlineWorkload {
  readonly #wal: Wal;
  readonly #acks: string;
  readonly #run: number;
  readonly #stalled: Promise<unknown>;
  readonly #waiting: { commit: Commit; txnId: number }[] = [];
  #number = 0;

  constructor(wal: Wal, acks: string, run: number) {
    this.#wal = wal;
    this.#acks = acks;
    this.#run = run;
    this.#stalled = new Promise<void>((resolve) => wal.once('stalled', () => resolve()));
    mkdirSync(acks, { recursive: true });
  }

  /** The last commit appended. */
  get last(): Commit {
    const last = this.#waiting.at(-1);
    if (last === undefined) throw new Error('Nothing was appended.');
    return last.commit;
  }

  /** Appends commits as fast as the lane takes them; ends early, with the reason, when one is refused for good. */
  async append(count: number): Promise<WalError | undefined> {
    const writer = this.#wal.connect();
    for (let done = 0; done < count; ) {
      const txnId = txnIdOf(this.#run, 0, this.#number + 1);
      try {
        this.#waiting.push({ commit: writer.append(commitOf(txnId)), txnId });
      } catch (thrown) {
        if (!(thrown instanceof WalError) || thrown.code !== 'ERR_WAL_LANE_FULL') return thrown as WalError;
        // Until the lane has room, or it is known why it will not have any.
        await Promise.race([this.#stalled, writer.ready()]);
        continue;
      }
      this.#number += 1;
      done += 1;
    }
    return undefined;
  }

  /** Waits for everything and acknowledges it. */
  async acknowledge(): Promise<void> {
    for (const { commit, txnId } of this.#waiting.splice(0)) {
      await commit.durable();
      appendFileSync(join(this.#acks, `${this.#run}-0`), ackLine({ seq: commit.seq, txnId }));
    }
  }
}
