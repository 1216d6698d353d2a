// The logs that are compared with each other, each with its writers, all of them started once: lanewal's, in the steady
// state, with log files recycled behind it; and the global-lock log, whose file is used again and again, as if it had
// been checkpointed.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openWal, type SettingOptions, type Wal } from '../src/index.js';
import { GlobalLockLog } from './baseline/global-lock-log.js';
import type { LockWriterData } from './baseline/lock-worker.js';
import type { RoundPlan, RoundResult } from './log-writer.js';
import { WARM, warmUp } from './warm-up.js';
import { WorkerGroup } from './worker-group.js';
import { fillPool, type LogRound, logRound, recycleBehind, segmentBytes, Writers } from './writers.js';

type Plan = Omit<RoundPlan, 'seconds' | 'commits'>;

const LOCK_LOG_BYTES = 512 * 2 ** 20;

/** A round of lanewal's log. */
export interface LogRun extends LogRound {
  readonly segmentBytes: number;
  /** Written where the disk had no blocks yet: not the steady state. */
  readonly unfilledBytes: number;
}

/** lanewal's log with its writers. */
export class LogUnderTest {
  readonly wal: Wal;
  readonly #writers: Writers;
  readonly #count: number;
  #stopRecycling = async (): Promise<void> => undefined;

  private constructor(wal: Wal, writers: Writers, count: number) {
    this.wal = wal;
    this.#writers = writers;
    this.#count = count;
  }

  static async start(parent: string, name: string, options: SettingOptions, count: number): Promise<LogUnderTest> {
    const wal = await openWal(join(parent, name), { maxLogBytes: 2 ** 40, ...options });
    return new LogUnderTest(wal, await Writers.start(wal, count), count);
  }

  /** Warms up on files that are made meanwhile. */
  async warmUpWaiting(): Promise<void> {
    await this.#writers.run({ kind: 'wait', pages: 1, ...WARM });
  }

  /** From here on log files come back. */
  async warmUp(plan: Plan): Promise<void> {
    this.#stopRecycling = recycleBehind(this.wal);
    await fillPool(this.wal, this.#writers, this.#count);
    await warmUp((each) => this.#writers.run(each), plan);
  }

  /** Runs a round on the first `count` writers. */
  async run(plan: RoundPlan, count?: number): Promise<LogRun> {
    const before = this.wal.counters();
    const run = await this.#writers.run(plan, count);
    const after = this.wal.counters();
    return {
      ...run,
      segmentBytes: segmentBytes(before, after),
      unfilledBytes: after.unfilledBytes - before.unfilledBytes,
    };
  }

  async stop(): Promise<void> {
    await this.#stopRecycling();
    await this.#writers.stop();
    await this.wal.close();
  }
}

/** The global-lock log with its writers. */
export class LockLogUnderTest {
  readonly #log: GlobalLockLog;
  readonly #group: WorkerGroup<RoundPlan, RoundResult>;

  private constructor(log: GlobalLockLog, group: WorkerGroup<RoundPlan, RoundResult>) {
    this.#log = log;
    this.#group = group;
  }

  /** @param isSynced - whether a writer that waits has its commits synced */
  static async start(parent: string, count: number, isSynced = true): Promise<LockLogUnderTest> {
    const own = join(parent, 'global-lock');
    mkdirSync(own);
    const log = GlobalLockLog.create(join(own, 'log'), LOCK_LOG_BYTES, true);
    const { handle } = log;
    const data = Array.from({ length: count }, (_, index): LockWriterData => ({ handle, index, count, isSynced }));
    const url = new URL('./baseline/lock-worker.js', import.meta.url);
    return new LockLogUnderTest(log, await WorkerGroup.launch(url, data));
  }

  async warmUp(plan: Plan): Promise<void> {
    await warmUp((each) => this.run(each), plan);
  }

  async run(plan: RoundPlan, count?: number): Promise<LogRound> {
    return logRound(plan, await this.#group.round(plan, count));
  }

  async stop(): Promise<void> {
    await this.#group.stop();
    this.#log.close();
  }
}
