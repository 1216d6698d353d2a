// A log that its program has forgotten: nobody can close it any more, and under a policy by hand nobody flushes it.

import type { Control } from '../epoch/control.js';

interface OpenLog {
  readonly control: Control;
  readonly path: string;
}

const registry = new FinalizationRegistry<OpenLog>(({ control, path }) => {
  const left = control.commitSeqNext.load() - 1 - control.durableSeq.load();
  if (left <= 0 || control.hasEnded()) return;
  process.emitWarning(`The log of entries ${path} was dropped with ${left} commit(s) that are not durable: close it.`, {
    type: 'LanewalWarning',
    code: 'LANEWAL_DROPPED',
  });
});

/** Warns when `log` is collected as garbage with commits that are not durable; returns how to stop. */
export function warnWhenDropped(log: object, open: OpenLog): () => void {
  const token = {};
  registry.register(log, open, token);
  return () => void registry.unregister(token);
}
