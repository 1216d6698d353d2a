import { expect, test } from 'vitest';
import { type Evidence, VERDICTS, verdictRow } from '../../../src/recovery/verdict.js';

const NAMES = ['isFileMissing', 'isBelowSynced', 'isHeaderLost', 'isContradictory', 'isFollowed'] as const;

function everyEvidence(): Evidence[] {
  return [...Array(2 ** NAMES.length).keys()].map(
    (mask) =>
      Object.fromEntries(NAMES.map((name, index) => [name, (mask & (1 << index)) !== 0])) as unknown as Evidence,
  );
}

test('R7: every combination of evidence meets exactly one row, and every row is met', () => {
  const met = new Set(everyEvidence().map((evidence) => verdictRow(evidence).id));
  expect([...met].sort()).toEqual(VERDICTS.map(({ id }) => id));
});

test('whatever is missing or bad below what was synced is never torn or clean', () => {
  for (const evidence of everyEvidence()) {
    const { verdict } = verdictRow(evidence);
    const isBad = evidence.isFileMissing || evidence.isBelowSynced || evidence.isHeaderLost || evidence.isContradictory;
    expect(verdict === 'damaged' || verdict === 'gap').toBe(isBad);
  }
});

test('a table with a hole or an overlap is noticed', () => {
  const none = everyEvidence()[0] as Evidence;
  expect(() => verdictRow(none, VERDICTS.slice(0, -1))).toThrow();
  expect(() => verdictRow(none, [...VERDICTS, { id: 'Z', when: [0, '_', '_', '_', '_'], verdict: 'clean' }])).toThrow();
});
