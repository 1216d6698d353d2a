// A small log made by the code that writes real ones, in which every structure of the format occurs: several files of
// two incarnations, most of them recycled and with bytes of an earlier life behind their end, several lanes, a jumbo, a
// void, a store that grows and shrinks, checkpoints, a copied tail. And a map of it: which structure each byte is in.

import { FRAME_HEADER } from '../../src/frame/layout.js';
import { writeCheckpointRecord } from '../../src/log/checkpoint-record.js';
import { FILE_FLAG, FILE_HEADER_BYTES } from '../../src/log/layout.js';
import type { CommitInput } from '../../src/record/commit.js';
import { replayLog, segmentsOf } from '../../src/recovery/replay.js';
import { type LogScan, scanLog } from '../../src/recovery/scan.js';
import { SEGMENT_HEADER, SEGMENT_KIND } from '../../src/segment/layout.js';
import type { Directory } from '../../src/storage/directory.js';
import { MemoryDirectory } from '../../src/storage/memory-directory.js';
import { onePage, operation, PAGE_BYTES, Rig } from './flusher-rig.js';
import { copyDirectory, readFile, transcript } from './log-builder.js';

/** The file header and four segments of the smallest size. */
export const CORPUS_FILE_BYTES = 20 * 1024;
const LANE_BYTES = 4096;
const DEAD = 9;
/** Enough for all of it; the default takes longer to clear than the corpus takes to read. */
const MEMORY_BYTES = 64 * 1024;

const settings = { fsync: 'normal', maxParallelCommitBytes: 2 ** 30 } as const;
const rigOptions = { lanes: 3, laneBytes: LANE_BYTES, logFileBytes: CORPUS_FILE_BYTES, settings };

/** One epoch of these commits, in the lanes in turn; written, and not synced: the clock of the rig stands still. */
function write(rig: Rig, ...commits: CommitInput[]): void {
  for (const [index, commit] of commits.entries()) rig.append(commit, index % rig.lanes.length);
  rig.control.demandThrough(rig.control.commitSeqNext.load() - 1);
  rig.settle();
}

async function sync(rig: Rig): Promise<void> {
  const flushed = rig.flusher.flush();
  rig.settle();
  await flushed;
}

/** What a checkpoint does: the record, then the files that nobody needs become spares. */
function checkpoint(rig: Rig, identity: { logId: number; incarnation: number }, generation: number): void {
  const throughSeq = rig.control.durableSeq.load() - 1;
  const throughEpoch = rig.log.epochThrough(throughSeq);
  const { syncedThrough } = rig.log;
  const record = { ...identity, generation, throughSeq, throughEpoch, syncedThrough, wallClockMs: 1 };
  writeCheckpointRecord(rig.directory, record, { sync: true });
  rig.log.release(throughSeq);
}

/** An epoch with a commit whose writer died before it published, and one that is larger than its lane. */
function writeVoidAndJumbo(rig: Rig): void {
  const dying = rig.lanes[1]!;
  dying.lock.tryAcquire(DEAD);
  dying.guard.store(rig.control.commitSeqNext.load());
  rig.control.commitSeqNext.increment();
  rig.flusherLanes.reap(DEAD, dying);
  const { commit, frame } = rig.postJumbo(operation(LANE_BYTES + 500, 0x5a), 1);
  const jumbo = { jumboId: 1, frame };
  const seq = rig.writer(0).tryAppendJumbo(commit, jumbo, 0, (bytes) => {
    rig.lanes[0]!.jumboClaimed.store(rig.lanes[0]!.jumboClaimed.load() + bytes);
    return true;
  });
  if (typeof seq !== 'number') throw new Error(`refused: ${seq}`);
  write(rig, { ...onePage(0x33, 3), txnId: 2n ** 60n }, onePage(0x44, 4, { operations: [operationOf(7)] }));
}

function operationOf(bytes: number): { code: number; bytes: Uint8Array } {
  return { code: 3, bytes: new Uint8Array(bytes).fill(0x77) };
}

/** A page with a before image. */
function withBefore(value: number, pageNumber: number): CommitInput {
  const before = new Uint8Array(PAGE_BYTES).fill(value - 1);
  return { pages: [{ pageNumber, image: new Uint8Array(PAGE_BYTES).fill(value), before }] };
}

/** The corpus, and what tells of it. */
export interface Corpus {
  readonly directory: MemoryDirectory;
  /** What recovery finds in it. */
  readonly lines: readonly string[];
  readonly scan: LogScan;
  readonly map: readonly Unit[];
}

/**
 * Makes the corpus.
 *
 * @param isClosed - with the mark that an orderly close leaves; without it three epochs stand above the last sync that
 *   the log tells of
 */
export async function makeByteCorpus(isClosed: boolean): Promise<Corpus> {
  const directory = new MemoryDirectory({ pretendSync: true });
  const first = await Rig.open({ ...rigOptions, directory });
  // An earlier life of several files: they become spares, and from there on files are recycled.
  for (let value = 1; value <= 20; value += 1) write(first, onePage(value, value), onePage(value + 100, 30 + value));
  writeVoidAndJumbo(first);
  write(first, onePage(15, 15));
  await sync(first);
  const logId = (await scanLog(directory)).log.logId as number;
  checkpoint(first, { logId, incarnation: 1 }, 1);
  write(first, onePage(16, 9, { dbSizePages: 40 }));
  await sync(first);
  write(first, onePage(17, 10), onePage(18, 11), onePage(19, 12), onePage(20, 13));
  await sync(first);
  checkpoint(first, { logId, incarnation: 1 }, 2);
  write(first, onePage(21, 14));
  await sync(first);
  // Not synced when its process dies: the next opening copies it.
  write(first, onePage(22, 15), withBefore(23, 16));
  first.log.close();

  const second = await Rig.open({ ...rigOptions, directory });
  const copiedThrough = second.log.position.nextSeq - 1;
  writeVoidAndJumbo(second);
  await sync(second);
  // A mark in an idle moment.
  second.settle(10);
  write(second, onePage(24, 2, { dbSizePages: 12 }), onePage(25, 5), operation(100, 8));
  await sync(second);
  write(second, onePage(26, 11), onePage(27, 12));
  await sync(second);
  for (let value = 29; value <= 32; value += 1)
    write(second, onePage(value, 1 + (value % 5)), onePage(value, 6 + (value % 3)));
  if (isClosed) await close(second);
  else second.log.close();
  return describeLog(directory, copiedThrough);
}

async function close(rig: Rig): Promise<void> {
  const closed = rig.flusher.close();
  rig.settle();
  await closed;
}

/** What a directory that is whole holds, of which the last opening copied the commits up to `copiedThrough`. */
export async function describeLog(directory: MemoryDirectory, copiedThrough = 0): Promise<Corpus> {
  const scan = await scanLog(directory);
  return { directory, scan, lines: await linesOf(directory, scan), map: mapOf(directory, scan, copiedThrough) };
}

/** What a scanned log replays. */
export async function linesOf(directory: Directory, scan: LogScan): Promise<string[]> {
  const target = transcript();
  await replayLog(directory, scan, target, { recoveryMemoryBytes: MEMORY_BYTES });
  return target.lines;
}

/** Structures of the format, as far as they can be told apart by what is reported of them. */
export type UnitKind =
  | 'file header'
  | 'segment header'
  | 'frame'
  | 'certificate'
  /** Behind the last segment of a file from which the chain went on to another. */
  | 'left behind'
  /** Behind the last segment of the newest file. */
  | 'behind the end'
  | 'checkpoint'
  | 'spare';

/** One structure: a range of bytes of one file. */
export interface Unit {
  readonly kind: UnitKind;
  readonly file: string;
  readonly offset: number;
  readonly end: number;
  /** The epoch that it belongs to; in a mark, that before it. 0 where there is none. */
  readonly epoch: number;
  readonly isMark: boolean;
  /** Last commit that is left when it is lost: in front of the segment or the file, and copies in an older file. */
  readonly seqsBefore: number;
}

function mapOf(directory: MemoryDirectory, { chain }: LogScan, copiedThrough: number): Unit[] {
  const units: Unit[] = [];
  const inChain = new Map(chain.files.map((part) => [part.file.name, part]));
  for (const name of directory.list().sort()) {
    const bytes = readFile(directory, name);
    const nothing = { file: name, epoch: 0, isMark: false, seqsBefore: 0 };
    const part = inChain.get(name);
    if (part === undefined) {
      const kind = name.startsWith('checkpoint') ? 'checkpoint' : 'spare';
      units.push({ ...nothing, kind, offset: 0, end: bytes.length });
      continue;
    }
    // What an opening copied is still in the file it was copied from.
    const isOpening = (part.file.header.flags & FILE_FLAG.opening) !== 0;
    const seqsBefore = isOpening ? copiedThrough : part.file.header.start.nextSeq - 1;
    units.push({ ...nothing, kind: 'file header', offset: 0, end: FILE_HEADER_BYTES, seqsBefore });
    units.push(...unitsOfSegments(directory, part));
    const kind = part === chain.files.at(-1) ? 'behind the end' : 'left behind';
    if (part.endOffset < bytes.length) units.push({ ...nothing, kind, offset: part.endOffset, end: bytes.length });
  }
  return units;
}

function unitsOfSegments(directory: Directory, part: LogScan['chain']['files'][number]): Unit[] {
  const file = directory.open(part.file.name, 'read');
  const units: Unit[] = [];
  const bytes = readFile(directory, file.name);
  const view = new DataView(bytes.buffer);
  for (const header of segmentsOf(file, part.file, FILE_HEADER_BYTES, part.endOffset)) {
    const { epoch, firstSeq } = header;
    const common = { file: file.name, epoch, isMark: header.kind === SEGMENT_KIND.mark, seqsBefore: firstSeq - 1 };
    let at = header.fileOffset + SEGMENT_HEADER.bytes;
    units.push({ ...common, kind: 'segment header', offset: header.fileOffset, end: at });
    for (const framesEnd = at + header.framesBytes; at < framesEnd; ) {
      const end = at + view.getUint32(at + FRAME_HEADER.at.frameBytes, true);
      units.push({ ...common, kind: 'frame', offset: at, end });
      at = end;
    }
    units.push({ ...common, kind: 'certificate', offset: at, end: header.fileOffset + header.segmentBytes });
  }
  file.close();
  return units;
}

/** A copy that can be damaged. */
export function fork(directory: Directory): MemoryDirectory {
  const copy = new MemoryDirectory({ pretendSync: true });
  copyDirectory(directory, copy);
  return copy;
}

/** All bytes of all files, to be compared. */
export function snapshot(directory: Directory): Map<string, Buffer> {
  return new Map(
    directory
      .list()
      .sort()
      .map((name) => [name, Buffer.from(readFile(directory, name))]),
  );
}

/** Names of the files that differ between a snapshot and now. */
export function changedSince(before: ReadonlyMap<string, Buffer>, directory: Directory): string[] {
  const after = snapshot(directory);
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => {
    const [one, other] = [before.get(name), after.get(name)];
    return one === undefined || other === undefined || !one.equals(other);
  });
}
