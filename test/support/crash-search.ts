// Goes through every crash point of many workloads and every state a crash can leave there. Failures name the workload,
// the point and the state; WAL_TEST_STATE=<that name> looks at it alone.

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

/** A search; its memory of states lasts as long as it does. */
export class CrashSearch {
  readonly tally: SearchTally = { workloads: 0, points: 0, states: 0, distinct: 0, refused: 0 };
  readonly #found = new Map<string, Found>();
  readonly #only = process.env.WAL_TEST_STATE;
  readonly #sectorsMax: number;

  /** @param sectorsMax - of each torn write all subsets of so many sectors */
  constructor(sectorsMax: number) {
    this.#sectorsMax = sectorsMax;
  }

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
  async run(workload: CrashWorkload): Promise<void> {
    const name = nameOfWorkload(workload);
    if (this.#only !== undefined && !this.#only.startsWith(`${name}@`)) return;
    this.tally.workloads += 1;
    for (const [index, point] of (await runWorkload(workload)).entries()) {
      this.tally.points += 1;
      await this.#check(`${name}@${index}`, point);
    }
  }

  async #check(name: string, promised: PromisedPoint): Promise<void> {
    const { point, durable, written } = promised;
    // The death of the process alone: everything that was written is there.
    const killed = { ...promised, mayRefuse: false };
    await this.#look(`${name}#killed`, killed, written, () => recoverAndGoOn(point.killed()));
    let number = 0;
    for (const state of point.states({ sectorsMax: this.#sectorsMax })) {
      number += 1;
      const look = async (): Promise<Found> => {
        let found = this.#found.get(state.hash);
        if (found === undefined) {
          found = await recoverAndGoOn(state.disk());
          this.#found.set(state.hash, found);
          this.tally.distinct += 1;
          if (found.refused !== undefined) this.tally.refused += 1;
        }
        return found;
      };
      await this.#look(`${name}#${number}`, promised, durable, look, state.label);
    }
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
