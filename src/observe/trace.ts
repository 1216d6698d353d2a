// The trace of a log: what it does, as records of one schema on node:diagnostics_channel. This file owns the schema and
// the channels; the writers, the flusher and the owner make the records. Subscribers belong to a thread:
// design/observability.md says how what other threads do reaches them.

import { type Channel, channel } from 'node:diagnostics_channel';
import type { ErrorCode } from '../base/errors.js';

/** What a record is about; each has the channel `lanewal:<component>`. */
export const TRACE_COMPONENTS = [
  'append',
  'seal',
  'flush',
  'sync',
  'stall',
  'failure',
  'recovery',
  'checkpoint',
  'archive',
  'decision',
] as const;
export type TraceComponent = (typeof TRACE_COMPONENTS)[number];

/** How a commit came into its lane: at once, after waiting for space, or as a jumbo. */
export type StagingScenario = 'plain' | 'waited' | 'jumbo';

/** Why an epoch was sealed, and so written. */
export type FlushingScenario = 'demand' | 'tick' | 'pressure' | 'flush' | 'close';

/** One thing that a log did. Plain data; a field is there only if it has a meaning for the component. */
export interface TraceRecord {
  readonly component: TraceComponent;
  /** Names this opening of the log: its id and incarnation. Sequences tie the records of one commit together. */
  readonly traceId: string;
  /** Milliseconds since 1970 when it was done; informational. */
  readonly timeMs: number;
  /** How long it took. */
  readonly tookMs?: number;
  /**
   * Which of its cases it is: staging (append), flushing (seal, flush), how a stall went on, how the log ended, what of
   * a checkpoint, how archiving went.
   */
  readonly scenario?:
    | StagingScenario
    | FlushingScenario
    | 'stalled'
    | 'resumed'
    | 'clean'
    | 'torn'
    | 'damaged'
    | 'record'
    | 'pages'
    | 'archived'
    | 'failed';
  /** Lane of the commit. */
  readonly lane?: number;
  /** Epoch that was sealed or written, or the last one that was synced or recovered. */
  readonly epoch?: number;
  /** The commits that it is about: `[firstSeq, endSeq)`. */
  readonly firstSeq?: number;
  readonly endSeq?: number;
  /** Frames, lanes and voids of the epoch. */
  readonly frames?: number;
  readonly lanes?: number;
  readonly voids?: number;
  readonly pages?: number;
  readonly bytes?: number;
  /** Last epoch that the newest checkpoint covers whole; 0 for none. */
  readonly checkpointEpoch?: number;
  /** Last epoch that opening found. */
  readonly recoveryEpoch?: number;
  /** Log file that went into the archive. */
  readonly fileNumber?: number;
  /** Why it stalled or failed. */
  readonly code?: ErrorCode;
  readonly message?: string;
  /** Mode in force when the record was made, and why it is conservative; `none` when it is not. */
  readonly mode?: string;
  readonly fallback?: string;
  /**
   * What shadow compare says of the epoch, and of how many of its commits; the rest was not compared.
   */
  readonly verdict?: 'not_run' | 'clean' | 'diverged';
  readonly clean?: number;
  readonly diverged?: number;
  /** Which decision, and whose. */
  readonly decisionId?: string;
  readonly policyId?: string;
  readonly policyVersion?: number;
  /**
   * What was decided, how sure that is, in ten-thousandths, and what it is expected to cost, in microseconds a wait.
   */
  readonly action?: string;
  readonly confidenceBp?: number;
  readonly expectedLossUs?: number;
  /** The next best action, and what the decision is expected to lose beside it. */
  readonly counterfactual?: string;
  readonly regretUs?: number;
  /** What spoke for it, and what is in force from now on. */
  readonly evidence?: Readonly<Record<string, number>>;
  readonly tuning?: Readonly<Record<string, number | string | null>>;
}

/** Every record goes here, too. */
const ALL = channel('lanewal:trace');
const CHANNELS = Object.fromEntries(TRACE_COMPONENTS.map((name) => [name, channel(`lanewal:${name}`)])) as Record<
  TraceComponent,
  Channel
>;

const { append: APPEND } = CHANNELS;

/** Whether anybody on this thread listens to appends: asked in each of them, so without a look into a table. */
export function isAppendTraced(): boolean {
  return APPEND.hasSubscribers || ALL.hasSubscribers;
}

/** Whether anybody on this thread listens to any component. */
export function isTracedHere(): boolean {
  return ALL.hasSubscribers || TRACE_COMPONENTS.some((name) => CHANNELS[name].hasSubscribers);
}

/** Tells whoever listens on this thread. */
export function publishTrace(record: TraceRecord): void {
  const own = CHANNELS[record.component];
  if (own.hasSubscribers) own.publish(record);
  if (ALL.hasSubscribers) ALL.publish(record);
}
