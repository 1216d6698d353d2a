// Explores threads over a shared log with all laws, and says how much there was to see.

import { expect } from 'vitest';
import { type Explored, Explorer, type Scope } from './explorer.js';
import { FLUSHER_LANE, type Ghost, observer } from './ghost.js';
import { LogLaws } from './laws.js';
import type { SharedLog } from './shared-log.js';
import type { ThreadPlan } from './thread-tree.js';
import type { World } from './world.js';

export interface LogScope extends Pick<Scope<Ghost>, 'deathsMax' | 'hasTimeouts' | 'hasTimers'> {
  readonly name: string;
  readonly log: SharedLog;
  readonly threads: readonly ThreadPlan<Ghost>[];
  /** States that were seen when the scope was written down; fewer mean that something is no longer explored. */
  readonly statesMin: number;
  /** Whether the flusher does nothing but seal and reap, so that the order of its loads is known. */
  readonly onlySeals?: boolean;
  /** Whether commits may rest unwritten, because nobody waits for them. */
  readonly mayRest?: boolean;
  /** Whether marks are moved by the test itself, with nothing behind them. */
  readonly onlyWaits?: boolean;
  /** Whether writers change their lane with the mode. */
  readonly isModal?: boolean;
  /** What else must be true in the end, besides that everything is written once. */
  readonly atRest?: (world: World<Ghost>) => string | undefined;
}

/** Goes through every interleaving; fails with a schedule that replays what is wrong. */
export async function exploreLog(scope: LogScope): Promise<Explored> {
  const {
    name,
    log,
    threads,
    statesMin,
    onlySeals = true,
    mayRest = false,
    onlyWaits = false,
    isModal = false,
    atRest,
    ...rest
  } = scope;
  const laws = new LogLaws(log);
  const explorer = new Explorer<Ghost>({
    ...rest,
    name,
    machine: log.machine,
    threads,
    observe: observer(log.slots),
    laws: onlyWaits ? [] : [...laws.all(), ...(onlySeals ? [laws.loadOrder()] : [])],
    soleWriters: isModal ? new Map() : soleWriters(log, threads),
    atRest: (world) => (mayRest || onlyWaits ? undefined : laws.allIsWritten(world)) ?? atRest?.(world),
  });
  const explored = await explorer.explore();
  const { states, transitions, lives, ends } = explored;
  console.log(`${name}: ${states} states, ${transitions} transitions, ${lives} lives, ${ends} ends`);
  expect(ends).toBeGreaterThan(0);
  expect(states).toBeGreaterThanOrEqual(statesMin);
  return explored;
}

/** Heads and marks are the flusher's, the tail of a lane with one writer is that writer's. */
function soleWriters({ slots }: SharedLog, threads: readonly ThreadPlan<Ghost>[]): Map<number, number> {
  const lanes = threads.map(({ ghost }) => ghost.lane);
  const flusher = lanes.indexOf(FLUSHER_LANE);
  const writers = new Map([slots.writtenSeq, slots.durableSeq].map((slot) => [slot, flusher]));
  for (const [lane, { head, tail }] of slots.lanes.entries()) {
    writers.set(head, flusher);
    if (lanes.indexOf(lane) === lanes.lastIndexOf(lane)) writers.set(tail, lanes.indexOf(lane));
  }
  return writers;
}
