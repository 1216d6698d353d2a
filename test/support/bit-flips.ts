// Flips bits of the byte corpus one by one and judges what recovery makes of each, against what the map of the corpus
// says about the place: which commits may be found, whether it is damage, a torn tail or nothing, and where it is said
// to be. The quick suite flips some bits, the deep one all.

import { expect } from 'vitest';
import { type LogScan, refuseDamage, scanLog } from '../../src/recovery/scan.js';
import type { LogFile } from '../../src/storage/directory.js';
import type { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { type Corpus, fork, linesOf, type Unit } from './byte-corpus.js';
import { codeOf } from './log-builder.js';

/** What a flip has to lead to. */
export type Outcome =
  /** Refused by default, with the file and the offset of the structure; the commits in front of it are what is left. */
  | 'damage'
  /** The log ends in front of it, and what is dropped is counted. */
  | 'torn'
  /** Another record counts, and the report names the file. */
  | 'noted'
  /** Not a bit of the result changes. */
  | 'meaningless'
  /** Behind the end of a recycled file: nothing is lost; whether it looks torn depends on what stood there. */
  | 'stale';

/** What a flip in this structure has to lead to in a log that is synced through `syncedThrough`. */
export function outcomeOf(unit: Unit, { scan }: Corpus): Outcome {
  const { chain, syncedThrough } = scan;
  switch (unit.kind) {
    case 'file header':
      return 'damage';
    case 'segment header':
    case 'frame':
    case 'certificate': {
      // The last mark says nothing of any commit; a mark in between is a link of the chain.
      const isLast = unit.isMark ? unit.epoch === chain.files.at(-1)?.end.epoch : unit.epoch > syncedThrough;
      return isLast ? 'torn' : 'damage';
    }
    case 'checkpoint':
      return 'noted';
    case 'behind the end':
      return 'stale';
    case 'left behind':
    case 'spare':
      return 'meaningless';
  }
}

/** Counts of outcomes. */
export type FlipTally = Record<Outcome, number> & { flips: number };

/** Flips bits of a copy of one corpus. */
export class BitFlips {
  readonly tally: FlipTally = { flips: 0, damage: 0, torn: 0, noted: 0, meaningless: 0, stale: 0 };
  readonly corpus: Corpus;
  readonly #directory: MemoryDirectory;
  readonly #files = new Map<string, LogFile>();
  readonly #byte = new Uint8Array(1);

  constructor(corpus: Corpus) {
    this.corpus = corpus;
    this.#directory = fork(corpus.directory);
    for (const name of this.#directory.list()) this.#files.set(name, this.#directory.open(name, 'write'));
  }

  /** Flips one bit of `unit`, judges, and flips it back. */
  async flip(unit: Unit, offset: number, bit: number): Promise<void> {
    const file = this.#files.get(unit.file)!;
    const flipIt = (): void => {
      file.read(this.#byte, offset);
      this.#byte[0]! ^= 1 << bit;
      file.write([this.#byte], offset);
    };
    flipIt();
    const outcome = outcomeOf(unit, this.corpus);
    try {
      await judge(this.#directory, this.corpus, unit, outcome);
    } catch (error) {
      const place = `${unit.file} at ${offset}, bit ${bit}, in the ${unit.kind} at ${unit.offset}, epoch ${unit.epoch}`;
      throw new Error(`${place}: ${(error as Error).message}`, { cause: error });
    }
    flipIt();
    this.tally.flips += 1;
    this.tally[outcome] += 1;
  }
}

/** Scans, and compares all that comes out with what has to. */
async function judge(directory: MemoryDirectory, corpus: Corpus, unit: Unit, outcome: Outcome): Promise<void> {
  const scan = await scanLog(directory);
  const lines = await linesOf(directory, scan);
  const code = await codeOf((async () => refuseDamage(scan))());
  if (outcome === 'damage') judgeDamage(scan, unit, code);
  else if (outcome !== 'noted') {
    expect(code, 'the code').toBeUndefined();
    expect(scan.damage).toEqual([]);
  }
  if (outcome === 'torn') judgeTorn(scan, unit);
  if (outcome === 'noted') judgeNoted(scan, unit);
  if (outcome === 'meaningless') expect([scan.verdict, scan.droppedBytes]).toEqual(['clean', 0]);
  const isCut = outcome === 'damage' || outcome === 'torn';
  const isGap = scan.chain.isFrontMissing;
  const through = isCut ? unit.seqsBefore : Number.POSITIVE_INFINITY;
  const left = corpus.lines.filter((line) => !isGap && Number.parseInt(line, 10) <= through);
  expect(lines.join('\n'), 'the commits').toBe(left.join('\n'));
}

function judgeDamage(scan: LogScan, unit: Unit, code: unknown): void {
  expect(code, 'the code').toBe('ERR_WAL_CORRUPT');
  expect(scan.damage[0]).toMatchObject({ file: unit.file, offset: unit.offset });
}

function judgeTorn(scan: LogScan, unit: Unit): void {
  const last = scan.chain.files.at(-1)!;
  expect(scan).toMatchObject({ verdict: 'torn', row: 'E' });
  expect(scan.droppedBytes, 'bytes that were dropped').toBeGreaterThan(0);
  expect(scan.chain.isClean, 'closed in order').toBe(false);
  expect([last.file.name, scan.chain.end.offset], 'where the log ends').toEqual([unit.file, unit.offset]);
}

function judgeNoted({ log }: LogScan, unit: Unit): void {
  expect(log.checkpointsDamaged.map(({ name }) => name)).toEqual([unit.file]);
}

/** `flips: 12, damage: 3, ...`, without what did not occur. */
export function tallyLine(tally: FlipTally): string {
  return Object.entries(tally)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ');
}
