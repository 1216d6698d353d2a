// What a durable map must hold after threads of map-worker.ts worked on it and died.

import type { DurableMap } from '../../src/kv.js';

/** Rounds that each thread was told of, and how often threads died in the middle of one. */
export interface MapWork {
  readonly rounds: readonly number[];
  readonly deaths: number;
}

/** What is wrong with a map; empty when all is well. */
export function faultsOf(map: DurableMap<string, number>, { rounds, deaths }: MapWork): string[] {
  const faults: string[] = [];
  const within = (name: string, value: number, least: number, most: number): void => {
    if (value < least || value > most) faults.push(`${name} is ${value}, not within ${least} and ${most}`);
  };
  let done = 0;
  for (const [thread, round] of rounds.entries()) {
    const own = map.get(`own ${thread}`) ?? 0;
    done += own;
    // What is durable may not have been told yet.
    within(`own ${thread}`, own, round, Number.POSITIVE_INFINITY);
    const [one, other] = [map.get(`one ${thread}`) ?? 0, map.get(`other ${thread}`) ?? 0];
    if (one !== other) faults.push(`half a batch of thread ${thread}: ${one} and ${other}`);
    within(`one ${thread}`, one, own, own + 1);
  }
  // A round that was not finished may have counted, and the thread does it again: once more for each death.
  within('sum', Number(map.counter('sum')), done, done + deaths);
  within('swaps', map.get('swaps') ?? 0, done, done + deaths);
  return faults;
}
