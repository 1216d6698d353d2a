// The orders that a writer and the owner of a log keep: turn before the look for space, jumbo before its reference, lock
// around everything.

import { MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { connectWal } from '../../../src/connect.js';
import { Control, SLEEP } from '../../../src/epoch/control.js';
import { Lane } from '../../../src/lane/lane.js';
import { type AtomicOps, atomics } from '../../../src/memory/atomics.js';
import { SimulatedDirectory } from '../../../src/storage/simulated-directory.js';
import { MemoryDirectory, openWalOn } from '../../../src/testing.js';
import { type OpenOptions, Wal } from '../../../src/wal.js';
import { SteppedAtomics } from '../../support/stepped-atomics.js';

const OPTIONS: OpenOptions = { lanes: 1, laneBytes: 8192, pageSize: 512, logFileBytes: 65_536, ticker: false };
const REAL: AtomicOps = { ...atomics };
const HOOKED = ['load', 'store', 'add', 'compareExchange', 'load64', 'store64', 'increment64'] as const;

const bytes = (length: number) => ({ operations: [{ code: 1, bytes: new Uint8Array(length) }] });

let opened: Wal[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const wal of opened) await wal.close().catch(() => undefined);
  opened = [];
});

async function open(options: OpenOptions = {}) {
  const wal = await openWalOn(new MemoryDirectory({ pretendSync: true }), { ...OPTIONS, ...options });
  opened.push(wal);
  const control = new Control(wal.handle.control, REAL);
  return { wal, writer: wal.connect(), control, lane: new Lane(0, wal.handle.lanes[0]!, REAL) };
}

function thrownBy(act: () => unknown): string {
  try {
    act();
    return 'nothing';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

type Outcome = 'went on' | 'slept' | 'slept through';

/** A full lane whose space is given back before operation `at` of what `act` does; how that ended. */
async function spaceAt(
  at: number,
  act: (writer: ReturnType<Wal['connect']>) => void,
): Promise<{ outcome: Outcome; isMoved: boolean }> {
  const { writer, control, lane } = await open();
  writer.append(bytes(7500));
  const stepped = new SteppedAtomics();
  let isMoved = false;
  let outcome: Outcome = 'went on';
  stepped.before = (count) => {
    if (count !== at) return;
    isMoved = true;
    lane.head.store(lane.tail.load());
    control.writtenTurn.announce();
  };
  const sleeps = (words: Int32Array, index: number, value: number): boolean => {
    if (REAL.load(words, index) !== value) return false;
    outcome = isMoved ? 'slept through' : 'slept';
    return true;
  };
  for (const name of HOOKED) vi.spyOn(atomics, name).mockImplementation(stepped.ops[name] as never);
  vi.spyOn(atomics, 'wait').mockImplementation((...args) => {
    stepped.before(stepped.count++);
    if (sleeps(args[0], args[1], args[2])) throw new Error('asleep');
  });
  vi.spyOn(atomics, 'waitAsync').mockImplementation((...args) =>
    sleeps(...args) ? new Promise(() => undefined) : Promise.resolve(),
  );
  act(writer);
  vi.restoreAllMocks();
  return { outcome, isMoved };
}

/** Gives the space back before each operation in turn, until there is none left before the sleep. */
async function expectNoneSleptThrough(act: (writer: ReturnType<Wal['connect']>) => void): Promise<void> {
  for (let at = 0; ; at += 1) {
    const { outcome, isMoved } = await spaceAt(at, act);
    expect(outcome, `space before operation ${at}`).toBe(isMoved ? 'went on' : 'slept');
    if (isMoved) continue;
    expect(at).toBeGreaterThan(8);
    return;
  }
}

describe('an append that finds no space', () => {
  test('I7: an append sleeps through no release of space', async () => {
    await expectNoneSleptThrough((writer) => {
      try {
        writer.append(bytes(5000), { timeoutMs: 10_000 });
      } catch (error) {
        expect((error as Error).message).toBe('asleep');
      }
    });
  });

  test('I7: an append without blocking sleeps through no release of space', async () => {
    const controller = new AbortController();
    await expectNoneSleptThrough((writer) => {
      // More than maxParallelCommitBytes: it enters at once.
      void writer.appendAsync(bytes(5000), { signal: controller.signal }).catch(() => undefined);
    });
    controller.abort();
  });
});

test('an append that finds no space asks for a seal of everything that is published', async () => {
  const { writer, control } = await open();
  // Less than half of the lane: nothing else asks for it.
  writer.append(bytes(3500));
  const waiting = writer.appendAsync(bytes(6000));
  writer.enterStaged();
  expect(control.demandSeq.load()).toBe(1);
  expect((await waiting).seq).toBe(2);
});

test('I8: a published commit wakes an idle flusher', async () => {
  const { wal, writer, control } = await open();
  await wal.flush();
  await vi.waitFor(() => expect(control.flusherSleep.load()).toBe(SLEEP.idle));
  const demand = control.demand.load();
  writer.append(bytes(1));
  expect(control.demand.load()).not.toBe(demand);
});

describe('a jumbo', () => {
  /** What is posted to the flusher from here on, with the tail of the lane at that moment. */
  function posted(lane: Lane): { kind: string; jumboId: number; tail: number }[] {
    const list: { kind: string; jumboId: number; tail: number }[] = [];
    const { postMessage } = MessagePort.prototype;
    vi.spyOn(MessagePort.prototype, 'postMessage').mockImplementation(function (this: MessagePort, message, ...rest) {
      if (/jumbo/i.test(message?.kind)) list.push({ ...message, frame: undefined, tail: lane.tail.load() });
      Reflect.apply(postMessage, this, [message, ...rest]);
    });
    return list;
  }

  test('a jumbo is posted before the reference to it is published', async () => {
    const { writer, lane } = await open();
    const list = posted(lane);
    await writer.append(bytes(20_000)).durable();
    expect(list).toMatchObject([{ kind: 'jumbo', tail: 0 }]);
    expect(lane.tail.load()).toBeGreaterThan(0);
  });

  test('no two jumbos of a log have one number, nor do those of a writer that left and the next', async () => {
    const { wal, writer, lane } = await open();
    const list = posted(lane);
    await writer.append(bytes(20_000)).durable();
    await writer.append(bytes(20_000)).durable();
    writer.disconnect();
    await (await connectWal(wal.handle)).append(bytes(20_000)).durable();
    expect(new Set(list.map(({ jumboId }) => jumboId)).size).toBe(3);
  });

  test('a jumbo that is given up is dropped', async () => {
    const { writer, lane } = await open({ maxJumboBytes: 0 });
    writer.append(bytes(20_000));
    const list = posted(lane);
    expect(thrownBy(() => writer.append(bytes(20_000)))).toBe('ERR_WAL_LANE_FULL');
    expect(list.map(({ kind }) => kind)).toEqual(['jumbo', 'dropJumbo']);
    expect(list[1]!.jumboId).toBe(list[0]!.jumboId);
  });

  test('a jumbo is admitted by one writer at a time', async () => {
    const { writer, control, lane } = await open();
    control.jumboLock.tryAcquire(99);
    expect(thrownBy(() => writer.append(bytes(20_000)))).toBe('ERR_WAL_LANE_FULL');
    expect([lane.jumboBytes(), lane.tail.load()]).toEqual([0, 0]);
    control.jumboLock.release(99);
    await writer.append(bytes(20_000)).durable();
  });
});

describe('an open log', () => {
  test('I3: the appended mark covers nothing that may not be published', async () => {
    const { wal, writer, lane } = await open();
    writer.append(bytes(1));
    writer.append(bytes(1));
    const marks = [0, 2, 1, 0].map((guard) => {
      lane.guard.store(guard);
      return wal.marks().appendedSeq;
    });
    expect(marks).toEqual([2, 1, 0, 2]);
  });

  /** A place whose lock notes itself among the operations of its directory. */
  function locking() {
    const directory = new SimulatedDirectory();
    const lock = () => {
      directory.done.push('lock');
      return { release: () => void directory.done.push('release') };
    };
    return { directory, lock, isThreaded: false };
  }

  test('F29: the lock is held before the log is read and until its flusher has ended', async () => {
    const place = locking();
    for (let round = 0; round < 2; round += 1) {
      place.directory.done.length = 0;
      const wal = await Wal.open(place, OPTIONS);
      await wal.connect().append(bytes(1)).durable();
      const closed = wal.close();
      await closed;
      await vi.waitFor(() => expect(place.directory.done).toContain('release'));
      const { done } = place.directory;
      // The lock is a file in the directory.
      expect(done.filter((each) => each !== 'createDirectory')[0]).toBe('lock');
      expect(done.indexOf('release')).toBe(done.length - 1);
      expect(done.filter((each) => /lock|release/.test(each))).toEqual(['lock', 'release']);
    }
  });

  test('F29: a log that cannot be opened gives its lock back', async () => {
    const place = locking();
    opened.push(await Wal.open(place, OPTIONS));
    await opened[0]!.close();
    place.directory.done.length = 0;
    await expect(Wal.open(place, { ...OPTIONS, pageSize: 4096 })).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }),
    );
    expect(place.directory.done.filter((each) => /lock|release/.test(each))).toEqual(['lock', 'release']);
  });
});
