// Goal: whichever system call of a log fails, and however, the outcome is right: what was acknowledged is there, the
// error is typed, a failed sync is final, a full disk is not, and the log opens and goes on. Method: one fixed run under
// strace, again and again; in run n call number n of every thread fails, until a run passes untouched (strace counts by
// thread). Then the same for the reads of recovery and opening (F42).
//
// WAL_TEST_CYCLES: runs of each kind at most.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LogTrace, lineAcks } from '../support/log-trace.js';
import { Program, runWorkload, scratchFolder, type WorkloadEvent } from '../support/program.js';
import { readTrace, straceKill, straceReads, straceTo, whyNoStrace } from '../support/strace.js';
import { announceSkip, WorkloadCheck } from '../support/workload-check.js';
import type { WorkerOutcome, WorkloadPlan } from '../support/workload-model.js';

const reason = whyNoStrace();
announceSkip('every system call', reason);

const RUNS_MAX = Number(process.env.WAL_TEST_CYCLES ?? 200);
const SETTINGS = { fsync: 'full', logFileBytes: 65_536 } as const;
/** For the slowest of them: a run and its two recoveries, on a machine that has much else to do. */
const TIMEOUT_MS = RUNS_MAX * 10_000;
const TYPED = ['ERR_WAL_IO', 'ERR_WAL_POISONED', 'ERR_WAL_STORAGE_FULL'];

let folder = '';
let db = '';
let acks = '';
let traceFile = '';

beforeEach(() => {
  folder = scratchFolder('calls');
  traceFile = join(folder, 'trace');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A place of its own for run `n`. */
function begin(n: number): void {
  db = join(folder, `${n}.db`);
  acks = join(folder, `acks-${n}`);
}

function plan(more: Partial<WorkloadPlan> = {}): WorkloadPlan {
  return { db, acks, run: 1, workers: 1, commits: 24, windowMax: 2, settings: SETTINGS, ...more };
}

async function expectSound(check: WorkloadCheck, n: number): Promise<void> {
  expect({ n, faults: await check.recover(), lost: check.lost }).toEqual({ n, faults: [], lost: [] });
}

/** What was acknowledged is there, and the log takes commits again. */
async function expectCarriesOn(n: number): Promise<void> {
  const check = new WorkloadCheck(db, acks);
  await expectSound(check, n);
  const events = await runWorkload(plan({ run: 2, commits: 3 }));
  expect(events.at(-1)).toMatchObject({ event: 'done', closed: 'closed' });
  await expectSound(check, n);
}

/** What the workload said fits the error that it met. */
function expectSaid(events: readonly WorkloadEvent[], trace: LogTrace, call: string, errno: string, n: number): void {
  const refused = events.find(({ event }) => event === 'refused');
  if (refused !== undefined) expect(TYPED).toContain(refused.code);
  const outcomes = (events.find(({ event }) => event === 'done')?.outcomes ?? []) as WorkerOutcome[];
  const codes = outcomes.flatMap(({ appendErrors, waitErrors }) => [...appendErrors, ...waitErrors]);
  for (const code of codes) expect(['ERR_WAL_POISONED', 'ERR_WAL_OUTCOME_UNKNOWN']).toContain(code);
  const flusher = trace.segments[0]?.write.thread;
  const met = trace.calls.find(({ isInjected, thread }) => isInjected && thread === flusher);
  if (met === undefined) return;
  const isFinal = call !== 'pwrite64' && call !== 'pwritev' ? true : errno !== 'ENOSPC';
  expect({ n, isFailed: events.some(({ event }) => event === 'failed') }).toEqual({ n, isFailed: isFinal });
  if (!isFinal) return;
  // Nothing is written or synced behind it: a second sync would prove nothing.
  const own = [...trace.fileSyncs, ...trace.directorySyncs, ...trace.segments.map(({ write }) => write)];
  expect({ n, after: own.filter(({ thread, begin: at }) => thread === flusher && at > met.end) }).toEqual({
    n,
    after: [],
  });
}

describe.skipIf(reason !== undefined)('every call of a run', { timeout: TIMEOUT_MS }, () => {
  const calls = ['fdatasync', 'fsync', 'pwrite64', 'pwritev'] as const;
  const each = calls.flatMap((call) => (['EIO', 'ENOSPC'] as const).map((errno) => [call, errno] as const));

  test.each(each)('F08 F09 F11 F14 %s may fail with %s, once', async (call, errno) => {
    let n = 1;
    for (; n <= RUNS_MAX; n += 1) {
      begin(n);
      const events = await runWorkload(plan(), straceTo(traceFile, `${call}:error=${errno}:when=${n}`));
      const trace = new LogTrace(readTrace(traceFile), db);
      expect(lineAcks(trace.calls, acks).flatMap((ack) => trace.faultOfAck(ack) ?? [])).toEqual([]);
      expectSaid(events, trace, call, errno, n);
      if (!trace.calls.some(({ isInjected }) => isInjected)) break;
      await expectCarriesOn(n);
    }
    expect(n).toBeGreaterThan(1);
    console.log(`every call: ${call} failed with ${errno} at ${n - 1} places`);
  });

  test.each(calls)('F27 %s may be where the process is killed', async (call) => {
    let n = 1;
    for (; n <= RUNS_MAX; n += 1) {
      begin(n);
      const program = Program.workload(plan(), straceKill(call, n));
      await program.ended;
      if (program.events.at(-1)?.event === 'done') break;
      await expectCarriesOn(n);
    }
    expect(n).toBeGreaterThan(1);
    console.log(`every call: killed at ${n - 1} calls of ${call}`);
  });
});

describe.skipIf(reason !== undefined)('every read', { timeout: TIMEOUT_MS }, () => {
  test.each(['recover', 'open'] as const)(
    'F42 R3 of "%s" may fail, and that is an error, not the end',
    async (what) => {
      begin(0);
      await runWorkload(plan({ windowMax: 24, leavesOpen: true }));
      const check = new WorkloadCheck(db, acks);
      await expectSound(check, 0);
      let n = 1;
      for (; n <= RUNS_MAX; n += 1) {
        const before = digest();
        const names = readdirSync(`${db}-wal`).map((name) => join(`${db}-wal`, name));
        const prefix = straceReads(traceFile, names, `pread64:error=EIO:when=${n}`);
        const isRefused = what === 'recover' ? await isRecoveryRefused(prefix) : await isOpeningRefused(prefix);
        const isMet = readTrace(traceFile).some(({ isInjected }) => isInjected);
        expect({ n, isRefused }).toEqual({ n, isRefused: isMet });
        if (what === 'recover') expect({ n, digest: digest() }).toEqual({ n, digest: before });
        await expectSound(check, n);
        if (!isMet) break;
      }
      expect(n).toBeGreaterThan(1);
      console.log(`every read: ${n - 1} reads of "${what}" failed`);
    },
  );

  async function isRecoveryRefused(prefix: readonly string[]): Promise<boolean> {
    const { status, stderr } = await Program.cli(['recover', db], { prefix }).ended;
    if (status === 0) return false;
    expect(stderr).toContain('EIO');
    return true;
  }

  async function isOpeningRefused(prefix: readonly string[]): Promise<boolean> {
    const events = await runWorkload(plan({ commits: 0, leavesOpen: true }), prefix);
    const refused = events.find(({ event }) => event === 'refused');
    if (refused === undefined) return false;
    expect(refused).toMatchObject({ code: 'ERR_WAL_IO', cause: 'EIO' });
    return true;
  }

  function digest(): string {
    const hash = createHash('sha1');
    for (const name of readdirSync(`${db}-wal`).sort())
      if (name !== 'lock') hash.update(name).update(readFileSync(join(`${db}-wal`, name)));
    return hash.digest('hex');
  }
});
