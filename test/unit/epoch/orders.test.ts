// The orders of I7 and I8 on one thread: somebody moves a mark before each operation in turn, and nobody is left to wake
// whoever sleeps behind that.

import { describe, expect, test, vi } from 'vitest';
import { Control, STATE } from '../../../src/epoch/control.js';
import { MarkWaiter } from '../../../src/epoch/mark-waiter.js';
import { durablePublication } from '../../../src/epoch/publication.js';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';
import type { Turn } from '../../../src/memory/turn.js';
import { onePage, Rig } from '../../support/flusher-rig.js';
import { SteppedAtomics } from '../../support/stepped-atomics.js';

const KEEP_ALIVE = { hold: () => undefined, letGo: () => undefined };

interface Steps {
  readonly control: Control;
  /** Whether the move has been made. */
  isMoved: boolean;
  /** Whether a wait has begun that nobody ends. */
  isAsleep: boolean;
}

/** A control block that somebody moves on before operation `at` behind this call. */
function movedAt(at: number, move: (others: Control) => void): Steps {
  const stepped = new SteppedAtomics();
  const sleeps = (words: Int32Array, index: number, value: number): boolean => {
    steps.isAsleep = atomics.load(words, index) === value;
    return steps.isAsleep;
  };
  const ops: AtomicOps = {
    ...stepped.ops,
    wait: (...args) => {
      stepped.before(stepped.count++);
      if (sleeps(args[0], args[1], args[2])) throw new Error('asleep');
    },
    waitAsync: (...args) => (sleeps(...args) ? new Promise(() => undefined) : Promise.resolve()),
  };
  const steps: Steps = { control: Control.create(0, 0, ops), isMoved: false, isAsleep: false };
  const started = stepped.count;
  stepped.before = (count) => {
    if (count !== started + at) return;
    steps.isMoved = true;
    move(new Control(steps.control.buffer));
  };
  return steps;
}

const turnOfEventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function reach(control: Control): void {
  control.durableSeq.store(1);
  control.durableTurn.announce();
}

describe('nobody sleeps through what happens meanwhile', () => {
  test('I7: a wait without blocking sleeps through no move of the mark', async () => {
    for (let at = 0; ; at += 1) {
      const steps = movedAt(at, reach);
      let isReached = false;
      void new MarkWaiter(steps.control, 'durable', KEEP_ALIVE).wait(1).then(() => {
        isReached = true;
      });
      await turnOfEventLoop();
      if (!steps.isMoved) {
        expect([at > 5, steps.isAsleep]).toEqual([true, true]);
        return;
      }
      expect(isReached, `moved before operation ${at}`).toBe(true);
    }
  });

  test('I7: publication sleeps through no move of the mark', async () => {
    // Operation 0 loads what is durable already, of which a new listener is not told.
    for (let at = 1; ; at += 1) {
      const steps = movedAt(at, reach);
      const heard: number[] = [];
      durablePublication(steps.control).listen(({ lastSeq }) => void heard.push(lastSeq));
      await turnOfEventLoop();
      if (!steps.isMoved) {
        expect([at > 3, steps.isAsleep]).toEqual([true, true]);
        return;
      }
      expect(heard, `moved before operation ${at}`).toEqual([1]);
    }
  });

  test.each([STATE.closed, STATE.failed])(
    'a commit that became durable before the log ended is never called lost: state %i',
    (end) => {
      for (let at = 0; ; at += 1) {
        const steps = movedAt(at, (others) => {
          others.durableSeq.store(1);
          others.setState(end);
        });
        const waiter = new MarkWaiter(steps.control, 'durable', KEEP_ALIVE);
        if (at > 0 && !isWaitedFor(waiter, steps)) return;
      }
    },
  );

  test('a blocking wait asks for a seal before it sleeps', () => {
    const control = Control.create(0, 0);
    control.commitSeqNext.increment();
    const waiter = new MarkWaiter(control, 'durable', KEEP_ALIVE);
    expect(() => waiter.waitBlocking(1, 0)).toThrow(expect.objectContaining({ code: 'ERR_WAL_TIMEOUT' }));
    expect(control.demandSeq.load()).toBe(1);
  });
});

/** Waits for commit 1, which becomes durable meanwhile; false once all places were tried. */
function isWaitedFor(waiter: MarkWaiter, steps: Steps): boolean {
  try {
    waiter.waitBlocking(1, 10_000);
  } catch (error) {
    expect((error as Error).message).toBe('asleep');
    expect(steps.isMoved).toBe(false);
    return false;
  }
  return true;
}

describe('what is announced has happened', () => {
  test('I7: marks and state move before their turn is announced', async () => {
    const rig = await Rig.open();
    const { control } = rig;
    const seen: string[] = [];
    const watch = (name: string, turn: Turn): void => {
      const announce = turn.announce.bind(turn);
      vi.spyOn(turn, 'announce').mockImplementation(() => {
        const { writtenSeq, durableSeq, durableEpoch, state } = control;
        seen.push(`${name} ${writtenSeq.load()} ${durableSeq.load()} ${durableEpoch.load()} ${state}`);
        return announce();
      });
    };
    watch('written', control.writtenTurn);
    watch('durable', control.durableTurn);
    rig.append(onePage(1));
    rig.settle(10);
    expect(seen).toEqual([`written 1 0 0 ${STATE.running}`, `durable 1 1 1 ${STATE.running}`]);
    seen.length = 0;
    void rig.flusher.close();
    expect(seen).toEqual([`written 1 1 1 ${STATE.closing}`, `durable 1 1 1 ${STATE.closing}`]);
  });

  test('I8: a demand is there before anybody looks how the flusher sleeps', () => {
    const looks: number[][] = [];
    const others = Control.create(9, 0);
    const ops: AtomicOps = {
      ...atomics,
      load: (...args) => {
        looks.push([others.demandSeq.load(), others.demand.load()]);
        return atomics.load(...args);
      },
    };
    new Control(others.buffer, ops).demandThrough(5);
    expect(looks).toEqual([[5, 1]]);
  });
});
