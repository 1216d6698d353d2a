// Goal: a frame that says anything but what its proof says is told apart from it, although its checksums are right.
// Method: commits that differ in one thing are encoded whole and held against the proof of the first.

import { expect, test } from 'vitest';
import type { CommitInput } from '../../../src/index.js';
import { differenceOf } from '../../../src/proof/difference.js';
import {
  completeProofFrame,
  encodeProofFrame,
  encodeProofReference,
  PROOF_REFERENCE_BYTES,
  proofFrameBytes,
} from '../../../src/proof/proof-frame.js';
import { checked, PAGE_BYTES } from '../../support/flusher-rig.js';

const SEED = 77;
const image = (value: number, at = 0) => new Uint8Array(PAGE_BYTES).fill(value, at);
const [one, two] = [
  { pageNumber: 5, image: image(1), before: image(2), space: 1 },
  { pageNumber: 6, image: image(3) },
];
const operation = { code: 9, bytes: new Uint8Array([1, 2, 3]), space: 2 };
const size = { space: 1, pages: 50 };
const COMMIT = { txnId: 1, txnEpoch: 2, beginSeq: 3, pages: [one, two], operations: [operation], sizes: [size] };

function encoded(input: CommitInput, commitSeq = 10, lane = 4): Uint8Array {
  const commit = checked(input);
  const frame = new Uint8Array(proofFrameBytes(commit));
  encodeProofFrame(frame, commit, lane);
  completeProofFrame(frame, commitSeq, SEED);
  return frame;
}

const PROOF = encoded(COMMIT);
const differs = (more: CommitInput) => differenceOf(encoded({ ...COMMIT, ...more }), PROOF, SEED);

test('nothing, where both say the same', () => {
  expect(differs({})).toBeUndefined();
});

test('every field of the header', () => {
  expect(differs({ txnId: 2n ** 64n - 1n })).toBe('txnId is 18446744073709551615');
  expect(differs({ txnEpoch: 7 })).toBe('txnEpoch is 7');
  expect(differs({ beginSeq: 7 })).toBe('beginSeq is 7');
  expect(differenceOf(encoded(COMMIT, 11), PROOF, SEED)).toBe('commitSeq is 11');
  expect(differenceOf(encoded(COMMIT, 10, 5), PROOF, SEED)).toBe('lane is 5');
  expect(differs({ pages: [one] })).toMatch(/^frameBytes is/);
  expect(differenceOf(PROOF, PROOF, SEED + 1)).toBe('a frame header fails its checksum');
  const reference = new Uint8Array(PROOF_REFERENCE_BYTES);
  encodeProofReference(reference, PROOF, 3);
  completeProofFrame(reference, 10, SEED);
  expect(differenceOf(reference, PROOF, SEED)).toBe('a frame has an unknown kind');
});

test('every field of a record, its bytes, and their order', () => {
  expect(differs({ sizes: [{ space: 1, pages: 51 }] })).toBe('record 0 is size 51 of space 1');
  expect(differs({ sizes: [{ space: 3, pages: 50 }] })).toBe('record 0 is size 50 of space 3');
  expect(differs({ pages: [two, one] })).toBe('record 1 is page 6 of space 0');
  expect(differs({ pages: [{ ...one, pageNumber: 4 }, two] })).toBe('record 1 is page 4 of space 1');
  const other = { ...one, image: image(9, 300) };
  other.image.fill(1, 0, 300);
  expect(differs({ pages: [other, two] })).toBe('record 1, page 5 of space 1, differs from byte 300 on');
  expect(differs({ pages: [{ ...one, before: image(8) }, two] })).toMatch('record 1, page 5 of space 1, differs from');
  const { before, ...without } = one;
  expect(differs({ pages: [without, { ...two, before }] })).toBe('record 1 is page 5 of space 1');
  expect(differs({ operations: [{ ...operation, code: 8 }] })).toBe('record 3 is operation 8 of space 2');
  expect(differs({ operations: [{ ...operation, bytes: new Uint8Array([1, 2, 4]) }] })).toBe(
    'record 3, an operation, differs from byte 2 on',
  );
  expect(differs({ operations: [{ ...operation, bytes: new Uint8Array([1, 2]) }] })).toMatch(/^record 3 is operation/);
});

test('bytes that are no record, and padding that is not zero', () => {
  const damaged = encoded(COMMIT);
  damaged[64] = 9;
  expect(differenceOf(damaged, PROOF, SEED)).toBe('record 0: a record has an unknown kind');
  const padded = encoded(COMMIT);
  padded[padded.length - 1] = 1;
  expect(differenceOf(padded, PROOF, SEED)).toBe('the padding fails its checksum');
});
