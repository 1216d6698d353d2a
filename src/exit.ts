// A process that exits with an open log: its exit handlers can still be answered by the flusher's thread, so what was
// appended is drained there, within a bound (protocol section 8). A signal without a handler runs nothing of this.

import { monotonicMs } from './base/clock.js';
import type { Control } from './epoch/control.js';

/** Drains the log when the process exits, at most `exitFlushMs`; returns how to stop doing so. */
export function drainAtExit(control: Control, exitFlushMs: number, isThreaded: boolean): () => void {
  // A flusher on this very thread cannot run while the exit handler does.
  if (!isThreaded) return () => undefined;
  const onExit = (): void => drain(control, exitFlushMs);
  process.on('exit', onExit);
  return () => process.off('exit', onExit);
}

function drain(control: Control, exitFlushMs: number): void {
  const lastSeq = control.commitSeqNext.load() - 1;
  const deadlineMs = monotonicMs() + exitFlushMs;
  for (;;) {
    const turn = control.durableTurn.load();
    const left = lastSeq - control.durableSeq.load();
    if (left <= 0) return;
    const leftMs = deadlineMs - monotonicMs();
    if (leftMs <= 0 || !control.isOpen()) {
      process.stderr.write(`lanewal: the process exited before ${left} commit(s) were durable.\n`);
      return;
    }
    control.demandThrough(lastSeq);
    control.durableTurn.wait(turn, leftMs);
  }
}
