// What a store does most of the time: mostly reads of pages that are in memory, some durable writes, several threads,
// checkpoints as they come.

import { type CompareCase, compareContenders, comparedFigures, howNotes } from './compare.js';
import { pointAt } from './harness.js';
import { classicLevel } from './peers/classic-level.js';
import { storeContenders } from './peers.js';
import type { BenchResult } from './result.js';

export async function benchMixed(parent: string, given: CompareCase): Promise<BenchResult> {
  const level = classicLevel();
  const compared = await compareContenders(
    parent,
    [...storeContenders(), ...(level === undefined ? [] : [level])],
    given,
  );
  const readPercent = given.readPercent ?? 0;
  return {
    comparisons: [],
    plots: [
      {
        id: 'mixed',
        title: `${given.writers} threads, ${readPercent}% reads, ${100 - readPercent}% durable writes`,
        caption: 'Operations of 4 KiB on keys that look random. Each thread waits for its write before it goes on.',
        kind: 'bars',
        x: { label: '', scale: 'linear' },
        y: { label: 'operations/s', scale: 'linear' },
        series: compared.map(({ contender, rounds }) => ({
          name: contender.name,
          points: [
            pointAt(
              'reads and writes',
              rounds.map(({ writesPerSecond, readsPerSecond }) => writesPerSecond + readsPerSecond),
            ),
          ],
        })),
      },
    ],
    notes: howNotes(compared),
    figures: {
      threads: given.writers,
      keys: given.keys,
      readPercent,
      ...Object.fromEntries(compared.map((each) => [each.contender.name, comparedFigures(each)])),
    },
  };
}
