// Memory and steps follow what may be used and what is there, never what a length says (F31).

import { expect, test } from 'vitest';
import { recoverDirectory } from '../../src/recovery/recover.js';
import { SEGMENT_HEADER } from '../../src/segment/layout.js';
import { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { NodeDirectory } from '../../src/storage/node-directory.js';
import { openWalOn } from '../../src/testing.js';
import { BoundedDirectory, countAllocations } from '../support/bounded-directory.js';
import { resultOf } from '../support/corpus-oracle.js';
import { cut, fixSegmentHeader, LogBuilder, poke } from '../support/log-builder.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';

const MEMORY_BYTES = 2 ** 20;

test('R12: a segment of very many lanes is recovered within the memory that may be used', async () => {
  const lanes = 20_000;
  const directory = new MemoryDirectory({ pretendSync: true });
  const one = { operations: [{ code: 1, bytes: new Uint8Array(600) }] };
  new LogBuilder(directory, { fileBytes: 2 ** 25, lanes })
    .start()
    .epoch(...Array.from({ length: lanes }, () => one))
    .sync()
    .mark();
  const allocated = countAllocations();
  const seqs: number[] = [];
  await recoverDirectory(directory, {
    into: (commit) => {
      for (const record of commit.records())
        if (record.kind === 'operation') seqs.push(commit.seq + record.bytes.length);
    },
    recoveryMemoryBytes: MEMORY_BYTES,
  });
  expect(seqs).toEqual(Array.from({ length: lanes }, (_, index) => index + 601));
  // A frame header for each lane, which is less than they have on disk, comes on top.
  expect(allocated.largest).toBeLessThanOrEqual(2 * MEMORY_BYTES);
});

test('R12: a segment that says it has a terabyte, in a file that has one, costs a few reads', async () => {
  await inTemporaryDirectory(async (path) => {
    const disk = new NodeDirectory(path);
    const builder = new LogBuilder(disk, { fileBytes: 32 * 1024 }).start();
    builder.epoch({ operations: [{ code: 1, bytes: new Uint8Array(9) }] }).epoch({ dbSizePages: 1 });
    const { name, offset } = builder.segments[1]!;
    const bytes = 2 ** 40;
    cut(disk, name, offset + bytes);
    const field = (at: number, value: number): void => {
      const encoded = Buffer.alloc(8);
      encoded.writeBigUInt64LE(BigInt(value));
      poke(disk, name, offset + at, encoded);
    };
    field(SEGMENT_HEADER.at.segmentBytes, bytes);
    for (const certificateBytes of [4096, 16 * 2 ** 20, 2 ** 31]) {
      field(SEGMENT_HEADER.at.framesBytes, bytes - certificateBytes - SEGMENT_HEADER.bytes);
      poke(
        disk,
        name,
        offset + SEGMENT_HEADER.at.certificateBytes,
        new Uint8Array(Uint32Array.of(certificateBytes).buffer),
      );
      fixSegmentHeader(disk, name, offset);
      const directory = new BoundedDirectory(disk, 100);
      const { code, lines, scan } = await resultOf(directory);
      expect([code, lines, scan.verdict], `a certificate of ${certificateBytes}`).toEqual([
        undefined,
        ['1 o1:9'],
        'torn',
      ]);
    }
  });
});

test('recoveryMemoryBytes: a log is opened with buffers as large as that allows', async () => {
  const directory = new MemoryDirectory({ pretendSync: true });
  const log = { pageSize: 512, lanes: 1, laneBytes: 2 ** 16, logFileBytes: 2 ** 16, ticker: false };
  const first = await openWalOn(directory, log);
  await first
    .connect()
    .append({ operations: [{ code: 1, bytes: new Uint8Array(2 ** 22) }] })
    .durable();
  await first.close();
  const total = async (recoveryMemoryBytes: number): Promise<number> => {
    const allocated = countAllocations();
    await (await openWalOn(directory, { ...log, recoveryMemoryBytes })).close();
    return allocated.total;
  };
  expect(await total(2 ** 20)).toBeLessThan(await total(2 ** 26));
});
