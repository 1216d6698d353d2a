// Every tunable: meaning, unit, default, bounds, environment variable. One table; README.md repeats it and a test
// compares. Values come from, in rising priority: defaults, environment, options. Plain data: settings may cross
// threads.

import { availableParallelism } from 'node:os';
import { inspect } from 'node:util';
import { invalidArgument } from './base/errors.js';

/** When segments are synced; design/overview.md, "Policies". */
export type FsyncPolicy = 'full' | 'normal' | 'off';
/** What opening does about damage to bytes recorded as synced; `salvage` is for recovery only. */
export type DamagePolicy = 'fail' | 'stop';

/** All settings of an open log. */
export interface Settings {
  readonly pageSize: number;
  readonly lanes: number;
  readonly laneBytes: number;
  readonly fsync: FsyncPolicy;
  readonly epochIntervalMs: number;
  readonly maxFlushDelayMs: number;
  readonly maxParallelCommitBytes: number;
  readonly syncBytes: number;
  readonly logFileBytes: number;
  readonly appendTimeoutMs: number;
  readonly maxJumboBytes: number;
  readonly exitFlushMs: number;
  readonly recoveryMemoryBytes: number;
  readonly onDamage: DamagePolicy;
  readonly ticker: boolean;
  readonly workerUrls: Readonly<Partial<Record<'flusher' | 'preallocator' | 'verifier', string>>>;
}

/** A setting's value and where it came from. */
export interface ResolvedSetting<Value> {
  readonly value: Value;
  readonly source: 'default' | 'environment' | 'option';
}

/** Every setting with its value and source. */
export type ResolvedSettings = { readonly [Name in keyof Settings]: ResolvedSetting<Settings[Name]> };

/** Options of {@link resolveSettings}: any subset of the settings. */
export type SettingOptions = { readonly [Name in keyof Settings]?: Settings[Name] | undefined };

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

interface NumberKind {
  readonly kind: 'number';
  readonly min: number;
  readonly max: number;
  /** Further condition, in words and as a test. */
  readonly also?: { readonly words: string; holds(value: number): boolean };
}
interface ChoiceKind {
  readonly kind: 'choice';
  readonly choices: readonly string[];
}
interface OtherKind {
  readonly kind: 'boolean' | 'urls';
}

/** One row of the settings table. */
export interface SettingRow {
  readonly name: keyof Settings;
  readonly variable: string | undefined;
  readonly unit: string;
  /** The default in words where it depends on something, else its value. */
  readonly defaultWords: string;
  readonly effect: string;
  readonly rule: NumberKind | ChoiceKind | OtherKind;
  fallback(known: Readonly<Record<string, unknown>>): unknown;
}

const isPowerOfTwo = { words: 'a power of two', holds: (value: number) => Number.isInteger(Math.log2(value)) };
const isPageMultiple = { words: 'a multiple of 4096', holds: (value: number) => value % 4096 === 0 };
const bytes = (min: number, max: number, also?: NumberKind['also']): NumberKind =>
  also === undefined ? { kind: 'number', min, max } : { kind: 'number', min, max, also };
const fixed = (value: unknown) => (): unknown => value;

/** Workers whose files can be named. */
const WORKERS: readonly string[] = ['flusher', 'preallocator', 'verifier'];
/** Text, because settings cross threads and a URL object does not. */
const isUrl = (url: unknown): boolean => typeof url === 'string' && URL.canParse(url);

/** The settings, each once. Later rows may have defaults that depend on earlier ones. */
export const SETTINGS: readonly SettingRow[] = [
  {
    name: 'pageSize',
    variable: undefined,
    unit: 'bytes',
    defaultWords: "the existing log's, else 4096",
    effect: 'Size of every page image. Fixed when the log is made.',
    rule: bytes(512, 64 * KIB, isPowerOfTwo),
    fallback: fixed(4096),
  },
  {
    name: 'lanes',
    variable: 'LANEWAL_LANES',
    unit: 'lanes',
    defaultWords: 'available parallelism',
    effect: 'Rings that writers append to. A writer has one of its own while there are enough.',
    rule: bytes(1, 65_535),
    fallback: () => availableParallelism(),
  },
  {
    name: 'laneBytes',
    variable: 'LANEWAL_LANE_BYTES',
    unit: 'bytes',
    defaultWords: '4 MiB',
    effect: 'Memory of one lane. Larger commits are written as jumbos.',
    rule: bytes(4 * KIB, GIB, isPowerOfTwo),
    fallback: fixed(4 * MIB),
  },
  {
    name: 'fsync',
    variable: 'LANEWAL_FSYNC',
    unit: '',
    defaultWords: 'full',
    effect: 'When segments are synced: each (full), together once a tick (normal), never (off).',
    rule: { kind: 'choice', choices: ['full', 'normal', 'off'] },
    fallback: fixed('full'),
  },
  {
    name: 'epochIntervalMs',
    variable: 'LANEWAL_EPOCH_MS',
    unit: 'ms',
    defaultWords: '10',
    effect: 'The tick: the longest a commit that nobody waits for lies unsealed, and, under normal, unsynced.',
    rule: bytes(1, 60_000),
    fallback: fixed(10),
  },
  {
    name: 'maxFlushDelayMs',
    variable: 'LANEWAL_MAX_FLUSH_DELAY_MS',
    unit: 'ms',
    defaultWords: '0',
    effect: 'How long a waiting writer may be kept waiting to gather a larger epoch.',
    rule: bytes(0, 60_000),
    fallback: fixed(0),
  },
  {
    name: 'maxParallelCommitBytes',
    variable: 'LANEWAL_MAX_BATCH_BYTES',
    unit: 'bytes',
    defaultWords: 'half of all lanes',
    effect: 'Staged bytes, in all lanes together, that force a seal.',
    rule: bytes(4 * KIB, 2 ** 46),
    fallback: ({ lanes, laneBytes }) => ((lanes as number) * (laneBytes as number)) / 2,
  },
  {
    name: 'syncBytes',
    variable: 'LANEWAL_SYNC_BYTES',
    unit: 'bytes',
    defaultWords: '8 MiB',
    effect: 'Unsynced bytes that force a sync under normal.',
    rule: bytes(4 * KIB, 2 ** 40),
    fallback: fixed(8 * MIB),
  },
  {
    name: 'logFileBytes',
    variable: 'LANEWAL_LOG_FILE_BYTES',
    unit: 'bytes',
    defaultWords: '64 MiB',
    effect: 'Size of a log file. Larger epochs get a file of their own size.',
    rule: bytes(64 * KIB, 16 * GIB, isPageMultiple),
    fallback: fixed(64 * MIB),
  },
  {
    name: 'appendTimeoutMs',
    variable: undefined,
    unit: 'ms',
    defaultWords: '1000 in workers, 0 on the main thread',
    effect: 'How long append waits for space in its lane.',
    rule: bytes(0, 2 ** 31 - 1),
    fallback: ({ isMainThread }) => (isMainThread === true ? 0 : 1000),
  },
  {
    name: 'maxJumboBytes',
    variable: undefined,
    unit: 'bytes',
    defaultWords: '256 MiB',
    effect: 'Bytes of jumbo commits in flight; one is always let through.',
    rule: bytes(0, 2 ** 40),
    fallback: fixed(256 * MIB),
  },
  {
    name: 'exitFlushMs',
    variable: undefined,
    unit: 'ms',
    defaultWords: '1000',
    effect: 'How long a process that exits with an open log waits for it to drain.',
    rule: bytes(0, 600_000),
    fallback: fixed(1000),
  },
  {
    name: 'recoveryMemoryBytes',
    variable: undefined,
    unit: 'bytes',
    defaultWords: '64 MiB',
    effect: 'Bound of the buffers of recovery.',
    rule: bytes(MIB, 2 ** 40),
    fallback: fixed(64 * MIB),
  },
  {
    name: 'onDamage',
    variable: undefined,
    unit: '',
    defaultWords: 'fail',
    effect: 'Opening a damaged log: refuse (fail), or go on with the proven prefix and keep the rest aside (stop).',
    rule: { kind: 'choice', choices: ['fail', 'stop'] },
    fallback: fixed('fail'),
  },
  {
    name: 'ticker',
    variable: undefined,
    unit: '',
    defaultWords: 'true',
    effect: 'Whether epochs are sealed by time, too. Without it: by demand, flush, and full lanes only.',
    rule: { kind: 'boolean' },
    fallback: fixed(true),
  },
  {
    name: 'workerUrls',
    variable: undefined,
    unit: '',
    defaultWords: 'beside the package',
    effect: 'Where the worker files flusher, preallocator and verifier are, for bundlers.',
    rule: { kind: 'urls' },
    fallback: fixed({}),
  },
];

/** The environment this process was started with. The only place that reads it. */
export function processEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}

/**
 * Resolves every setting. Pure.
 *
 * @param options - highest priority; undefined means not given
 * @param environment - variables that begin with `LANEWAL_`; an unknown one is an error
 * @param isMainThread - whose defaults apply
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT naming the setting or variable, the value and the bounds
 */
export function resolveSettings(
  options: SettingOptions = {},
  environment: Readonly<Record<string, string | undefined>> = {},
  isMainThread = true,
): ResolvedSettings {
  refuseUnknown(options, environment);
  const values: Record<string, unknown> = { isMainThread };
  const resolved: Record<string, ResolvedSetting<unknown>> = {};
  for (const row of SETTINGS) {
    const setting = resolve(row, options, environment, values);
    resolved[row.name] = setting;
    values[row.name] = setting.value;
  }
  return resolved as unknown as ResolvedSettings;
}

/** Only the values. */
export function settingValues(resolved: ResolvedSettings): Settings {
  return Object.fromEntries(Object.entries(resolved).map(([name, { value }]) => [name, value])) as unknown as Settings;
}

function refuseUnknown(options: object, environment: Readonly<Record<string, string | undefined>>): void {
  if (typeof options !== 'object' || options === null) throw invalidArgument('The options must be an object.');
  const names = new Set<string>(SETTINGS.map(({ name }) => name));
  for (const option of Object.keys(options)) {
    if (!names.has(option))
      throw invalidArgument(`Unknown option '${option}'. Known: ${[...names].join(', ')}.`, { option });
  }
  const variables = SETTINGS.map(({ variable }) => variable).filter((variable) => variable !== undefined);
  for (const variable of Object.keys(environment)) {
    if (variable.startsWith('LANEWAL_') && !variables.includes(variable)) {
      throw invalidArgument(`Unknown variable ${variable}. Known: ${variables.join(', ')}.`, { variable });
    }
  }
}

function resolve(
  row: SettingRow,
  options: SettingOptions,
  environment: Readonly<Record<string, string | undefined>>,
  known: Readonly<Record<string, unknown>>,
): ResolvedSetting<unknown> {
  const option = options[row.name];
  if (option !== undefined) return { value: checked(row, option, `option '${row.name}'`), source: 'option' };
  const text = row.variable === undefined ? undefined : environment[row.variable];
  if (row.variable !== undefined && text !== undefined) {
    return { value: checked(row, parsed(row, text), `variable ${row.variable}`, text), source: 'environment' };
  }
  return { value: row.fallback(known), source: 'default' };
}

/** A variable's text as a value; what cannot be parsed stays text and is refused by the check. */
function parsed(row: SettingRow, text: string): unknown {
  const word = text.trim().toLowerCase();
  return row.rule.kind === 'number' && /^\d+$/.test(word) ? Number(word) : word;
}

function checked({ rule }: SettingRow, given: unknown, whence: string, text?: string): unknown {
  const value = rule.kind === 'choice' && typeof given === 'string' ? given.trim().toLowerCase() : given;
  const words = boundsInWords(rule);
  if (fits(rule, value)) return value;
  const shown = text ?? (typeof given === 'string' ? given : inspect(given, { depth: 1 }));
  throw invalidArgument(`The ${whence} is '${shown}'; it must be ${words}.`, { whence, value: shown, bounds: words });
}

function fits(rule: SettingRow['rule'], value: unknown): boolean {
  switch (rule.kind) {
    case 'number':
      if (!Number.isSafeInteger(value)) return false;
      return (
        (value as number) >= rule.min && (value as number) <= rule.max && (rule.also?.holds(value as number) ?? true)
      );
    case 'choice':
      return rule.choices.includes(value as string);
    case 'boolean':
      return typeof value === 'boolean';
    case 'urls':
      return (
        typeof value === 'object' &&
        value !== null &&
        Object.entries(value).every(([name, url]) => WORKERS.includes(name) && isUrl(url))
      );
  }
}

/** The bounds of a setting, for messages and the README's table. */
export function boundsInWords(rule: SettingRow['rule']): string {
  switch (rule.kind) {
    case 'number':
      return `a whole number from ${rule.min} to ${rule.max}${rule.also === undefined ? '' : `, ${rule.also.words}`}`;
    case 'choice':
      return `one of ${rule.choices.join(', ')}`;
    case 'boolean':
      return 'true or false';
    case 'urls':
      return 'an object of URLs by worker name';
  }
}
