// The values that settings have. What each means, its bounds and default are in settings-table.ts.

/** When segments are synced; design/overview.md, "Policies". */
export type FsyncPolicy = 'full' | 'normal' | 'off';
/** How a file is made durable: by a call, for all metadata or what is needed to read it, or by each of its writes. */
export type SyncMethod = 'fdatasync' | 'fsync' | 'dsync';
/** What opening does about damage to bytes recorded as synced; `salvage` is for recovery only. */
export type DamagePolicy = 'fail' | 'stop';
/** Whether a controller tunes an open log; design/controller.md. */
export type ControllerMode = 'off' | 'on';
/** How a log file that is let go gets into the archive; design/retention.md. */
export type ArchiveMode = 'copy' | 'rename';

/** How commits get into the log; design/modes.md. */
export type Mode = 'auto' | 'conservative' | 'shadow_compare';

/** All settings of an open log. */
export interface Settings {
  readonly pageSize: number;
  readonly mode: Mode;
  readonly shadowComparePerMille: number;
  readonly shadowDirect: boolean;
  readonly lanes: number;
  readonly laneBytes: number;
  readonly fsync: FsyncPolicy;
  readonly syncMethod: SyncMethod;
  readonly epochIntervalMs: number;
  readonly maxFlushDelayMs: number;
  readonly maxParallelCommitBytes: number;
  readonly syncBytes: number;
  readonly helperLaneBudget: number;
  readonly controller: ControllerMode;
  readonly maxLogBytes: number;
  readonly logFileBytes: number;
  readonly logFileAgeMs: number;
  readonly spareFilesMax: number;
  readonly checkpointBytes: number;
  readonly appendTimeoutMs: number;
  readonly maxJumboBytes: number;
  readonly exitFlushMs: number;
  readonly recoveryMemoryBytes: number;
  readonly onDamage: DamagePolicy;
  readonly archiveDirectory: string | undefined;
  readonly archiveMode: ArchiveMode;
  readonly archiveFilesMax: number;
  readonly archiveBytesMax: number;
  readonly cacheBytes: number;
  readonly latchTimeoutMs: number;
  readonly checkpointIntervalMs: number;
  readonly checkpointBytesPerSecond: number;
  readonly ticker: boolean;
  readonly workerUrls: Readonly<
    Partial<Record<'flusher' | 'preallocator' | 'verifier' | 'archiver' | 'checkpointer', string>>
  >;
}
