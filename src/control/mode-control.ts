// What decides the mode of a running log: what is asked for, and a latch that overrides it. On the flusher's thread, so
// that nobody decides beside it. design/modes.md, "Fallback".
//
// M3: a log is conservative if and only if it says why: mode and fallback are stored here alone.

import type { Control } from '../epoch/control.js';
import type { Fallback, FallbackReason } from '../epoch/mode.js';
import type { Lane } from '../lane/lane.js';
import type { Mode } from '../settings.js';
import type { Directory } from '../storage/directory.js';
import { type Latch, removeLatch, writeLatch } from './latch.js';
import { type HeldGuard, switchMode } from './mode-switch.js';

/** In so many epochs in a row appends have to run out of time before the lanes count as overflowing. */
const OVERFLOWING_EPOCHS = 3;

/** The mode that a setting and a latch make, and why it is conservative. */
export function modeInForce(asked: Mode, latched: Fallback): { mode: Mode; fallback: Fallback } {
  if (latched !== 'none') return { mode: 'conservative', fallback: latched };
  return { mode: asked, fallback: asked === 'conservative' ? 'operator_forced' : 'none' };
}

/** The mode of one open log. */
export class ModeControl {
  readonly #control: Control;
  readonly #lanes: readonly Lane[];
  readonly #directory: Directory;
  readonly #sync: boolean;
  readonly #onFallback: (latch: Latch) => void;
  readonly #perMille: number;
  #asked: Mode;
  #latched: Fallback;
  #isShadowed: boolean;
  #overflows: number;
  #overflowingEpochs = 0;

  /**
   * @param asked - the mode of the settings
   * @param perMille - so many of each thousand commits have proofs in mode `auto`
   */
  constructor(
    control: Control,
    lanes: readonly Lane[],
    directory: Directory,
    { asked, perMille, latched, sync }: { asked: Mode; perMille: number; latched: Fallback; sync: boolean },
    onFallback: (latch: Latch) => void,
  ) {
    this.#control = control;
    this.#lanes = lanes;
    this.#directory = directory;
    this.#sync = sync;
    this.#onFallback = onFallback;
    this.#perMille = perMille;
    this.#asked = asked;
    this.#latched = latched;
    this.#overflows = control.overflows.load();
    this.#isShadowed = this.#asksForProofs(control.mode);
  }

  /** Whether commits may have proofs: from the first mode on that asks for some. */
  get isShadowed(): boolean {
    return this.#isShadowed;
  }

  /**
   * An operator asks for a mode. Conservative is latched; another one undoes that, and no other latch.
   *
   * @returns how to ask who may still be on the old way
   * @throws {WalError} ERR_WAL_STORAGE_FULL, ERR_WAL_IO; the mode is as before
   */
  set(mode: Mode): () => readonly HeldGuard[] {
    if (mode === 'conservative') {
      if (this.#latched === 'none') this.#latch({ reason: 'operator_forced', message: 'setMode' });
    } else if (this.#latched === 'operator_forced') this.#unlatch();
    this.#asked = mode;
    return this.#switch();
  }

  /** An operator takes the latch away, whatever its reason; as {@link set}. */
  resume(): () => readonly HeldGuard[] {
    this.#unlatch();
    if (this.#asked === 'conservative') this.#asked = 'auto';
    return this.#switch();
  }

  /** The log goes on conservatively. The first reason stands until an operator resumes. */
  fallBack(reason: FallbackReason, message: string): void {
    if (this.#latched !== 'none') return;
    try {
      this.#latch({ reason, message });
    } catch {
      // A disk that takes no latch is no reason to trust the parallel path: it holds for this opening then.
      this.#latched = reason;
    }
    this.#switch();
    this.#onFallback({ reason, message });
  }

  /** An epoch is sealed: looks whether appends have run out of time in it. */
  sealed(): void {
    const overflows = this.#control.overflows.load();
    this.#overflowingEpochs = overflows === this.#overflows ? 0 : this.#overflowingEpochs + 1;
    this.#overflows = overflows;
    if (this.#overflowingEpochs < OVERFLOWING_EPOCHS) return;
    this.#overflowingEpochs = 0;
    this.fallBack('lane_overflow', `Appends found no space in time in ${OVERFLOWING_EPOCHS} epochs in a row.`);
  }

  /**
   * A checkpoint was refused. A store that says it holds commits which are not durable has pages that went to disk
   * before their log did (C1); one that names commits which do not exist is only wrong.
   */
  checkpointRefused(throughSeq: number): void {
    const { durableSeq, commitSeqNext } = this.#control;
    if (throughSeq <= durableSeq.load() || throughSeq >= commitSeqNext.load()) return;
    this.fallBack('checkpoint_conflict', `A checkpoint through ${throughSeq} was ahead of the durable mark.`);
  }

  #latch(latch: Latch): void {
    writeLatch(this.#directory, latch, this.#sync);
    this.#latched = latch.reason;
  }

  #unlatch(): void {
    removeLatch(this.#directory, this.#sync);
    this.#latched = 'none';
  }

  #switch(): () => readonly HeldGuard[] {
    const { mode, fallback } = modeInForce(this.#asked, this.#latched);
    this.#control.fallback = fallback;
    this.#isShadowed ||= this.#asksForProofs(mode);
    return switchMode(this.#control, this.#lanes, mode);
  }

  #asksForProofs(mode: Mode): boolean {
    return mode === 'shadow_compare' || (mode === 'auto' && this.#perMille > 0);
  }
}
