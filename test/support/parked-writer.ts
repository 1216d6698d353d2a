// A writer that parks in front of a chosen atomic operation of one append. The thread's body; tests start it through
// parked-writers.ts.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { connectWal } from '../../src/connect.js';
import type { WalHandle } from '../../src/handle.js';
import type { AtomicOps } from '../../src/memory/atomics.js';
import type { CommitInput } from '../../src/record/commit.js';
import type { WalWriter } from '../../src/writer.js';
import { AtomicsGate, type GateStop } from './gated-atomics.js';
import { parkedTxnId } from './parked-writers.js';

/** The kinds of append. `full`: into a lane without room. */
export type AppendKind = 'page' | 'sizes' | 'jumbo' | 'async' | 'full' | 'fullAsync';

export interface ParkedWriterData {
  readonly handle: WalHandle;
  readonly gate: SharedArrayBuffer;
  readonly kind: AppendKind;
  /** The operation, from 0, that the thread is parked in front of. */
  readonly before: number;
}

/** What the thread says. */
export type ParkedWriterMessage =
  | { readonly at: 'connected'; readonly lane: number }
  | GateStop
  | { readonly at: 'done'; readonly seq: number; readonly operations: readonly (keyof AtomicOps)[] };

/** Leaves too little room in a lane of 64 KiB for the append that follows. */
const FILLER_BYTES = 60_000;
const BYTES: Readonly<Record<AppendKind, number>> = {
  page: 600,
  sizes: 600,
  jumbo: 100_000,
  async: 600,
  full: 10_000,
  fullAsync: 10_000,
};
const TIMEOUT_MS = 30_000;

/** The commit; the space whose size it sets is named after the operation, so that no two set the same. */
function commitOf(kind: AppendKind, before: number): CommitInput {
  const bytes = new Uint8Array(BYTES[kind]).fill(before + 1);
  const sizes = kind === 'sizes' ? { sizes: [{ space: before + 1, pages: before + 1 }] } : {};
  return { txnId: parkedTxnId(before), operations: [{ code: 1, bytes }], ...sizes };
}

async function append(writer: WalWriter, kind: AppendKind, before: number): Promise<number> {
  const input = commitOf(kind, before);
  if (kind === 'async' || kind === 'fullAsync') return (await writer.appendAsync(input)).seq;
  return writer.append(input, { timeoutMs: TIMEOUT_MS }).seq;
}

async function run({ handle, gate: buffer, kind, before }: ParkedWriterData, port: MessagePort): Promise<void> {
  const say = (message: ParkedWriterMessage): void => port.postMessage(message);
  const writer = await connectWal(handle);
  const gate = new AtomicsGate(buffer, say);
  port.once('message', async () => {
    gate.arm(before);
    const seq = await append(writer, kind, before);
    gate.disarm();
    say({ at: 'done', seq, operations: gate.operations });
    // Stays until it is terminated.
    port.on('message', () => undefined);
  });
  if (kind === 'full' || kind === 'fullAsync') {
    writer.append({ operations: [{ code: 1, bytes: new Uint8Array(FILLER_BYTES) }] }, { timeoutMs: TIMEOUT_MS });
  }
  say({ at: 'connected', lane: writer.lane });
}

await run(workerData as ParkedWriterData, parentPort as MessagePort);
