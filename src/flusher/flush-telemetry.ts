// What the flusher tells of its work: counters and histograms always, trace records while the owner says that somebody
// listens. Records go to the owner's thread in batches, one message for all that happened since the flusher last turned
// its event loop (design/observability.md).

import { monotonicMs, wallClockMs } from '../base/clock.js';
import type { Decision } from '../decide/decide.js';
import type { Control } from '../epoch/control.js';
import { Telemetry } from '../observe/telemetry.js';
import type { FlushingScenario, TraceRecord } from '../observe/trace.js';
import type { Verdicts } from '../shadow/shadow-compare.js';
import { EpochCounts } from './epoch-counts.js';
import type { FlushObserver } from './flusher-events.js';
import type { SealedEpoch } from './lanes.js';
import type { FlusherNotice, FlusherStart } from './messages.js';

/** Records that are kept for who asks what was done last. */
const RECENT_RECORDS = 64;

/** A log file that went into the archive. */
export interface ArchivedFile {
  readonly fileNumber: number;
  readonly endSeq: number;
}

/** A record as the flusher makes it: whose log it is of and when is added to each. */
type Traced = Omit<TraceRecord, 'traceId' | 'timeMs'>;

/** The flusher's work as others see it. */
export class FlushTelemetry implements FlushObserver {
  readonly #control: Control;
  readonly #counts: EpochCounts;
  readonly #telemetry: Telemetry;
  readonly #traceId: string;
  readonly #post: (records: readonly TraceRecord[]) => void;
  readonly #isKept: () => boolean;
  readonly #records: TraceRecord[] = [];
  readonly #recent: TraceRecord[] = [];
  /** The last seal: an epoch is written before the next one is sealed. */
  #sealed: { readonly atMs: number; readonly why: FlushingScenario } = { atMs: 0, why: 'tick' };
  /** The first commit that no sync has covered yet. */
  #unsyncedSeq: number;

  /**
   * @param post - takes the records to the owner
   * @param isKept - whether somebody may ask for what was done last
   */
  constructor(
    control: Control,
    { telemetry, traceId, logStart }: Pick<FlusherStart, 'telemetry' | 'traceId' | 'logStart'>,
    post: (records: readonly TraceRecord[]) => void,
    isKept: () => boolean = () => false,
  ) {
    this.#control = control;
    this.#counts = new EpochCounts(control);
    this.#telemetry = new Telemetry(telemetry);
    this.#traceId = traceId;
    this.#unsyncedSeq = logStart.position.nextSeq;
    this.#post = post;
    this.#isKept = isKept;
  }

  /** What was done last. */
  recent(): readonly TraceRecord[] {
    return this.#recent;
  }

  sealed(epoch: SealedEpoch, why: FlushingScenario): void {
    this.#sealed = { atMs: monotonicMs(), why };
    if (this.#isWanted) this.#trace({ component: 'seal', scenario: why, ...contentsOf(epoch) });
  }

  written(epoch: SealedEpoch, bytes: number, verdicts: Verdicts): void {
    this.#counts.written(epoch, bytes, verdicts);
    const { atMs, why } = this.#sealed;
    const tookMs = monotonicMs() - atMs;
    this.#telemetry.sealToWrite.add(tookMs);
    if (this.#isWanted)
      this.#trace({
        component: 'flush',
        scenario: why,
        tookMs,
        ...contentsOf(epoch),
        bytes,
        ...verdictOf(verdicts),
      });
  }

  /** A sync returned that covers everything up to `epoch` and below `endSeq`. */
  synced(tookMs: number, epoch: number, endSeq: number): void {
    this.#telemetry.sync.add(tookMs);
    const firstSeq = this.#unsyncedSeq;
    this.#unsyncedSeq = endSeq;
    if (this.#isWanted) this.#trace({ component: 'sync', tookMs, epoch, firstSeq, endSeq });
  }

  /** A checkpoint record that covers everything below `endSeq` is durable. */
  checkpointed(tookMs: number, endSeq: number, checkpointEpoch: number): void {
    if (this.#isWanted) this.#trace({ component: 'checkpoint', scenario: 'record', tookMs, endSeq, checkpointEpoch });
  }

  /** A log file is in the archive, with every commit below `endSeq` that it has. */
  archived(tookMs: number, { fileNumber, endSeq }: ArchivedFile): void {
    if (this.#isWanted) this.#trace({ component: 'archive', scenario: 'archived', tookMs, fileNumber, endSeq });
  }

  /** The owner is about to be told: what of the archive is in the trace, too. */
  telling(notice: FlusherNotice): void {
    if (!this.#isWanted) return;
    if (notice.kind === 'archiveResumed') this.#trace({ component: 'archive', scenario: 'resumed' });
    if (notice.kind !== 'archiveFailing') return;
    const { code, message } = notice.error;
    this.#trace({ component: 'archive', scenario: 'failed', code, message });
  }

  /** The controller decided. */
  decided({ record, tuning: { gather, gatherUs, lanes, flushes } }: Decision): void {
    if (!this.#isWanted) return;
    const { number, fault, ...decision } = record;
    const tuning = { gather, gatherUs, lanes, flushes };
    const reason = fault === undefined ? {} : { fallback: 'controller_evidence_lost', message: fault };
    this.#trace({ component: 'decision', decisionId: `${this.#traceId}/${number}`, ...decision, tuning, ...reason });
  }

  /** Hands over what was traced so far; before whatever else the owner is told, so that it hears things in order. */
  post(): void {
    if (this.#records.length > 0) this.#post(this.#records.splice(0));
  }

  get #isWanted(): boolean {
    return this.#telemetry.isTraced || this.#isKept();
  }

  #trace(fields: Traced): void {
    const { mode, fallback } = this.#control;
    const record = { traceId: this.#traceId, timeMs: wallClockMs(), mode, fallback, ...fields };
    if (this.#isKept()) {
      this.#recent.push(record);
      if (this.#recent.length > RECENT_RECORDS) this.#recent.shift();
    }
    if (!this.#telemetry.isTraced) return;
    if (this.#records.length === 0) queueMicrotask(() => this.post());
    this.#records.push(record);
  }
}

/** Of all commits of an epoch together: one that diverged says more than those that are clean. */
function verdictOf({ clean, diverged }: Verdicts) {
  const verdict = diverged > 0 ? 'diverged' : clean > 0 ? 'clean' : 'not_run';
  return { verdict, clean, diverged } as const;
}

function contentsOf({ certificate, cuts }: SealedEpoch) {
  const { epoch, firstSeq, endSeq, frameCount: frames, voids, pageCount: pages } = certificate;
  return { epoch, firstSeq, endSeq, frames, lanes: cuts.length, voids: voids.length, pages };
}
