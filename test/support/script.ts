// Scripts that tests run in a process of their own, with a log open.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Ending } from './program.js';

const INDEX = new URL('../../src/index.js', import.meta.url).href;
const LOG_WORKER = new URL('./log-worker.js', import.meta.url).href;

/** What stands in front of a script and around its process. */
export interface ScriptOptions {
  /** Of `openWal`, as source text: `fsync: 'off', `. */
  readonly settings?: string;
  /** In front of everything else. */
  readonly before?: string;
  /** An expression for the log; left out, it is opened with the settings. */
  readonly open?: string;
  /** A shell command that ends with `exec "$@"`. */
  readonly shell?: string;
}

/**
 * Runs a script with `wal` open; it prints what it likes. It has `page`, a commit, `append(count)`, `appendingWorker()`
 * and `say(text)`, which writes at once.
 */
export function runScript(db: string, body: string, options: ScriptOptions = {}): Promise<Ending> {
  return endingOf(startScript(db, body, options));
}

/** Starts it. */
export function startScript(
  db: string,
  body: string,
  { settings = '', before = '', shell = 'exec "$@"', open = 'await openWal(path, settings)' }: ScriptOptions = {},
): ChildProcessWithoutNullStreams {
  const code = `
    import fs from 'node:fs';
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    ${before}
    const { openWal } = await import('${INDEX}');
    const settings = { pageSize: 512, lanes: 2, laneBytes: 65536, logFileBytes: 1048576, ${settings} };
    const image = new Uint8Array(512);
    const page = { pages: [{ pageNumber: 1, image }] };
    const say = (text) => fs.writeSync(1, text + '\\n');
    const path = ${JSON.stringify(db)};
    const wal = ${open};
    const append = (count) => { for (let seq = 0; seq < count; seq += 1) wal.connect().append(page); };
    const appendingWorker = async () => {
      const progress = new SharedArrayBuffer(8);
      const workerData = { handle: wal.handle, task: 'appendDurably', progress };
      const worker = new Worker(new URL('${LOG_WORKER}'), { workerData, execArgv: [] });
      await once(worker, 'message');
      const words = new Int32Array(progress);
      while (Atomics.load(words, 0) < 5) await new Promise(setImmediate);
      return () => Atomics.load(words, 0);
    };
    ${body}`;
  const command = [process.execPath, '--input-type=module', '-e', code];
  return spawn('sh', ['-c', shell, 'sh', ...command]);
}

export function endingOf(child: ChildProcessWithoutNullStreams): Promise<Ending> {
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => (stdout += data));
  child.stderr.on('data', (data) => (stderr += data));
  return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr })));
}
