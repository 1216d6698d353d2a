// What recovery found and did, as plain data: the log, the command line and the tests all print the same object.
// A torn tail is a line in this report; damage is a list that is empty or else explains why nothing was changed.

/** How the log ends. */
export type Tail = 'clean' | 'torn' | 'damaged';

/** What to do about damage to bytes that were recorded as synced. */
export type OnDamage = 'fail' | 'stop' | 'salvage';

/** One bad or missing piece of a log. */
export interface DamageEntry {
  /** Name of the file inside the log directory. */
  readonly file: string;
  /** The epoch that is bad or missing first; 0 when it is not known. */
  readonly epoch: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** How many bytes are affected, as far as that is known; 0 for a file that is missing. */
  readonly bytes: number;
  readonly reason: string;
}

/** How far a recovery or a verification is. Called every few MiB, on the thread that started it. */
export type OnProgress = (progress: {
  readonly step: 'verify' | 'apply';
  readonly bytes: number;
  /** An upper bound: log files are longer than what is in them. */
  readonly bytesMax: number;
}) => void;

/** Result of a recovery, of an opening, or of a replay. */
export interface RecoveryReport {
  /** Commits handed to the target. Voids are not counted. */
  commitsApplied: number;
  /** First commit sequence that the log holds, 0 when it holds none. */
  firstSeq: number;
  /** Last commit sequence of the recovered prefix, 0 when the log holds none. */
  lastSeq: number;
  /** Segments of the recovered prefix, marks included. */
  segments: number;
  /** Epochs of the recovered prefix. */
  epochs: number;
  bytesRead: number;
  tail: Tail;
  /** Bytes of segments behind the end, the torn one included; they were never durable unless `damage` says so. */
  droppedBytes: number;
  damage: DamageEntry[];
  /** What was left out although it may have been durable; only with `stop` and `salvage`. */
  notRecovered: DamageEntry[];
  /** Pages of each page file after recovery, by space; empty without page files. */
  dbSizePages: number[];
  /** `throughSeq` of the checkpoint that recovery started from, or `null`. */
  checkpointUsed: number | null;
  /** Commit sequences in the prefix whose writer died before it published. */
  voids: number;
  /** The last segment is a mark that says the log was closed in order. */
  cleanlyClosed: boolean;
  /** Files with a log file's name that never got a header and hold nothing. */
  neverStarted: string[];
  durationMs: number;
}

/** A report about nothing, to be filled in. */
export function emptyReport(): RecoveryReport {
  return {
    commitsApplied: 0,
    firstSeq: 0,
    lastSeq: 0,
    segments: 0,
    epochs: 0,
    bytesRead: 0,
    tail: 'clean',
    droppedBytes: 0,
    damage: [],
    notRecovered: [],
    dbSizePages: [],
    checkpointUsed: null,
    voids: 0,
    cleanlyClosed: false,
    neverStarted: [],
    durationMs: 0,
  };
}
