// Budgets of design/style.md: a file that outgrows them has more than one subject.

import ts from 'typescript';
import { expect, test } from 'vitest';
import { readSources, type Source } from '../support/package-root.js';
import { parse, placeOf, walk } from './syntax.js';

const FILE_LINES_MAX = 400;
/** The file to read first has to stay readable in one sitting. */
const WAL_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;
const COLUMNS_MAX = 120;

const sources = readSources('src', 'workers', 'bench', 'examples');

function linesOf({ text }: Source): string[] {
  return text.replace(/\n$/, '').split('\n');
}

/** Functions of every kind with more lines than allowed, from the signature to the closing brace. */
function longFunctions(source: Source): string[] {
  const found: string[] = [];
  const file = parse(source);
  walk(file, (node) => {
    if (!ts.isFunctionLike(node)) return;
    const [first, last] = [node.getStart(), node.getEnd()].map((at) => file.getLineAndCharacterOfPosition(at).line);
    const lines = (last ?? 0) - (first ?? 0) + 1;
    if (lines > FUNCTION_LINES_MAX) found.push(`${placeOf(node)}: ${lines} lines`);
  });
  return found;
}

test(`a file has at most ${FILE_LINES_MAX} lines, wal.ts at most ${WAL_LINES_MAX}`, () => {
  expect(sources.length).toBeGreaterThan(0);
  const long = sources.filter((source) => {
    return linesOf(source).length > (source.path === 'src/wal.ts' ? WAL_LINES_MAX : FILE_LINES_MAX);
  });
  expect(long.map((source) => `${source.path}: ${linesOf(source).length} lines`)).toEqual([]);
});

test(`a function has at most ${FUNCTION_LINES_MAX} lines`, () => {
  expect(sources.flatMap(longFunctions)).toEqual([]);
});

test(`a line has at most ${COLUMNS_MAX} columns`, () => {
  const wide = sources.flatMap((source) =>
    linesOf(source).flatMap((line, index) => (line.length > COLUMNS_MAX ? [`${source.path}:${index + 1}`] : [])),
  );
  expect(wide).toEqual([]);
});

test.each([
  ['a function', (body: string) => `function f() {\n${body}}\n`],
  ['a method', (body: string) => `class C {\n  m() {\n${body}  }\n}\n`],
  ['an arrow function', (body: string) => `const f = () => {\n${body}};\n`],
  ['an accessor', (body: string) => `class C {\n  get m() {\n${body}  }\n}\n`],
])('%s is measured with its signature and its closing brace', (_, wrap) => {
  const within = wrap('    a();\n'.repeat(FUNCTION_LINES_MAX - 2));
  const beyond = wrap('    a();\n'.repeat(FUNCTION_LINES_MAX - 1));
  expect(longFunctions({ path: 'src/x.ts', text: within })).toEqual([]);
  expect(longFunctions({ path: 'src/x.ts', text: beyond })).toHaveLength(1);
});
