// The settings, each once: meaning, unit, default, bounds, environment variable, and whether a page store alone has it.
// README.md repeats the table and a test compares. How a value is found is settings.ts.

import { availableParallelism } from 'node:os';
import type { NumberKind, Row } from './settings-row.js';

/** When segments are synced; design/overview.md, "Policies". */
export type FsyncPolicy = 'full' | 'normal' | 'off';
/** How the files of the log are synced. */
export type SyncMethod = 'fdatasync' | 'fsync' | 'dsync';
/** What opening does about damage to bytes recorded as synced; `salvage` is for recovery only. */
export type DamagePolicy = 'fail' | 'stop';
/** Whether a controller tunes an open log; design/controller.md. */
export type ControllerMode = 'off' | 'on';
/** How a log file that is let go gets into the archive; design/retention.md. */
export type ArchiveMode = 'copy' | 'rename';

/** How commits get into the log; design/modes.md. */
export type Mode = 'auto' | 'conservative';

/** All settings of an open log. */
export interface Settings {
  readonly pageSize: number;
  readonly mode: Mode;
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

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

const isPowerOfTwo = { words: 'a power of two', holds: (value: number) => Number.isInteger(Math.log2(value)) };
const isPageMultiple = { words: 'a multiple of 4096', holds: (value: number) => value % 4096 === 0 };
const bytes = (min: number, max: number, also?: NumberKind['also']): NumberKind =>
  also === undefined ? { kind: 'number', min, max } : { kind: 'number', min, max, also };
const fixed = (value: unknown) => (): unknown => value;

/** A log has room for so many files at least: one that is written, one to go on with, and two to be let go. */
export const LOG_FILES_MIN = 4;
/** Share of the bound that a log file takes by default. */
const LOG_FILES_DEFAULT = 8;
const LOG_FILE_BYTES_DEFAULT = 64 * MIB;

function defaultFileBytes(maxLogBytes: number): number {
  const share = maxLogBytes / LOG_FILES_DEFAULT;
  return Math.min(LOG_FILE_BYTES_DEFAULT, Math.max(64 * KIB, share - (share % 4096)));
}

/** One row of the settings table. */
export type SettingRow = Row<keyof Settings>;

/** The settings, each once. Later rows may have defaults that depend on earlier ones. */
export const SETTINGS: readonly SettingRow[] = [
  {
    name: 'pageSize',
    scope: 'log',
    variable: undefined,
    unit: 'bytes',
    defaultWords: "the existing log's, else 4096",
    effect: 'Size of every page image. Fixed when the log is made.',
    rule: bytes(512, 64 * KIB, isPowerOfTwo),
    fallback: fixed(4096),
  },
  {
    name: 'mode',
    scope: 'log',
    variable: 'LANEWAL_MODE',
    unit: '',
    defaultWords: 'auto',
    effect: 'Lanes without a global lock (auto), or one lane and one ordered encoder (conservative).',
    rule: {
      kind: 'choice',
      choices: ['auto', 'conservative'],
      aliases: { serialized: 'conservative', single_lane: 'conservative' },
    },
    fallback: fixed('auto'),
  },
  {
    name: 'lanes',
    scope: 'log',
    variable: 'LANEWAL_LANES',
    unit: 'lanes',
    defaultWords: 'available parallelism',
    effect: 'Rings that writers append to. A writer has one of its own while there are enough.',
    rule: bytes(1, 65_535),
    fallback: () => availableParallelism(),
  },
  {
    name: 'laneBytes',
    scope: 'log',
    variable: 'LANEWAL_LANE_BYTES',
    unit: 'bytes',
    defaultWords: '4 MiB',
    effect: 'Memory of one lane. Larger commits are written as jumbos.',
    rule: bytes(4 * KIB, GIB, isPowerOfTwo),
    fallback: fixed(4 * MIB),
  },
  {
    name: 'fsync',
    scope: 'log',
    variable: 'LANEWAL_FSYNC',
    unit: '',
    defaultWords: 'full',
    effect: 'When segments are synced: each (full), together once a tick (normal), never (off).',
    rule: { kind: 'choice', choices: ['full', 'normal', 'off'] },
    fallback: fixed('full'),
  },
  {
    name: 'syncMethod',
    scope: 'log',
    variable: 'LANEWAL_SYNC_METHOD',
    unit: '',
    defaultWords: 'fdatasync',
    effect: 'How the flusher syncs: a call (fdatasync, fsync), or every write does (dsync: O_DSYNC, on Linux only).',
    rule: { kind: 'choice', choices: ['fdatasync', 'fsync', 'dsync'] },
    fallback: fixed('fdatasync'),
  },
  {
    name: 'epochIntervalMs',
    scope: 'log',
    variable: 'LANEWAL_EPOCH_MS',
    unit: 'ms',
    defaultWords: '10',
    effect: 'The tick: the longest a commit that nobody waits for lies unsealed, and, under normal, unsynced.',
    rule: bytes(1, 60_000),
    fallback: fixed(10),
  },
  {
    name: 'maxFlushDelayMs',
    scope: 'log',
    variable: 'LANEWAL_MAX_FLUSH_DELAY_MS',
    unit: 'ms',
    defaultWords: '0',
    effect: 'How long a waiting writer may be kept waiting to gather a larger epoch.',
    rule: bytes(0, 60_000),
    fallback: fixed(0),
  },
  {
    name: 'maxParallelCommitBytes',
    scope: 'log',
    variable: 'LANEWAL_MAX_BATCH_BYTES',
    unit: 'bytes',
    defaultWords: 'half of all lanes',
    effect: 'Staged bytes, in all lanes together, that force a seal.',
    rule: bytes(4 * KIB, 2 ** 46),
    fallback: ({ lanes, laneBytes }) => ((lanes as number) * (laneBytes as number)) / 2,
  },
  {
    name: 'syncBytes',
    scope: 'log',
    variable: 'LANEWAL_SYNC_BYTES',
    unit: 'bytes',
    defaultWords: '8 MiB',
    effect:
      'Unsynced bytes that force a sync under normal, and that may be written at most while another is under way.',
    rule: bytes(4 * KIB, 2 ** 40),
    fallback: fixed(8 * MIB),
  },
  {
    name: 'helperLaneBudget',
    scope: 'log',
    variable: 'LANEWAL_HELPER_LANES',
    unit: 'flushes',
    defaultWords: '1 on two processors or fewer, else 2',
    effect: 'Flushes in flight at once: with 2, epochs are written while one of 512 KiB or more is synced.',
    rule: { kind: 'number', min: 1, max: 2 },
    // Measured on two processors: nothing is gained there (design/decisions/0019).
    fallback: () => (availableParallelism() > 2 ? 2 : 1),
  },
  {
    name: 'controller',
    scope: 'log',
    variable: 'LANEWAL_CONTROLLER',
    unit: '',
    defaultWords: 'off',
    effect: 'Whether the log tunes by itself how it gathers, flushes and gives out lanes, within the settings.',
    rule: { kind: 'choice', choices: ['off', 'on'] },
    fallback: fixed('off'),
  },
  {
    name: 'maxLogBytes',
    scope: 'log',
    variable: 'LANEWAL_MAX_LOG_BYTES',
    unit: 'bytes',
    defaultWords: '1 GiB',
    effect: 'Bound of all log files together; one spare file may come on top. At it, appends wait for a checkpoint.',
    rule: bytes(LOG_FILES_MIN * 64 * KIB, 2 ** 46),
    fallback: fixed(GIB),
  },
  {
    name: 'logFileBytes',
    scope: 'log',
    variable: 'LANEWAL_LOG_FILE_BYTES',
    unit: 'bytes',
    defaultWords: '64 MiB, at most an eighth of `maxLogBytes`',
    effect: 'Size of a log file, at most a quarter of `maxLogBytes`. Larger epochs get a file of their own size.',
    rule: bytes(64 * KIB, 16 * GIB, isPageMultiple),
    fallback: ({ maxLogBytes }) => defaultFileBytes(maxLogBytes as number),
  },
  {
    name: 'logFileAgeMs',
    scope: 'log',
    variable: 'LANEWAL_LOG_FILE_AGE_MS',
    unit: 'ms',
    defaultWords: '0',
    effect: 'How long after its first commit a log file is left at the latest, full or not; 0 for no bound.',
    rule: bytes(0, 2 ** 31 - 1),
    fallback: fixed(0),
  },
  {
    name: 'spareFilesMax',
    scope: 'log',
    variable: 'LANEWAL_SPARE_FILES_MAX',
    unit: 'files',
    defaultWords: '8',
    effect: 'Log files kept to be used again when they are let go; the surplus is removed.',
    rule: bytes(1, 65_535),
    fallback: fixed(8),
  },
  {
    name: 'checkpointBytes',
    scope: 'log',
    variable: 'LANEWAL_CHECKPOINT_BYTES',
    unit: 'bytes',
    defaultWords: 'a quarter of `maxLogBytes`',
    effect: 'Bytes of log above the last checkpoint that start the next one.',
    rule: bytes(4 * KIB, 2 ** 46),
    fallback: ({ maxLogBytes }) => Math.floor((maxLogBytes as number) / 4),
  },
  {
    name: 'appendTimeoutMs',
    scope: 'log',
    variable: undefined,
    unit: 'ms',
    defaultWords: '1000 in workers, 0 on the main thread',
    effect: 'How long append waits for space in its lane.',
    rule: bytes(0, 2 ** 31 - 1),
    fallback: ({ isMainThread }) => (isMainThread === true ? 0 : 1000),
  },
  {
    name: 'maxJumboBytes',
    scope: 'log',
    variable: undefined,
    unit: 'bytes',
    defaultWords: '256 MiB',
    effect: 'Bytes of jumbo commits in flight; one is always let through.',
    rule: bytes(0, 2 ** 40),
    fallback: fixed(256 * MIB),
  },
  {
    name: 'exitFlushMs',
    scope: 'log',
    variable: undefined,
    unit: 'ms',
    defaultWords: '1000',
    effect: 'How long a process that exits with an open log waits for it to drain.',
    rule: bytes(0, 600_000),
    fallback: fixed(1000),
  },
  {
    name: 'recoveryMemoryBytes',
    scope: 'log',
    variable: undefined,
    unit: 'bytes',
    defaultWords: '64 MiB',
    effect: 'Bound of the buffers of recovery.',
    rule: bytes(MIB, 2 ** 40),
    fallback: fixed(64 * MIB),
  },
  {
    name: 'onDamage',
    scope: 'log',
    variable: undefined,
    unit: '',
    defaultWords: 'fail',
    effect: 'Opening a damaged log: refuse (fail), or go on with the proven prefix and keep the rest aside (stop).',
    rule: { kind: 'choice', choices: ['fail', 'stop'] },
    fallback: fixed('fail'),
  },
  {
    name: 'archiveDirectory',
    scope: 'log',
    variable: 'LANEWAL_ARCHIVE_DIRECTORY',
    unit: '',
    defaultWords: 'none',
    effect: 'Directory that log files go to before they are let go.',
    rule: { kind: 'path' },
    fallback: fixed(undefined),
  },
  {
    name: 'archiveMode',
    scope: 'log',
    variable: 'LANEWAL_ARCHIVE_MODE',
    unit: '',
    defaultWords: 'copy',
    effect: 'Log files are copied into the archive and recycled (copy), or moved there (rename; on one file system).',
    rule: { kind: 'choice', choices: ['copy', 'rename'] },
    fallback: fixed('copy'),
  },
  {
    name: 'archiveFilesMax',
    scope: 'log',
    variable: 'LANEWAL_ARCHIVE_FILES_MAX',
    unit: 'files',
    defaultWords: '10',
    effect: 'Files kept in the archive; the oldest are removed first.',
    rule: bytes(1, 2 ** 32 - 1),
    fallback: fixed(10),
  },
  {
    name: 'archiveBytesMax',
    scope: 'log',
    variable: 'LANEWAL_ARCHIVE_BYTES_MAX',
    unit: 'bytes',
    defaultWords: '10 GiB',
    effect: 'Bytes kept in the archive; the oldest files are removed first.',
    rule: bytes(4 * KIB, 2 ** 50),
    fallback: fixed(10 * GIB),
  },
  {
    name: 'cacheBytes',
    scope: 'store',
    variable: 'LANEWAL_CACHE_BYTES',
    unit: 'bytes',
    defaultWords: '64 MiB',
    effect: 'Memory of the page cache that all threads of a store share.',
    rule: bytes(64 * KIB, 2 ** 40),
    fallback: fixed(64 * MIB),
  },
  {
    name: 'latchTimeoutMs',
    scope: 'store',
    variable: 'LANEWAL_LATCH_TIMEOUT_MS',
    unit: 'ms',
    defaultWords: '1000',
    effect: 'How long a transaction waits for a page that another one holds before it counts as deadlocked.',
    rule: bytes(0, 600_000),
    fallback: fixed(1000),
  },
  {
    name: 'checkpointIntervalMs',
    scope: 'store',
    variable: 'LANEWAL_CHECKPOINT_MS',
    unit: 'ms',
    defaultWords: '60000',
    effect: 'The longest time between two checkpoints of a store that is written to; 0 for none by time.',
    rule: bytes(0, 86_400_000),
    fallback: fixed(60_000),
  },
  {
    name: 'checkpointBytesPerSecond',
    scope: 'store',
    variable: 'LANEWAL_CHECKPOINT_BYTES_PER_SECOND',
    unit: 'bytes',
    defaultWords: '128 MiB',
    effect: 'Pace of an automatic checkpoint while the log is at most half full; 0 for as fast as it goes.',
    rule: bytes(0, 2 ** 40),
    fallback: fixed(128 * MIB),
  },
  {
    name: 'ticker',
    scope: 'log',
    variable: undefined,
    unit: '',
    defaultWords: 'true',
    effect: 'Whether epochs are sealed by time, too. Without it: by demand, flush, and full lanes only.',
    rule: { kind: 'boolean' },
    fallback: fixed(true),
  },
  {
    name: 'workerUrls',
    scope: 'log',
    variable: undefined,
    unit: '',
    defaultWords: 'beside the package',
    effect: 'Where the worker files flusher, preallocator, verifier, archiver and checkpointer are, for bundlers.',
    rule: { kind: 'urls' },
    fallback: fixed({}),
  },
];
