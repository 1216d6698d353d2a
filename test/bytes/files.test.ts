// Files of a log that were deleted, renamed, swapped or copied: the right error with the right file, or the same
// commits; never others. What nothing in the directory can tell is that the newest files are gone.

import { beforeAll, describe, expect, test } from 'vitest';
import { type Corpus, fork, makeByteCorpus } from '../support/byte-corpus.js';
import { chainNames, expectSame, resultOf, segmentsOfCorpus } from '../support/corpus-oracle.js';
import { readFile } from '../support/log-builder.js';

const FREE_NAMES = ['0000000000000001.wal', '00000000000000ff.wal', '001fffffffffffff.wal'];
/** No names of log files: whoever has one of these is as good as gone. */
const OTHER_NAMES = ['0000000000000001.WAL', '1.wal', '0000000000000001.wal.bak', 'spare-00ff.wal', '0.wal.new'];

let corpus: Corpus;
let names: string[];
beforeAll(async () => {
  corpus = await makeByteCorpus(true);
  names = chainNames(corpus);
});

type Copy = ReturnType<typeof fork>;

function put(copy: Copy, name: string, bytes: Uint8Array): void {
  const file = copy.open(name, copy.list().includes(name) ? 'write' : 'create');
  file.truncate(0);
  file.write([bytes], 0);
  file.close();
}

/** The newest files are gone: the log is what it once was. */
async function expectOlder(copy: Copy, newest: string, what: string): Promise<void> {
  const { code, lines, scan } = await resultOf(copy);
  const last = segmentsOfCorpus(corpus).find(({ file }) => file > newest)!;
  const kept = corpus.lines.filter((line) => Number.parseInt(line, 10) <= last.seqsBefore);
  expect([code, scan.damage, lines], what).toEqual([undefined, [], kept]);
}

/** A hole in the log: an error, and only commits in front of the hole. */
async function expectGap(copy: Copy, gone: string, what: string): Promise<void> {
  const { code, lines, scan } = await resultOf(copy);
  expect(code, what).toBe('ERR_WAL_GAP');
  // The file is not there to be named; the one behind it is.
  const behind = names.filter((name) => name > gone && copy.list().includes(name))[0];
  expect(scan.damage[0]?.file, what).toBe(behind);
  expect(corpus.lines.join('\n').startsWith(lines.join('\n')), what).toBe(true);
}

async function expectRefused(copy: Copy, files: readonly string[], what: string): Promise<void> {
  const { code, lines, scan } = await resultOf(copy);
  expect(['ERR_WAL_CORRUPT', 'ERR_WAL_GAP'], what).toContain(code);
  expect(
    scan.damage.some(({ file }) => files.includes(file)),
    `${what}: ${JSON.stringify(scan.damage)}`,
  ).toBe(true);
  const isPrefix = corpus.lines.join('\n').startsWith(lines.join('\n'));
  expect(isPrefix, what).toBe(true);
}

describe('R4: log files', () => {
  test('one, or two, deleted are a gap, or the log is what it was before the newest (F20)', async () => {
    const sets = names.flatMap((one, index) => [[one], ...names.slice(index + 1).map((other) => [one, other])]);
    for (const gone of sets) {
      const copy = fork(corpus.directory);
      for (const name of gone) copy.remove(name);
      const left = names.filter((name) => !gone.includes(name));
      const isTail = gone.every((name) => name > left.at(-1)!);
      if (isTail) await expectOlder(copy, left.at(-1)!, `without ${gone}`);
      else await expectGap(copy, gone[0]!, `without ${gone}`);
    }
  });

  test('under a name that is no log file name are gone', async () => {
    for (const name of names) {
      for (const other of OTHER_NAMES) {
        const copy = fork(corpus.directory);
        copy.rename(name, other);
        if (name === names.at(-1)) await expectOlder(copy, names.at(-2)!, `${name} as ${other}`);
        else await expectGap(copy, name, `${name} as ${other}`);
      }
    }
  });

  test('under the number of another are refused, and named', async () => {
    for (const name of names) {
      for (const other of FREE_NAMES) {
        const copy = fork(corpus.directory);
        copy.rename(name, other);
        await expectRefused(copy, [other, names[1]!], `${name} as ${other}`);
      }
    }
  });

  test('swapped, any two of them, are refused, and named', async () => {
    for (const [index, one] of names.entries()) {
      for (const other of names.slice(index + 1)) {
        const copy = fork(corpus.directory);
        put(copy, one, readFile(corpus.directory, other));
        put(copy, other, readFile(corpus.directory, one));
        await expectRefused(copy, [one, other], `${one} and ${other} swapped`);
      }
    }
  });

  test('copied to a free number, or over each other, are refused, and named (F19)', async () => {
    for (const name of names) {
      for (const other of [...FREE_NAMES, ...names.filter((one) => one !== name)]) {
        const copy = fork(corpus.directory);
        put(copy, other, readFile(corpus.directory, name));
        await expectRefused(copy, [other], `${name} copied to ${other}`);
      }
    }
  });

  test('copied to names that are none, or to spares, and spares under any number of their own, change nothing', async () => {
    for (const name of names) {
      for (const other of OTHER_NAMES) {
        const copy = fork(corpus.directory);
        put(copy, other, readFile(corpus.directory, name));
        await expectSame(copy, corpus, `${name} copied to ${other}`);
      }
    }
  });

  test('that a removal left behind, under their old number, are superseded or below the checkpoint', async () => {
    for (const spare of corpus.directory.list().filter((name) => name.startsWith('spare'))) {
      const copy = fork(corpus.directory);
      const number = Number(new DataView(readFile(copy, spare).buffer).getBigUint64(24, true));
      copy.rename(spare, `${number.toString(16).padStart(16, '0')}.wal`);
      const { code, lines, scan } = await resultOf(copy);
      const more = lines.length - corpus.lines.length;
      expect([code, lines.slice(more)], spare).toEqual([undefined, corpus.lines]);
      const isCovered = (line: string): boolean => Number.parseInt(line, 10) <= scan.checkpoint!.throughSeq;
      expect(lines.slice(0, more).every(isCovered), spare).toBe(true);
    }
  });
});

describe('R4: checkpoint records', () => {
  test('the newer one, or both, missing are a gap or the same commits; copied over each other they count once', async () => {
    const [one, other] = ['checkpoint-0', 'checkpoint-1'] as const;
    for (const gone of [[one], [other], [one, other]]) {
      const copy = fork(corpus.directory);
      for (const name of gone) copy.remove(name);
      const { code, lines } = await resultOf(copy);
      if (code === undefined) expect(lines, `without ${gone}`).toEqual(corpus.lines);
      else expect([code, lines], `without ${gone}`).toEqual(['ERR_WAL_GAP', []]);
    }
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const copy = fork(corpus.directory);
      put(copy, to, readFile(corpus.directory, from));
      const { code, lines } = await resultOf(copy);
      expect(code === undefined ? lines : code).toEqual(code === undefined ? corpus.lines : 'ERR_WAL_GAP');
    }
  });
});
