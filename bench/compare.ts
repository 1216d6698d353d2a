// Contenders under the same load, in turns in each round, another one first in each, all of them warm. In the end every
// one of them is closed, opened anew, and every value compared with what its writers were told.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ContenderCase, type ContenderRound, ContenderRun } from './contender-run.js';
import { inDirectory, round, type Summary, summary } from './harness.js';
import type { Contender } from './peers/contender.js';
import { WARM } from './warm-up.js';

/** How much is done. */
export interface CompareCase extends ContenderCase {
  readonly seconds: number;
  readonly rounds: number;
  /** Reads of a hundred operations; none without. */
  readonly readPercent?: number;
}

/** One contender over the rounds. */
export interface Compared {
  readonly contender: Contender;
  readonly rounds: readonly ContenderRound[];
  /** Values that were there in the end, each compared. */
  readonly verified: number;
}

export async function compareContenders(
  parent: string,
  contenders: readonly Contender[],
  given: CompareCase,
): Promise<Compared[]> {
  return inDirectory(parent, async (directory) => {
    const runs: { run: ContenderRun; rounds: ContenderRound[] }[] = [];
    for (const [index, contender] of contenders.entries()) {
      const own = join(directory, String(index));
      mkdirSync(own);
      runs.push({ run: await ContenderRun.start(contender, own, given), rounds: [] });
    }
    const { seconds, readPercent } = given;
    const plan = { kind: 'write', seconds, ...(readPercent === undefined ? {} : { readPercent }) } as const;
    for (const { run } of runs) await run.round({ ...plan, ...WARM });
    for (let index = 0; index < given.rounds; index += 1) {
      for (let turn = 0; turn < runs.length; turn += 1) {
        const { run, rounds } = runs[(turn + index) % runs.length] as (typeof runs)[number];
        rounds.push(await run.round(plan));
      }
    }
    const compared: Compared[] = [];
    for (const { run, rounds } of runs) {
      compared.push({ contender: run.contender, rounds, verified: await run.end() });
    }
    return compared;
  });
}

/** The figures of a contender, for results.json. */
export function comparedFigures({ contender, rounds, verified }: Compared): Record<string, unknown> {
  const rates = (rate: (each: ContenderRound) => number): Summary => {
    const { median, min, max, rounds: count } = summary(rounds.map(rate));
    return { median: round(median, 0), min: round(min, 0), max: round(max, 0), rounds: count };
  };
  const us = (percent: number): number =>
    round(summary(rounds.map(({ latencies }) => latencies.us(percent))).median, 1);
  return {
    how: contender.how,
    acknowledgedIs: contender.safety,
    writesPerSecond: rates(({ writesPerSecond }) => writesPerSecond),
    settledWritesPerSecond: rates(({ settledWritesPerSecond }) => settledWritesPerSecond),
    readsPerSecond: rates(({ readsPerSecond }) => readsPerSecond),
    writeUs: { p50: us(50), p99: us(99), 'p99.9': us(99.9), max: us(100) },
    kibWrittenEach: round(summary(rounds.map(({ bytesEach }) => bytesEach)).median / 1024, 1),
    valuesVerified: verified,
  };
}

/** How each contender was used, in a line each. */
export function howNotes(compared: readonly Compared[]): string[] {
  return compared.map(({ contender, verified }) => {
    return `${contender.name}: ${contender.how}. ${verified} values read back afterwards, all as acknowledged.`;
  });
}
