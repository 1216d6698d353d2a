// Starts the process that reads hostile logs, with a limit on its memory, and judges how it ended.

import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { FuzzResult } from './fuzz.js';
import { Program } from './program.js';

const FUZZ = fileURLToPath(new URL('./fuzz.js', import.meta.url));
const HEAP_MIB = 64;
/** On top of what the process has when it begins: its heap, and what recovery may use for buffers. */
const RSS_GROWTH_MAX = (HEAP_MIB + 64) * 2 ** 20;

/** Reads so many hostile logs, but no longer than so; fails with fast-check's report, which names the log, when a rule is broken. */
export async function runFuzz(seed: number, logs: number, milliseconds: number): Promise<FuzzResult> {
  const command = [
    process.execPath,
    `--max-old-space-size=${HEAP_MIB}`,
    FUZZ,
    ...[seed, logs, milliseconds].map(String),
  ];
  const { status, signal, stdout, stderr } = await new Program(command).ended;
  expect([status, signal, stderr]).toEqual([0, null, '']);
  const result = JSON.parse(stdout) as FuzzResult;
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const { runs, outcomes, largest, total, reads, rssBefore, rssMax } = result;
  console.log(
    `hostile logs: ${runs}; at most ${reads} reads, a piece of ${mib(largest)}, ${mib(total)} in all for one reading; ` +
      `resident ${mib(rssBefore)} before, ${mib(rssMax)} at most; ${JSON.stringify(outcomes)}`,
  );
  expect(rssMax - rssBefore).toBeLessThan(RSS_GROWTH_MAX);
  return result;
}
