// A thread that looks pages up and reads them until it is told to stop; says how often, and what was wrong.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { seeded } from '../../src/base/random.js';
import { VersionIndex } from '../../src/versions/version-index.js';
import { PAGES, VersionLog } from './version-log.js';

export interface VersionReaderData {
  readonly index: SharedArrayBuffer;
  readonly log: SharedArrayBuffer;
  /** Two words: looks so far, of all readers, and whether to stop. */
  readonly progress: SharedArrayBuffer;
  readonly seed: number;
}

const { index: indexBuffer, log: logBuffer, progress, seed } = workerData as VersionReaderData;
const index = new VersionIndex(indexBuffer);
const log = new VersionLog(logBuffer);
const words = new Int32Array(progress);
const random = seeded(seed);
let fault: string | undefined;
while (fault === undefined && Atomics.load(words, 1) === 0) {
  fault = log.check(index, 1 + Math.floor(random() * PAGES), Math.floor(random() * 8));
  Atomics.add(words, 0, 1);
}
(parentPort as MessagePort).postMessage(fault ?? '');
