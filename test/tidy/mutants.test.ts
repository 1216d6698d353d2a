// The list of mutants is sound: each still fits its source, compiles, and names a test that exists. That the tests kill
// them is shown by the deep suite (test/deep/mutants.test.ts). design/mutants.md has one row a mutant.

import ts from 'typescript';
import { expect, test } from 'vitest';
import { MUTANTS } from '../mutants/index.js';
import { readMarkdown, withoutBackticks } from '../support/markdown.js';
import { type Mutant, mutated, syntaxFaults } from '../support/mutation.js';
import { readPackageFile } from '../support/package-root.js';
import { parse, walk } from './syntax.js';

/** Never less: a law that had a mutant keeps one. */
const COUNT_MIN = 515;

test('every mutant fits its source in exactly one place, changes it, and compiles', () => {
  const texts = new Map([...new Set(MUTANTS.map(({ file }) => file))].map((file) => [file, readPackageFile(file)]));
  const changed = new Map<string, string>();
  for (const [index, mutant] of MUTANTS.entries()) {
    const text = texts.get(mutant.file)!;
    changed.set(`${index}/${mutant.name}.ts`, mutated(mutant, text));
    expect(mutated(mutant, text), mutant.name).not.toBe(text);
  }
  expect(changed.size).toBe(MUTANTS.length);
  expect(syntaxFaults(changed)).toEqual([]);
});

test('a mutant whose text is not there once, or does not compile, is noticed', () => {
  const mutant: Mutant = { ...MUTANTS[0]!, find: 'b', replace: 'c' };
  expect(mutated(mutant, 'abc')).toBe('acc');
  expect(() => mutated(mutant, 'abcb')).toThrow('stale');
  expect(() => mutated(mutant, 'acc')).toThrow('stale');
  expect(syntaxFaults(new Map([['x.ts', 'const a = ;']]))).toHaveLength(1);
  expect(syntaxFaults(new Map([['x.ts', 'const a = 1;']]))).toEqual([]);
});

test('every mutant has a name of its own and names a test that exists', () => {
  expect(new Set(MUTANTS.map(({ file, name }) => `${file} ${name}`)).size).toBe(MUTANTS.length);
  const titles = new Map<string, string[]>();
  for (const { name, killedBy } of MUTANTS) {
    if (!titles.has(killedBy.file)) titles.set(killedBy.file, titlesIn(killedBy.file));
    const found = titles.get(killedBy.file)!.filter((title) => begins(title, killedBy.title));
    expect(found, `${name}: ${killedBy.file}: ${killedBy.title}`).not.toEqual([]);
  }
});

test(`there are at least ${COUNT_MIN} mutants`, () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(COUNT_MIN);
});

test('design/mutants.md lists exactly the mutants', () => {
  const { tables } = readMarkdown(readPackageFile('design/mutants.md'));
  const table = tables.find(({ columns }) => columns[0] === 'what it does wrong');
  expect(table?.columns).toEqual(['what it does wrong', 'in', 'killed by', 'in the test']);
  const rows = MUTANTS.map(({ name, file, killedBy }) => [name, file, killedBy.title, killedBy.file]);
  expect(table?.rows.map((row) => row.map(withoutBackticks))).toEqual(rows);
});

/** Titles of the tests of a file, as they stand in the source: those of `each` have placeholders. */
function titlesIn(path: string): string[] {
  const titles: string[] = [];
  walk(parse({ path, text: readPackageFile(path) }), (node) => {
    if (!ts.isCallExpression(node)) return;
    const [title] = node.arguments;
    const isTest = /^(test|it)\b/.test(node.expression.getText());
    if (isTest && title !== undefined && ts.isStringLiteralLike(title)) titles.push(title.text);
  });
  return titles;
}

/** Whether a test with this title can be called so that it begins with `start`. */
function begins(title: string, start: string): boolean {
  const [fixed = ''] = title.split(/%[a-z]|\$[a-z]+/);
  return fixed.length === title.length ? title.startsWith(start) : start.startsWith(fixed) || fixed.startsWith(start);
}
