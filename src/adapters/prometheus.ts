// Metrics for Prometheus through the registry of `prom-client`, if the user has it: this package does not depend on it
// and imports nothing of it. Every metric reads the logs when it is scraped; nothing is counted twice.

import { FALLBACKS, MODE } from '../epoch/mode.js';
import type { Gauges, Metrics } from '../metrics.js';
import type { Histogram } from '../observe/histogram.js';
import type { HistogramName } from '../observe/telemetry.js';
import type { StoreCounterName, StoreGauges } from '../store-metrics.js';

/** What is needed of a registry: `register` of prom-client 15, or a `Registry` of it. */
export interface MetricRegistry {
  registerMetric(metric: never): void;
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
}

/** Labels that tell the logs of one registry apart. */
export type MetricLabels = Readonly<Record<string, string>>;

/** One log, or whatever has metrics. */
interface Source {
  readonly wal: { metrics(): Metrics };
  readonly labels: MetricLabels;
}

interface Sample {
  /** Behind the name of the metric. */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string | number>>;
  readonly value: number;
}

interface Definition {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  samples(metrics: Metrics): Sample[];
}

const COUNTERS: Record<keyof Metrics['counters'], string> = {
  epochs: 'Epochs written.',
  commits: 'Commits written.',
  voids: 'Commit sequences whose writer died before it published.',
  pages: 'Page images written.',
  bytesWritten: 'Bytes of epoch segments written.',
  syncs: 'Syncs of log files.',
  directorySyncs: 'Syncs of the log directory by rotations.',
  marksWritten: 'Mark segments written.',
  rotations: 'Rotations to a new log file.',
  unfilledBytes: 'Bytes of log files that a rotation made itself, for want of a spare.',
  jumbos: 'Commits larger than their lane.',
  stalls: 'Times the log became stalled.',
  writersReaped: 'Writers that left or died.',
  shadowClean: 'Commits that read back as their proof says.',
  shadowDiverged: 'Commits that were not what their proof says, and were put right.',
};

const GAUGES: Record<keyof Gauges, string> = {
  appendedSeq: 'Last commit published in a lane.',
  writtenSeq: 'Last commit that survives the death of the process.',
  durableSeq: 'Last commit that survives power loss.',
  durableEpoch: 'Last epoch that survives power loss.',
  sealedEpoch: 'Last epoch sealed.',
  pendingCommits: 'Commits published and not durable yet.',
  stagedBytes: 'Bytes in the lanes that are not written yet.',
  laneBytes: 'Bytes that the lanes have room for.',
  framesPerEpochMax: 'Most commits in one epoch.',
  lanesPerEpochMax: 'Most lanes in one epoch.',
  lanesUsed: 'Lanes that ever had a commit.',
  releasedSeq: 'Last commit that a checkpoint has let go of.',
};

const HISTOGRAMS: Record<HistogramName, string> = {
  append: 'Time of an append, of one in 64.',
  sealToWrite: 'Time from the seal of an epoch to the end of its write.',
  sync: 'Time of a sync of a log file.',
  commit: 'Time that somebody waited for a commit to be durable.',
};

const STORE_COUNTERS: Record<StoreCounterName, string> = {
  cacheHits: 'Pages that were in the cache when a transaction wanted them.',
  cacheMisses: 'Pages that were not.',
  cacheEvictions: 'Pages put out of the cache for others.',
  latchTimeouts: 'Pages that a transaction gave up waiting for.',
  transactions: 'Transactions that committed a change.',
  snapshots: 'Snapshots that were opened.',
  backups: 'Backups that were begun.',
};

const STORE_GAUGES: Record<keyof StoreGauges, string> = {
  cacheFrames: 'Pages that the cache has room for.',
  cachedPages: 'Pages in the cache.',
  latchedPages: 'Pages that transactions hold now.',
  openSnapshots: 'Snapshots that are open.',
  openBackups: 'Backups that are under way.',
  checkpointSeq: 'Last commit that the page file holds, or is about to.',
};

const STATES: readonly Metrics['state'][] = ['running', 'stalled', 'closing', 'closed', 'failed'];

const MODES = Object.keys(MODE) as Metrics['mode'][];

const DEFINITIONS: readonly Definition[] = [
  ...entries(COUNTERS).map(([name, help]): Definition => {
    return {
      name: `${named(name)}_total`,
      type: 'counter',
      help,
      samples: ({ counters }) => [{ value: counters[name] }],
    };
  }),
  ...entries(GAUGES).map(([name, help]): Definition => {
    return { name: named(name), type: 'gauge', help, samples: ({ gauges }) => [{ value: gauges[name] }] };
  }),
  {
    name: 'lanewal_state',
    type: 'gauge',
    help: '1 for the state that the log is in.',
    samples: ({ state }) => STATES.map((each) => ({ labels: { state: each }, value: each === state ? 1 : 0 })),
  },
  {
    name: 'lanewal_mode',
    type: 'gauge',
    help: '1 for the mode in force.',
    samples: ({ mode }) => MODES.map((each) => ({ labels: { mode: each }, value: each === mode ? 1 : 0 })),
  },
  {
    name: 'lanewal_fallback',
    type: 'gauge',
    help: '1 for why the log is conservative; none when it is not.',
    samples: ({ fallback }) => FALLBACKS.map((reason) => ({ labels: { reason }, value: reason === fallback ? 1 : 0 })),
  },
  {
    name: 'lanewal_decisions_total',
    type: 'counter',
    help: 'Decisions of the controller, by action.',
    samples: ({ decisions }) => {
      return Object.entries(decisions?.made ?? {}).map(([action, value]) => ({ labels: { action }, value }));
    },
  },
  ...entries(STORE_COUNTERS).map(([name, help]): Definition => {
    const samples = ({ store }: Metrics): Sample[] => (store === undefined ? [] : [{ value: store.counters[name] }]);
    return { name: `${named(name, 'lanewal_store')}_total`, type: 'counter', help, samples };
  }),
  ...entries(STORE_GAUGES).map(([name, help]): Definition => {
    const samples = ({ store }: Metrics): Sample[] => (store === undefined ? [] : [{ value: store.gauges[name] }]);
    return { name: named(name, 'lanewal_store'), type: 'gauge', help, samples };
  }),
  ...entries(HISTOGRAMS).map(([name, help]): Definition => {
    return {
      name: `${named(name)}_seconds`,
      type: 'histogram',
      help,
      samples: ({ histograms }) => samplesOf(histograms[name]),
    };
  }),
];

/** The logs of each registry. */
const sources = new WeakMap<MetricRegistry, Set<Source>>();

/**
 * Shows the metrics of a log, or a page store, in a registry of `prom-client`, under names that begin with `lanewal_`.
 *
 * @param registry - `register` of prom-client, or a `Registry`
 * @param wal - an open log or page store; one that has ended keeps its last figures
 * @param labels - on every sample; needed when several logs share a registry
 * @returns takes the log out of the registry again
 *
 * Threading: the log's owner. Source: design/observability.md, "Prometheus".
 */
export function exportMetrics(
  registry: MetricRegistry,
  wal: { metrics(): Metrics },
  labels: MetricLabels = {},
): () => void {
  const logs = sources.get(registry) ?? new Set();
  sources.set(registry, logs);
  const source = { wal, labels };
  logs.add(source);
  for (const definition of DEFINITIONS) {
    // Whoever cleared the registry meanwhile has taken them out.
    if (registry.getSingleMetric(definition.name) !== undefined) continue;
    registry.registerMetric(new ExportedMetric(definition, logs) as never);
  }
  return () => {
    logs.delete(source);
    if (logs.size === 0) for (const { name } of DEFINITIONS) registry.removeSingleMetric(name);
  };
}

/** What a registry knows of a metric. */
class ExportedMetric {
  /** A registry of the OpenMetrics format changes it. */
  name: string;
  readonly type: string;
  readonly help: string;
  readonly #definition: Definition;
  readonly #logs: ReadonlySet<Source>;

  constructor(definition: Definition, logs: ReadonlySet<Source>) {
    this.name = definition.name;
    this.type = definition.type;
    this.help = definition.help;
    this.#definition = definition;
    this.#logs = logs;
  }

  /** The samples of all logs, read now. */
  async get() {
    const { name, type, help } = this;
    const values = [...this.#logs].flatMap(({ wal, labels }) => {
      return this.#definition.samples(wal.metrics()).map(({ suffix, labels: own, value }) => {
        return { value, labels: { ...labels, ...own }, ...(suffix !== undefined && { metricName: name + suffix }) };
      });
    });
    return { name, type, help, values, aggregator: 'sum' };
  }

  /** The figures are the log's: a registry cannot set them back. */
  reset(): void {}
}

/** One bucket for each power of two: the finer ones are in `wal.metrics()`. */
function samplesOf({ boundsMs, counts, count, sumMs }: Histogram): Sample[] {
  const buckets: Sample[] = [];
  let below = 0;
  for (const [index, boundMs] of boundsMs.entries()) {
    below += counts[index] as number;
    const isOctave = index % 4 === 3;
    if (isOctave) buckets.push({ suffix: '_bucket', labels: { le: boundMs / 1000 }, value: below });
  }
  return [
    ...buckets,
    { suffix: '_bucket', labels: { le: '+Inf' }, value: count },
    { suffix: '_sum', value: sumMs / 1000 },
    { suffix: '_count', value: count },
  ];
}

function entries<Name extends string>(table: Readonly<Record<Name, string>>): [Name, string][] {
  return Object.entries(table) as [Name, string][];
}

/** `bytesWritten` is `lanewal_bytes_written`. */
function named(name: string, prefix = 'lanewal'): string {
  return `${prefix}_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
}
