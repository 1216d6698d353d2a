// A thread that appends to somebody else's log and listens to the trace on its own thread; says what it heard.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { connectWal } from '../../src/connect.js';
import type { WalHandle } from '../../src/handle.js';
import { TraceEar } from './trace-ear.js';

const { handle, commits } = workerData as { handle: WalHandle; commits: number };
const ear = new TraceEar();
const writer = await connectWal(handle);
const commit = { operations: [{ code: 1, bytes: new Uint8Array(100) }] };
for (let count = 1; count < commits; count += 1) writer.append(commit);
writer.append(commit).waitDurable(30_000);
(parentPort as MessagePort).postMessage({ lane: writer.lane, heard: ear.heard });
ear.close();
