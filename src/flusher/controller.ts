// The controller of one open log: collects what a decision is made from, has it made, and puts it into force
// (design/controller.md). All that it collects is here, all that it changes is in the Steering that it is. What is
// decided is src/decide, which knows no clock.

import { availableParallelism } from 'node:os';
import { monotonicMs } from '../base/clock.js';
import { type Decision, decide } from '../decide/decide.js';
import {
  type Bounds,
  emptyMemory,
  fixedTuning,
  type Memory,
  type Observation,
  type Sample,
  type Tuning,
} from '../decide/observation.js';
import type { Control } from '../epoch/control.js';
import type { Histogram } from '../observe/histogram.js';
import { Telemetry } from '../observe/telemetry.js';
import type { FlushingScenario } from '../observe/trace.js';
import type { Verdicts } from '../shadow/shadow-compare.js';
import { DecisionBoard } from './decision-board.js';
import type { FlushObserver } from './flusher-events.js';
import type { SealedEpoch } from './lanes.js';
import type { FlusherStart } from './messages.js';
import type { Steering } from './steering.js';

/** Between two decisions at least: long beside a sync, short beside what a load lasts. */
const PERIOD_MS = 25;
/** A period without so many epochs goes on, up to ten times as long. */
const EPOCHS_MIN = 16;

/** Where a controller reads and tells. */
export interface ControllerParts {
  readonly control: Control;
  readonly telemetry: Telemetry;
  readonly board: DecisionBoard;
  /** Who else looks on. */
  readonly observer: FlushObserver;
  /** A decision was made. `force_conservative` is the last one: from then on the log goes as without a controller. */
  decided(decision: Decision, observation: Observation): void;
}

/** Decides for one log while it is open. */
export class Controller implements Steering, FlushObserver {
  readonly #parts: ControllerParts;
  readonly #bounds: Bounds;
  #tuning: Tuning;
  #memory: Memory;
  #number = 0;
  #lanes = 0;
  #pressed = 0;
  #before: Sample;
  #isOver = false;

  constructor(parts: ControllerParts, bounds: Bounds) {
    this.#parts = parts;
    this.#bounds = bounds;
    this.#tuning = fixedTuning(bounds);
    this.#memory = emptyMemory(bounds);
    this.#before = this.#sample(monotonicMs());
  }

  get gatherMs(): number | undefined {
    const { gatherUs } = this.#tuning;
    return gatherUs === null ? undefined : gatherUs / 1000;
  }

  get lanes(): number {
    return this.#tuning.lanes;
  }

  get flushes(): number {
    return this.#tuning.flushes;
  }

  sealed(epoch: SealedEpoch, why: FlushingScenario): void {
    this.#lanes += epoch.cuts.length;
    if (why === 'pressure') this.#pressed += 1;
    this.#parts.observer.sealed(epoch, why);
  }

  written(epoch: SealedEpoch, segmentBytes: number, verdicts: Verdicts): void {
    this.#parts.observer.written(epoch, segmentBytes, verdicts);
    this.look(monotonicMs());
  }

  /** Decides, if a period is over. */
  look(nowMs: number): void {
    const periodMs = nowMs - this.#before.atUs / 1000;
    // A clock that went back is evidence, too.
    if (this.#isOver || (periodMs >= 0 && periodMs < PERIOD_MS)) return;
    const epochs = this.#parts.control.counters().epochs - this.#before.epochs;
    if (epochs >= 0 && epochs < EPOCHS_MIN && periodMs >= 0 && periodMs < 10 * PERIOD_MS) return;
    const now = this.#sample(nowMs);
    this.#number += 1;
    const observation: Observation = {
      number: this.#number,
      before: this.#before,
      now,
      inForce: this.#tuning,
      bounds: this.#bounds,
      memory: this.#memory,
    };
    this.#apply(decide(observation), observation);
    this.#before = now;
  }

  #apply(decision: Decision, observation: Observation): void {
    this.#tuning = decision.tuning;
    this.#memory = decision.memory;
    this.#isOver = decision.record.action === 'force_conservative';
    this.#parts.board.note(decision);
    this.#parts.decided(decision, observation);
  }

  /** The only place where evidence is collected. */
  #sample(nowMs: number): Sample {
    const { control, telemetry } = this.#parts;
    const { epochs, commits, bytesWritten: bytes } = control.counters();
    const [sync, commit] = [telemetry.sync.read(), telemetry.commit.read()];
    return {
      atUs: nowMs * 1000,
      epochs,
      commits,
      bytes,
      syncs: sync.count,
      syncUs: sumUs(sync),
      waits: commit.count,
      waitUs: sumUs(commit),
      lanes: this.#lanes,
      pressed: this.#pressed,
    };
  }
}

/** The controller of a log that has one. */
export function controllerOf(
  { decisions, telemetry, lanes, settings }: FlusherStart,
  control: Control,
  observer: FlushObserver & { decided(decision: Decision): void },
): Controller | undefined {
  if (decisions === undefined) return undefined;
  const board = new DecisionBoard(decisions);
  const decided = (decision: Decision): void => observer.decided(decision);
  const parts = { control, telemetry: new Telemetry(telemetry), board, observer, decided };
  const bounds = { lanes: lanes.length, flushes: settings.helperLaneBudget, processors: availableParallelism() };
  return new Controller(parts, bounds);
}

function sumUs({ sumMs }: Histogram): number {
  return sumMs * 1000;
}
