// What the flusher counts of the epochs it writes (design/shared-memory.md, "Counters").

import type { Control } from '../epoch/control.js';
import type { Verdicts } from '../shadow/shadow-compare.js';
import type { FlushObserver } from './flusher-events.js';
import type { SealedEpoch } from './lanes.js';

/** Counts the epochs of one open log. */
export class EpochCounts implements FlushObserver {
  readonly #control: Control;
  readonly #lanesUsed = new Set<number>();

  constructor(control: Control) {
    this.#control = control;
  }

  /** What is sealed counts once it is written. */
  sealed(): void {}

  written({ certificate, cuts }: SealedEpoch, segmentBytes: number, { clean, diverged }: Verdicts): void {
    const control = this.#control;
    control.count('epochs');
    control.count('commits', certificate.frameCount);
    control.count('voids', certificate.voids.length);
    control.count('pages', certificate.pageCount);
    control.count('bytesWritten', segmentBytes);
    control.count('shadowClean', clean);
    control.count('shadowDiverged', diverged);
    control.countMax('framesPerEpochMax', certificate.frameCount);
    control.countMax('lanesPerEpochMax', cuts.length);
    for (const { lane, jumboCount } of cuts) {
      this.#lanesUsed.add(lane.index);
      control.count('jumbos', jumboCount);
    }
    control.countMax('lanesUsed', this.#lanesUsed.size);
  }
}
