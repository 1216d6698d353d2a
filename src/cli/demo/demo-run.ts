// The demonstration, step by step: replay, kill, recover, check, carry on, compare. Each step is a method that returns
// what it found; commands/demo.ts prints that. Nothing here trusts the log's own word where something else can be
// asked: the acknowledgements come from outside the killed process, the images from the trace, the end from SQLite.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { monotonicMs } from '../../base/clock.js';
import { WalError } from '../../base/errors.js';
import { recoverWal, verifyWal } from '../../recover.js';
import type { RecoveryReport } from '../../recovery/report.js';
import type { Mode } from '../../settings.js';
import { logDirectoryOf, scanSteadily, segmentsOfChain } from '../log-reading.js';
import { pageFilePaths, sha256OfFile } from '../page-files.js';
import { readAckFile } from '../replay/acknowledgements.js';
import { appliedSha256 } from '../replay/applied-pages.js';
import { type ReplayInput, readReplayInput } from '../replay/replay-input.js';
import { type ReplayOutcome, runReplay } from '../replay/replay-job.js';

/** Copies of the database, and threads that write to all of them. */
export const DEMO_COPIES = 4;
export const DEMO_WRITERS = 4;

/** The trace that the package ships; this file is compiled to dist/src/cli/demo/. */
const TRACE = new URL('../../../../test/traces/bank-4k/', import.meta.url);
const MAIN = new URL('../main.js', import.meta.url);

/** How often the ack file is looked at: a run writes some ten transactions in this time. */
const POLL_MS = 1;

/** How the killed run ended. */
export interface Killed {
  /** By copy: transactions 1 to k were acknowledged. */
  readonly acknowledged: readonly number[];
  readonly total: number;
  /** From the first acknowledgement to the kill. */
  readonly seconds: number;
}

/** What the log holds after the kill. */
export interface Survivors {
  /** By copy: the transactions in the log, counted from 0, with their sequences, in sequence order. */
  readonly present: readonly ReadonlyMap<number, number>[];
  readonly total: number;
  /** Acknowledged transactions that are not in the log: none, or the log is broken. */
  readonly lost: number;
  /** Copies whose page file is not exactly the transactions in the log, applied in their order. */
  readonly wrongCopies: number;
}

/** One demonstration in one folder. */
export class DemoRun {
  readonly #dbPath: string;
  readonly #ackPath: string;
  readonly #input: ReplayInput;
  readonly #mode: Mode | undefined;

  private constructor(folder: string, input: ReplayInput, mode: Mode | undefined) {
    this.#mode = mode;
    this.#dbPath = join(folder, 'bank.db');
    this.#ackPath = join(folder, 'acknowledged');
    this.#input = input;
  }

  /**
   * @param folder - exists, and holds nothing that has our names
   * @param mode - of both logs; undefined for what the environment says
   */
  static async prepare(folder: string, mode: Mode | undefined): Promise<DemoRun> {
    return new DemoRun(folder, await readReplayInput(pathOf('base.db.gz'), pathOf('trace.db-wal.gz')), mode);
  }

  /** Transactions of one copy. */
  get transactions(): number {
    return this.#input.trace.counts.transactions;
  }

  get pageBytes(): number {
    return this.#input.base.pageBytes;
  }

  /**
   * Replays in a process of its own and kills it hard once `count` transactions are acknowledged.
   *
   * @returns undefined when the process was done before it could be killed
   * @throws {WalError} ERR_WAL_IO with what the process said when it failed by itself
   */
  async replayAndKill(count: number): Promise<Killed | undefined> {
    const child = spawn(process.execPath, this.#replayArguments(), { stdio: ['ignore', 'ignore', 'pipe'] });
    const said: string[] = [];
    child.stderr.on('data', (data: Buffer) => said.push(data.toString()));
    const exited = once(child, 'exit');
    const seconds = await this.#killAt(child, count);
    const [status, signal] = (await exited) as [number | null, NodeJS.Signals | null];
    if (signal === 'SIGKILL') {
      const acknowledged = readAckFile(this.#ackPath, DEMO_COPIES);
      return { acknowledged, total: sum(acknowledged), seconds };
    }
    if (status === 0) return undefined;
    throw new WalError('ERR_WAL_IO', `The replay ended by itself: ${said.join('').trim()}`, { status, signal });
  }

  /** Brings the page files up to the log. */
  recover(): Promise<RecoveryReport> {
    return recoverWal(this.#dbPath, { into: { pageFiles: this.#pageFiles() } });
  }

  /** Compares what the log holds with what was acknowledged, and the page files with the trace. */
  async check({ acknowledged }: Killed): Promise<Survivors> {
    const present = await this.#transactionsInLog();
    let lost = 0;
    for (const [copy, count] of acknowledged.entries()) {
      for (let transaction = 0; transaction < count; transaction++)
        if (present[copy]?.has(transaction) !== true) lost++;
    }
    const { trace, base } = this.#input;
    const files = this.#pageFiles();
    const wrongCopies = present.filter((transactions, copy) => {
      return sha256OfFile(files[copy] as string) !== appliedSha256(trace, base, transactions.keys());
    });
    return { present, total: sum(present.map(({ size }) => size)), lost, wrongCopies: wrongCopies.length };
  }

  /** Appends what is missing, checkpoints and closes. */
  async carryOn({ present }: Survivors): Promise<ReplayOutcome> {
    const { trace, base } = this.#input;
    const finished = await runReplay({
      dbPath: this.#dbPath,
      trace,
      pageBytes: base.pageBytes,
      basePages: base.pages,
      copies: DEMO_COPIES,
      writers: DEMO_WRITERS,
      transactions: this.transactions,
      settings: { lanes: DEMO_WRITERS, mode: this.#mode },
      present,
    });
    await finished.checkpointAndClose();
    return finished.outcome;
  }

  /** Copies that differ from what SQLite itself made of the trace, and whether the log is sound. */
  async compare(): Promise<{ wrongCopies: number; isSound: boolean }> {
    const { replaySha256 } = JSON.parse(readFileSync(pathOf('oracle.json'), 'utf8')) as { replaySha256: string };
    const wrong = this.#pageFiles().filter((path) => sha256OfFile(path) !== replaySha256);
    return { wrongCopies: wrong.length, isSound: (await verifyWal(this.#dbPath)).isSound };
  }

  /** Polls the ack file and kills; returns the seconds since the first acknowledgement. */
  async #killAt(child: ChildProcess, count: number): Promise<number> {
    let firstMs: number | undefined;
    while (child.exitCode === null && child.signalCode === null) {
      const total = sum(this.#acknowledgedNow());
      if (total > 0) firstMs ??= monotonicMs();
      if (total >= count && firstMs !== undefined) {
        child.kill('SIGKILL');
        return (monotonicMs() - firstMs) / 1000;
      }
      await sleep(POLL_MS);
    }
    return 0;
  }

  #acknowledgedNow(): number[] {
    try {
      return readAckFile(this.#ackPath, DEMO_COPIES);
    } catch {
      // Not made yet.
      return [];
    }
  }

  async #transactionsInLog(): Promise<Map<number, number>[]> {
    const present = Array.from({ length: DEMO_COPIES }, () => new Map<number, number>());
    const directory = logDirectoryOf(this.#dbPath);
    for (const segment of segmentsOfChain(directory, await scanSteadily(directory))) {
      for (const { txnId, seq, records } of segment.commits()) {
        const [record] = records();
        if (record !== undefined) present[record.space]?.set(Number(txnId) - 1, seq);
      }
    }
    return present;
  }

  #pageFiles(): string[] {
    return pageFilePaths(this.#dbPath, DEMO_COPIES);
  }

  #replayArguments(): string[] {
    const files = ['--base', pathOf('base.db.gz'), '--wal', pathOf('trace.db-wal.gz'), '--db', this.#dbPath];
    const counts = ['--copies', `${DEMO_COPIES}`, '--writers', `${DEMO_WRITERS}`, '--lanes', `${DEMO_WRITERS}`];
    const mode = this.#mode === undefined ? [] : ['--mode', this.#mode];
    return [
      fileURLToPath(MAIN),
      'replay',
      ...files,
      ...counts,
      ...mode,
      '--ack-file',
      this.#ackPath,
      '--no-checkpoint',
    ];
  }
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, TRACE));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
