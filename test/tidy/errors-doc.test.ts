// design/errors.md repeats the table of error codes for readers. It has a table with the columns `code` and `remedy`
// (others may stand beside them): one row a code, in backticks, with the remedy word for word as in ERROR_CODES.

import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/base/errors.js';
import { readMarkdown, withoutBackticks } from '../support/markdown.js';
import { readPackageFile } from '../support/package-root.js';

test('design/errors.md lists exactly the error codes, each with its remedy', () => {
  const tables = readMarkdown(readPackageFile('design/errors.md')).tables.flatMap(({ columns, rows }) => {
    const names = columns.map((column) => column.toLowerCase());
    const [code, remedy] = [names.indexOf('code'), names.indexOf('remedy')];
    return code < 0 || remedy < 0 ? [] : [rows.map((row) => [withoutBackticks(row[code] ?? ''), row[remedy]])];
  });
  expect(tables).toHaveLength(1);
  const rows = tables.flat();
  expect(Object.fromEntries(rows)).toEqual(ERROR_CODES);
  expect(rows).toHaveLength(Object.keys(ERROR_CODES).length);
});
