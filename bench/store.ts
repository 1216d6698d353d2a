// Page-store transactions beside what else one would use: each writes one value of 4 KiB to one of the same number of
// keys that all exist, and is acknowledged durable before its writer goes on. Each round includes bringing everything
// to its place (a checkpoint).

import { type CompareCase, type Compared, compareContenders, comparedFigures, howNotes } from './compare.js';
import { storePlot } from './figure-plots.js';
import { storeContenders } from './peers.js';
import type { BenchResult } from './result.js';

export async function benchStore(parent: string, cases: readonly CompareCase[]): Promise<BenchResult> {
  const figures: unknown[] = [];
  const byWriters = new Map<number, Compared[]>();
  const notes = new Set<string>();
  const contenders = storeContenders();
  for (const given of cases) {
    const compared = await compareContenders(parent, contenders, given);
    byWriters.set(given.writers, compared);
    const rows = compared.map((each) => [each.contender.name, comparedFigures(each)]);
    figures.push({ writers: given.writers, keys: given.keys, ...Object.fromEntries(rows) });
    for (const note of howNotes(compared)) notes.add(note);
  }
  return { comparisons: [], plots: [storePlot(byWriters)], notes: [...notes], figures };
}
