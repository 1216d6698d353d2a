// Mutants of writing log files: place, chain, rotation, sync, release, spares, checkpoint records.

import type { Mutant } from '../support/mutation.js';

const WRITER = 'src/log/log-writer.ts';
const NEW_FILE = 'src/log/new-log-file.ts';
const RECORD = 'src/log/checkpoint-record.ts';
const POOL = 'src/log/spare-pool.ts';
const WRITER_TEST = 'test/unit/log/log-writer.test.ts';
const RECORD_TEST = 'test/unit/log/checkpoint-record.test.ts';
const POOL_TEST = 'test/unit/log/spare-pool.test.ts';
const CHECKPOINTS_TEST = 'test/unit/flusher/checkpoints.test.ts';
const PLACES_TEST = 'test/unit/log/places.test.ts';

const ROTATION = { file: WRITER_TEST, title: 'names the next file once its header is synced' };
const RELEASE = { file: WRITER_TEST, title: 'recycles files wholly below the sequence, oldest first' };

export const LOG_MUTANTS: readonly Mutant[] = [
  {
    name: 'moves on before the write: what failed leaves a hole',
    file: WRITER,
    find: `    const again = (): void => this.#file.write(pieces, this.#offset);`,
    replace: `    this.#offset += segmentBytes;
    const again = (): void => this.#file.write(pieces, this.#offset - segmentBytes);`,
    killedBy: {
      file: 'test/unit/flusher/flusher.test.ts',
      title: 'stalls the log, and when space is back nothing was lost',
    },
  },
  {
    name: 'chains a segment to nothing',
    file: WRITER,
    find: `      previous: { headerCrc, certificateCrc },`,
    replace: `      previous: { headerCrc: 0, certificateCrc: headerCrc & certificateCrc & 0 },`,
    killedBy: {
      file: 'test/unit/flusher/flusher.test.ts',
      title: 'stalls the log, and when space is back nothing was lost',
    },
  },
  {
    name: 'calls an epoch synced that was written behind the sync',
    file: WRITER,
    find: `    this.#noteSynced(this.#position, monotonicMs() - startMs);`,
    replace: `    this.#noteSynced({ ...this.#position, epoch: this.#position.epoch + 1 }, 0);`,
    killedBy: { file: PLACES_TEST, title: 'R6: a segment calls synced what a sync has covered, and nothing else' },
  },
  {
    name: 'a segment calls synced what is only written',
    file: WRITER,
    find: `      previous: { headerCrc, certificateCrc },
      syncedThrough: this.#syncedThrough,`,
    replace: `      previous: { headerCrc, certificateCrc },
      syncedThrough: this.#position.epoch,`,
    killedBy: { file: PLACES_TEST, title: 'R6: a segment calls synced what a sync has covered, and nothing else' },
  },
  {
    name: 'a segment says nothing of what is synced',
    file: WRITER,
    find: `      previous: { headerCrc, certificateCrc },
      syncedThrough: this.#syncedThrough,`,
    replace: `      previous: { headerCrc, certificateCrc },
      syncedThrough: 0,`,
    killedBy: { file: PLACES_TEST, title: 'R6: a segment calls synced what a sync has covered, and nothing else' },
  },
  {
    name: 'the header of the next file says nothing of what is synced',
    file: WRITER,
    find: `      start: this.#position,
      syncedThrough: this.#syncedThrough,`,
    replace: `      start: this.#position,
      syncedThrough: 0,`,
    killedBy: { file: PLACES_TEST, title: 'R6: the header of the next file calls everything before it synced' },
  },
  {
    name: 'rotates without syncing what the old file holds',
    file: WRITER,
    find: `    if (this.#sync && this.#hasUnsynced) this.sync();`,
    replace: ``,
    killedBy: { file: WRITER_TEST, title: 'under normal syncs what the old file holds before it goes on' },
  },
  {
    name: 'rotates without syncing the mark that the next file is chained to',
    file: WRITER,
    find: `    if (this.#sync && this.#hasUnsynced) this.sync();`,
    replace: `    if (this.#sync && !this.isSynced) this.sync();`,
    killedBy: { file: WRITER_TEST, title: 'keeps a mark that the next file is chained to' },
  },
  {
    name: 'names the next file before its header is synced',
    file: NEW_FILE,
    find: `    if (sync) file.sync();
    directory.rename(unfinished, name);`,
    replace: `    directory.rename(unfinished, name);
    if (sync) file.sync();`,
    killedBy: ROTATION,
  },
  {
    name: 'skips the directory sync of a rotation',
    file: NEW_FILE,
    find: `    if (sync) directory.sync();`,
    replace: ``,
    killedBy: ROTATION,
  },
  {
    name: 'keeps what a rotation left unfinished on a full disk',
    file: NEW_FILE,
    find: `  if (spare === undefined) removeLeftover(directory, unfinished);`,
    replace: ``,
    killedBy: {
      file: 'test/unit/flusher/flusher.test.ts',
      title: 'during a rotation stalls the log, and the rotation starts over',
    },
  },
  {
    name: 'does not say that a file is recycled: its leftovers count as torn',
    file: WRITER,
    find: `flags: spare === undefined ? 0 : FILE_FLAG.recycled,`,
    replace: `flags: 0,`,
    killedBy: { file: PLACES_TEST, title: 'R8: what a recycled file held before is no torn tail' },
  },
  {
    name: 'releases a file that holds a commit above the checkpoint',
    file: WRITER,
    find: `const isFree = ({ endSeq }: OlderFile): boolean => endSeq - 1 <= throughSeq;`,
    replace: `const isFree = ({ endSeq }: OlderFile): boolean => endSeq - 2 <= throughSeq;`,
    killedBy: RELEASE,
  },
  {
    name: 'skips the directory sync of a release',
    file: WRITER,
    find: `      if (this.#sync && this.#olderFiles.length < before) this.#directory.sync();`,
    replace: ``,
    killedBy: RELEASE,
  },
  {
    name: 'a checkpoint covers epochs of which it does not hold every commit',
    file: WRITER,
    find: `    return Math.max(this.#releasedEpoch, covered.at(-1)?.endEpoch ?? 0);`,
    replace: `    return this.#position.epoch;`,
    killedBy: { file: PLACES_TEST, title: 'a checkpoint covers an epoch only with its last commit' },
  },
  {
    name: 'a checkpoint within the newest file covers nothing of what earlier ones let go',
    file: WRITER,
    find: `    this.#releasedEpoch = this.epochThrough(throughSeq);`,
    replace: ``,
    killedBy: { file: CHECKPOINTS_TEST, title: 'a checkpoint within the newest file covers what earlier ones let go' },
  },
  {
    name: 'a file that came back and is let go again takes from what is covered',
    file: WRITER,
    find: `    this.#releasedEpoch = this.epochThrough(throughSeq);`,
    replace: `    this.#releasedEpoch = this.#olderFiles.filter(isFree).at(-1)?.endEpoch ?? this.#releasedEpoch;`,
    killedBy: { file: CHECKPOINTS_TEST, title: 'a file below the checkpoint that came back and is let go again' },
  },
  {
    name: 'a checkpoint behind an opening covers nothing of what earlier ones let go',
    file: WRITER,
    find: `    this.#releasedEpoch = start.checkpointEpoch;`,
    replace: `    this.#releasedEpoch = 0;`,
    killedBy: { file: CHECKPOINTS_TEST, title: 'a file below the checkpoint that came back and is let go again' },
  },
  {
    name: 'the wall clock of segments goes back with the clock of the machine',
    file: WRITER,
    find: `this.#wallClockMs = Math.max(this.#wallClockMs, wallClockMs());`,
    replace: `this.#wallClockMs = wallClockMs();`,
    killedBy: { file: PLACES_TEST, title: 'F24: the wall clock of segments never goes back' },
  },
  {
    name: 'takes the last spare, which is the reserve',
    file: POOL,
    find: `    return this.#indexes.length < SPARES_WANTED ?`,
    replace: `    return this.#indexes.length < 1 ?`,
    killedBy: { file: POOL_TEST, title: 'gives away the oldest, never the last' },
  },
  {
    name: 'keeps a file as a spare that has another size',
    file: POOL,
    find: `if (isFullSize && this.#indexes.length < this.#keptMax) {`,
    replace: `if (this.#indexes.length < this.#keptMax) {`,
    killedBy: { file: POOL_TEST, title: 'keeps eight and removes what is more, or not of full size' },
  },
  {
    name: 'renames a file over a spare that is in use',
    file: POOL,
    find: `      if (!this.#indexes.includes(index)) return index;`,
    replace: `      return index;`,
    killedBy: { file: POOL_TEST, title: 'passes over names in use when they begin again' },
  },
  {
    name: 'names a spare before its zeros are synced',
    file: 'src/log/preallocate.ts',
    find: `    if (order.sync) file.sync();
    directory.rename(unfinished, order.name);`,
    replace: `    directory.rename(unfinished, order.name);
    if (order.sync) file.sync();`,
    killedBy: {
      file: POOL_TEST,
      title: 'is zeros of the whole size, and has its name only once it is whole and synced',
    },
  },
  {
    name: 'writes every checkpoint record over the one before it',
    file: RECORD,
    find: `  const name = CHECKPOINT_NAMES[generation % 2] as string;`,
    replace: `  const name = CHECKPOINT_NAMES[0] as string;`,
    killedBy: { file: RECORD_TEST, title: 'the two slots are written in turn, and the newest valid one counts' },
  },
  {
    name: 'takes the older of two checkpoint records',
    file: RECORD,
    find: `valid.sort((one, other) => other.generation - one.generation);`,
    replace: `valid.sort((one, other) => one.generation - other.generation);`,
    killedBy: { file: RECORD_TEST, title: 'the two slots are written in turn, and the newest valid one counts' },
  },
  {
    name: 'does not sync a checkpoint record',
    file: RECORD,
    find: `    if (options.sync) file.sync();`,
    replace: ``,
    killedBy: { file: RECORD_TEST, title: 'a record is synced when it is asked for, and a new name too' },
  },
  {
    name: 'does not sync the name of a new checkpoint slot',
    file: RECORD,
    find: `    if (isNew && options.sync) directory.sync();`,
    replace: ``,
    killedBy: { file: RECORD_TEST, title: 'a record is synced when it is asked for, and a new name too' },
  },
  {
    name: 'A4: syncs the name of a checkpoint slot only if its first write succeeds',
    file: RECORD,
    find: `    if (isNew && options.sync) directory.sync();
    file.write([encodeCheckpointRecord(record)], 0);
    if (options.sync) file.sync();`,
    replace: `    file.write([encodeCheckpointRecord(record)], 0);
    if (options.sync) file.sync();
    if (isNew && options.sync) directory.sync();`,
    killedBy: {
      file: CHECKPOINTS_TEST,
      title: 'A4: the name of a slot is on disk although the first write into it found a full disk',
    },
  },
  {
    name: 'believes a checkpoint record whose checksum is wrong',
    file: RECORD,
    find: `if (crc32c(bytes.subarray(0, at.crc)) !== view.getUint32(at.crc, true))`,
    replace: `if (bytes.length > CHECKPOINT_RECORD.bytes)`,
    killedBy: { file: RECORD_TEST, title: 'every flipped bit and every cut of a record is noticed' },
  },
  {
    name: 'believes a file header whose checksum is wrong',
    file: 'src/log/codec.ts',
    find: `if (crc32c(bytes.subarray(0, at.headerCrc)) !== view.getUint32(at.headerCrc, true)) {`,
    replace: `if (bytes.length < at.headerCrc) {`,
    killedBy: { file: PLACES_TEST, title: 'every bit of the 4 KiB of a file header is checked' },
  },
  {
    name: 'believes a file header with bytes behind it',
    file: 'src/log/codec.ts',
    find: `if (bytes.subarray(FILE_HEADER.bytes, FILE_HEADER_BYTES).some((byte) => byte !== 0)) {`,
    replace: `if (bytes.length < FILE_HEADER.bytes) {`,
    killedBy: { file: PLACES_TEST, title: 'every bit of the 4 KiB of a file header is checked' },
  },
  {
    name: 'takes any name that ends like a log file for one',
    file: 'src/log/names.ts',
    find: `const LOG_FILE = /^([0-9a-f]{16})\\.wal$/;`,
    replace: `const LOG_FILE = /([0-9a-f]{16})\\.wal/;`,
    killedBy: { file: 'test/unit/log/names.test.ts', title: 'F32: exactly what is built as a name is taken for one' },
  },
];
