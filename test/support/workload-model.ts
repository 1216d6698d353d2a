// What the workload program (workload.ts) writes, computed from each commit's transaction id alone: whoever finds a
// commit in a log knows what has to be in it. And how its acknowledgements are read back.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommitInput, SettingOptions } from '../../src/index.js';

/** What the workload program is told, as JSON in its first argument. */
export interface WorkloadPlan {
  readonly db: string;
  /** Folder of the acknowledgements, `<run>-<worker>` each. */
  readonly acks: string;
  /** From 1; part of every transaction id, so that no two runs write the same commit. */
  readonly run: number;
  readonly workers: number;
  /** Commits of each worker; 0 only opens. */
  readonly commits: number;
  /** Commits that a worker has in flight before it waits for them to be durable; random up to this. */
  readonly windowMax?: number;
  /** Waits for each commit to be written, so that segments are small. */
  readonly waitsWritten?: boolean;
  readonly settings?: SettingOptions;
  /** Frees what lies below, right after opening. */
  readonly checkpointThrough?: number;
  /** Leaves only so many descriptors of the process's limit. */
  readonly descriptorsLeft?: number;
  /** Ends as a crash would, without closing. */
  readonly leavesOpen?: boolean;
}

/** How one worker of the workload ended. */
export interface WorkerOutcome {
  readonly acknowledged: number;
  readonly timeouts: number;
  /** Codes of the errors, in order, of appends and of waits. */
  readonly appendErrors: readonly string[];
  readonly waitErrors: readonly string[];
}

/** One acknowledgement: written by a worker after `waitDurable` returned, never before. */
export interface Ack {
  readonly seq: number;
  readonly txnId: number;
}

export const WORKLOAD_PAGE_BYTES = 512;
export const WORKLOAD_PAGES = 64;

const WORKER_SHIFT = 2 ** 32;
const RUN_SHIFT = 2 ** 40;

/** Transaction id of commit `number` (from 1) of a worker (from 0). */
export function txnIdOf(run: number, worker: number, number: number): number {
  return run * RUN_SHIFT + worker * WORKER_SHIFT + number;
}

/** Inverse of {@link txnIdOf}. */
export function splitTxnId(txnId: number): { run: number; worker: number; number: number } {
  const number = txnId % WORKER_SHIFT;
  const worker = Math.floor(txnId / WORKER_SHIFT) % (RUN_SHIFT / WORKER_SHIFT);
  return { run: Math.floor(txnId / RUN_SHIFT), worker, number };
}

/** The pages that a transaction writes: mostly a few, sometimes many, now and then more than a small lane holds. */
export function pageNumbersOf(txnId: number): number[] {
  const { number, worker, run } = splitTxnId(txnId);
  const mixed = mix(number * 31 + worker * 7 + run * 131);
  const count = number % 61 === 0 ? 48 : number % 17 === 0 ? 24 : 1 + (mixed % 5);
  const first = mixed >>> 8;
  return Array.from({ length: count }, (_, index) => 1 + ((first + index) % WORKLOAD_PAGES));
}

/**
 * Pages of the store behind a transaction. Now and then it cuts off what it can, and the next one grows the store again.
 *
 * Each transaction sets it: otherwise one would be refused for a page beyond the cut of another.
 */
export function sizePagesOf(txnId: number): number {
  return splitTxnId(txnId).number % 7 === 3 ? Math.max(...pageNumbersOf(txnId)) : WORKLOAD_PAGES;
}

/** A transaction as it is appended. */
export function commitOf(txnId: number): CommitInput {
  const pages = pageNumbersOf(txnId).map((pageNumber) => ({ pageNumber, image: imageOf(txnId, pageNumber) }));
  return { txnId, pages, dbSizePages: sizePagesOf(txnId) };
}

/** The image of a page in a transaction. */
export function imageOf(txnId: number, pageNumber: number): Uint8Array {
  const words = new Uint32Array(WORKLOAD_PAGE_BYTES / 4);
  const { run, worker, number } = splitTxnId(txnId);
  words.set([run, worker, number, pageNumber]);
  let state = mix(number ^ (worker << 24) ^ (run << 12) ^ (pageNumber << 4));
  for (let index = 4; index < words.length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[index] = state;
  }
  return new Uint8Array(words.buffer);
}

function mix(value: number): number {
  const once = Math.imul(value ^ (value >>> 15), 0x2c1b_3c6d);
  return (once ^ (once >>> 12)) >>> 0;
}

/** The line that acknowledges a commit. */
export function ackLine({ seq, txnId }: Ack): string {
  return `ack ${seq} ${txnId}\n`;
}

/** Reads acknowledgement lines; a last one that is not whole was never given. */
export function parseAcks(text: string): Ack[] {
  return [...text.matchAll(/^ack (\d+) (\d+)\n/gm)].map(([, seq, txnId]) => ({
    seq: Number(seq),
    txnId: Number(txnId),
  }));
}

/** All acknowledgements in a folder, of one run or of all. */
export function readAcks(folder: string, run?: number): Ack[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => run === undefined || name.startsWith(`${run}-`));
  return names.flatMap((name) => parseAcks(readFileSync(join(folder, name), 'latin1')));
}
