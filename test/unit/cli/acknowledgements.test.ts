// The ack file promises what is durable, from the first transaction on and without a gap.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { AckFile, Acknowledgements, readAckFile } from '../../../src/cli/replay/acknowledgements.js';
import { createSequencesMemory, Sequences } from '../../../src/cli/replay/sequences.js';

const folder = mkdtempSync(join(tmpdir(), 'lanewal-acks-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a transaction is acknowledged when it and all before it in its copy are durable', () => {
  const path = join(folder, 'acks');
  const sequences = new Sequences(createSequencesMemory(2, 3));
  const file = new AckFile(path, 2);
  const acknowledgements = new Acknowledgements(2, sequences, file);
  const now = (): number[] => readAckFile(path, 2);
  expect([now(), readFileSync(path).length]).toEqual([[0, 0], 16]);

  sequences.store(0, 1, 1);
  sequences.store(1, 0, 2);
  acknowledgements.advance(2);
  expect(now()).toEqual([0, 1]);

  sequences.store(0, 0, 3);
  sequences.store(0, 2, 4);
  acknowledgements.advance(3);
  expect(now()).toEqual([2, 1]);

  acknowledgements.advance(4);
  expect([now(), acknowledgements.total]).toEqual([[3, 1], 4]);
  file.close();
});

test('an ack file is emptied before the first acknowledgement', () => {
  const path = join(folder, 'again');
  const before = new AckFile(path, 3);
  before.write([7, 8, 9]);
  before.close();
  new AckFile(path, 2).close();
  expect(readAckFile(path, 3)).toEqual([0, 0, 0]);
});
