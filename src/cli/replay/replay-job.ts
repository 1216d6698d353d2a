// Replays a trace onto copies of its base through one log: opens the log, runs the writers, follows the durable mark,
// and at the end brings the page files up to the log. The page files are there already (page-files.ts). Used by
// `lanewal replay`, and by the demo a second time to carry on after a crash.

import { monotonicMs } from '../../base/clock.js';
import { WalError } from '../../base/errors.js';
import type { CounterName } from '../../epoch/control.js';
import type { Fallback } from '../../epoch/mode.js';
import { recoverDirectory } from '../../recovery/recover.js';
import type { Mode, SettingOptions } from '../../settings.js';
import { MessageChannel } from '../../thread/thread-connect.js';
import { startWorker } from '../../thread/worker-host.js';
import { openWal, type Wal } from '../../wal.js';
import { pageFilePaths } from '../page-files.js';
import { createScheduleMemory, planDependencies, SharedSchedule } from '../trace/schedule.js';
import type { SqliteTrace } from '../trace/sqlite-wal.js';
import { type AckFile, Acknowledgements } from './acknowledgements.js';
import type { ReplayWriterMessage, ReplayWriterStart, WriterTally } from './replay-writer.js';
import { createSequencesMemory, Sequences, type SequencesMemory } from './sequences.js';

/** What to replay, and how. */
export interface ReplayJob {
  readonly dbPath: string;
  /** Over shared memory; see writeRegrownPages. */
  readonly trace: SqliteTrace;
  readonly pageBytes: number;
  readonly basePages: number;
  readonly copies: number;
  readonly writers: number;
  /** How many transactions of each copy. */
  readonly transactions: number;
  readonly settings: Pick<SettingOptions, 'lanes' | 'fsync' | 'mode'>;
  readonly ackFile?: AckFile | undefined;
  /** By copy: the sequences of transactions, counted from 0, that the log has already. */
  readonly present?: readonly ReadonlyMap<number, number>[] | undefined;
  /** Told at each move of the durable mark how many transactions, of all copies, are durable. */
  readonly onProgress?: ((durable: number) => void) | undefined;
}

/** What a replay did. */
export interface ReplayOutcome {
  /** Commits and page images appended, over all copies. */
  readonly commits: number;
  readonly frames: number;
  /** From the first append to the last commit being durable. */
  readonly seconds: number;
  readonly counters: Readonly<Record<CounterName, number>>;
  readonly lanes: number;
  /** The mode in force at the end, as the log says. */
  readonly mode: Mode;
  readonly fallback: Fallback;
  readonly dbSizePages: readonly number[];
}

/** A replay whose transactions are all durable in the log, which is still open. */
export interface FinishedReplay {
  readonly outcome: ReplayOutcome;
  /** Brings the page files up to the log, read from disk again; tells the log so; and closes it. */
  checkpointAndClose(): Promise<void>;
}

/**
 * Runs a replay until everything is durable.
 *
 * @throws {WalError} of opening the log; of the writers; ERR_WAL_STORAGE_FULL when the log stalls; the log was closed
 *   then as far as that was possible, and holds what was appended
 */
export async function runReplay(job: ReplayJob): Promise<FinishedReplay> {
  const plan = planDependencies(job.trace, job.basePages, job.transactions);
  const wal = await openWal(job.dbPath, { ...job.settings, maxLogBytes: MAX_LOG_BYTES, pageSize: job.pageBytes });
  const replay = new Replay(job, wal, createSequencesMemory(job.copies, plan.transactions));
  try {
    const present = job.present?.map((sequences) => sequences.keys());
    const schedule = createScheduleMemory(plan, job.copies, present);
    const outcome = await replay.run(new SharedSchedule(schedule));
    return { outcome, checkpointAndClose: () => replay.checkpointAndClose() };
  } catch (thrown) {
    await wal.close({ timeoutMs: CLOSE_MS }).catch(() => undefined);
    throw thrown;
  }
}

/** Page files are written in the end, from the whole log. */
const MAX_LOG_BYTES = 2 ** 46;
/** How long a failed replay tries to leave its log in order. */
const CLOSE_MS = 2000;

class Replay {
  readonly #job: ReplayJob;
  readonly #wal: Wal;
  readonly #memory: SequencesMemory;
  readonly #acknowledgements: Acknowledgements;
  /** Why the replay cannot go on; the first reason is the real one, others follow from it. */
  #failure: unknown;
  #stopWriters: () => void = () => undefined;

  constructor(job: ReplayJob, wal: Wal, memory: SequencesMemory) {
    this.#job = job;
    this.#wal = wal;
    this.#memory = memory;
    const sequences = new Sequences(memory);
    for (const [copy, known] of (job.present ?? []).entries()) {
      for (const [transaction, seq] of known)
        if (transaction < memory.transactions) sequences.store(copy, transaction, seq);
    }
    this.#acknowledgements = new Acknowledgements(job.copies, sequences, job.ackFile);
  }

  async run(schedule: SharedSchedule): Promise<ReplayOutcome> {
    this.#stopWriters = () => schedule.stop();
    const onFailed = (error: WalError): void => this.#fail(error);
    this.#wal.on('failed', onFailed);
    // A full disk may be freed, but nobody waits here for that: the command says what is the matter and ends.
    this.#wal.on('stalled', onFailed);
    const stopFollowing = this.#wal.onDurable(({ lastSeq }) => this.#advance(lastSeq));
    try {
      // What a log that is carried on has already.
      this.#advance(this.#wal.marks().durableSeq);
      const { tallies, seconds } = await this.#append(schedule);
      const { trace, copies } = this.#job;
      const size = trace.commitSizePages[this.#memory.transactions - 1] ?? this.#job.basePages;
      return {
        commits: tallies.reduce((sum, { commits }) => sum + commits, 0),
        frames: tallies.reduce((sum, { frames }) => sum + frames, 0),
        seconds,
        counters: this.#wal.counters(),
        lanes: this.#wal.settings.lanes,
        mode: this.#wal.mode,
        fallback: this.#wal.fallback,
        dbSizePages: new Array<number>(copies).fill(size),
      };
    } finally {
      stopFollowing();
      this.#wal.off('failed', onFailed).off('stalled', onFailed);
    }
  }

  async checkpointAndClose(): Promise<void> {
    const pageFiles = pageFilePaths(this.#job.dbPath, this.#job.copies);
    const throughSeq = this.#wal.marks().durableSeq;
    // Read back from disk, so that the page files show what is in the log and not what was in memory. From the start: a
    // crash may have left them anywhere.
    const report = await recoverDirectory(this.#wal.directory, { into: { pageFiles }, afterSeq: 0 });
    if (report.lastSeq < throughSeq) {
      const message = `The log reads back through commit ${report.lastSeq} only; ${throughSeq} was durable.`;
      throw new WalError('ERR_WAL_INVARIANT', message, { lastSeq: report.lastSeq, throughSeq });
    }
    await this.#wal.checkpoint({ throughSeq });
    await this.#wal.close();
  }

  async #append(schedule: SharedSchedule): Promise<{ tallies: WriterTally[]; seconds: number }> {
    const { writers, trace } = this.#job;
    const starts = Array.from({ length: writers }, (_, writer): ReplayWriterStart => {
      const { handle, settings } = this.#wal;
      return { writer, handle, trace, schedule: schedule.memory, sequences: this.#memory, fsync: settings.fsync };
    });
    const running = await Promise.all(starts.map((start) => this.#startWriter(start)));
    const startedMs = monotonicMs();
    for (const { go } of running) go();
    const tallies = await Promise.all(running.map(({ done }) => done));
    if (this.#failure !== undefined) throw this.#failure;
    await this.#wal.flush();
    const seconds = (monotonicMs() - startedMs) / 1000;
    this.#advance(this.#wal.marks().durableSeq);
    if (this.#failure !== undefined) throw this.#failure;
    const { total } = this.#acknowledgements;
    const wanted = this.#job.copies * this.#memory.transactions;
    if (total === wanted) return { tallies, seconds };
    throw new WalError('ERR_WAL_INVARIANT', `All was flushed, but ${wanted - total} transactions are not durable.`);
  }

  /** Starts a writer and waits until it is connected. What goes wrong in it is kept, never thrown here. */
  async #startWriter(start: ReplayWriterStart): Promise<{ go: () => void; done: Promise<WriterTally> }> {
    const { port1, port2 } = new MessageChannel();
    let tally: WriterTally = { commits: 0, frames: 0 };
    let isOver = false;
    const ready = new Promise<void>((resolve) => {
      port1.on('message', (message: ReplayWriterMessage) => {
        if (message.kind === 'failed') this.#fail(WalError.fromWire(message.error));
        if (message.kind === 'done') tally = message.tally;
        isOver ||= message.kind !== 'ready';
        resolve();
      });
      port1.once('close', resolve);
    });
    const closed = new Promise<void>((resolve) => port1.once('close', resolve));
    const worker = await startWorker('replayer', start, port2, {});
    const done = closed.then(async () => {
      const died = await worker.ended;
      if (!isOver) this.#fail(died ?? new WalError('ERR_WAL_IO', 'A writer thread ended before its work was done.'));
      return tally;
    });
    await ready;
    return { go: () => port1.postMessage('go'), done };
  }

  #advance(durableSeq: number): void {
    try {
      this.#acknowledgements.advance(durableSeq);
    } catch (thrown) {
      this.#fail(thrown);
      return;
    }
    this.#job.onProgress?.(this.#acknowledgements.total);
  }

  #fail(reason: unknown): void {
    // The log's own failure is what the writers' failures follow from, whichever is heard of first.
    const isOfLog = reason instanceof WalError && reason.code !== 'ERR_WAL_OUTCOME_UNKNOWN';
    const isSecond = this.#failure instanceof WalError && this.#failure.code !== 'ERR_WAL_OUTCOME_UNKNOWN';
    if (this.#failure === undefined || (isOfLog && !isSecond)) this.#failure = reason;
    this.#stopWriters();
  }
}
