// Every setting: its default, its bounds, where it may come from, and what is refused. The table drives the tests, so a
// new setting is tested as soon as it is there.

import { describe, expect, test } from 'vitest';
import { WalError } from '../../../src/base/errors.js';
import { boundsInWords, resolveSettings, SETTINGS, type SettingOptions, settingValues } from '../../../src/settings.js';

function attempt(options: unknown, environment: Record<string, string | undefined> = {}): unknown {
  try {
    return settingValues(resolveSettings(options as SettingOptions, environment));
  } catch (thrown) {
    if (!(thrown instanceof WalError)) return `untyped: ${thrown}`;
    return thrown.code;
  }
}

/** What a value needs beside it to be taken: the bound of the log has room for a few files. */
function beside(name: string): SettingOptions {
  return name === 'logFileBytes' ? { maxLogBytes: 2 ** 46 } : {};
}

const REFUSED = 'ERR_WAL_INVALID_ARGUMENT';
const numbers = SETTINGS.flatMap(({ name, variable, rule }) =>
  rule.kind === 'number' ? [{ name, variable, rule }] : [],
);
const choices = SETTINGS.flatMap(({ name, variable, rule }) =>
  rule.kind === 'choice' ? [{ name, variable, rule }] : [],
);

describe.each(numbers)('$name', ({ name, variable, rule }) => {
  const good = [rule.min, rule.max].filter((value) => rule.also?.holds(value) ?? true);

  test('takes its bounds and nothing beyond', () => {
    expect(good.length).toBeGreaterThan(0);
    for (const value of good) {
      expect(attempt({ ...beside(name), [name]: value }), String(value)).toMatchObject({ [name]: value });
    }
    for (const value of [rule.min - 1, rule.max + 1, -rule.max]) {
      expect(attempt({ [name]: value }), String(value)).toBe(REFUSED);
    }
    if (rule.also !== undefined) expect(attempt({ [name]: rule.min + 1 })).toBe(REFUSED);
  });

  test('is a whole number, as an option', () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const strange = [rule.min + 0.5, Number.NaN, Number.POSITIVE_INFINITY, null, '', String(rule.min), true, {}, []];
    for (const value of [...strange, BigInt(rule.min), Symbol('x'), () => 1, circular]) {
      expect(attempt({ [name]: value }), typeof value).toBe(REFUSED);
    }
  });

  test.runIf(variable !== undefined)('is read from its variable, trimmed, and checked the same way', () => {
    const at = variable as string;
    for (const value of good) expect(attempt(beside(name), { [at]: `  ${value}\n` })).toMatchObject({ [name]: value });
    const strange = ['', ' ', 'x', '1.5', '-1', '+8', '1e3', '0x10', '1_000', '8 8', '9'.repeat(30), 'Infinity'];
    for (const text of [...strange, String(rule.min - 1), String(rule.max + 1)]) {
      expect(attempt({}, { [at]: text }), text).toBe(REFUSED);
    }
  });
});

describe.each(choices)('$name', ({ name, variable, rule }) => {
  test('takes its words, in any case and trimmed', () => {
    for (const choice of rule.choices) {
      for (const text of [choice, choice.toUpperCase(), `\t${choice} `]) {
        expect(attempt({ [name]: text })).toMatchObject({ [name]: choice });
        if (variable !== undefined) expect(attempt({}, { [variable]: text })).toMatchObject({ [name]: choice });
      }
    }
  });

  test('takes nothing else', () => {
    for (const value of ['', 'sometimes', `${rule.choices[0]}!`, 0, true, null, [rule.choices[0]], 1n]) {
      expect(attempt({ [name]: value }), String(value)).toBe(REFUSED);
    }
    if (variable !== undefined) expect(attempt({}, { [variable]: 'sometimes' })).toBe(REFUSED);
  });
});

describe('where a value comes from', () => {
  test.each(
    SETTINGS.filter(({ variable }) => variable !== undefined).map(({ name, variable, rule }) => ({
      name,
      variable,
      rule,
    })),
  )('an option goes before $variable, which goes before the default', ({ name, variable, rule }) => {
    const [one, other] = rule.kind === 'choice' ? rule.choices : [String(8192), String(16_384)];
    const inBounds = rule.kind === 'number' && rule.max < 16_384 ? [String(rule.min), String(rule.max)] : [one, other];
    const [low, high] = rule.kind === 'number' && rule.min > 8192 ? [String(rule.min), String(rule.min * 2)] : inBounds;
    const as = (text: string | undefined) => (rule.kind === 'number' ? Number(text) : text);
    const environment = { [variable as string]: low };
    expect(resolveSettings({}, {})[name].source).toBe('default');
    expect(resolveSettings({}, environment)[name]).toEqual({ value: as(low), source: 'environment' });
    const options = { [name]: as(high) } as SettingOptions;
    expect(resolveSettings(options, environment)[name]).toEqual({ value: as(high), source: 'option' });
    expect(resolveSettings({ [name]: undefined }, environment)[name].source).toBe('environment');
  });

  test('every default is one that would be taken', () => {
    for (const isMainThread of [true, false]) {
      const values = settingValues(resolveSettings({}, {}, isMainThread));
      expect(settingValues(resolveSettings(values, {}))).toEqual(values);
    }
  });

  test('a log file is an eighth of the bound, of whole 4 KiB, from 64 KiB to 64 MiB; a checkpoint a quarter', () => {
    const fileBytes = (maxLogBytes: number) => resolveSettings({ maxLogBytes }).logFileBytes.value;
    expect([262_144, 2 ** 20, 8 * 2 ** 20 + 8 * 4095, 2 ** 30, 2 ** 40].map(fileBytes)).toEqual([
      65_536,
      2 ** 17,
      2 ** 20,
      64 * 2 ** 20,
      64 * 2 ** 20,
    ]);
    expect(resolveSettings({}).checkpointBytes.value).toBe(2 ** 28);
  });

  test('appendTimeoutMs depends on the thread, the cap on the lanes', () => {
    expect(resolveSettings({}, {}, true).appendTimeoutMs.value).toBe(0);
    expect(resolveSettings({}, {}, false).appendTimeoutMs.value).toBe(1000);
    expect(resolveSettings({ lanes: 3, laneBytes: 8192 }).maxParallelCommitBytes.value).toBe(12_288);
  });
});

describe('what is refused', () => {
  test('an unknown option, and options that are none', () => {
    expect(attempt({ fsynch: 'full' })).toBe(REFUSED);
    for (const options of [null, 5, 'full']) expect(attempt(options), String(options)).toBe(REFUSED);
  });

  test('an unknown variable of ours, and no other', () => {
    expect(attempt({}, { LANEWAL_FSYNCH: 'full' })).toBe(REFUSED);
    expect(attempt({}, { LANEWAL_: 'x' })).toBe(REFUSED);
    expect(attempt({}, { LANEWALL: 'x', PATH: '/', lanewal_lanes: 'x' })).toBeTypeOf('object');
  });

  test('an option of a page store by a log that is opened alone, but not its variable', () => {
    const stores = SETTINGS.filter(({ scope }) => scope === 'store').map(({ name }) => name);
    expect(stores).toEqual(['cacheBytes', 'latchTimeoutMs', 'checkpointIntervalMs', 'checkpointBytesPerSecond']);
    for (const name of stores) {
      const resolve = (options: SettingOptions) => () => resolveSettings(options, {}, true, 'log');
      expect(resolve({ [name]: 2 ** 20 }), name).toThrow(expect.objectContaining({ code: REFUSED }));
      expect(resolve({ [name]: undefined })()[name].source).toBe('default');
    }
    const values = resolveSettings({}, { LANEWAL_LATCH_TIMEOUT_MS: '5' }, true, 'log');
    expect(values.latchTimeoutMs).toEqual({ value: 5, source: 'environment' });
  });

  test('a bound for less than four files, with both values', () => {
    const MIB = 2 ** 20;
    expect(attempt({ maxLogBytes: 4 * MIB, logFileBytes: MIB })).toMatchObject({ logFileBytes: MIB });
    expect(attempt({ maxLogBytes: 4 * MIB - 4096, logFileBytes: MIB })).toBe(REFUSED);
    expect(attempt({ logFileBytes: 512 * MIB })).toBe(REFUSED);
    expect(attempt({ maxLogBytes: MIB }, { LANEWAL_LOG_FILE_BYTES: String(MIB) })).toBe(REFUSED);
  });

  test('a directory that is no path', () => {
    expect(attempt({ archiveDirectory: 'a/b' })).toMatchObject({ archiveDirectory: 'a/b' });
    for (const path of ['', ' ', 'a\0b', 5, null, ['a']])
      expect(attempt({ archiveDirectory: path }), String(path)).toBe(REFUSED);
  });

  test('a ticker that is no boolean', () => {
    expect(attempt({ ticker: false })).toMatchObject({ ticker: false });
    for (const ticker of [0, 1, 'true', null]) expect(attempt({ ticker }), String(ticker)).toBe(REFUSED);
  });

  test('worker files that are no URLs as text, or of workers that do not exist', () => {
    const workerUrls = { flusher: 'file:///a.js', verifier: 'file:///b.js' };
    expect(attempt({ workerUrls })).toMatchObject({ workerUrls });
    const bad = [
      null,
      'file:///a.js',
      { flusher: 5 },
      { flusher: 'a.js' },
      { flusher: new URL('file:///a.js') },
      { flushr: 'file:///a.js' },
    ];
    for (const urls of bad) expect(attempt({ workerUrls: urls }), JSON.stringify(urls)).toBe(REFUSED);
  });

  test('with details that name the setting, the value and the bounds', () => {
    const refusal = (options: SettingOptions, environment = {}): unknown => {
      try {
        return resolveSettings(options, environment);
      } catch (thrown) {
        return (thrown as WalError).details;
      }
    };
    expect(refusal({ lanes: 0 })).toMatchObject({
      whence: "option 'lanes'",
      value: '0',
      bounds: expect.stringContaining('65535'),
    });
    const details = refusal({}, { LANEWAL_LANE_BYTES: ' 5000 ' });
    expect(details).toMatchObject({ whence: 'variable LANEWAL_LANE_BYTES', value: ' 5000 ' });
  });

  const REFUSALS: Readonly<Record<string, unknown>> = { choice: 'sometimes', boolean: 'yes', path: ' ', urls: 'here' };
  const refused = SETTINGS.map(({ name, variable, rule }) => {
    return {
      name,
      variable,
      bad: rule.kind === 'number' ? rule.max + 1 : REFUSALS[rule.kind],
      words: boundsInWords(rule),
    };
  });

  test.each(refused)('a $name of $bad, naming it, the value and the bounds', ({ name, variable, bad, words }) => {
    const messageOf = (options: SettingOptions, environment = {}): string => {
      try {
        return JSON.stringify(resolveSettings(options, environment));
      } catch (thrown) {
        expect(thrown).toMatchObject({ name: 'WalError', code: REFUSED });
        return (thrown as WalError).message;
      }
    };
    expect(messageOf({ [name]: bad })).toBe(`The option '${name}' is '${bad}'; it must be ${words}.`);
    if (variable === undefined) return;
    expect(messageOf({}, { [variable]: String(bad) })).toBe(
      `The variable ${variable} is '${bad}'; it must be ${words}.`,
    );
  });
});
