// Goal: the baseline is a log, so that it is fair to compare with: what it acknowledged is read back, in order, by several
// threads' appends too. Method: appends, damage to the file, and a round of its worker threads.

import { statSync, truncateSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GlobalLockLog, replayGlobalLockLog } from '../../../bench/baseline/global-lock-log.js';
import { PAGE_BYTES, type RoundPlan, type RoundResult } from '../../../bench/log-writer.js';
import { WorkerGroup } from '../../../bench/worker-group.js';
import { inTemporaryDirectory } from '../../support/temporary-path.js';

const FILE_BYTES = 2 ** 20;

function image(fill: number): Uint8Array {
  return new Uint8Array(PAGE_BYTES).fill(fill);
}

/** What a replay gives, as `page number: first byte`. */
function replayed(path: string): string[] {
  const found: string[] = [];
  replayGlobalLockLog(path, (pageNumber, bytes) => found.push(`${pageNumber}: ${bytes[0]}`));
  return found;
}

test('commits are replayed in order, up to the first that is not whole', () =>
  inTemporaryDirectory(async (folder) => {
    const log = GlobalLockLog.create(`${folder}/log`, 0);
    log.append([{ pageNumber: 1, image: image(1) }]);
    const end = log.append([
      { pageNumber: 2, image: image(2) },
      { pageNumber: 3, image: image(3) },
    ]);
    log.waitDurable(end);
    log.close();
    expect(replayed(`${folder}/log`)).toEqual(['1: 1', '2: 2', '3: 3']);
    truncateSync(`${folder}/log`, Number(end) - 1);
    expect(replayed(`${folder}/log`)).toEqual(['1: 1']);
  }));

test('a log that starts over gives nothing of what was there before', () =>
  inTemporaryDirectory(async (folder) => {
    const log = GlobalLockLog.create(`${folder}/log`, FILE_BYTES);
    for (const fill of [1, 2, 3]) log.append([{ pageNumber: fill, image: image(fill) }]);
    log.startOver();
    log.waitDurable(log.append([{ pageNumber: 7, image: image(7) }]));
    log.close();
    expect(replayed(`${folder}/log`)).toEqual(['7: 7']);
  }));

test('a log that wraps goes on at the head of its file when that is full, and every wait ends', () =>
  inTemporaryDirectory(async (folder) => {
    const log = GlobalLockLog.create(`${folder}/log`, FILE_BYTES, true);
    const commits = Math.ceil((2.5 * FILE_BYTES) / PAGE_BYTES);
    let end = 0n;
    for (let fill = 0; fill < commits; fill += 1) end = log.append([{ pageNumber: 1, image: image(fill) }]);
    log.waitDurable(end);
    log.close();
    expect(statSync(`${folder}/log`).size).toBe(FILE_BYTES);
  }));

test('what several threads append, each waiting, is all there', () =>
  inTemporaryDirectory(async (folder) => {
    const log = GlobalLockLog.create(`${folder}/log`, FILE_BYTES);
    const data = [0, 1].map((index) => ({ handle: log.handle, index, count: 2, isSynced: true }));
    const url = new URL('../../../bench/baseline/lock-worker.js', import.meta.url);
    const group = await WorkerGroup.launch<RoundPlan, RoundResult>(url, data);
    const { results } = await group.round({ kind: 'wait', seconds: 0.05, pages: 2 });
    await group.stop();
    log.close();
    const pages = replayed(`${folder}/log`);
    expect(results.every(({ commits }) => commits > 0)).toBe(true);
    expect(pages).toHaveLength(results.reduce((sum, { commits }) => sum + 2 * commits, 0));
    expect(new Set(pages)).toEqual(new Set(['1: 1', '2: 1', '3: 2', '4: 2']));
  }));
