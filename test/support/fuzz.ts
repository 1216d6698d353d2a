// Body of a process that reads hostile logs, one after the other, until its time is over: run it with a memory limit.
// Arguments: seed, logs at most, milliseconds at most. Prints one line of JSON at the end; a broken rule is an error with fast-check's report.

import fc from 'fast-check';
import { countAllocations } from './bounded-directory.js';
import { makeByteCorpus } from './byte-corpus.js';
import { HostileCheck } from './hostile-check.js';
import { hostileLogs, makeHostile } from './hostile-log.js';
import { LogAnatomy } from './log-anatomy.js';

/** What the process prints. */
export interface FuzzResult {
  readonly runs: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly largest: number;
  readonly total: number;
  readonly reads: number;
  /** Resident memory before the first log and at its highest, in bytes. */
  readonly rssBefore: number;
  readonly rssMax: number;
}

async function main(seed: number, numRuns: number, milliseconds: number): Promise<FuzzResult> {
  const corpora = await Promise.all([true, false].map(makeByteCorpus));
  const anatomies = corpora.map(({ directory, map }) => new LogAnatomy(directory, map));
  const check = new HostileCheck(countAllocations());
  const rssBefore = process.memoryUsage.rss();
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(hostileLogs(corpora.length), async (hostile) => {
      runs += 1;
      await check.run(makeHostile(hostile, corpora[hostile.corpus]!, anatomies[hostile.corpus]!));
    }),
    { seed, numRuns, interruptAfterTimeLimit: milliseconds, markInterruptAsFailure: false },
  );
  const { outcomes, largest, total, reads } = check;
  return { runs, outcomes, largest, total, reads, rssBefore, rssMax: process.resourceUsage().maxRSS * 1024 };
}

const [seed, logs, milliseconds] = process.argv.slice(2).map(Number);
process.stdout.write(`${JSON.stringify(await main(seed!, logs!, milliseconds!))}\n`);
