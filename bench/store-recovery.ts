// How long a page store takes to open after it was killed with its log full: a snapshot keeps checkpoints from moving
// until the log is at its bound, then the process is killed. What is measured is a fresh process: from `openPageStore`
// to the first page read, and its peak memory above one that opens nothing.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openPageStore, WalError } from '../src/index.js';
import { inDirectory, peakMemoryMiB, quantile, round } from './harness.js';
import { PAGE_BYTES, stamp } from './store-pages.js';

const SELF = fileURLToPath(import.meta.url);
const PAGES_PER_COMMIT = 8;
const SIZE_PAGES = 100_000;
const MIB = 2 ** 20;
const HEAD_START = 4096;

interface Opening {
  readonly seconds: number;
  readonly peakMiB: number;
}

/** Opens stores whose logs are at their bounds. */
export async function benchStoreRecovery(
  parent: string,
  maxLogBytes: number,
  rounds: number,
): Promise<Record<string, unknown>> {
  const seconds: number[] = [];
  const peaksMiB: number[] = [];
  let logMiB = 0;
  for (let index = 0; index < rounds; index += 1) {
    await inDirectory(parent, async (directory) => {
      const path = join(directory, 'store');
      logMiB = await fillAndKill(path, maxLogBytes);
      const empty = measured('empty', path, maxLogBytes);
      const opening = measured('open', path, maxLogBytes);
      seconds.push(opening.seconds);
      peaksMiB.push(opening.peakMiB - empty.peakMiB);
    });
  }
  return {
    maxLogMiB: maxLogBytes / MIB,
    logMiB: round(logMiB, 0),
    seconds: round(quantile(seconds, 0.5)),
    megabytesPerSecond: round((logMiB * MIB) / quantile(seconds, 0.5) / 1e6, 0),
    memoryAboveEmptyMiB: round(quantile(peaksMiB, 0.5), 0),
  };
}

function measured(what: 'empty' | 'open', path: string, maxLogBytes: number): Opening {
  return JSON.parse(execFileSync(process.execPath, [SELF, what, path, String(maxLogBytes)], { encoding: 'utf8' }));
}

/** Runs a process until its log is full, and kills it; returns the MiB of its log. */
async function fillAndKill(path: string, maxLogBytes: number): Promise<number> {
  const child = spawn(process.execPath, [SELF, 'fill', path, String(maxLogBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const told = await Promise.race([once(child.stdout, 'data'), exited.then(() => undefined)]);
  if (told === undefined) throw new Error('The process that was to fill the log ended.');
  child.kill('SIGKILL');
  await exited;
  return Number(String(told[0]));
}

/** Commits until the log takes no more, tells how large it is, and waits to be killed. */
async function fill(path: string, maxLogBytes: number): Promise<void> {
  const store = await openPageStore(path, { maxLogBytes });
  await store.transaction((transaction) => transaction.resize(SIZE_PAGES));
  await store.snapshot();
  const image = new Uint8Array(PAGE_BYTES);
  for (let count = 0; ; count += 1) {
    try {
      await store.transaction(
        (transaction) => {
          for (let index = 0; index < PAGES_PER_COMMIT; index += 1) {
            const pageNumber = 1 + ((count * PAGES_PER_COMMIT + index) % SIZE_PAGES);
            transaction.write(pageNumber, stamp(image, pageNumber, count));
          }
        },
        { waitFor: count % HEAD_START === HEAD_START - 1 ? 'durable' : 'appended' },
      );
    } catch (error) {
      if (!(error instanceof WalError)) throw error;
      break;
    }
  }
  const files = await store.wal.files();
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  process.stdout.write(String(bytes / MIB));
  setInterval(() => undefined, 1000);
}

async function open(path: string, maxLogBytes: number): Promise<void> {
  const store = await openPageStore(path, { maxLogBytes });
  const transaction = store.begin();
  transaction.read(1);
  transaction.rollback();
}

if (process.argv[1] === SELF) {
  const [what, path = '', maxLogBytes] = process.argv.slice(2);
  if (what === 'fill') await fill(path, Number(maxLogBytes));
  else {
    const startMs = performance.now();
    if (what === 'open') await open(path, Number(maxLogBytes));
    const opening: Opening = { seconds: (performance.now() - startMs) / 1000, peakMiB: peakMemoryMiB() };
    process.stdout.write(JSON.stringify(opening));
    process.exit(0);
  }
}
