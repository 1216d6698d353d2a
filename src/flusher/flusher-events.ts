// What the flusher tells others while it runs: its host, which has to act, and an observer, which only looks.

import type { WalError } from '../base/errors.js';
import type { FlushingScenario } from '../observe/trace.js';
import type { Verdicts } from '../shadow/shadow-compare.js';
import type { SealedEpoch } from './lanes.js';

/** What the flusher tells its host. */
export interface FlusherEvents {
  stalled(error: WalError): void;
  resumed(): void;
  /** A sync has ended, and the next step may do what waited for that. */
  synced(): void;
  failed(error: WalError): void;
  /** The log is at its bound: lets files go that nobody needs, and says whether there were any. */
  makeRoom(): boolean;
  /** Why there is no room; undefined when there is about to be. */
  whyFull(error: WalError): WalError | undefined;
}

/** Who looks on. Nothing in the flusher depends on it. */
export interface FlushObserver {
  /** An epoch was cut out of the lanes, and why now. */
  sealed(epoch: SealedEpoch, why: FlushingScenario): void;
  /** Its segment, of so many bytes, was handed to the operating system, and its proven commits compared. */
  written(epoch: SealedEpoch, segmentBytes: number, verdicts: Verdicts): void;
}
