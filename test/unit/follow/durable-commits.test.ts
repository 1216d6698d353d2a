// Goal: `wal.commits` gives every durable commit once and in order, as far as asked, and keeps in the log what it has
// still to read. Method: a log over a directory in memory, driven by hand; real threads are in test/threads/readers.

import { afterEach, expect, test } from 'vitest';
import type { WalError } from '../../../src/base/errors.js';
import { Control } from '../../../src/epoch/control.js';
import type { CommitInput, DurableCommit, OpenOptions, Wal } from '../../../src/index.js';
import { MemoryDirectory, openWalOn } from '../../../src/testing.js';

const PAGE_BYTES = 512;
let directory: MemoryDirectory;
let wal: Wal;

async function open(options: OpenOptions = {}): Promise<void> {
  directory = new MemoryDirectory({ pretendSync: true });
  wal = await openWalOn(directory, { pageSize: PAGE_BYTES, logFileBytes: 65_536, ticker: false, ...options });
}

afterEach(() => wal.close().catch(() => undefined));

function page(value: number, pageNumber = 1): CommitInput {
  return { txnId: value, pages: [{ pageNumber, image: new Uint8Array(PAGE_BYTES).fill(value) }] };
}

async function write(count: number, first = 1): Promise<void> {
  for (let value = first; value < first + count; value += 1) {
    wal.connect().append(page(value));
    if (value % 5 === 0) await wal.flush();
  }
  await wal.flush();
}

async function seqsOf(commits: AsyncIterable<DurableCommit>): Promise<number[]> {
  const seqs: number[] = [];
  for await (const { seq } of commits) seqs.push(seq);
  return seqs;
}

async function collected(commits: AsyncIterable<DurableCommit>): Promise<DurableCommit[]> {
  const all: DurableCommit[] = [];
  for await (const commit of commits) all.push(commit);
  return all;
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: WalError) => error.code,
  );

test('every durable commit comes once, in order, from and up to where it was asked', async () => {
  await open();
  expect(await seqsOf(wal.commits())).toEqual([]);
  await write(300);
  wal.connect().append(page(1));
  expect(await seqsOf(wal.commits())).toEqual(upTo(300));
  expect(await seqsOf(wal.commits({ from: 123 }))).toEqual(upTo(300, 123));
  expect(await seqsOf(wal.commits({ from: 123, limit: 5 }))).toEqual(upTo(127, 123));
  expect(await seqsOf(wal.commits({ limit: 0, follow: true }))).toEqual([]);
  expect(await seqsOf(wal.commits({ from: 300 }))).toEqual([300]);
  expect(await seqsOf(wal.commits({ from: 301 }))).toEqual([]);
  expect(await seqsOf(wal.commits({ from: 2 ** 53 - 1 }))).toEqual([]);
});

test('a commit has all that was appended, and shares no memory with the log', async () => {
  await open();
  const before = new Uint8Array(PAGE_BYTES).fill(1);
  const image = new Uint8Array(PAGE_BYTES).fill(2);
  wal.connect().append({
    txnId: 2n ** 63n,
    txnEpoch: 4,
    pages: [{ pageNumber: 3, image, before, space: 1 }],
    sizes: [{ space: 1, pages: 9 }],
    operations: [{ code: 5, bytes: new Uint8Array([6, 7]) }],
  });
  await wal.flush();
  await write(1);
  const [first] = await collected(wal.commits());
  expect(first).toMatchObject({ seq: 1, epoch: 1, txnId: 2n ** 63n, txnEpoch: 4, lane: 0 });
  expect(first?.wallClockMs).toBeGreaterThan(0);
  expect(first?.records).toEqual([
    { kind: 'size', space: 1, pages: 9 },
    { kind: 'page', space: 1, pageNumber: 3, image, before },
    { kind: 'operation', space: 0, code: 5, bytes: new Uint8Array([6, 7]) },
  ]);
});

test('a follower hears of each commit when it is durable, and ends with the log', async () => {
  await open();
  const commits = wal.commits({ follow: true });
  const seen: number[] = [];
  const ended = (async () => {
    for await (const { seq } of commits) seen.push(seq);
  })();
  await write(7);
  await write(5, 8);
  await wal.close();
  await ended;
  expect(seen).toEqual(upTo(12));
});

test('a follower that begins with a commit to come keeps what it walks over', async () => {
  await open();
  await write(3);
  const commits = wal.commits({ from: 250, follow: true, limit: 2 });
  const got = seqsOf(commits);
  await write(297, 4);
  await wal.checkpoint({ throughSeq: 200 });
  expect(await got).toEqual([250, 251]);
});

test.each(['return', 'abort', 'throw'])('%s ends a follower that waits, and frees its pin', async (how) => {
  await open();
  await write(2);
  const abort = new AbortController();
  const commits = wal.commits({ follow: true, signal: abort.signal });
  await commits.next();
  expect(pinned()).toBe(0);
  await commits.next();
  const third = commits.next();
  if (how === 'return') {
    expect(await commits.return?.()).toEqual({ done: true, value: undefined });
    expect(await third).toEqual({ done: true, value: undefined });
  } else if (how === 'abort') {
    abort.abort();
    expect(await codeOf(third)).toBe('ERR_WAL_ABORTED');
  } else {
    await write(1, 3);
    await third;
    await write(1, 4);
    await expect(
      (async () => {
        for await (const _ of commits) throw new Error('mine');
      })(),
    ).rejects.toThrow('mine');
  }
  expect(pinned()).toBeUndefined();
  expect(await commits.next()).toEqual({ done: true, value: undefined });
});

/** What readers keep. */
function pinned(): number | undefined {
  return new Control(wal.handle.control).pins.oldest()?.throughSeq;
}

test('the pin moves along, so that what was read can be let go', async () => {
  await open();
  await write(300);
  const commits = wal.commits();
  for (let count = 0; count < 150; count += 1) await commits.next();
  expect(pinned()).toBe(145);
  await commits.return?.();
  expect(pinned()).toBeUndefined();
});

test('what has left the log is missed by name, and no commit is wrong', async () => {
  await open();
  await write(300);
  await wal.checkpoint({ throughSeq: 200 });
  expect(await codeOf(seqsOf(wal.commits({ from: 1 })))).toBe('ERR_WAL_OVERTAKEN');
  const seqs = await seqsOf(wal.commits());
  expect(seqs).toEqual(upTo(300, seqs[0]));
  expect(seqs[0]).toBeLessThanOrEqual(201);
});

test('wrong arguments and a log that is closed are refused', async () => {
  await open();
  const codeIn = (act: () => unknown): unknown => {
    try {
      return act();
    } catch (thrown) {
      return (thrown as WalError).code;
    }
  };
  for (const options of [{ from: 0 }, { from: 1.5 }, { limit: -1 }, { follow: 1 }, { signal: {} }]) {
    expect(codeIn(() => wal.commits(options as never))).toBe('ERR_WAL_INVALID_ARGUMENT');
  }
  const commits = wal.commits();
  await wal.close();
  expect(await codeOf(commits.next())).toBe('ERR_WAL_CLOSED');
});
