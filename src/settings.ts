// The settings of a log or a page store from options and environment. Values come from, in rising priority: defaults,
// environment, options. Plain data: settings may cross threads. What settings there are is settings-table.ts.

import { inspect } from 'node:util';
import { invalidArgument } from './base/errors.js';
import type { SettingScope } from './settings-row.js';
import { LOG_FILES_MIN, SETTINGS, type SettingRow } from './settings-table.js';
import type { Settings } from './settings-values.js';

export { SETTINGS, type SettingRow } from './settings-table.js';
export type {
  ArchiveMode,
  ControllerMode,
  DamagePolicy,
  FsyncPolicy,
  Mode,
  Settings,
  SyncMethod,
} from './settings-values.js';

/** A setting's value and where it came from. */
export interface ResolvedSetting<Value> {
  readonly value: Value;
  readonly source: 'default' | 'environment' | 'option';
}

/** Every setting with its value and source. */
export type ResolvedSettings = { readonly [Name in keyof Settings]: ResolvedSetting<Settings[Name]> };

/** Options of {@link resolveSettings}: any subset of the settings. */
export type SettingOptions = { readonly [Name in keyof Settings]?: Settings[Name] | undefined };

/** Workers whose files can be named. */
const WORKERS: readonly string[] = ['flusher', 'preallocator', 'verifier', 'archiver', 'checkpointer'];
/** Text, because settings cross threads and a URL object does not. */
const isUrl = (url: unknown): boolean => typeof url === 'string' && URL.canParse(url);

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
 * @param scope - `log` refuses the options of a page store; its variables may be set, whoever opens what
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT naming the setting or variable, the value and the bounds
 */
export function resolveSettings(
  options: SettingOptions = {},
  environment: Readonly<Record<string, string | undefined>> = {},
  isMainThread = true,
  scope: SettingScope = 'store',
): ResolvedSettings {
  refuseUnknown(options, environment);
  if (scope === 'log') refuseStoreOptions(options);
  const values: Record<string, unknown> = { isMainThread };
  const resolved: Record<string, ResolvedSetting<unknown>> = {};
  for (const row of SETTINGS) {
    const setting = resolve(row, options, environment, values);
    resolved[row.name] = setting;
    values[row.name] = setting.value;
  }
  checkBound(values as { maxLogBytes: number; logFileBytes: number });
  return resolved as unknown as ResolvedSettings;
}

/** Only the values. */
export function settingValues(resolved: ResolvedSettings): Settings {
  return Object.fromEntries(Object.entries(resolved).map(([name, { value }]) => [name, value])) as unknown as Settings;
}

/**
 * A value for one setting of a log that is open already, checked as an option is.
 *
 * @throws {WalError} ERR_WAL_INVALID_ARGUMENT
 */
export function checkSetting<Name extends keyof Settings>(name: Name, value: Settings[Name]): Settings[Name] {
  const row = SETTINGS.find((each) => each.name === name) as SettingRow;
  return checked(row, value, `option '${name}'`) as Settings[Name];
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

function refuseStoreOptions(options: SettingOptions): void {
  for (const { name, scope } of SETTINGS) {
    if (scope !== 'store' || options[name] === undefined) continue;
    throw invalidArgument(`The option '${name}' is for a page store: open it with openPageStore.`, { option: name });
  }
}

/** With fewer files than {@link LOG_FILES_MIN} the log could fill up before a checkpoint can free anything. */
function checkBound({ maxLogBytes, logFileBytes }: { maxLogBytes: number; logFileBytes: number }): void {
  if (maxLogBytes >= LOG_FILES_MIN * logFileBytes) return;
  const least = LOG_FILES_MIN * logFileBytes;
  const message = `maxLogBytes is ${maxLogBytes}; with logFileBytes ${logFileBytes} it must be at least ${least}.`;
  throw invalidArgument(message, { maxLogBytes, logFileBytes, least });
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
  if (row.rule.kind === 'path') return text;
  const word = text.trim().toLowerCase();
  return row.rule.kind === 'number' && /^\d+$/.test(word) ? Number(word) : word;
}

function checked({ rule }: SettingRow, given: unknown, whence: string, text?: string): unknown {
  const value = rule.kind === 'choice' && typeof given === 'string' ? choiceOf(rule, given) : given;
  const words = boundsInWords(rule);
  if (fits(rule, value)) return value;
  const shown = text ?? (typeof given === 'string' ? given : inspect(given, { depth: 1 }));
  throw invalidArgument(`The ${whence} is '${shown}'; it must be ${words}.`, { whence, value: shown, bounds: words });
}

function choiceOf({ aliases = {} }: SettingRow['rule'] & { kind: 'choice' }, given: string): string {
  const word = given.trim().toLowerCase();
  return Object.hasOwn(aliases, word) ? (aliases[word] as string) : word;
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
    case 'path':
      return typeof value === 'string' && value.trim() !== '' && !value.includes('\0');
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
      return `one of ${rule.choices.join(', ')}${alsoInWords(rule.aliases)}`;
    case 'boolean':
      return 'true or false';
    case 'path':
      return 'a path';
    case 'urls':
      return 'an object of URLs by worker name';
  }
}

function alsoInWords(aliases: Readonly<Record<string, string>> = {}): string {
  const words = Object.entries(aliases).map(([alias, choice]) => `${alias} for ${choice}`);
  return words.length === 0 ? '' : ` (also ${words.join(', ')})`;
}
