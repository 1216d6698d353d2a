// A small log whose every bit matters, and what reading it gives: the unit suite flips some of its bits, the deep suite all.

import { expect } from 'vitest';
import { openLog } from '../../src/recovery/opening.js';
import { replayLog } from '../../src/recovery/replay.js';
import { type LogScan, refuseDamage, scanLog } from '../../src/recovery/scan.js';
import type { Directory } from '../../src/storage/directory.js';
import { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { codeOf, copyDirectory, flip, LogBuilder, pages, readFile, transcript } from './log-builder.js';

export const FILE_BYTES = 32 * 1024;

export async function readLog(directory: Directory): Promise<{ lines: string[]; scan: LogScan }> {
  const scan = await scanLog(directory);
  refuseDamage(scan);
  const target = transcript();
  await replayLog(directory, scan, target);
  return { lines: target.lines, scan };
}

/** Three files of two incarnations, everything synced and known to be. */
export async function corpus(): Promise<{ directory: MemoryDirectory; builder: LogBuilder; lines: string[] }> {
  const directory = new MemoryDirectory({ pretendSync: true });
  new LogBuilder(directory, { fileBytes: FILE_BYTES })
    .start()
    .epoch(pages(1, 1), pages(2, 2))
    .sync()
    .epoch({ dbSizePages: 3, ...pages(3, 3) })
    .sync()
    .mark();
  const opened = await openLog(directory, { logFileBytes: FILE_BYTES, sync: true });
  const builder = LogBuilder.resume(directory, opened, { fileBytes: FILE_BYTES });
  builder.epoch(pages(1, 4), { isVoid: true }, { operations: [{ code: 5, bytes: new Uint8Array(9) }] }).sync();
  builder.rotate().epoch(pages(2, 6)).sync().mark({ isClean: true });
  return { directory, builder, lines: (await readLog(directory)).lines };
}

export function fork(directory: Directory): MemoryDirectory {
  const copy = new MemoryDirectory({ pretendSync: true });
  copyDirectory(directory, copy);
  return copy;
}

/** Flips the bit, reads, and flips it back: an error, or exactly the same commits. */
export async function outcome(directory: Directory, name: string, offset: number, bit: number): Promise<unknown> {
  flip(directory, name, offset, bit);
  const result = await codeOf(readLog(directory).then(({ lines }) => lines.join('\n')));
  flip(directory, name, offset, bit);
  return result;
}

export const ERRORS = ['ERR_WAL_CORRUPT', 'ERR_WAL_GAP', 'ERR_WAL_VERSION'];

/** Flips bits of the corpus one by one: every one is reported, or changes nothing. Returns how many were reported. */
export async function checkFlips(isFlipped: (byte: number, offset: number, bit: number) => boolean): Promise<number> {
  const { directory, lines } = await corpus();
  const whole = lines.join('\n');
  let reported = 0;
  for (const name of directory.list()) {
    const bytes = readFile(directory, name);
    for (let at = 0; at < bytes.length * 8; at += 1) {
      const [offset, bit] = [at >> 3, at & 7];
      if (!isFlipped(bytes[offset]!, offset, bit)) continue;
      const result = await outcome(directory, name, offset, bit);
      if (result === whole) continue;
      expect(ERRORS, `${name} at ${offset}, bit ${bit}: ${String(result)}`).toContain(result);
      reported += 1;
    }
  }
  return reported;
}
