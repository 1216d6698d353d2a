// Mutants of what keeps log files: pins, the bound, both checkpoint records, observers.

import type { Mutant } from '../support/mutation.js';

const PINS = 'src/epoch/pins.ts';
const RETENTION = 'src/flusher/retention.ts';
const WRITER = 'src/log/log-writer.ts';
const FLUSHER = 'src/flusher/flusher.ts';
const PINS_TEST = 'test/unit/epoch/pins.test.ts';
const BOUND_TEST = 'test/unit/flusher/bound.test.ts';
const RECORDS_TEST = 'test/unit/recovery/checkpoints.test.ts';

const TAKEN = { file: PINS_TEST, title: 'P1: a pin that is taken at any step of a move is in time' };
const MOVED = { file: PINS_TEST, title: 'P1: a move at any step of taking a pin respects it' };
const KEPT_TO = { file: BOUND_TEST, title: 'the disk holds at most the bound and one file' };

export const RETENTION_MUTANTS: readonly Mutant[] = [
  {
    name: 'P1: a pin is stored behind the look at the horizons',
    file: PINS,
    find: `    this.#storeThrough(pin.slot, throughSeq);
    const releasedSeq = this.#released.load();
    const checkpointSeq = PAGE_FILE_KINDS.includes(kind) ? this.#checkpoint.load() : 0;`,
    replace: `    const releasedSeq = this.#released.load();
    const checkpointSeq = PAGE_FILE_KINDS.includes(kind) ? this.#checkpoint.load() : 0;
    this.#storeThrough(pin.slot, throughSeq);`,
    killedBy: MOVED,
  },
  {
    name: 'P1: a horizon is not taken back',
    file: PINS,
    find: `    const allowedSeq = Math.max(before, Math.min(hopedSeq, allowed()));`,
    replace: `    const allowedSeq = hopedSeq;`,
    killedBy: TAKEN,
  },
  {
    name: 'P1: the pins are looked at again in front of the horizon',
    file: PINS,
    find: `    horizon.store(hopedSeq);
    // A pin below the horizon of before is one that is about to be refused.
    const allowedSeq = Math.max(before, Math.min(hopedSeq, allowed()));`,
    replace: `    const allowedSeq = Math.max(before, Math.min(hopedSeq, allowed()));
    horizon.store(hopedSeq);`,
    killedBy: TAKEN,
  },
  {
    name: 'a snapshot is granted below what the page file holds',
    file: PINS,
    find: `    if (releasedSeq <= throughSeq && checkpointSeq <= throughSeq) return pin;`,
    replace: `    if (releasedSeq <= throughSeq && checkpointSeq >= 0) return pin;`,
    killedBy: { file: PINS_TEST, title: 'one that comes too late is refused and leaves nothing' },
  },
  {
    name: 'the pins of a dead thread stay',
    file: 'src/flusher/lanes.ts',
    find: `    this.#control.pins.releaseAllOf(writerId);`,
    replace: ``,
    killedBy: { file: BOUND_TEST, title: 'what a dead writer pinned is freed with it' },
  },
  {
    name: 'C2: a file goes by the newest record alone',
    file: RETENTION,
    find: `    if (this.#checkpoint.otherThroughSeq < lastSeq) this.#write(`,
    replace: `    if (this.#checkpoint.otherThroughSeq < -1) this.#write(`,
    killedBy: { file: RECORDS_TEST, title: 'C2: either checkpoint record may be damaged' },
  },
  {
    name: 'C2: an opening takes the other record for as good as the newest',
    file: RETENTION,
    find: `otherThroughSeq: found.checkpointBefore?.throughSeq ?? -1 };`,
    replace: `otherThroughSeq: throughSeq };`,
    killedBy: { file: RECORDS_TEST, title: 'C2: what an opening lets go is covered by both records, too' },
  },
  {
    name: 'a pin keeps no file',
    file: RETENTION,
    find: `    if (pin !== undefined && pin.throughSeq < lastSeq) return`,
    replace: `    if (pin !== undefined && pin.throughSeq < -1) return`,
    killedBy: { file: BOUND_TEST, title: 'a pin of a reader is named, and freed it lets the log go on' },
  },
  {
    name: 'a held file keeps none of those behind it',
    file: WRITER,
    find: `        if (release === 'stay') break;`,
    replace: `        if (!isFree(file)) break;
        if (release === 'stay') {
          this.#olderFiles.shift();
          continue;
        }`,
    killedBy: { file: BOUND_TEST, title: 'files go strictly oldest first, whoever holds one of them' },
  },
  {
    name: 'a rotation makes a file beyond the bound',
    file: WRITER,
    find: `    const roomBytes = this.roomBytes - fileBytes;`,
    replace: `    const roomBytes = this.roomBytes + fileBytes;`,
    killedBy: KEPT_TO,
  },
  {
    name: 'a spare is made although the bound has no room for it',
    file: 'src/log/spare-pool.ts',
    find: `    if (this.#indexes.length * this.#fileBytes > roomBytes) return undefined;`,
    replace: ``,
    killedBy: {
      file: 'test/unit/log/spare-pool.test.ts',
      title: 'has one spare made in any case, the reserve, and the next only where there is room for it',
    },
  },
  {
    name: 'a segment larger than the bound waits for ever',
    file: WRITER,
    find: `    if (isAlone || this.#spares.chargedBytes <= roomBytes) return;`,
    replace: `    if (this.#spares.chargedBytes <= roomBytes) return;`,
    killedBy: { file: BOUND_TEST, title: 'a segment larger than the bound is let through once nothing else is left' },
  },
  {
    name: 'an opening beyond the bound takes a whole file more',
    file: 'src/recovery/opening.ts',
    find: `  return isBeyond ? FILE_HEADER_BYTES : logFileBytes;`,
    replace: `  return isBeyond ? logFileBytes : logFileBytes;`,
    killedBy: { file: BOUND_TEST, title: 'a log that is opened again and again at its bound does not grow by that' },
  },
  {
    name: 'a full log waits out its time although a pin went',
    file: FLUSHER,
    find: `    return this.#stalledBy?.code === 'ERR_WAL_LOG_FULL' && this.#events.makeRoom();`,
    replace: `    return false;`,
    killedBy: { file: BOUND_TEST, title: 'a pin of a reader is named, and freed it lets the log go on' },
  },
  {
    name: 'a close of a full log waits for ever',
    file: FLUSHER,
    find: `    this.#refuseClose(why, nowMs);`,
    replace: ``,
    killedBy: { file: BOUND_TEST, title: 'a close that nobody makes room for is refused with the reason' },
  },
];
