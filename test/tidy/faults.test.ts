// Every fault of design/faults.md has a row in design/testing.md: the test files that make it happen, each with the
// fault's number in a title, or `not promised:` and the reason. So no row can promise a test that is not there.

import { expect, test } from 'vitest';
import { readMarkdown } from '../support/markdown.js';
import { readPackageFile } from '../support/package-root.js';
import { readTitles } from './syntax.js';

const NOT_PROMISED = /^not promised: \S/;

function rowsOf(document: string, columns: readonly string[]): readonly (readonly string[])[] {
  const tables = readMarkdown(readPackageFile(document)).tables.filter((table) => {
    return columns.every((column) => table.columns.includes(column));
  });
  expect(tables, `tables of ${document} with the columns ${columns.join(', ')}`).toHaveLength(1);
  return tables[0]?.rows ?? [];
}

const readFaults = (): string[] => rowsOf('design/faults.md', ['#', 'fault']).map(([number]) => number ?? '');

test('design/faults.md numbers its faults from F01 without a gap', () => {
  const faults = readFaults();
  expect(faults).toEqual(faults.map((_, index) => `F${String(index + 1).padStart(2, '0')}`));
  expect(faults).toHaveLength(44);
});

test('design/testing.md has one row for each fault', () => {
  expect(rowsOf('design/testing.md', ['fault', 'covered by']).map(([number]) => number)).toEqual(readFaults());
});

test('a fault is covered by test files whose titles name it, or is not promised, with the reason', () => {
  const titles = readTitles();
  for (const [fault = '', coverage = ''] of rowsOf('design/testing.md', ['fault', 'covered by'])) {
    const paths = [...coverage.matchAll(/`(test\/[^`]+\.test\.ts)`/g)].map(([, path]) => path ?? '');
    expect(paths.length > 0 || NOT_PROMISED.test(coverage), `${fault}: ${coverage}`).toBe(true);
    for (const path of paths) {
      const own = titles.filter((one) => one.path === path && new RegExp(`\\b${fault}\\b`).test(one.title));
      expect(own, `titles of ${path} that name ${fault}`).not.toHaveLength(0);
    }
  }
});
