// Goal: the mode changes the way of a commit, and nothing of what becomes of it. Method: every recorded trace with
// eight copies and eight writers in every mode, through the built command line, against what SQLite made of it; the
// JSON has to show that the mode was really on.

import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { makeFolder, type ReplayDocument, removeFolders, runJson } from '../support/command-line.js';
import { readTrace, TRACE_NAMES, tracePath } from '../support/traces.js';

afterEach(removeFolders);

const MODES = { auto: 'none', conservative: 'operator_forced', shadow_compare: 'none' } as const;
const cases = TRACE_NAMES.flatMap((name) =>
  Object.entries(MODES).map(([mode, fallback]) => ({ name, mode, fallback })),
);

test.each(cases)(
  '$name: eight copies in mode $mode are all what SQLite made of it',
  async ({ name, mode, fallback }) => {
    const { oracle } = await readTrace(name);
    const inputs = ['--base', tracePath(name, 'base.db.gz'), '--wal', tracePath(name, 'trace.db-wal.gz')];
    const options = ['--db', join(makeFolder(), 'a.db'), '--copies', '8', '--writers', '8', '--mode', mode];
    const result = await runJson<ReplayDocument>(['replay', ...inputs, ...options]);
    const sha256 = Array.from({ length: 8 }, () => oracle.replaySha256);
    const transactions = 8 * oracle.committedTransactions;
    // Every batch of shadow compare has its verdict, and of other modes none has.
    const shadow =
      mode === 'shadow_compare'
        ? { clean: transactions, diverged: 0, notRun: 0 }
        : { clean: 0, diverged: 0, notRun: transactions };
    expect(result).toMatchObject({ transactions, mode, fallback, sha256, shadow });
    if (mode === 'conservative') expect([result.lanesUsed, result.lanesPerEpochMax]).toEqual([1, 1]);
  },
  900_000,
);
