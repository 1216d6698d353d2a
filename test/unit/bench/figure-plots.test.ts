// Goal: figures that stand for themselves are drawn as they are, each beside its reference. Method: figures made up here;
// and collections of a thread that makes garbage.

import { expect, test } from 'vitest';
import { countingCollections } from '../../../bench/collections.js';
import { cachePlots, checkpointPlots, steadyPlots } from '../../../bench/figure-plots.js';
import { plotSvg } from '../../../bench/report/plot.js';

const GARBAGE = 2_000_000;

test('a checkpoint is drawn beside the raw disk, case by case', () => {
  const checkpoint = { median: 100, min: 90, max: 120, rounds: 3 };
  const given = { pages: 10, checkpoint, raw: 200 };
  const [plot] = checkpointPlots([
    { ...given, storePages: 10, logOrder: 'ascending' },
    { ...given, storePages: 30, logOrder: 'shuffled' },
  ]);
  expect(plot?.series.map(({ name, isReference }) => [name, isReference])).toEqual([
    ['all pages, ascending', undefined],
    ['raw disk', true],
    ['1 page of 3, shuffled', undefined],
    ['raw disk', true],
  ]);
  expect(plot?.series[0]?.points).toEqual([{ x: 'all pages, ascending', y: 100, low: 90, high: 120 }]);
  expect(plotSvg(plot!)).toContain('200 pages/s');
});

test('a bounded log is drawn beside its bound and one file', () => {
  const logMiB = { bound: 256, oneFile: 64, most: 300 };
  const [plot] = steadyPlots([{ pagesPerCommit: 8, window: 100, logMiB }]);
  expect(plot?.series).toEqual([
    { name: '8 page(s), 100 in flight', points: [{ x: '8 page(s), 100 in flight', y: 300 }] },
    { name: 'bound and one file', points: [{ x: '', y: 320 }], isReference: true },
  ]);
});

test('reads of the cache are drawn beside the system call, and their unit is not a read', () => {
  const [plot] = cachePlots([{ unit: 'ns', 'pread of 4 KiB': 900, '1 thread(s)': 200 }]);
  expect(plot?.series.map(({ name, isReference }) => [name, isReference])).toEqual([
    ['pread of 4 KiB', true],
    ['1 thread(s)', false],
  ]);
});

test('collections of a thread that makes garbage are counted', async () => {
  const { result, collections } = await countingCollections(() => {
    let kept: object = {};
    for (let index = 0; index < GARBAGE; index += 1) kept = { index, text: `${index}` };
    return kept;
  });
  expect(result).toEqual({ index: GARBAGE - 1, text: `${GARBAGE - 1}` });
  expect(collections).toBeGreaterThan(0);
});
