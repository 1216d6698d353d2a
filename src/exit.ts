// A process that exits with an open log: its exit handlers can still be answered by the flusher's thread, so what was
// appended is drained there, within a bound (design/concurrency.md, "Exit"). A signal without a handler runs nothing
// of this.

import { monotonicMs } from './base/clock.js';
import type { Control } from './epoch/control.js';

interface OpenLog {
  readonly control: Control;
  /** Posts a request to flush; posting works in an exit handler, hearing the answer does not. */
  readonly askToFlush: () => void;
  readonly exitFlushMs: number;
}

/** The open logs of this thread; one listener serves them all. */
const openLogs = new Set<OpenLog>();

/** Drains the log when the process exits, at most `exitFlushMs`; returns how to stop doing so. */
export function drainAtExit(control: Control, exitFlushMs: number, askToFlush: () => void): () => void {
  const log = { control, exitFlushMs, askToFlush };
  if (openLogs.size === 0) process.on('exit', drainAll);
  openLogs.add(log);
  return () => {
    openLogs.delete(log);
    if (openLogs.size === 0) process.off('exit', drainAll);
  };
}

function drainAll(): void {
  for (const log of openLogs) drain(log);
}

function drain({ control, exitFlushMs, askToFlush }: OpenLog): void {
  askToFlush();
  const lastSeq = control.commitSeqNext.load() - 1;
  const deadlineMs = monotonicMs() + exitFlushMs;
  for (;;) {
    const turn = control.durableTurn.load();
    // Before the mark, which the flusher moves before it ends: a log that has ended has the mark it will always have.
    const hasEnded = control.hasEnded();
    const left = lastSeq - control.durableSeq.load();
    if (left <= 0) return;
    const leftMs = deadlineMs - monotonicMs();
    // A log that is closing is still draining.
    if (leftMs <= 0 || hasEnded) {
      process.stderr.write(`lanewal: the process exited before ${left} commit(s) were durable.\n`);
      return;
    }
    control.durableTurn.wait(turn, leftMs);
  }
}
