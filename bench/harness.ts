// What all benchmarks share: statistics, numbers that look random, a directory on the disk under test. A figure is a
// median over rounds that are interleaved with what it is compared with.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const QUIET_MS = 100;
const QUIET_LOOKS_MAX = 50;

/** Median and spread of a list of numbers. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

/** The value below which `share` of the sorted `values` lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function summary(values: readonly number[]): Summary {
  return { median: quantile(values, 0.5), min: Math.min(...values), max: Math.max(...values), rounds: values.length };
}

/** The ratio within each round, over the rounds: what disturbs a round disturbs both its figures. */
export function ratios(values: readonly number[], beside: readonly number[]): Summary {
  return summary(values.map((value, index) => value / (beside[index] ?? Number.NaN)));
}

/** The median of the rounds as a point of a plot, with the smallest and the largest. */
export function pointAt<X extends number | string>(
  x: X,
  values: readonly number[],
): { x: X; y: number; low: number; high: number } {
  const { median, min, max } = summary(values);
  return { x, y: median, low: min, high: max };
}

/** Runs `work` with a fresh directory below `parent`, and removes it. */
export async function inDirectory<T>(parent: string, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(parent, '.lanewal-bench-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  // Also when the process is told to end meanwhile.
  process.once('exit', remove);
  try {
    return await work(directory);
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** Numbers from 0 up to but not including `count` that look random and follow from `seed` (a 32-bit xorshift). */
export function randomBelow(seed: number, count: number): () => number {
  let state = (Math.imul(seed, 0x9e37_79b9) ^ 0x85eb_ca6b) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % count;
  };
}

/** The whole numbers from `first` to `last` in an order that looks random and follows from `seed`. */
export function shuffled(first: number, last: number, seed: number): number[] {
  const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  for (let at = numbers.length - 1; at > 0; at -= 1) {
    const other = randomBelow(seed + at, at + 1)();
    [numbers[at], numbers[other]] = [numbers[other] as number, numbers[at] as number];
  }
  return numbers;
}

/** Waits until nothing is written any more, files made ready ahead for example, at most some seconds. */
export async function quiet(): Promise<void> {
  for (let looks = 0, before = Number.NaN; looks < QUIET_LOOKS_MAX; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const bytes = bytesWritten();
    if (Number.isNaN(bytes) || bytes === before) return;
    before = bytes;
  }
}

/** Bytes that this process has handed to `write` and the like so far, where the system tells it; else NaN. */
export function bytesWritten(): number {
  try {
    return Number(/^wchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
  } catch {
    return Number.NaN;
  }
}

/** Peak resident memory of this process in MiB, where the system tells it. */
export function peakMemoryMiB(): number {
  try {
    const kib = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kib !== undefined) return Number(kib) / 1024;
  } catch {
    // Not Linux: the portable figure below.
  }
  return process.resourceUsage().maxRSS / 1024;
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
