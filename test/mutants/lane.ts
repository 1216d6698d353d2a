// Mutants of one lane: taking space, publishing, cutting (I1 to I4).

import type { Mutant } from '../support/mutation.js';

const WRITER = 'src/lane/lane-writer.ts';
const READER = 'src/lane/lane-reader.ts';
const COUNTERS_TEST = 'test/bytes/counters.test.ts';
const LANE_TEST = 'test/unit/lane/lane.test.ts';
const PUBLISH_TEST = 'test/unit/lane/publish.test.ts';
const SEALING_TEST = 'test/unit/epoch/sealing.test.ts';
const REAPING_TEST = 'test/unit/flusher/reaping.test.ts';

const EVERY_SEAL = { file: SEALING_TEST, title: 'I5: a seal between any two operations of two appends' };
const EVERY_DEATH = { file: REAPING_TEST, title: 'I6: leaves a whole commit, an explained void, or nothing' };
const ORDER = { file: PUBLISH_TEST, title: 'I2 I3 I4 M1: publishing goes in one order' };

export const LANE_MUTANTS: readonly Mutant[] = [
  {
    name: 'I1: takes space that is not free',
    file: WRITER,
    find: `return free < bytes ? 'full' : write(start, free);`,
    replace: `return write(start, free);`,
    killedBy: { file: LANE_TEST, title: 'I1: a lane is a queue' },
  },
  {
    name: 'I1: enters a lane without its lock',
    file: WRITER,
    find: `if (!lock.acquire(this.#writerId, lockTimeoutMs)) return 'locked';`,
    replace: `const isOurs = lock.acquire(this.#writerId, lockTimeoutMs);
    if (!isOurs) return write(tail.load(), this.lane.bytes);`,
    killedBy: { file: LANE_TEST, title: 'a lane that somebody else is inside refuses' },
  },
  {
    name: 'I1: leaves the lane locked',
    file: WRITER,
    find: `    } finally {
      lock.release(this.#writerId);
    }`,
    replace: `    } finally {
    }`,
    killedBy: { file: LANE_TEST, title: 'a refused append takes no sequence and leaves the lane as it was' },
  },
  {
    name: 'I2: stores the tail before the frame header',
    file: WRITER,
    find: `    encodeFrameHeader(ring, start, header, this.#frameSeed);
    if (isProven)`,
    replace: `    this.lane.tail.store(advance(start, frameBytes));
    encodeFrameHeader(ring, start, header, this.#frameSeed);
    if (isProven)`,
    killedBy: { file: PUBLISH_TEST, title: 'I2: a frame is whole, checksums included, when the store of the tail' },
  },
  {
    name: 'I2: takes the checksum before the records are there (publish before the checksum)',
    file: WRITER,
    find: `    const end = encodeRecords(ring, payloadStart, commit);
    ring.zero(end, frameBytes - bytesBetween(start, end));
    const payloadCrc = ring.crc(payloadStart, frameBytes - FRAME_HEADER.bytes);`,
    replace: `    const payloadCrc = ring.crc(payloadStart, frameBytes - FRAME_HEADER.bytes);
    const end = encodeRecords(ring, payloadStart, commit);
    ring.zero(end, frameBytes - bytesBetween(start, end));`,
    killedBy: { file: PUBLISH_TEST, title: 'I2: a frame is whole, checksums included, when the store of the tail' },
  },
  {
    name: 'I2: leaves what stood in the padding before',
    file: WRITER,
    find: `    ring.zero(end, frameBytes - bytesBetween(start, end));`,
    replace: ``,
    killedBy: { file: PUBLISH_TEST, title: 'I2: a frame is whole, checksums included, when the store of the tail' },
  },
  {
    name: 'I2: publishes the reference to a jumbo without completing the header of the jumbo',
    file: WRITER,
    find: `      encodeFrameHeader(flat, 0, real, this.#frameSeed);`,
    replace: ``,
    killedBy: { file: LANE_TEST, title: 'puts the bytes of a jumbo in the place of its reference' },
  },
  {
    name: 'I3: sets no guard',
    file: WRITER,
    find: `    guard.store(seen);`,
    replace: ``,
    killedBy: EVERY_SEAL,
  },
  {
    name: 'I3: takes the sequence before it sets the guard',
    file: WRITER,
    find: `      const refusal = this.#setGuard();
      if (refusal !== undefined) return refusal;
      const commitSeq = this.#publish(frame);`,
    replace: `      const commitSeq = this.#publish(frame);
      const refusal = this.#setGuard();
      if (refusal !== undefined) return refusal;`,
    killedBy: EVERY_SEAL,
  },
  {
    name: 'I3: sets the guard above the sequence',
    file: WRITER,
    find: `    guard.store(seen);`,
    replace: `    guard.store(seen + 1);`,
    killedBy: EVERY_SEAL,
  },
  {
    name: 'I3: clears the guard before the frame is published',
    file: WRITER,
    find: `    this.#moveTail(advance(start, frameBytes), commit);`,
    replace: `    this.lane.guard.store(GUARD_IDLE);
    this.#moveTail(advance(start, frameBytes), commit);`,
    killedBy: EVERY_SEAL,
  },
  {
    name: 'I3: never clears the guard',
    file: WRITER,
    find: `      const commitSeq = this.#publish(frame);
      this.lane.guard.store(GUARD_IDLE);`,
    replace: `      const commitSeq = this.#publish(frame);`,
    killedBy: EVERY_SEAL,
  },
  {
    name: 'I3: never clears the guard of a run',
    file: WRITER,
    find: `frames.map((frame) => this.#publish(frame));
      this.lane.guard.store(GUARD_IDLE);`,
    replace: `frames.map((frame) => this.#publish(frame));`,
    killedBy: {
      file: 'test/unit/lane/runs.test.ts',
      title: 'I2 I3 I4: takes sequences and publishes commit by commit',
    },
  },
  {
    name: 'I3: never clears the guard of a jumbo',
    file: WRITER,
    find: `      this.#moveTail(advance(start, REFERENCE_BYTES), commit);
      this.lane.guard.store(GUARD_IDLE);`,
    replace: `      this.#moveTail(advance(start, REFERENCE_BYTES), commit);`,
    killedBy: { file: PUBLISH_TEST, title: 'I2: the header of a jumbo is whole' },
  },
  {
    name: 'I4: skips the state check after the guard',
    file: WRITER,
    find: `    if (!sequences.isOpen()) {`,
    replace: `    if (sequences.commitSeqNext.load() < 0) {`,
    killedBy: { file: LANE_TEST, title: 'I4: a log that closed behind the guard refuses' },
  },
  {
    name: 'I4: looks at the state before it sets the guard',
    file: WRITER,
    find: `    guard.store(seen);
    // I4: the state is looked at behind the guard, so that closing, which waits for guards, leaves nobody behind.
    if (!sequences.isOpen()) {`,
    replace: `    const isOpen = sequences.isOpen();
    guard.store(seen);
    if (!isOpen) {`,
    killedBy: ORDER,
  },
  {
    name: 'takes a sequence that cannot be written when another writer took the last at the same time',
    file: WRITER,
    find: `    if (seen > COUNTER_MAX) {`,
    replace: `    if (seen > Number.MAX_SAFE_INTEGER) {`,
    killedBy: {
      file: COUNTERS_TEST,
      title: 'writers that look at the same time take no sequence that cannot be written',
    },
  },
  {
    name: 'leaves the guard set when the sequences are used up',
    file: WRITER,
    find: `      guard.store(GUARD_IDLE);
      return 'exhausted';`,
    replace: `      return 'exhausted';`,
    killedBy: {
      file: COUNTERS_TEST,
      title: 'writers that look at the same time take no sequence that cannot be written',
    },
  },
  {
    name: 'I4: leaves the guard set when it refuses',
    file: WRITER,
    find: `      guard.store(GUARD_IDLE);
      return 'closed';`,
    replace: `      return 'closed';`,
    killedBy: { file: LANE_TEST, title: 'I4: a log that closed behind the guard refuses' },
  },
  {
    name: 'stores the sizes of a commit that is not published yet',
    file: WRITER,
    find: `    this.lane.tail.store(end);
    this.#proofs?.entered();
    for (const { space, pages } of commit.sizes) this.#sequences.setSizePages(space, pages);`,
    replace: `    for (const { space, pages } of commit.sizes) this.#sequences.setSizePages(space, pages);
    this.lane.tail.store(end);`,
    killedBy: EVERY_DEATH,
  },
  {
    name: 'stores the sizes of a commit when its guard is gone',
    file: WRITER,
    find: `    for (const { space, pages } of commit.sizes) this.#sequences.setSizePages(space, pages);`,
    replace: `    this.lane.guard.store(GUARD_IDLE);
    for (const { space, pages } of commit.sizes) this.#sequences.setSizePages(space, pages);`,
    killedBy: { file: LANE_TEST, title: 'a new size is in force before the guard is idle' },
  },
  {
    name: 'publishes a jumbo that was not admitted',
    file: WRITER,
    find: `      if (!admit(frameBytes)) return 'full';`,
    replace: `      admit(frameBytes);`,
    killedBy: { file: LANE_TEST, title: 'a jumbo that is not admitted takes no sequence and no space' },
  },
  {
    name: 'I1: takes positions for numbers that do not wrap',
    file: 'src/lane/lane.ts',
    find: `return (to - from) >>> 0;`,
    replace: `return to - from;`,
    killedBy: {
      file: LANE_TEST,
      title: 'holds frames of every length at every place, also across its end and across 2^32',
    },
  },
  {
    name: 'I2: cuts a lane beyond the tail that was loaded behind the guards',
    file: READER,
    find: `  while (position !== tail) {
    const left = bytesBetween(position, tail);`,
    replace: `  const last = lane.tail.load();
  while (position !== last) {
    const left = bytesBetween(position, last);`,
    killedBy: { file: LANE_TEST, title: 'I2: a cut sees nothing behind the tail it was given' },
  },
  {
    name: 'cuts a lane behind the first frame at the end of the epoch',
    file: READER,
    find: `if (commitSeq >= endSeq) break;`,
    replace: `if (commitSeq > endSeq) break;`,
    killedBy: { file: LANE_TEST, title: 'ends in front of the first frame at the sequence, for every sequence' },
  },
  {
    name: 'takes sequences that do not ascend within a lane',
    file: READER,
    find: `    assert(commitSeq > seqBefore, 'sequences ascend within a lane');`,
    replace: ``,
    killedBy: { file: PUBLISH_TEST, title: 'a lane whose published bytes break a law is not cut' },
  },
  {
    name: 'takes published bytes that are no whole frame',
    file: READER,
    find: `frameBytes > 0 && frameBytes % FRAME_ALIGNMENT === 0 && frameBytes <= left,`,
    replace: `frameBytes % FRAME_ALIGNMENT === 0 && frameBytes <= left,`,
    killedBy: { file: PUBLISH_TEST, title: 'a lane whose published bytes break a law is not cut' },
  },
];
