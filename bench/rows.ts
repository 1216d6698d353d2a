// The questions that the report answers, as a table: each is a ratio, or a figure, of one run, with the target it is
// held against. A target is what the project aims at, not what it has reached.

/** A target: at least, or at most. */
export interface Target {
  readonly sign: '>=' | '<=';
  readonly bound: number;
}

/** One line of the summary. */
export interface Row {
  /** Of the question it belongs to. */
  readonly number: number;
  readonly question: string;
  /** The benchmark that answers it. */
  readonly benchmark: string;
  readonly target: Target;
  /** The target is about the figure itself, in this unit. */
  readonly absoluteUnit?: string;
}

const atLeast = (bound: number): Target => ({ sign: '>=', bound });
const atMost = (bound: number): Target => ({ sign: '<=', bound });

const BANDWIDTH = '4 writers, 8 pages a commit, 100 in flight';
const LONE = 'lone writer, 1 page, waits, full';
const PEERS = '8 writers, 1 page, each waits, full';
const RECOVERY = 'recovery of a long log into its page file';
const OPEN_LOOP = '8 writers at 70% of their peak, fixed arrivals';
const IN_FLIGHT = '1 thread, 1000 requests in flight';
const IDLE = 'an idle log';
const ENTRIES = 'entries of 256 bytes';

export const ROWS = {
  'bandwidth-full-1': row(1, `${BANDWIDTH}, full, beside 1 raw stream`, 'lanes', atLeast(1)),
  'bandwidth-full-2': row(1, `${BANDWIDTH}, full, beside 2 raw streams`, 'lanes', atLeast(0.9)),
  'bandwidth-full-4': row(1, `${BANDWIDTH}, full, beside 4 raw streams`, 'lanes', atLeast(0.9)),
  'bandwidth-normal-1': row(1, `${BANDWIDTH}, normal, beside 1 raw stream`, 'lanes', atLeast(1)),
  'bandwidth-normal-2': row(1, `${BANDWIDTH}, normal, beside 2 raw streams`, 'lanes', atLeast(0.9)),
  'bandwidth-normal-4': row(1, `${BANDWIDTH}, normal, beside 4 raw streams`, 'lanes', atLeast(0.9)),
  'lone-blocking': row(2, `${LONE}: blocking, beside raw write + fdatasync`, 'sync', atMost(1.15)),
  'lone-awaited': row(2, `${LONE}: awaited, beside raw write + fdatasync`, 'sync', atMost(1.5)),
  'lone-sqlite': row(2, `${LONE}: blocking, beside better-sqlite3 WAL FULL`, 'sync', atMost(1)),
  'peers-log-sqlite': row(3, `${PEERS}: log, beside better-sqlite3 WAL FULL`, 'peers', atLeast(5)),
  'peers-log-lmdb': row(3, `${PEERS}: log, beside lmdb flushed`, 'peers', atLeast(6)),
  'peers-store-sqlite': row(3, `${PEERS}: page store, beside better-sqlite3 WAL FULL`, 'peers', atLeast(1)),
  'peers-store-lmdb': row(3, `${PEERS}: page store, beside lmdb flushed`, 'peers', atLeast(1)),
  'append-cost': row(4, 'append alone, 1 page, no back-pressure, beside copy + CRC32C', 'append', atMost(1.5)),
  'append-total': row(4, 'append alone, 1 page, off, beside raw unsynced writes', 'append', atLeast(0.9)),
  'append-collections': row(
    4,
    'append alone, 1 page, off: garbage collections',
    'append',
    atMost(100),
    'a million commits',
  ),
  contention: row(5, '16 writers beside 2 writers, 100 in flight', 'lanes', atLeast(0.95)),
  ...modeRows('window', '4 writers, 8 pages, 100 in flight, full'),
  ...modeRows('wait', '8 writers, 1 page, each waits, full'),
  ...modeRows('lone', 'a lone writer, 1 page, waits, full'),
  ...modeRows('append', 'appends alone, 1 page, off'),
  'recovery-hot': row(7, `${RECOVERY}, hot, beside raw read + checksum + write`, 'recovery', atMost(1.25)),
  'recovery-cold': row(7, `${RECOVERY}, cold, beside raw read + checksum + write`, 'recovery', atMost(1.25)),
  'recovery-sqlite': row(7, `${RECOVERY}, hot, beside SQLite`, 'recovery', atMost(0.2)),
  'recovery-memory': row(7, `${RECOVERY}: memory above an empty process`, 'recovery', atMost(256), 'MiB'),
  history: row(8, 'a commit with a long history behind it, beside a fresh log', 'history', atMost(1.05)),
  'history-epochs': row(8, 'a commit with many short epochs behind it, beside a fresh log', 'history', atMost(1.05)),
  'open-loop-p99': row(9, `${OPEN_LOOP}: p99 beside the raw sync's`, 'open-loop', atMost(2.5)),
  'open-loop-p99-fixed': row(
    9,
    `${OPEN_LOOP}: p99 beside that of as many raw syncs a second as it has epochs, at fixed moments too`,
    'open-loop',
    atMost(2.5),
  ),
  'open-loop-p999': row(9, `${OPEN_LOOP}: p99.9 beside the raw sync's p99`, 'open-loop', atMost(10)),
  'idle-cpu': row(10, `${IDLE}: processor time`, 'idle', atMost(1), 'ms a second'),
  'idle-wakeups': row(10, `${IDLE}: wake-ups`, 'idle', atMost(1), 'a second'),
  'entries-unsynced': row(
    11,
    `${ENTRIES}, 2 workers, one commit each, unsynced; beside batches of 100`,
    'entries',
    atLeast(1_000_000),
    'entries/s',
  ),
  'entries-unsynced-level': row(11, `${ENTRIES}, 2 workers, unsynced, beside classic-level`, 'entries', atLeast(1)),
  'entries-durable-level': row(
    11,
    `${ENTRIES}, 8 writers, each waits, full, beside classic-level with sync`,
    'entries',
    atLeast(5),
  ),
  'entries-durable-file': row(
    11,
    `${ENTRIES}, 8 writers, each waits, full, beside appendFile and fsync`,
    'entries',
    atLeast(1),
  ),
  'entries-in-flight-level': row(
    11,
    `${ENTRIES}, 8 writers, 32 in flight each, full, beside classic-level with sync, as many puts of each writer`,
    'entries',
    atLeast(5),
  ),
  'entries-in-flight-file': row(
    11,
    `${ENTRIES}, 8 writers, 32 in flight each, full, beside as many appendFile and fsync`,
    'entries',
    atLeast(1),
  ),
  'in-flight-small': row(12, `${IN_FLIGHT}, 100 bytes: staged beside each for itself`, 'in-flight', atLeast(1)),
  'in-flight-small-cpu': row(
    12,
    `${IN_FLIGHT}, 100 bytes: processor time, staged beside each for itself`,
    'in-flight',
    atMost(1),
  ),
  'in-flight-page': row(12, `${IN_FLIGHT}, 1 page: staged beside each for itself`, 'in-flight', atLeast(1)),
  'in-flight-page-cpu': row(
    12,
    `${IN_FLIGHT}, 1 page: processor time, staged beside each for itself`,
    'in-flight',
    atMost(1),
  ),
} satisfies Record<string, Row>;

export type ComparisonId = keyof typeof ROWS;

/** The loads under which the modes are compared. */
export type ModeCaseName = 'window' | 'wait' | 'lone' | 'append';
type ModePair = 'auto-conservative' | 'auto-lock' | 'conservative-lock' | 'shadow_compare-auto';

function modeRows<Name extends ModeCaseName>(name: Name, load: string): Record<`modes-${Name}-${ModePair}`, Row> {
  const of = (what: string, target: Target): Row => row(6, `${what}: ${load}`, 'modes', target);
  const rows: Record<ModePair, Row> = {
    'auto-conservative': of('auto beside conservative', atLeast(1)),
    'auto-lock': of('auto beside a global-lock log', atLeast(1)),
    'conservative-lock': of('conservative beside a global-lock log', atLeast(0.8)),
    'shadow_compare-auto': of('shadow compare beside auto', atLeast(0.4)),
  };
  return Object.fromEntries(Object.entries(rows).map(([pair, each]) => [`modes-${name}-${pair}`, each])) as never;
}

function row(number: number, question: string, benchmark: string, target: Target, absoluteUnit?: string): Row {
  return { number, question, benchmark, target, ...(absoluteUnit === undefined ? {} : { absoluteUnit }) };
}

/** Whether a figure is what is aimed at. */
export function isMet({ sign, bound }: Target, figure: number): boolean {
  return sign === '>=' ? figure >= bound : figure <= bound;
}
