// Waiting for a mark, on one thread: the test moves the marks and announces the turns, as the flusher does.

import { describe, expect, test, vi } from 'vitest';
import { WalError } from '../../../src/base/errors.js';
import { Control, SLEEP, STATE } from '../../../src/epoch/control.js';
import { MarkWaiter, type WaitOptions } from '../../../src/epoch/mark-waiter.js';
import { type DurableRange, durablePublication } from '../../../src/epoch/publication.js';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';
import { SteppedAtomics } from '../../support/stepped-atomics.js';

/** A control block with waiters, and how many holds the event loop has. */
function rig(ops?: AtomicOps) {
  const control = Control.create(0, 0, ops);
  const holds = { count: 0 };
  const keepAlive = {
    hold: () => {
      holds.count += 1;
    },
    letGo: () => {
      holds.count -= 1;
    },
  };
  const move = (seq: number): void => {
    control.durableSeq.store(seq);
    control.durableTurn.announce();
  };
  return { control, holds, move, durable: new MarkWaiter(control, 'durable', keepAlive) };
}

function outcome(promise: Promise<void>): Promise<string> {
  return promise.then(
    () => 'reached',
    (error: unknown) => (error instanceof WalError ? error.code : String(error)),
  );
}

function fail(control: Control): void {
  control.setFailure(new WalError('ERR_WAL_POISONED', 'a sync failed'));
  control.setState(STATE.failed);
}

describe('a wait without blocking', () => {
  test('resolves as far as the mark goes, whatever the order of the waits', async () => {
    const { durable, move, holds } = rig();
    const order: number[] = [];
    const waits = [3, 1, 2, 2].map((seq) => durable.wait(seq).then(() => order.push(seq)));
    expect(holds.count).toBe(4);
    move(2);
    await Promise.all(waits.slice(1));
    expect(order).toEqual([1, 2, 2]);
    expect(holds.count).toBe(1);
    move(3);
    await waits[0];
    expect(holds.count).toBe(0);
  });

  test('of what is reached resolves at once and asks for nothing', async () => {
    const { control, durable } = rig();
    control.durableSeq.store(5);
    const demand = control.demand.load();
    await durable.wait(5, { signal: AbortSignal.abort() });
    expect(control.demand.load()).toBe(demand);
  });

  test('for what does not exist yet demands no seal beyond what does', async () => {
    const { control, durable, move } = rig();
    control.commitSeqNext.store(3);
    const waited = durable.wait(1000);
    expect(control.demandSeq.load()).toBe(2);
    move(1000);
    await waited;
  });

  test('demands the highest sequence once', async () => {
    const { control, durable, move } = rig();
    control.commitSeqNext.store(8);
    const waits = [durable.wait(7), durable.wait(4)];
    expect(control.demandSeq.load()).toBe(7);
    expect(control.demand.load()).toBe(1);
    move(9);
    await Promise.all(waits);
  });

  test('that is aborted or timed out rejects alone and lets the event loop go', async () => {
    const { durable, move, holds } = rig();
    const controller = new AbortController();
    const aborted = outcome(durable.wait(1, { signal: controller.signal }));
    const late = outcome(durable.wait(1, { timeoutMs: 1 }));
    controller.abort();
    expect(await aborted).toBe('ERR_WAL_ABORTED');
    expect(await late).toBe('ERR_WAL_TIMEOUT');
    // Nobody waits, although nothing was announced: an idle log must not keep the process alive.
    expect(holds.count).toBe(0);
    const again = outcome(durable.wait(1, { timeoutMs: Number.POSITIVE_INFINITY }));
    expect(holds.count).toBe(1);
    move(1);
    expect(await again).toBe('reached');
  });

  test('with a signal that has fired rejects at once', async () => {
    const { durable, holds } = rig();
    expect(await outcome(durable.wait(1, { signal: AbortSignal.abort() }))).toBe('ERR_WAL_ABORTED');
    expect(holds.count).toBe(0);
  });

  test('removes its listener from the signal', async () => {
    const { durable, move } = rig();
    const { signal } = new AbortController();
    const [add, remove] = [vi.spyOn(signal, 'addEventListener'), vi.spyOn(signal, 'removeEventListener')];
    const waited = durable.wait(1, { signal });
    move(1);
    await waited;
    expect(remove.mock.calls).toEqual(add.mock.calls);
    expect(add).toHaveBeenCalledOnce();
  });

  test('a bound beyond what a timer can hold is none', async () => {
    const { durable, move } = rig();
    const waits = [2 ** 31, Number.POSITIVE_INFINITY].map((timeoutMs) => outcome(durable.wait(1, { timeoutMs })));
    // A timer that overflowed would fire now.
    await new Promise((resolve) => setTimeout(resolve, 5));
    move(1);
    expect(await Promise.all(waits)).toEqual(['reached', 'reached']);
  });

  test.each([Number.NaN, -1, 1.5, '3', undefined, null, 2 ** 53])('for the sequence %s is refused', async (seq) => {
    const { durable, holds } = rig();
    expect(await outcome(durable.wait(seq as number))).toBe('ERR_WAL_INVALID_ARGUMENT');
    expect(() => durable.waitBlocking(seq as number, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }),
    );
    expect(holds.count).toBe(0);
  });

  test.each([{ timeoutMs: Number.NaN }, { timeoutMs: -1 }, { timeoutMs: '5' }, { timeoutMs: null }, { signal: {} }])(
    'with the bounds %j is refused',
    async (options) => {
      const { durable } = rig();
      expect(await outcome(durable.wait(1, options as WaitOptions))).toBe('ERR_WAL_INVALID_ARGUMENT');
    },
  );

  test('rejects when the log fails, and tells those whose commit is durable that it is', async () => {
    const { control, durable } = rig();
    const outcomes = [1, 2].map((seq) => outcome(durable.wait(seq)));
    control.durableSeq.store(1);
    fail(control);
    expect(await Promise.all(outcomes)).toEqual(['reached', 'ERR_WAL_OUTCOME_UNKNOWN']);
    expect(await outcome(durable.wait(3))).toBe('ERR_WAL_OUTCOME_UNKNOWN');
  });

  test('rejects what a closed log never held', async () => {
    const { control, durable } = rig();
    const outcomes = [4, 5].map((seq) => outcome(durable.wait(seq)));
    control.durableSeq.store(4);
    control.setState(STATE.closed);
    expect(await Promise.all(outcomes)).toEqual(['reached', 'ERR_WAL_CLOSED']);
  });
});

describe('a blocking wait', () => {
  test('times out with the reason of a stall', () => {
    const { control, durable } = rig();
    control.setFailure(new WalError('ERR_WAL_STORAGE_FULL', 'no space'));
    control.setState(STATE.stalled);
    const details = expect.objectContaining({ seq: 1, mark: 'durable', reasonCode: 'ERR_WAL_STORAGE_FULL' });
    expect(() => durable.waitBlocking(1, 1)).toThrow(expect.objectContaining({ code: 'ERR_WAL_TIMEOUT', details }));
  });

  test.each([undefined, Number.NaN, -1])('with the bound %s is refused instead of waiting for ever', (timeoutMs) => {
    const { durable } = rig();
    expect(() => durable.waitBlocking(1, timeoutMs as number)).toThrow(
      expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }),
    );
  });

  test('I7: loads the turn before the mark and demands before it sleeps, so that no move is slept through', () => {
    // The mark moves before each operation of the wait in turn; nobody is left to wake a sleep behind that.
    for (let at = 0; ; at += 1) {
      const stepped = new SteppedAtomics();
      const ops: AtomicOps = {
        ...stepped.ops,
        wait: (words, index, value) => {
          stepped.before(stepped.count++);
          if (atomics.load(words, index) === value) throw new Error(isMoved ? `slept through ${at}` : 'all tried');
        },
      };
      const { control, durable } = rig(ops);
      const started = stepped.count;
      let isMoved = false;
      stepped.before = (count) => {
        if (count !== started + at) return;
        isMoved = true;
        const others = new Control(control.buffer);
        others.durableSeq.store(1);
        others.durableTurn.announce();
      };
      try {
        durable.waitBlocking(1, 10_000);
      } catch (error) {
        expect((error as Error).message).toBe('all tried');
        expect(at).toBeGreaterThan(5);
        return;
      }
      expect(isMoved).toBe(true);
    }
  });
});

describe('a demand that a thread raised which died before it woke the flusher', () => {
  /** The flusher sleeps until the tick, and commits 1 to 3 are there and demanded. */
  function demandOfTheDead() {
    const made = rig();
    made.control.commitSeqNext.store(4);
    made.control.flusherSleep.store(SLEEP.untilTick);
    made.control.demandSeq.raise(3);
    return made;
  }

  test('I8: is told to the flusher by the next waiter that blocks', async () => {
    const { control, durable } = demandOfTheDead();
    const isWoken = control.demand.waitAsync(control.demand.load());
    expect(() => durable.waitBlocking(2, 1)).toThrow(expect.objectContaining({ code: 'ERR_WAL_TIMEOUT' }));
    expect(control.demand.load()).toBe(1);
    await isWoken;
  });

  test('I8: is told to the flusher by the next waiter that does not block, once', async () => {
    const { control, durable, move } = demandOfTheDead();
    const waits = [durable.wait(2), durable.wait(1), durable.wait(2)];
    expect(control.demand.load()).toBe(1);
    // The mark moves, and not far enough: the flusher was told of the rest, too.
    move(1);
    await waits[1];
    expect(control.demand.load()).toBe(1);
    const last = durable.wait(3);
    expect(control.demand.load()).toBe(2);
    move(3);
    await Promise.all([...waits, last]);
    expect(control.demandSeq.load()).toBe(3);
  });

  test('I8: costs no notify while the flusher is awake', async () => {
    const { control, durable, move } = demandOfTheDead();
    control.flusherSleep.store(SLEEP.awake);
    const waited = durable.wait(2);
    expect(control.demand.load()).toBe(0);
    move(2);
    await waited;
  });
});

describe('publication', () => {
  test('tells of contiguous ranges in order, the last one of a closed or failed log too', async () => {
    for (const end of [STATE.closed, STATE.failed] as const) {
      const { control, move } = rig();
      const ranges: DurableRange[] = [];
      const publication = durablePublication(control);
      publication.listen((range) => void ranges.push(range));
      move(3);
      while (ranges.length < 1) await new Promise((resolve) => setImmediate(resolve));
      control.durableSeq.store(4);
      control.setState(end);
      while (ranges.length < 2) await new Promise((resolve) => setImmediate(resolve));
      expect(ranges.map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq])).toEqual([
        [1, 3],
        [4, 4],
      ]);
    }
  });

  test('a log that moves often tells of several moves at once', async () => {
    const { control, move } = rig();
    const ranges: DurableRange[] = [];
    durablePublication(control).listen((range) => void ranges.push(range));
    for (let seq = 1; seq <= 2000; seq += 1) {
      move(seq);
      await new Promise((resolve) => setImmediate(resolve));
    }
    while (ranges.at(-1)?.lastSeq !== 2000) await new Promise((resolve) => setImmediate(resolve));
    expect(ranges.every(({ firstSeq }, index) => firstSeq === (ranges[index - 1]?.lastSeq ?? 0) + 1)).toBe(true);
    // One for each move, if each woke the listener.
    expect(ranges.length).toBeLessThan(2000);
  });

  test('a listener that leaves hears nothing more', async () => {
    const { control, move } = rig();
    const heard: number[] = [];
    const leave = durablePublication(control).listen(({ lastSeq }) => {
      heard.push(lastSeq);
      leave();
    });
    const another: number[] = [];
    durablePublication(control).listen(({ lastSeq }) => void another.push(lastSeq));
    for (const seq of [1, 2]) {
      move(seq);
      while (another.at(-1) !== seq) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(heard).toEqual([1]);
  });
});

describe('the control block', () => {
  test('passes the reason of a failure on whole, cut to what fits', () => {
    const { control } = rig();
    expect(control.failure().code).toBe('ERR_WAL_POISONED');
    for (const length of [0, 10, 2000, 100_000]) {
      for (const character of ['x', 'ä', '\u0000', '😀']) {
        control.setFailure(new WalError('ERR_WAL_IO', character.repeat(length), { path: character.repeat(length) }));
        const failure = control.failure();
        expect(failure.code).toBe('ERR_WAL_IO');
        expect(failure.message.startsWith(character.repeat(Math.min(length, 100)))).toBe(true);
      }
    }
  });

  test('a reader that meets the reason while it is being written sees the one before or after, never a mixture', () => {
    const { control } = rig();
    const [short, long] = ['a'.repeat(900), 'b'.repeat(300)].map((text) => new WalError('ERR_WAL_IO', text));
    control.setFailure(short!);
    const messages = new Set<string>();
    let isWriting = false;
    const ops: AtomicOps = {
      ...atomics,
      load: (...args) => {
        const value = atomics.load(...args);
        if (!isWriting) {
          isWriting = true;
          control.setFailure(long!);
        }
        return value;
      },
    };
    messages.add(new Control(control.buffer, ops).failure().message);
    expect([...messages]).toEqual([long!.message]);
  });

  test.each(['closed', 'failed'] as const)('%s is final', (name) => {
    const { control } = rig();
    control.setState(STATE[name]);
    for (const state of Object.values(STATE)) {
      control.setState(state);
      expect(control.state).toBe(STATE[name]);
    }
    expect([control.isOpen(), control.hasEnded()]).toEqual([false, true]);
  });

  test('I8: a demand changes the word before anybody is notified, and a commit wakes only an idle flusher', () => {
    const order: string[] = [];
    const ops: AtomicOps = {
      ...atomics,
      add: (...args) => {
        order.push('change');
        return atomics.add(...args);
      },
      notify: (...args) => {
        order.push('notify');
        atomics.notify(...args);
      },
    };
    const { control } = rig(ops);
    const wake = (sleep: number, reason: 'commit' | 'demand'): string => {
      order.length = 0;
      control.flusherSleep.store(sleep);
      control.wakeFlusher(reason);
      return order.join(' ');
    };
    expect([wake(0, 'commit'), wake(0, 'demand')]).toEqual(['', '']);
    expect([wake(1, 'commit'), wake(1, 'demand')]).toEqual(['', 'change notify']);
    expect([wake(2, 'commit'), wake(2, 'demand')]).toEqual(['change notify', 'change notify']);
  });

  test('the sequence counter, the marks and the demand hold numbers beyond 2^32', () => {
    for (const last of [2 ** 31 - 3, 2 ** 32 - 3, 2 ** 53 - 10]) {
      const control = Control.create(last, last);
      for (let step = 1; step <= 6; step += 1) expect(control.commitSeqNext.increment()).toBe(last + step);
      control.demandSeq.raise(last + 6);
      control.demandSeq.raise(last + 2);
      expect(control.demandSeq.load()).toBe(last + 6);
    }
  });
});
