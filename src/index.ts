// The public API: re-exports only. Start reading at wal.ts.

export { type AttachOptions, attachPageCache } from './adapters/attach.js';
export type { CachedPages, CacheTransaction, PageCache } from './adapters/page-cache.js';
export { exportMetrics, type MetricLabels, type MetricRegistry } from './adapters/prometheus.js';
export { ERROR_CODES, type ErrorCode, type ErrorDetails, WalError } from './base/errors.js';
export type { CheckpointMode, CheckpointReport } from './checkpoint/messages.js';
export type { Commit } from './commit.js';
export { connectWal } from './connect.js';
export type { WaitOptions } from './epoch/mark-waiter.js';
export type { Fallback, FallbackReason } from './epoch/mode.js';
export type { DurableRange, WrittenRange } from './epoch/publication.js';
export type { FlushResult } from './flusher/flush-requests.js';
export type { LogFileInfo } from './flusher/messages.js';
export type { DurableCommit } from './follow/commit-copy.js';
export type { CommitsOptions } from './follow/durable-commits.js';
export type { ReadOptions } from './follow/page-history.js';
export type { WalHandle } from './handle.js';
export {
  type Backlog,
  type BatchContext,
  LaneStager,
  type LaneStagerOptions,
  STAGED_LANES_MAX,
  type StagedBatch,
  type StageOptions,
} from './lane/lane-stager.js';
export type { Marks } from './marks.js';
export type { Gauges, Metrics } from './metrics.js';
export type { Histogram } from './observe/histogram.js';
export type { HistogramName } from './observe/telemetry.js';
export type { FlushingScenario, StagingScenario, TraceComponent, TraceRecord } from './observe/trace.js';
export type { DecodedRecord as CommitRecord } from './record/codec.js';
export type { CommitInput, Operation, PageWrite, SpaceSize } from './record/commit.js';
export { recoverWal, removeWal, type SegmentInfo, verifyWal } from './recover.js';
export type { RecoverInto, RecoverOptions, VerifyReport } from './recovery/recover.js';
export type { NewPageFiles } from './recovery/recover-to-point.js';
export type { ReplayCommit } from './recovery/replay.js';
export type { DamageEntry, OnProgress, RecoveryReport } from './recovery/report.js';
export { exportSegment, readSegmentFile, type SegmentFileReport, segmentFilePath } from './recovery/segment-file.js';
export {
  type Mode,
  type ResolvedSettings,
  resolveSettings,
  SETTINGS,
  type SettingOptions,
  type Settings,
} from './settings.js';
export { connectPageStore } from './store/connect.js';
export type { ConnectedPageStore, StoreEvents, TransactionOptions } from './store/connected-store.js';
export { openPageStore, type StoreOptions } from './store/open.js';
export type { PageStore } from './store/page-store.js';
export type { ReadOnlyPageStore } from './store/read-only.js';
export type { Snapshot } from './store/snapshot.js';
export type { StoreHandle } from './store/store-handle.js';
export type { Transaction } from './store/transaction.js';
export type { TransactionBody } from './store/transaction-queue.js';
export type { StoreGauges, StoreMetrics } from './store-metrics.js';
export { bytesCodec, type Codec, jsonCodec } from './typed/codec.js';
export type { EntriesOptions, LoggedEntry, ReplayMode } from './typed/entries.js';
export type { EntryFile } from './typed/entry-files.js';
export type { EntryIds } from './typed/entry-index.js';
export type { Appended, EntryAppendOptions, EntryLog } from './typed/entry-log.js';
export type { FlushPolicy } from './typed/flush-policy.js';
export type { EntryObserver } from './typed/observer.js';
export {
  connectTypedLog,
  type MemoryLogOptions,
  type OpenHow,
  openMemoryLog,
  openTypedLog,
  type TypedLogOptions,
} from './typed/open.js';
export type { PendingSync } from './typed/pending-syncs.js';
export { type EntryReplayReport, type ReplayEntriesOptions, type ReplayPlace, replayEntries } from './typed/replay.js';
export type {
  EntryRecoveryProblem,
  EntryRecoveryReport,
  Reconfiguration,
  StateInput,
  StateTarget,
  TypedLog,
  TypedLogHandle,
  TypedLogStats,
} from './typed/typed-log.js';
export { type OpenOptions, openWal, type Wal } from './wal.js';
export type { AppendAsyncOptions, AppendOptions, WalWriter } from './writer.js';
