// Goes through every crash point of many workloads and every state a crash can leave there. Failures name the workload,
// the point and the state; WAL_TEST_STATE=<that name> looks at it alone. What a recovery makes of a disk depends on its
// names and bytes alone, so a disk that was seen is not recovered again: only what was promised is compared again.

import { expect } from 'vitest';
import { brokenPromise, type Found, recoverAndGoOn } from './crash-oracle.js';
import { type CrashWorkload, nameOfWorkload, type PromisedPoint, runWorkload } from './crash-workload.js';

/** What a search has seen. */
export interface SearchTally {
  workloads: number;
  points: number;
  /** States with repetition, and the different ones among them. */
  states: number;
  distinct: number;
  /** Of the different ones, under `off`: those that only open with `stop`. */
  refused: number;
}

/** Of each torn write all subsets of so many sectors are gone through. */
export interface SectorBounds {
  readonly sectorsMax: number;
  /**
   * The same at crash points right behind a write, when no earlier one had the same in the cache and on the disk and
   * promised the same; default `sectorsMax`.
   */
  readonly newWriteSectorsMax?: number;
}

/** A search; its memory of states lasts as long as it does. */
export class CrashSearch {
  readonly tally: SearchTally = { workloads: 0, points: 0, states: 0, distinct: 0, refused: 0 };
  readonly #found = new Map<string, Found>();
  readonly #only = process.env.WAL_TEST_STATE;
  readonly #writesSeen = new Set<string>();

  /** One line of figures. */
  get summary(): string {
    const { workloads, points, states, distinct, refused } = this.tally;
    const more = refused === 0 ? '' : `, ${refused} of them opened with stop only`;
    return `${workloads} workloads, ${points} crash points, ${states} states, ${distinct} different${more}`;
  }

  /** Fewer states than were once counted mean that the search has shrunk; looking at one alone is no search. */
  expectAtLeast(distinct: number): void {
    if (this.#only === undefined) expect(this.tally.distinct).toBeGreaterThanOrEqual(distinct);
  }

  /** @throws the first broken law, with the name of the state */
  async run(workload: CrashWorkload, bounds: SectorBounds): Promise<void> {
    const name = nameOfWorkload(workload);
    if (this.#only !== undefined && !this.#only.startsWith(`${name}@`)) return;
    this.tally.workloads += 1;
    for (const [index, point] of (await runWorkload(workload)).entries()) {
      this.tally.points += 1;
      const { newWriteSectorsMax = bounds.sectorsMax } = bounds;
      const sectorsMax = this.#isNewWrite(point) ? newWriteSectorsMax : bounds.sectorsMax;
      await this.#check(`${name}@${index}`, point, sectorsMax);
    }
  }

  #isNewWrite({ point, isBehindWrite, durable, checkpoint, lines }: PromisedPoint): boolean {
    if (!isBehindWrite) return false;
    const seen = this.#writesSeen.size;
    this.#writesSeen.add([point.kept().hash, point.lost().hash, durable, checkpoint, ...lines].join());
    return this.#writesSeen.size > seen;
  }

  async #check(name: string, promised: PromisedPoint, sectorsMax: number): Promise<void> {
    const { point, durable, written } = promised;
    // The death of the process alone: everything that was written is there.
    const killed = { ...promised, mayRefuse: false };
    // Cache and disk make the state; what opening leaves unsynced shows in the disk alone.
    const both = `killed ${point.kept().hash} ${point.lost().hash}`;
    const lookAtKilled = () => this.#foundOnce(both, () => recoverAndGoOn(point.killed(), true));
    await this.#look(`${name}#killed`, killed, written, lookAtKilled);
    for (const state of point.states({ sectorsMax })) {
      const look = () => this.#foundOnce(state.hash, () => recoverAndGoOn(state.disk()));
      await this.#look(`${name}#${state.hash}`, promised, durable, look, state.label);
    }
  }

  async #foundOnce(key: string, recover: () => Promise<Found>): Promise<Found> {
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const found = await recover();
    this.#found.set(key, found);
    this.tally.distinct += 1;
    if (found.refused !== undefined) this.tally.refused += 1;
    return found;
  }

  async #look(
    name: string,
    promised: PromisedPoint,
    least: number,
    look: () => Promise<Found>,
    label = '',
  ): Promise<void> {
    if (this.#only !== undefined && this.#only !== name) return;
    this.tally.states += 1;
    const failure = await look().then(
      (found) => brokenPromise(found, least, promised),
      (error: unknown) => String(error),
    );
    if (failure !== undefined) throw new Error(`WAL_TEST_STATE='${name}' (${label}): ${failure}`);
  }
}
