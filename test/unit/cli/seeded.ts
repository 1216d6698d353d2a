// Randomness that can be repeated: every random test prints its seed, and WAL_TEST_SEED=... runs it again with that
// one.

import { randomInt } from 'node:crypto';

/** What fast-check takes to repeat a run; prints the seed with the name of the law. */
export function seeded(law: string): { seed: number } {
  const seed = Number(process.env.WAL_TEST_SEED ?? randomInt(2 ** 31));
  process.stdout.write(`seed=${seed} ${law}\n`);
  return { seed };
}

/** A stream of whole numbers from 0 up to, not including, the argument (mulberry32). */
export function randomStream(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
