// Goal: what a controller decides is what the log does from then on, is told, and never outlives its evidence. Method: a
// controller over words of a test, told the time; a flusher that is steered; an open log whose counts are spoilt.

import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Decision } from '../../../src/decide/decide.js';
import type { Observation } from '../../../src/decide/observation.js';
import { Control } from '../../../src/epoch/control.js';
import { Controller } from '../../../src/flusher/controller.js';
import { DecisionBoard } from '../../../src/flusher/decision-board.js';
import { Gathering } from '../../../src/flusher/gathering.js';
import { Telemetry } from '../../../src/observe/telemetry.js';
import { MemoryDirectory, openWalOn } from '../../../src/testing.js';
import { sendPort } from '../../../src/thread/thread-connect.js';
import { TraceEar } from '../../support/trace-ear.js';

const PERIOD_MS = 25;
const BOUNDS = { lanes: 2, flushes: 2, processors: 2 };

function controllerOf(bounds = BOUNDS) {
  const [control, telemetry, board] = [Control.create(0, 0), new Telemetry(), new DecisionBoard()];
  const decided: { decision: Decision; observation: Observation }[] = [];
  const observer = { sealed: () => undefined, written: () => undefined };
  const note = (decision: Decision, observation: Observation) => void decided.push({ decision, observation });
  const controller = new Controller({ control, telemetry, board, observer, decided: note }, bounds);
  let nowMs = performance.now();
  return {
    controller,
    control,
    telemetry,
    board,
    decided,
    /** A period of a lone writer: an epoch and a wait of 0.1 ms each. */
    pass(epochs = 20, ms = PERIOD_MS): void {
      for (let count = 0; count < epochs; count += 1) {
        control.count('epochs');
        control.count('commits');
        telemetry.sync.add(0.1);
        telemetry.commit.add(0.1);
      }
      // A little more: sums of fractions fall short of a whole period.
      nowMs += ms + 0.001;
      controller.look(nowMs);
    },
  };
}

describe('a controller', () => {
  test('decides once a period, and not by a few epochs alone until it has been long', () => {
    const { pass, decided } = controllerOf();
    pass(20, PERIOD_MS / 2);
    expect(decided).toHaveLength(0);
    pass(0, PERIOD_MS / 2);
    expect(decided).toHaveLength(1);
    for (let count = 1; count <= 8; count += 1) pass(1);
    expect(decided).toHaveLength(1);
    for (let count = 1; count <= 3; count += 1) pass(1);
    expect(decided.map(({ decision }) => decision.record.number)).toEqual([1, 2]);
  });

  test('shows its decisions to other threads, and what is in force', () => {
    const { pass, board, controller, decided } = controllerOf();
    expect(board.read()).toEqual({ made: expect.objectContaining({ keep_current: 0 }) });
    expect(controller.gatherMs).toBe(undefined);
    for (let count = 0; count < 3; count += 1) pass();
    expect(board.read()).toMatchObject({
      made: { seal_epoch_now: 1, keep_current: 2, force_conservative: 0 },
      last: { number: 3, action: 'keep_current', confidenceBp: 10_000, gatherUs: 0, lanes: 2, flushes: 2 },
    });
    expect(new DecisionBoard(board.buffer).read()).toEqual(board.read());
    expect([controller.gatherMs, controller.lanes, controller.flushes]).toEqual([0, 2, 2]);
    expect(decided[2]?.observation).toMatchObject({ number: 3, inForce: decided[1]?.decision.tuning });
  });

  test('that loses its evidence says so, decides no more, and steers as if it were not there', () => {
    const { pass, board, controller, decided, telemetry } = controllerOf();
    pass();
    pass();
    new BigInt64Array(telemetry.buffer).fill(0n);
    for (let count = 0; count < 3; count += 1) pass();
    expect(decided.map(({ decision }) => decision.record.action)).toEqual([
      'seal_epoch_now',
      'keep_current',
      'force_conservative',
    ]);
    expect(board.read().made.force_conservative).toBe(1);
    expect([controller.gatherMs, controller.lanes, controller.flushes]).toEqual([undefined, 2, 2]);
  });

  test('notices a clock that went back', () => {
    const { pass, decided } = controllerOf();
    pass();
    pass(20, -1000);
    expect(decided.at(-1)?.decision.record.fault).toMatch(/atUs/);
  });
});

describe('what is in force', () => {
  test('is how long a seal is put off for those who were woken', () => {
    const steering = { gatherMs: undefined as number | undefined };
    const gathering = new Gathering(steering);
    gathering.woke(3);
    expect(gathering.untilMs(1, 10)).toBe(10.1);
    steering.gatherMs = 2;
    expect(gathering.untilMs(1, 10)).toBe(12);
    expect(gathering.untilMs(3, 10)).toBe(undefined);
    // In vain again and again: whoever steers takes that into account, and nobody else.
    for (let epoch = 0; epoch < 10; epoch += 1) gathering.sealed(1);
    expect(gathering.untilMs(1, 10)).toBe(12);
    steering.gatherMs = 0;
    expect(gathering.untilMs(1, 10)).toBe(undefined);
    steering.gatherMs = undefined;
    expect(gathering.untilMs(1, 10)).toBe(10.1);
  });

  test('is how many lanes new writers are given', async () => {
    const lanes = 8;
    const wal = await openWalOn(new MemoryDirectory({ pretendSync: true }), {
      controller: 'on',
      lanes,
      laneBytes: 65_536,
      ticker: false,
    });
    const writer = wal.connect();
    while (wal.metrics().decisions?.last?.lanes === undefined || wal.metrics().decisions?.last?.lanes === lanes) {
      await writer.append({ dbSizePages: 1 }).durable();
    }
    const given = new Set<number>();
    for (let count = 1; count < lanes; count += 1) {
      const port = await sendPort(wal.handle.flusherThreadId, wal.handle.key);
      const welcome = await new Promise<{ laneIndex: number }>((resolve) => port.once('message', resolve));
      given.add(welcome.laneIndex);
      port.close();
    }
    expect(given.has(lanes - 1)).toBe(false);
    await wal.close();
  });
});

test('an open log that loses its evidence tells why it goes on without a controller, and goes on', async () => {
  const ear = new TraceEar(['decision']);
  const wal = await openWalOn(new MemoryDirectory({ pretendSync: true }), {
    controller: 'on',
    lanes: 1,
    ticker: false,
  });
  const decisions = () => wal.metrics().decisions?.made;
  const made = () => Object.values(decisions() ?? {}).reduce((sum, count) => sum + count, 0);
  // So many that what is counted anew in one period is less than what was counted before.
  while (made() < 10) await wal.connect().append({ dbSizePages: 1 }).durable();
  // All times that were ever added up are gone.
  new BigInt64Array(wal.handle.telemetry).fill(0n, 16);
  while (decisions()?.force_conservative === 0) await wal.connect().append({ dbSizePages: 1 }).durable();
  const { epochs } = wal.metrics().counters;
  while (wal.metrics().counters.epochs < epochs + 50) await wal.connect().append({ dbSizePages: 1 }).durable();
  expect([wal.mode, wal.fallback]).toEqual(['conservative', 'controller_evidence_lost']);
  await turn();
  await wal.close();
  ear.close();
  const last = ear.heard.decision.at(-1);
  expect(last).toMatchObject({
    action: 'force_conservative',
    fallback: 'controller_evidence_lost',
    confidenceBp: 10_000,
  });
  expect(last?.message).toMatch(/fell|no count/);
  expect(ear.heard.decision.filter(({ action }) => action === 'force_conservative')).toHaveLength(1);
  expect(last?.decisionId).toBe(`${wal.handle.traceId}/${ear.heard.decision.length}`);
  expect(wal.state).toBe('closed');
});
