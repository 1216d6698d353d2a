// Loads as a controller sees them: what is counted in a period while a tuning is in force. Deterministic: a seed stands
// for the noise.

import { type Decision, decide } from '../../src/decide/decide.js';
import {
  type Bounds,
  emptyMemory,
  fixedTuning,
  type Gather,
  type Observation,
  type Sample,
} from '../../src/decide/observation.js';

/** How a log fares under a load. */
export interface Load {
  readonly periods: number;
  readonly waiters: number;
  readonly commitsPerEpoch: number;
  readonly syncUs: number;
  readonly bytesPerCommit: number;
  readonly lanesPerEpoch: number;
  readonly pressedShare: number;
  /** How much a wait takes beside that without a controller, by how is gathered and how many flushes are in flight. */
  readonly factor: (gather: Gather, flushes: number) => number;
}

export const LONE: Load = {
  periods: 3,
  waiters: 0.9,
  commitsPerEpoch: 1,
  syncUs: 120,
  bytesPerCommit: 8192,
  lanesPerEpoch: 1,
  pressedShare: 0,
  factor: () => 1,
};

/** Where gathering all pays. */
export const WAITING: Load = {
  ...LONE,
  periods: 60,
  waiters: 8,
  commitsPerEpoch: 6,
  syncUs: 1000,
  lanesPerEpoch: 2,
  factor: (gather) => ({ own: 1, none: 1.3, all: 0.8 })[gather],
};

/** Where two flushes pay. */
export const FLOOD: Load = {
  ...WAITING,
  waiters: 20,
  commitsPerEpoch: 64,
  bytesPerCommit: 33_000,
  syncUs: 2000,
  factor: (gather, flushes) => (gather === 'own' ? 1 : 1.1) * (flushes === 2 ? 0.85 : 1),
};

/** A log under loads, one after the other; each decision is put into force. */
export class LoadedLog {
  readonly bounds: Bounds;
  #sample: Sample = {
    atUs: 1,
    epochs: 0,
    commits: 0,
    bytes: 0,
    syncs: 0,
    syncUs: 0,
    waits: 0,
    waitUs: 0,
    lanes: 0,
    pressed: 0,
  };
  #last: Pick<Decision, 'tuning' | 'memory'>;
  #number = 0;
  #noise = 1;

  constructor(bounds: Bounds) {
    this.bounds = bounds;
    this.#last = { tuning: fixedTuning(bounds), memory: emptyMemory(bounds) };
  }

  /** What is in force. */
  get tuning() {
    return this.#last.tuning;
  }

  get memory() {
    return this.#last.memory;
  }

  /** The next observation; `change` makes it one that cannot be. */
  observe(load: Load, change: (now: Sample) => Sample | null = (now) => now): Observation {
    const { tuning: inForce, memory } = this.#last;
    const before = this.#sample;
    // From 0.98 to 1.02, by a generator of Lehmer's.
    this.#noise = (this.#noise * 48_271) % 2_147_483_647;
    const noise = 0.98 + (this.#noise % 1000) / 25_000;
    const waitUs = load.syncUs * load.waiters * load.factor(inForce.gather, inForce.flushes) * noise;
    const epochs = Math.max(16, Math.round(25_000 / load.syncUs));
    const grown: Sample = {
      atUs: 25_000,
      epochs,
      commits: epochs * load.commitsPerEpoch,
      bytes: epochs * load.commitsPerEpoch * load.bytesPerCommit,
      syncs: epochs,
      syncUs: epochs * load.syncUs,
      waits: load.waiters === 0 ? 0 : epochs,
      waitUs: Math.round(epochs * waitUs),
      lanes: epochs * load.lanesPerEpoch,
      pressed: Math.round(epochs * load.pressedShare),
    };
    const sums = Object.entries(grown).map(([name, value]) => [name, before[name as keyof Sample] + value]);
    this.#sample = Object.fromEntries(sums) as unknown as Sample;
    this.#number += 1;
    return { number: this.#number, before, now: change(this.#sample), inForce, bounds: this.bounds, memory };
  }

  /** Observes, decides and puts it into force for as many periods as the load lasts. */
  run(load: Load): { observation: Observation; decision: Decision }[] {
    return Array.from({ length: load.periods }, () => {
      const observation = this.observe(load);
      const decision = decide(observation);
      this.#last = decision;
      return { observation, decision };
    });
  }
}
