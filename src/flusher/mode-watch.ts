// What happens around a flusher that may make its log conservative, on its way to who decides that
// (control/mode-control.ts): epochs, failures, decisions. design/modes.md, "Fallback".

import type { WalError } from '../base/errors.js';
import { ModeControl } from '../control/mode-control.js';
import type { Decision } from '../decide/decide.js';
import type { Control } from '../epoch/control.js';
import { GAP_LAW } from '../epoch/sealing.js';
import { frameSeed } from '../frame/codec.js';
import type { Lane } from '../lane/lane.js';
import type { FlushingScenario } from '../observe/trace.js';
import { ShadowCompare, type Verdicts } from '../shadow/shadow-compare.js';
import type { Jumbos } from '../shadow/shadowed-frames.js';
import type { Directory } from '../storage/directory.js';
import type { FlushTelemetry } from './flush-telemetry.js';
import type { FlushObserver } from './flusher-events.js';
import type { SealedEpoch } from './lanes.js';
import type { FlusherNotice, FlusherStart } from './messages.js';

/** Looks on, and passes on to the telemetry. */
export class ModeWatch implements FlushObserver {
  readonly modes: ModeControl;
  readonly shadow: ShadowCompare;
  readonly #telemetry: FlushTelemetry;
  readonly #tell: (notice: FlusherNotice) => void;

  constructor(
    { settings, latched, logStart }: FlusherStart,
    control: Control,
    lanes: readonly Lane[],
    directory: Directory,
    telemetry: FlushTelemetry,
    tell: (notice: FlusherNotice) => void,
    jumbos: Jumbos,
  ) {
    const { mode: asked, shadowComparePerMille: perMille, fsync } = settings;
    const start = { asked, perMille, latched, sync: fsync !== 'off' };
    this.modes = new ModeControl(control, lanes, directory, start, (latch) => tell({ kind: 'fallback', ...latch }));
    this.shadow = new ShadowCompare({
      directory,
      frameSeed: frameSeed(logStart.logId, logStart.incarnation),
      isDirect: settings.shadowDirect,
      sync: start.sync,
      isOn: () => this.modes.isShadowed,
      jumbos,
      recentTrace: () => telemetry.recent(),
      diverged: (message) => this.modes.fallBack('publication_mismatch', message),
    });
    this.#telemetry = telemetry;
    this.#tell = tell;
  }

  sealed(epoch: SealedEpoch, why: FlushingScenario): void {
    this.#telemetry.sealed(epoch, why);
    this.modes.sealed();
  }

  written(epoch: SealedEpoch, segmentBytes: number, verdicts: Verdicts): void {
    this.#telemetry.written(epoch, segmentBytes, verdicts);
  }

  /** What a controller cannot have seen is no evidence to go on by: neither for it nor for the log. */
  decided(decision: Decision): void {
    this.#telemetry.decided(decision);
    const { action, fault = 'no reason was given' } = decision.record;
    if (action === 'force_conservative') this.modes.fallBack('controller_evidence_lost', fault);
  }

  /** The log is over; without proof that no commit is missing its next opening is conservative. */
  failed(error: WalError): void {
    if (error.details.law === GAP_LAW) this.modes.fallBack('certificate_gap', error.message);
    this.#tell({ kind: 'failed', error: error.toWire() });
  }
}
