// One writer thread of a replay: takes transactions from the shared schedule, appends them, and keeps a bounded window
// of commits in flight. Thread-agnostic but for the blocking waits; started as the worker `replayer`.
//
// A transaction is marked as appended as soon as append returned, not when it is durable: that is the latch rule of the
// log, and what makes the order of the sequences the order of the transactions.

import { toWalError, WalError, type WireError } from '../../base/errors.js';
import type { Commit } from '../../commit.js';
import { connectWal } from '../../connect.js';
import type { WalHandle } from '../../handle.js';
import type { CommitInput, PageWrite } from '../../record/commit.js';
import type { FsyncPolicy } from '../../settings.js';
import type { MessagePort } from '../../thread/thread-connect.js';
import type { WalWriter } from '../../writer.js';
import { type Claim, type ScheduleMemory, SharedSchedule } from '../trace/schedule.js';
import { pageImage, type SqliteTrace } from '../trace/sqlite-wal.js';
import { Sequences, type SequencesMemory } from './sequences.js';

/** What a writer is started with. */
export interface ReplayWriterStart {
  /** From 0; decides which copy it looks at first. */
  readonly writer: number;
  readonly handle: WalHandle;
  readonly trace: SqliteTrace;
  readonly schedule: ScheduleMemory;
  readonly sequences: SequencesMemory;
  readonly fsync: FsyncPolicy;
}

/** What a writer has appended. */
export interface WriterTally {
  readonly commits: number;
  readonly frames: number;
}

/** What a writer tells: that it is connected, and how it ended. It starts when it hears anything. */
export type ReplayWriterMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly tally: WriterTally }
  | { readonly kind: 'failed'; readonly error: WireError };

/** Commits and bytes of them that a writer has in flight before it waits for the oldest to be durable. */
const WINDOW_COMMITS_MAX = 64;
const WINDOW_BYTES_MAX = 4 * 2 ** 20;
/** How long one blocking wait lasts before the writer looks whether the replay was stopped meanwhile. */
const WAIT_MS = 1000;

/** Body of a writer thread. */
export async function runReplayWriter(start: ReplayWriterStart, port: MessagePort): Promise<void> {
  const tell = (message: ReplayWriterMessage): void => port.postMessage(message);
  const schedule = new SharedSchedule(start.schedule);
  try {
    const log = await connectWal(start.handle);
    const told = new Promise((resolve) => port.once('message', resolve));
    tell({ kind: 'ready' });
    await told;
    const tally = new ReplayWriter(log, start, schedule).run();
    log.disconnect();
    tell({ kind: 'done', tally });
  } catch (thrown) {
    // The others would wait for what this one had claimed.
    schedule.stop();
    tell({ kind: 'failed', error: toWalError(thrown, 'write to the log').toWire() });
  } finally {
    port.close();
  }
}

class ReplayWriter {
  readonly #log: WalWriter;
  readonly #start: ReplayWriterStart;
  readonly #schedule: SharedSchedule;
  readonly #sequences: Sequences;
  readonly #window: { readonly commit: Commit; readonly bytes: number }[] = [];
  #windowBytes = 0;

  constructor(log: WalWriter, start: ReplayWriterStart, schedule: SharedSchedule) {
    this.#log = log;
    this.#start = start;
    this.#schedule = schedule;
    this.#sequences = new Sequences(start.sequences);
  }

  /** Appends until nothing is left, or the schedule was stopped. */
  run(): WriterTally {
    let commits = 0;
    let frames = 0;
    for (;;) {
      const claim = this.#schedule.claimNextBlocking(this.#start.writer);
      if (claim === 'done') return { commits, frames };
      const input = commitOf(this.#start, claim);
      const count = input.pages?.length ?? 0;
      const commit = this.#append(input);
      if (commit === undefined) return { commits, frames };
      // Before the mark: whoever follows this transaction must find it acknowledged no later than itself.
      this.#sequences.store(claim.copy, claim.transaction, commit.seq);
      this.#schedule.markAppended(claim.copy, claim.transaction);
      commits += 1;
      frames += count;
      this.#keep(commit, count * (this.#start.trace.pageBytes ?? 0));
    }
  }

  /** Appends however long it takes; undefined when the replay was stopped meanwhile. */
  #append(input: CommitInput): Commit | undefined {
    return this.#patiently(() => this.#log.append(input, { timeoutMs: WAIT_MS }));
  }

  #keep(commit: Commit, bytes: number): void {
    this.#window.push({ commit, bytes });
    this.#windowBytes += bytes;
    while (
      this.#window.length > WINDOW_COMMITS_MAX ||
      (this.#windowBytes > WINDOW_BYTES_MAX && this.#window.length > 1)
    ) {
      const oldest = this.#window.shift();
      if (oldest === undefined) return;
      this.#windowBytes -= oldest.bytes;
      this.#patiently(() => this.#waitFor(oldest.commit));
    }
  }

  /** Under `normal` one sync is for many segments, and who waited for it after each would make it one for one. */
  #waitFor(commit: Commit): void {
    if (this.#start.fsync === 'normal') commit.waitWritten(WAIT_MS);
    else commit.waitDurable(WAIT_MS);
  }

  /** Runs what may time out again and again, until it is done or the replay was stopped. */
  #patiently<Result>(attempt: () => Result): Result | undefined {
    while (!this.#schedule.isStopped()) {
      try {
        return attempt();
      } catch (thrown) {
        if (!(thrown instanceof WalError) || thrown.code !== 'ERR_WAL_TIMEOUT') throw thrown;
      }
    }
    return undefined;
  }
}

/** The commit that one transaction is in one copy. */
function commitOf({ trace, schedule }: ReplayWriterStart, { copy, transaction }: Claim): CommitInput {
  const { entryStarts, pageNumbers, commitSizePages } = trace;
  const pages: PageWrite[] = [];
  const end = entryStarts[transaction + 1] ?? 0;
  for (let entry = entryStarts[transaction] ?? 0; entry < end; entry++) {
    pages.push({ pageNumber: pageNumbers[entry] ?? 0, image: pageImage(trace, entry), space: copy });
  }
  const txnId = transaction + 1;
  // A commit cannot be empty: a transaction without a page of its own repeats the size.
  const setsSize = schedule.plan.followsAll[transaction] === 1 || pages.length === 0;
  if (!setsSize) return { txnId, pages };
  return { txnId, pages, sizes: [{ space: copy, pages: commitSizePages[transaction] ?? 0 }] };
}
