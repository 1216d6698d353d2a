// What all benchmarks share: statistics, the description of the machine, a directory on the disk under test, the raw disk
// beside every figure. A figure is a median over rounds that are interleaved with what it is compared with.

import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';

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

/** What the figures were measured on. */
export function machine(): Record<string, string | number> {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  let commit = 'unknown';
  try {
    commit = git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+changes');
  } catch {
    // Not a checkout: the figures stand without a commit.
  }
  return {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    commit,
  };
}

/** Runs `work` with a fresh directory below `parent`, and removes it. */
export async function inDirectory<T>(parent: string, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(parent, '.lanewal-bench-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One stream to the disk: overwriting a zero-written file, with a sync behind each write. */
export class RawDisk {
  readonly #fd: number;
  readonly #fileBytes: number;
  #offset = 0;

  constructor(directory: string, fileBytes = 64 * 2 ** 20) {
    this.#fileBytes = fileBytes;
    this.#fd = openSync(join(directory, 'raw'), 'w');
    const zeros = Buffer.alloc(4 * 2 ** 20);
    for (let at = 0; at < fileBytes; at += zeros.length) writeSync(this.#fd, zeros, 0, zeros.length, at);
    fdatasyncSync(this.#fd);
  }

  /** Milliseconds of each of `count` writes of `bytes` bytes, each synced. */
  syncedWrites(bytes: number, count: number): number[] {
    const data = Buffer.alloc(bytes, 1);
    return Array.from({ length: count }, () => {
      if (this.#offset + bytes > this.#fileBytes) this.#offset = 0;
      const startMs = performance.now();
      writeSync(this.#fd, data, 0, bytes, this.#offset);
      fdatasyncSync(this.#fd);
      this.#offset += bytes;
      return performance.now() - startMs;
    });
  }

  close(): void {
    closeSync(this.#fd);
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
