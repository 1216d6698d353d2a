// Randomness that can be repeated: every random test prints its seed, and WAL_TEST_SEED=... runs it again with that
// one.

import { randomInt } from 'node:crypto';
import { seeded } from '../../../src/base/random.js';

/** What fast-check takes to repeat a run; prints the seed with the name of the law. */
export function announced(law: string): { seed: number } {
  const seed = Number(process.env.WAL_TEST_SEED ?? randomInt(2 ** 31));
  process.stdout.write(`seed=${seed} ${law}\n`);
  return { seed };
}

/** A stream of whole numbers from 0 up to, not including, the argument. */
export function randomStream(seed: number): (below: number) => number {
  const random = seeded(seed);
  return (below) => Math.floor(random() * below);
}
