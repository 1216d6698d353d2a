// Scopes that several suites explore at different sizes.

import { exploreLog, type LogScope } from './explore-log.js';
import type { Explored } from './explorer.js';
import { type FlusherPlan, flusherThread, runThread, type WriterPlan, writerThread } from './log-threads.js';
import { SharedLog, type SharedLogOptions } from './shared-log.js';
import { type FlusherLoopPlan, flusherLoopThread, type WalWriterPlan, walWriterThread } from './wal-threads.js';

type ScopeRest = Omit<LogScope, 'name' | 'log' | 'threads'>;

export interface SealingScope extends ScopeRest, SharedLogOptions, Pick<FlusherPlan, 'reapsUnwritten'> {
  readonly writers: readonly Omit<WriterPlan, 'id'>[];
  /** Seals while writers may be at work; one that gets everything follows when all have ended. */
  readonly seals: number;
}

/** Writers against a flusher that seals, writes, releases and reaps. */
export function exploreSealing(name: string, scope: SealingScope): Promise<Explored> {
  const { writers, seals, reapsUnwritten = false } = scope;
  const log = new SharedLog(scope);
  const plans = writers.map((plan, thread) => ({ ...plan, thread, id: 2 + thread }));
  const isShadowed = writers.some(({ isProven }) => isProven);
  const flusher = flusherThread(log, { writers: plans, rounds: seals, reapsUnwritten, isShadowed });
  const threads = plans.map((plan) => (plan.isRun ? runThread(log, plan) : writerThread(log, plan)));
  return exploreLog({ ...scope, name, log, threads: [...threads, flusher] });
}

export interface LoopScope extends ScopeRest, SharedLogOptions, Partial<FlusherLoopPlan> {
  readonly writers: readonly Omit<WalWriterPlan, 'id'>[];
}

/** Applications against the flusher's own loop. */
export function exploreLoop(name: string, scope: LoopScope): Promise<Explored> {
  const { writers, fsync = 'off', closes = false } = scope;
  const log = new SharedLog(scope);
  const threads = writers.map((plan, thread) => walWriterThread(log, { ...plan, id: 2 + thread }));
  const flusher = flusherLoopThread(log, { fsync, closes });
  return exploreLog({ ...scope, name, log, threads: [...threads, flusher], onlySeals: false });
}
