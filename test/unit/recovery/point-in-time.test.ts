// Goal: from a base and an archive exactly the commits up to the target are recovered, and whatever makes that
// impossible is found before anything is handed over. Method: small logs with closed files, archived, pruned, copied,
// superseded and damaged; every target; the commits as lines of text.

import { describe, expect, test } from 'vitest';
import { archiveFileName } from '../../../src/archive/names.js';
import { logFileName } from '../../../src/log/names.js';
import { openLog } from '../../../src/recovery/opening.js';
import { MemoryDirectory } from '../../../src/storage/memory-directory.js';
import { archiveClosed, baseAt, emptyDirectory, linesTo } from '../../support/archives.js';
import { codeOf, copyDirectory, cut, flip, LogBuilder, pages } from '../../support/log-builder.js';
import { halfSynced, LINES as OPENED_LINES, SETTINGS } from '../../support/opening-crash.js';
import { syncAll } from '../../support/simulated-disk.js';

const NONE = new MemoryDirectory({ path: 'nothing:', pretendSync: true });
const COMMITS = 8;
const LINES = Array.from({ length: COMMITS }, (_, index) => `${index + 1} p0.1=${index + 1}`);

/** Two commits a file, one an epoch: files 1 to 4 closed, the fifth begun. Commit n is written at time 100 n. */
function wholeLog(directory = emptyDirectory('log')): MemoryDirectory {
  const builder = new LogBuilder(directory).start();
  for (let seq = 1; seq <= COMMITS; seq += 1) {
    builder.wallClockMs = 100 * seq;
    builder.epoch(pages(1, seq)).sync();
    if (seq % 2 === 0) builder.rotate();
  }
  return directory;
}

const archived = (fileNumber: number, incarnation = 1): string => archiveFileName({ incarnation, fileNumber });

async function refusal(promise: Promise<unknown>): Promise<{ code: string; details: Record<string, unknown> }> {
  const error = await promise.then(
    () => expect.fail('nothing was refused'),
    (thrown) => thrown,
  );
  return { code: error.code, details: error.details };
}

describe('commits 1 to k', () => {
  test('R1: are recovered from every base to every target, and no commit more', async () => {
    const archive = archiveClosed(wholeLog());
    for (let base = 0; base <= COMMITS; base += 1) {
      for (let throughSeq = base; throughSeq <= COMMITS; throughSeq += 1) {
        const log = base === 0 ? NONE : baseAt(base);
        expect(await linesTo(log, [archive], { throughSeq }), `${base} to ${throughSeq}`).toEqual(
          LINES.slice(base, throughSeq),
        );
      }
    }
  });

  test('are all of them without a target', async () => {
    const log = wholeLog();
    expect(await linesTo(NONE, [archiveClosed(log)], {})).toEqual(LINES);
    expect(await linesTo(baseAt(3), [archiveClosed(log)], {})).toEqual(LINES.slice(3));
  });

  test('stand in the archive, and the newest in the log directory of the store', async () => {
    const log = emptyDirectory('log');
    const builder = new LogBuilder(log).start().epoch(pages(1, 1)).sync().rotate().epoch(pages(1, 2)).sync();
    const archive = archiveClosed(log);
    log.remove(logFileName(1));
    builder.epoch(pages(1, 3));
    for (const own of [
      { log, others: [archive] },
      { log: NONE, others: [archive, log] },
    ]) {
      expect(await linesTo(own.log, own.others, {})).toEqual(LINES.slice(0, 3));
      expect(await linesTo(own.log, own.others, { throughSeq: 2 })).toEqual(LINES.slice(0, 2));
    }
  });

  test('need no more of a pruned archive than what is above the base', async () => {
    const archive = archiveClosed(wholeLog());
    archive.remove(archived(1));
    archive.remove(archived(2));
    for (const base of [4, 5, 8]) expect(await linesTo(baseAt(base), [archive], {})).toEqual(LINES.slice(base));
    const { code, details } = await refusal(linesTo(baseAt(2), [archive], { throughSeq: 6 }));
    expect([code, details]).toMatchObject(['ERR_WAL_GAP', { fromSeq: 3, toSeq: 4 }]);
  });

  test('of the newest incarnation count, and a superseded tail in the archive does no harm (R4)', async () => {
    const log = halfSynced();
    const archive = emptyDirectory('archive');
    const lines = [...OPENED_LINES];
    for (let round = 1; round <= 3; round += 1) {
      // Before the opening the newest file is a closed one, too: its incarnation is over.
      copyDirectory(log, new MemoryDirectory({ pretendSync: true }));
      const opened = await openLog(log, SETTINGS);
      archiveClosed(log, archive);
      const builder = LogBuilder.resume(log, opened, { fileBytes: opened.fileBytes });
      const seq = lines.length + 1;
      builder.epoch(pages(1, seq)).sync().rotate();
      lines.push(`${seq} p0.1=${seq}`);
      archiveClosed(log, archive);
      syncAll(log);
      builder.epoch(pages(2, seq + 1));
      lines.push(`${seq + 1} p0.2=${seq + 1}`);
      for (let throughSeq = 0; throughSeq <= lines.length; throughSeq += 1) {
        expect(await linesTo(NONE, [archive, log], { throughSeq })).toEqual(lines.slice(0, throughSeq));
        expect(await linesTo(log, [archive], { throughSeq })).toEqual(lines.slice(0, throughSeq));
      }
    }
  });

  test('of what stop gave up and numbered again have their new meaning (F18)', async () => {
    const log = wholeLog();
    const archive = archiveClosed(log);
    // File 2 is lost from the log; file 3 and on are moved aside, their numbers and sequences are given again.
    log.remove(logFileName(2));
    const opened = await openLog(log, { ...SETTINGS, onDamage: 'stop' });
    expect(opened).toMatchObject({ fileNumber: 2 + 4, incarnation: 2 });
    const builder = LogBuilder.resume(log, opened, { fileBytes: opened.fileBytes });
    builder.epoch(pages(7, 70)).sync().rotate();
    const lines = [...LINES.slice(0, 2), '3 p0.7=70'];
    expect(await linesTo(NONE, [archive, log], {})).toEqual(lines);
    archiveClosed(log, archive);
    expect(await linesTo(NONE, [archive], {})).toEqual(lines);
    // Without anything of the new incarnation the archive is what it was.
    expect(await linesTo(NONE, [archiveClosed(wholeLog())], {})).toEqual(LINES);
  });
});

describe('two files with one number and incarnation', () => {
  test('count as the longer one: the other was copied while it was written', async () => {
    const log = emptyDirectory('log');
    const builder = new LogBuilder(log).start().epoch(pages(1, 1)).epoch(pages(1, 2)).sync();
    const early = new MemoryDirectory({ path: 'early:', pretendSync: true });
    copyDirectory(log, early);
    builder.epoch(pages(1, 3)).sync().mark().rotate();
    const archive = archiveClosed(log);
    expect(await linesTo(early, [archive], {})).toEqual(LINES.slice(0, 3));
    expect(await linesTo(NONE, [archive, early], {})).toEqual(LINES.slice(0, 3));
  });

  test('are refused when they hold different commits', async () => {
    const [log, other] = [emptyDirectory('log'), emptyDirectory('other')];
    new LogBuilder(log).start().epoch(pages(1, 1)).epoch(pages(1, 2)).sync();
    new LogBuilder(other).start().epoch(pages(1, 1)).epoch(pages(1, 9)).epoch(pages(1, 9)).sync();
    expect(await codeOf(linesTo(log, [other], {}))).toBe('ERR_WAL_CORRUPT');
  });
});

describe('a target', () => {
  test('before the base is refused, with both numbers', async () => {
    const { code, details } = await refusal(linesTo(baseAt(5), [archiveClosed(wholeLog())], { throughSeq: 4 }));
    expect([code, details]).toMatchObject(['ERR_WAL_INVALID_ARGUMENT', { throughSeq: 4, baseSeq: 5 }]);
  });

  test('behind the end is refused, with both numbers', async () => {
    const archive = archiveClosed(wholeLog());
    for (const base of [NONE, baseAt(5), baseAt(8)]) {
      const { code, details } = await refusal(linesTo(base, [archive], { throughSeq: 9 }));
      expect([code, details]).toMatchObject(['ERR_WAL_INVALID_ARGUMENT', { throughSeq: 9, lastSeq: 8 }]);
    }
  });

  test('behind missing commits is a gap that names them; before them it is reached', async () => {
    const archive = archiveClosed(wholeLog());
    archive.remove(archived(2));
    for (const throughSeq of [3, 5, 8, undefined]) {
      const { code, details } = await refusal(linesTo(NONE, [archive], { throughSeq }));
      expect([code, details]).toMatchObject(['ERR_WAL_GAP', { fromSeq: 3, toSeq: 4 }]);
    }
    expect(await linesTo(NONE, [archive], { throughSeq: 2 })).toEqual(LINES.slice(0, 2));
    expect(await linesTo(baseAt(4), [archive], {})).toEqual(LINES.slice(4));
  });

  test('behind damage is refused; before it, or from a base behind it, it is reached (R2)', async () => {
    const archive = archiveClosed(wholeLog());
    // The second commit of the second file.
    flip(archive, archived(2), 4096 + 4096 + 300);
    const frame = { code: 'ERR_WAL_CORRUPT' };
    for (const throughSeq of [4, 8, undefined])
      expect(await refusal(linesTo(NONE, [archive], { throughSeq }))).toMatchObject(frame);
    expect(await linesTo(NONE, [archive], { throughSeq: 3 })).toEqual(LINES.slice(0, 3));
    expect(await linesTo(baseAt(4), [archive], {})).toEqual(LINES.slice(4));
  });

  test('behind a file whose header is damaged is a gap that says so', async () => {
    const archive = archiveClosed(wholeLog());
    flip(archive, archived(2), 20);
    const { code, details } = await refusal(linesTo(NONE, [archive], {}));
    expect([code, details]).toMatchObject(['ERR_WAL_GAP', { fromSeq: 3, toSeq: 4 }]);
    expect(details.unreadable).toEqual([expect.stringContaining(archived(2))]);
    expect(await linesTo(baseAt(4), [archive], {})).toEqual(LINES.slice(4));
  });

  test('behind a copy that was cut short is refused', async () => {
    const archive = archiveClosed(wholeLog());
    cut(archive, archived(4), 4096 + 4096);
    expect(await refusal(linesTo(NONE, [archive], { throughSeq: 8 }))).toMatchObject({
      code: 'ERR_WAL_INVALID_ARGUMENT',
      details: { lastSeq: 7 },
    });
    cut(archive, archived(3), 4096 + 4096);
    expect(await refusal(linesTo(NONE, [archive], { throughSeq: 8 }))).toMatchObject({
      code: 'ERR_WAL_GAP',
      details: { fromSeq: 6, toSeq: 6 },
    });
  });
});

describe('times', () => {
  const archive = archiveClosed(wholeLog());
  const to = (throughTimeMs: number, log = NONE, others = [archive]): Promise<string[]> =>
    linesTo(log, others, { throughTimeMs });

  test.each([
    [99, 0],
    [100, 1],
    [101, 1],
    [450, 4],
    [799, 7],
    [800, 8],
  ])('everything written at or before %i ms is recovered, and nothing else', async (timeMs, count) => {
    expect(await to(timeMs)).toEqual(LINES.slice(0, count));
    if (count < 4) return;
    expect(await to(timeMs, baseAt(3, { wallClockMs: 5000 }))).toEqual(LINES.slice(3, count));
  });

  test('behind everything there is are refused', async () => {
    const { code, details } = await refusal(to(801));
    expect([code, details]).toMatchObject(['ERR_WAL_INVALID_ARGUMENT', { throughTimeMs: 801, lastSeq: 8 }]);
  });

  test('up to a mark are known to hold nothing more', async () => {
    const log = emptyDirectory('log');
    const builder = new LogBuilder(log).start().epoch(pages(1, 1)).sync();
    builder.wallClockMs = 900;
    builder.mark().rotate();
    expect(await to(900, NONE, [archiveClosed(log)])).toEqual(LINES.slice(0, 1));
    expect(await codeOf(to(901, NONE, [archiveClosed(log)]))).toBe('ERR_WAL_INVALID_ARGUMENT');
  });

  test('before the base are refused; the base itself is reached when it is known to be old enough', async () => {
    const { code, details } = await refusal(to(350, baseAt(4, { wallClockMs: 400 })));
    expect([code, details]).toMatchObject(['ERR_WAL_INVALID_ARGUMENT', { throughTimeMs: 350, baseSeq: 4 }]);
    // Nothing below the base is there, so only its record can tell.
    expect(await to(450, baseAt(4, { wallClockMs: 430 }))).toEqual([]);
    expect(await codeOf(to(450, baseAt(4, { wallClockMs: 470 })))).toBe('ERR_WAL_INVALID_ARGUMENT');
    // Commit 3 was written before, and stands in the archive.
    expect(await to(350, baseAt(3, { wallClockMs: 5000 }))).toEqual([]);
  });

  test('end at the first segment that is too late, also when the clock was set back behind it (F24)', async () => {
    const log = emptyDirectory('log');
    const builder = new LogBuilder(log).start();
    for (const timeMs of [100, 500, 200]) {
      builder.wallClockMs = timeMs;
      builder.epoch(pages(1, builder.position.nextSeq)).sync();
    }
    expect(await to(300, NONE, [log])).toEqual(LINES.slice(0, 1));
    expect(await to(500, NONE, [log])).toEqual(LINES.slice(0, 3));
  });
});

describe('an archive', () => {
  test('of another log than the base is refused', async () => {
    const archive = archiveClosed(wholeLog());
    expect(await codeOf(linesTo(baseAt(2, { logId: 99 }), [archive], {}))).toBe('ERR_WAL_WRONG_STORE');
  });

  test('and a log directory of two logs are refused', async () => {
    const other = emptyDirectory('other');
    new LogBuilder(other, { logId: 99 }).start().epoch(pages(1, 1)).sync().rotate();
    expect(await codeOf(linesTo(NONE, [archiveClosed(wholeLog()), other], {}))).toBe('ERR_WAL_WRONG_STORE');
    const archive = archiveClosed(wholeLog());
    copyDirectory(archiveClosed(other), Object.assign(emptyDirectory('x'), {}));
    archive.remove(archived(1));
    const mixed = archive.open(archived(1), 'create');
    const source = archiveClosed(other).open(archived(1), 'read');
    const bytes = new Uint8Array(source.size());
    source.read(bytes, 0);
    mixed.write([bytes], 0);
    expect(await codeOf(linesTo(NONE, [archive], {}))).toBe('ERR_WAL_CORRUPT');
  });

  test('without a file is nothing to recover from', async () => {
    expect(await codeOf(linesTo(NONE, [emptyDirectory('empty')], {}))).toBe('ERR_WAL_NOT_FOUND');
  });
});

test('a base whose records are damaged is refused: nobody knows how far its page file is', async () => {
  const base = baseAt(4);
  flip(base, 'checkpoint-1', 30);
  expect(await codeOf(linesTo(base, [archiveClosed(wholeLog())], {}))).toBe('ERR_WAL_CORRUPT');
});
