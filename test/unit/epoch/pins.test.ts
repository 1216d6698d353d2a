// Goal: no pin that was granted is passed by a horizon, and none that comes too late is granted.
// Method: the pins of a control block; for the handshake both sides are run against each other, one atomic operation at
// a time, in every order.

import { describe, expect, test } from 'vitest';
import { Control } from '../../../src/epoch/control.js';
import { PIN_COUNT_MAX, PIN_KIND, type PinKind, type Pins } from '../../../src/epoch/pins.js';
import { isTerminated, SteppedAtomics } from '../../support/stepped-atomics.js';

const KINDS = Object.keys(PIN_KIND) as PinKind[];

function codeOf(act: () => unknown): unknown {
  try {
    act();
    return 'done';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe('pins', () => {
  test('the oldest counts, by kind, until it moves or goes', () => {
    const { pins } = Control.create(100, 10);
    expect(pins.oldest()).toBeUndefined();
    const reader = pins.take('reader', 5, 2);
    const snapshot = pins.take('snapshot', 7, 3);
    pins.take('backup', 9, 3);
    expect(pins.oldest()).toEqual({ throughSeq: 5, kind: 'reader' });
    expect(pins.oldest(['snapshot', 'backup'])).toEqual({ throughSeq: 7, kind: 'snapshot' });
    pins.move(reader, 20);
    pins.release(snapshot);
    expect(pins.oldest()).toEqual({ throughSeq: 9, kind: 'backup' });
    expect(pins.take('reader', 0, 2).slot).toBe(snapshot.slot);
    expect(pins.oldest()).toEqual({ throughSeq: 0, kind: 'reader' });
  });

  test('those of a thread that left or died go together, and no others', () => {
    const { pins } = Control.create(100, 10);
    for (const writerId of [2, 3, 2, 2 ** 21]) pins.take('reader', writerId % 100, writerId);
    pins.releaseAllOf(2);
    expect(pins.oldest()?.throughSeq).toBe(3);
    pins.releaseAllOf(3);
    expect(pins.oldest()?.throughSeq).toBe(2 ** 21 % 100);
    pins.releaseAllOf(2 ** 21);
    expect(pins.oldest()).toBeUndefined();
  });

  test('there are 256, and one more is refused by name', () => {
    const { pins } = Control.create(100, 10);
    const taken = Array.from({ length: PIN_COUNT_MAX }, () => pins.take('reader', 1, 2));
    expect(new Set(taken.map(({ slot }) => slot)).size).toBe(PIN_COUNT_MAX);
    expect(codeOf(() => pins.take('reader', 1, 2))).toBe('ERR_WAL_EXHAUSTED');
    pins.release(taken[77]!);
    expect(pins.take('backup', 1, 2).slot).toBe(77);
  });

  test('one that comes too late is refused and leaves nothing: a reader by the log, the others by the page file, too', () => {
    const { pins } = Control.create(100, 10, undefined, { releasedSeq: 10, checkpointSeq: 20 });
    expect([pins.releasedSeq, pins.checkpointSeq]).toEqual([10, 20]);
    const outcomes = KINDS.map((kind) => [9, 10, 19, 20].map((seq) => codeOf(() => pins.take(kind, seq, 2))));
    const late = 'ERR_WAL_OVERTAKEN';
    expect(outcomes).toEqual([
      [late, 'done', 'done', 'done'],
      [late, late, late, 'done'],
      [late, late, late, 'done'],
    ]);
    expect(pins.oldest()?.throughSeq).toBe(10);
  });

  test('a horizon goes as far as the pins let it, and never back', () => {
    const { pins } = Control.create(100, 10);
    const reader = pins.take('reader', 30, 2);
    const snapshot = pins.take('snapshot', 40, 2);
    expect(pins.advanceReleased(50)).toBe(30);
    expect(pins.advanceCheckpoint(50)).toBe(40);
    pins.release(reader);
    expect(pins.advanceReleased(20)).toBe(30);
    expect(pins.advanceReleased(50)).toBe(40);
    pins.release(snapshot);
    expect([pins.advanceReleased(50), pins.advanceCheckpoint(60)]).toEqual([50, 60]);
    expect([pins.releasedSeq, pins.checkpointSeq]).toEqual([50, 60]);
  });
});

/** Operations that a move of a horizon needs. */
function operationsOf(act: (pins: Pins) => unknown, pins: (stepped: SteppedAtomics) => Pins): number {
  const stepped = new SteppedAtomics();
  const own = pins(stepped);
  const before = stepped.count;
  act(own);
  return stepped.count - before;
}

/** Two threads over the same pins: the second runs as a whole in front of operation `at` of the first. */
function inFrontOf(at: number, first: (pins: Pins) => unknown, second: (pins: Pins) => unknown) {
  const { buffer, pins } = Control.create(100, 10);
  const stepped = new SteppedAtomics();
  const own = new Control(buffer, stepped.ops).pins;
  const started = stepped.count;
  let other: unknown;
  stepped.before = (count) => {
    if (count === started + at) other = second(pins);
  };
  const result = first(own);
  return { pins, result, other };
}

describe.each(['advanceReleased', 'advanceCheckpoint'] as const)('%s', (advance) => {
  const take = (pins: Pins) => codeOf(() => pins.take('snapshot', 30, 2));
  const move = (pins: Pins) => pins[advance](50);
  const fresh = (stepped: SteppedAtomics) => new Control(Control.create(100, 10).buffer, stepped.ops).pins;

  test('P1: a pin that is taken at any step of a move is in time, or is refused', () => {
    const seen = new Set<string>();
    const steps = operationsOf(move, fresh);
    for (let at = 0; at < steps; at += 1) {
      const { pins, result, other } = inFrontOf(at, move, take);
      if (other === 'done') expect([result, pins.oldest()?.throughSeq], `at ${at}`).toEqual([30, 30]);
      else expect([other, pins.oldest()], `at ${at}`).toEqual(['ERR_WAL_OVERTAKEN', undefined]);
      seen.add(`${String(other)} ${String(result)}`);
    }
    expect([...seen].sort()).toEqual(['ERR_WAL_OVERTAKEN 50', 'done 30']);
  });

  test('P1: a move at any step of taking a pin respects it, or has it refused', () => {
    const seen = new Set<string>();
    const steps = operationsOf(take, fresh);
    for (let at = 0; at < steps; at += 1) {
      const { pins, result, other } = inFrontOf(at, take, move);
      if (result === 'done') expect(other, `at ${at}`).toBe(30);
      else expect(pins.oldest(), `at ${at}`).toBeUndefined();
      seen.add(`${String(result)} ${String(other)}`);
    }
    expect(seen).toContain('done 30');
    expect(seen).toContain('ERR_WAL_OVERTAKEN 50');
  });

  test('P1: neither passes the other when both run on, each at every step of the other', () => {
    // The move in two halves around a whole take, and the take in two halves around that.
    const takes = operationsOf(take, fresh);
    const moves = operationsOf(move, fresh);
    for (let takeAt = 0; takeAt < takes; takeAt += 1) {
      for (const moveAt of [0, 1, 2, Math.floor(moves / 2), moves - 2, moves - 1]) {
        const { buffer, pins } = Control.create(100, 10);
        const mover = new SteppedAtomics();
        const taker = new SteppedAtomics();
        const moverPins = new Control(buffer, mover.ops).pins;
        const takerPins = new Control(buffer, taker.ops).pins;
        let second: unknown;
        const begun = { mover: mover.count, taker: taker.count };
        mover.before = (count) => {
          if (count !== begun.mover + moveAt) return;
          taker.before = (step) => {
            // A second snapshot, older than the first, comes between.
            if (step === begun.taker + takeAt) second = codeOf(() => pins.take('backup', 25, 3));
          };
          first = take(takerPins);
        };
        let first: unknown;
        const result = move(moverPins);
        const granted = [first === 'done' ? 30 : 50, second === 'done' ? 25 : 50];
        expect(result, `take at ${moveAt}, second at ${takeAt}`).toBeLessThanOrEqual(Math.min(...granted));
      }
    }
  });

  test('a thread that dies at any step of taking a pin leaves nothing behind its reaping', () => {
    const steps = operationsOf(take, fresh);
    for (let at = 0; at < steps; at += 1) {
      const { buffer, pins } = Control.create(100, 10);
      const stepped = new SteppedAtomics();
      const own = new Control(buffer, stepped.ops).pins;
      stepped.terminateAt(stepped.count + at);
      expect(isTerminated(() => own.take('snapshot', 30, 2))).toBe(true);
      pins.releaseAllOf(2);
      expect([pins.oldest(), move(pins)], `at ${at}`).toEqual([undefined, 50]);
      expect(pins.take('reader', 60, 4).slot).toBe(0);
    }
  });
});
