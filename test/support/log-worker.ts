// A thread that appends to somebody else's log. It says when it is connected; how far it is stands in shared memory,
// so that a blocked main thread can follow it.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { WalError } from '../../src/base/errors.js';
import type { Commit } from '../../src/commit.js';
import { connectWal } from '../../src/connect.js';
import type { WalHandle } from '../../src/handle.js';
import { die, type Fate } from './mortal-thread.js';

/** What the thread does. */
export type LogWorkerTask =
  /** Appends pages and blocks until each is durable, until `stop` is set; counts them. */
  | 'appendDurably'
  /** Appends commits of all sizes, jumbos among them, without waiting, until it is terminated; counts them. */
  | 'appendForever'
  /** Connects, or says why it could not, and ends. */
  | 'connect'
  /** Does what it is asked by messages. */
  | 'serve';

export interface LogWorkerData {
  readonly handle: WalHandle;
  readonly task: LogWorkerTask;
  /** Two words: how many commits are done, and whether to stop. */
  readonly progress: SharedArrayBuffer;
}

/** What a serving thread can be asked. */
export type LogWorkerRequest =
  | { readonly ask: 'append'; readonly bytes: number; readonly timeoutMs?: number; readonly value?: number }
  | { readonly ask: 'appendDurable'; readonly bytes: number; readonly timeoutMs: number }
  | { readonly ask: 'waitDurable'; readonly timeoutMs: number }
  /** Not answered. */
  | { readonly ask: 'die'; readonly how: Fate }
  | { readonly ask: 'leave' };

/** What it answers: the sequence, or the code of the error. */
export interface LogWorkerAnswer {
  readonly seq?: number;
  readonly lane?: number;
  readonly code?: string;
}

const { handle, task, progress } = workerData as LogWorkerData;
const words = new Int32Array(progress);
const port = parentPort as MessagePort;
if (task === 'connect') {
  port.postMessage(await connectWal(handle).then(({ lane }) => ({ lane }), refused));
  process.exit(0);
}
const writer = await connectWal(handle);
port.postMessage({ lane: writer.lane });

const image = new Uint8Array(handle.pageSize);

function refused(error: unknown): LogWorkerAnswer {
  return { code: error instanceof WalError ? error.code : `untyped: ${error}` };
}

function count(): void {
  Atomics.add(words, 0, 1);
  Atomics.notify(words, 0);
}

function appendDurably(): void {
  while (Atomics.load(words, 1) === 0) {
    const number = (Atomics.load(words, 0) % 100) + 1;
    const commit = writer.append({ pages: [{ pageNumber: number, image }], txnId: number }, { timeoutMs: 10_000 });
    commit.waitDurable(20_000);
    count();
  }
}

function appendForever(): void {
  for (let round = 0; ; round += 1) {
    const bytes = new Uint8Array(round % 50 === 49 ? 100_000 : (round * 37) % 3000).fill(round);
    writer.append({ operations: [{ code: 1, bytes }] }, { timeoutMs: 10_000 });
    count();
  }
}

function serve(): void {
  let last: Commit | undefined;
  const act = (request: LogWorkerRequest): LogWorkerAnswer | undefined => {
    if (request.ask === 'die') {
      setImmediate(() => die(request.how));
      return undefined;
    }
    if (request.ask === 'leave') {
      writer.disconnect();
      setImmediate(() => port.close());
      return {};
    }
    if (request.ask === 'waitDurable') {
      last?.waitDurable(request.timeoutMs);
      return { seq: last?.seq ?? 0 };
    }
    const pieces = Math.max(1, Math.ceil(request.bytes / 2 ** 24));
    const bytes = new Uint8Array(Math.ceil(request.bytes / pieces));
    const operations = Array.from({ length: pieces }, () => ({ code: 1, bytes }));
    last = writer.append({ operations }, request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs });
    if (request.ask === 'appendDurable') last.waitDurable(request.timeoutMs);
    return { seq: last.seq, lane: writer.lane };
  };
  port.on('message', (request: LogWorkerRequest) => {
    try {
      const answer = act(request);
      if (answer !== undefined) port.postMessage(answer);
    } catch (error) {
      port.postMessage(refused(error));
    }
  });
}

if (task === 'appendDurably') appendDurably();
else if (task === 'appendForever') appendForever();
else serve();
