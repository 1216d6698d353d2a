// Every setting has a test that turns it and sees the effect: test/support/knob-tests.ts says which, by file and title.

import { expect, test } from 'vitest';
import { SETTINGS } from '../../src/settings.js';
import { KNOB_TESTS, type KnobTest } from '../support/knob-tests.js';
import { readPackageFile } from '../support/package-root.js';
import { readTitles } from './syntax.js';

const entries = Object.entries(KNOB_TESTS) as [string, KnobTest][];

test('every setting has a test that turns it, and no other is listed', () => {
  expect(entries.map(([name]) => name).sort()).toEqual(SETTINGS.map(({ name }) => name).sort());
});

test('the tests that turn settings are there, each once, in a file that names the setting', () => {
  const titles = readTitles(entries.map(([, { file }]) => file));
  const faults = entries.flatMap(([name, { file, title }]) => {
    const found = titles.filter((each) => each.path === file && each.title.slice(1).startsWith(title));
    if (found.length !== 1) return [`${name}: ${found.length} tests in ${file} begin with "${title}"`];
    const isNamed = new RegExp(`\\b${name}\\b`).test(readPackageFile(file).replaceAll(found[0]?.title ?? '', ''));
    return isNamed ? [] : [`${name}: ${file} does not name it`];
  });
  expect(faults).toEqual([]);
});
