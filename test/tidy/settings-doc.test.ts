// README.md repeats the table of settings for users. It has one table with the columns name, variable, unit, default,
// bounds and effect: one row a setting, in the order of SETTINGS, word for word. Names and variables stand in backticks; a
// setting without a variable has an empty cell.

import { expect, test } from 'vitest';
import { boundsInWords, SETTINGS } from '../../src/settings.js';
import { readMarkdown, withoutBackticks } from '../support/markdown.js';
import { readPackageFile } from '../support/package-root.js';

const COLUMNS = ['name', 'variable', 'unit', 'default', 'bounds', 'effect'];

test('README.md lists exactly the settings, with their defaults, bounds and effects', () => {
  const tables = readMarkdown(readPackageFile('README.md')).tables.filter(
    ({ columns }) => columns.join() === COLUMNS.join(),
  );
  expect(tables).toHaveLength(1);
  const rows = tables[0]?.rows.map(([name = '', variable = '', ...rest]) => {
    return [withoutBackticks(name), withoutBackticks(variable), ...rest];
  });
  expect(rows).toEqual(
    SETTINGS.map(({ name, variable = '', unit, defaultWords, rule, effect }) => {
      return [name, variable, unit, defaultWords, boundsInWords(rule), effect];
    }),
  );
});

test('every variable of a setting begins with LANEWAL_ and belongs to no other', () => {
  const variables = SETTINGS.flatMap(({ variable }) => (variable === undefined ? [] : [variable]));
  expect(variables.filter((variable) => !/^LANEWAL_[A-Z_]+$/.test(variable))).toEqual([]);
  expect(new Set(variables).size).toBe(variables.length);
});
