// Starts writers that park within an append (parked-writer.ts), and hears where they are.

import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Wal } from '../../src/index.js';
import { openGate } from './gated-atomics.js';
import type { AppendKind, ParkedWriterData, ParkedWriterMessage } from './parked-writer.js';

/** Transaction id of the commit that is parked in front of operation `before`. */
export const parkedTxnId = (before: number): number => 1_000_000 + before;

type Heard = Exclude<ParkedWriterMessage, { at: 'connected' }>;

/** A thread of parked-writer.ts, connected. */
export class ParkedWriter {
  readonly worker: Worker;
  readonly #gate: SharedArrayBuffer;
  readonly #messages: AsyncIterator<[ParkedWriterMessage]>;

  private constructor(worker: Worker, gate: SharedArrayBuffer) {
    this.worker = worker;
    this.#gate = gate;
    this.#messages = on(worker, 'message') as AsyncIterator<[ParkedWriterMessage]>;
  }

  static async start(wal: Wal, kind: AppendKind, before: number): Promise<ParkedWriter> {
    const gate = new SharedArrayBuffer(4);
    const workerData: ParkedWriterData = { handle: wal.handle, gate, kind, before };
    const writer = new ParkedWriter(new Worker(new URL('./parked-writer.js', import.meta.url), { workerData }), gate);
    const { at } = await writer.#hear();
    if (at !== 'connected') throw new Error(`the writer is ${at} before it was told to append`);
    return writer;
  }

  /** Has it append; resolves when it is parked, waits for somebody else, or is done. */
  append(): Promise<Heard> {
    this.worker.postMessage('append');
    return this.next();
  }

  /** The next thing it says. */
  async next(): Promise<Heard> {
    return (await this.#hear()) as Heard;
  }

  /** Lets it go on. */
  open(): void {
    openGate(this.#gate);
  }

  async #hear(): Promise<ParkedWriterMessage> {
    const { value } = await this.#messages.next();
    return value[0];
  }
}
