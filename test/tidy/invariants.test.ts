// An invariant has a number: defined once in a design document, cited where the code keeps it, and proved by a test
// whose title names it. A definition is a line of design/*.md that starts with `**I1**` or `- **I1**`; the letters
// are I (concurrency), R (recovery), C (checkpoint), K (page cache), P (pins), S (page store) and M (modes).

import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PACKAGE_ROOT, readPackageFile, readSources } from '../support/package-root.js';
import { readTitles } from './syntax.js';

/** Documents that must define invariants of their letter; the others of their folder may. */
const HOMES = { I: 'concurrency.md', R: 'recovery.md', K: 'page-cache.md', S: 'page-store.md' } as const;

const DEFINITION = /^(?:- )?\*\*([IRCKMPS]\d+)\*\*/gm;

/** Where each id is defined. Read inside the tests, so that a missing document fails them and not the whole file. */
function readDefinitions(): { id: string; document: string }[] {
  const documents = readdirSync(new URL('design/', PACKAGE_ROOT)).filter((name) => name.endsWith('.md'));
  return documents.flatMap((document) =>
    [...readPackageFile(`design/${document}`).matchAll(DEFINITION)].map(([, id]) => ({ id: id ?? '', document })),
  );
}

function definedIds(): string[] {
  const ids = readDefinitions().map(({ id }) => id);
  expect(ids, 'ids that design/*.md define').not.toHaveLength(0);
  return ids;
}

function cites(text: string, id: string): boolean {
  return new RegExp(`\\b${id}\\b`).test(text);
}

test.each(Object.entries(HOMES))('invariants %s are defined in design/%s', (letter, document) => {
  const own = readDefinitions().filter((each) => each.id.startsWith(letter));
  expect(own, `ids that design/${document} defines`).not.toHaveLength(0);
  expect(own.filter((each) => each.document !== document)).toEqual([]);
});

test('an invariant is defined once', () => {
  const ids = definedIds();
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
});

test('every invariant is cited in the sources', () => {
  const sources = readSources('src');
  expect(definedIds().filter((id) => !sources.some(({ text }) => cites(text, id)))).toEqual([]);
});

test('every invariant is in the title of a test', () => {
  const titles = readTitles().map(({ title }) => title);
  expect(definedIds().filter((id) => !titles.some((title) => cites(title, id)))).toEqual([]);
});

test('no title starts with an invariant that is not defined', () => {
  const ids = definedIds();
  const cited = readTitles().flatMap(({ title }) =>
    [...title.matchAll(/^['"`]([IRCKMP]\d+)\b/g)].map(([, id]) => id ?? ''),
  );
  expect(cited.filter((id) => !ids.includes(id))).toEqual([]);
});
