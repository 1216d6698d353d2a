// The public API: re-exports only. Start reading at wal.ts.

export { type AttachOptions, attachPageCache } from './adapters/attach.js';
export type { CachedPages, CacheTransaction, PageCache } from './adapters/page-cache.js';
export { ERROR_CODES, type ErrorCode, type ErrorDetails, WalError } from './base/errors.js';
export type { Commit } from './commit.js';
export { connectWal } from './connect.js';
export type { WaitOptions } from './epoch/mark-waiter.js';
export type { DurableRange } from './epoch/publication.js';
export type { FlushResult } from './flusher/flusher.js';
export type { LogFileInfo } from './flusher/messages.js';
export type { DurableCommit } from './follow/commit-copy.js';
export type { CommitsOptions } from './follow/durable-commits.js';
export type { ReadOptions } from './follow/page-history.js';
export type { WalHandle } from './handle.js';
export type { Marks } from './marks.js';
export type { DecodedRecord as CommitRecord } from './record/codec.js';
export type { CommitInput, Operation, PageWrite, SpaceSize } from './record/commit.js';
export { recoverWal, removeWal, type SegmentInfo, verifyWal } from './recover.js';
export type { RecoverInto, RecoverOptions, VerifyReport } from './recovery/recover.js';
export type { NewPageFiles } from './recovery/recover-to-point.js';
export type { ReplayCommit } from './recovery/replay.js';
export type { DamageEntry, OnProgress, RecoveryReport } from './recovery/report.js';
export { exportSegment, readSegmentFile, type SegmentFileReport, segmentFilePath } from './recovery/segment-file.js';
export { type ResolvedSettings, resolveSettings, SETTINGS, type SettingOptions, type Settings } from './settings.js';
export { type OpenOptions, openWal, type Wal } from './wal.js';
export type { AppendAsyncOptions, AppendOptions, WalWriter } from './writer.js';
