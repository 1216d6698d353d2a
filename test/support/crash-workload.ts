// Small workloads for the exhaustive search of crash states: up to three commits of a small alphabet, in every
// arrangement into epochs, under every policy, run by a rig on a simulated disk. A workload has a name that says all of
// it, so that a failure can be run again alone.

import { expect } from 'vitest';
import { FRAME_HEADER } from '../../src/frame/layout.js';
import type { CommitInput } from '../../src/record/commit.js';
import { RECORD_HEADER } from '../../src/record/layout.js';
import { decodeSegmentHeader } from '../../src/segment/codec.js';
import { SEGMENT_HEADER } from '../../src/segment/layout.js';
import type { Directory } from '../../src/storage/directory.js';
import type { CrashPoint } from '../../src/storage/simulated-crash.js';
import { SimulatedDirectory } from '../../src/storage/simulated-directory.js';
import { checked, PAGE_BYTES, Rig, type RigOptions } from './flusher-rig.js';
import { LOG_ID } from './log-builder.js';
import { writesOf } from './writes-of.js';

/**
 * `a`: one page. `b`: two pages. `s`: a page, and the space is cut to it. `j`: more than a lane holds, so that it has
 * memory of its own.
 */
export type CommitKind = 'a' | 'b' | 's' | 'j';

/** What happens behind a commit: `+` nothing; `|` one interval passes; `.` nothing is left to do, marks included. */
export type Pause = '+' | '|' | '.';

export interface CrashWorkload {
  readonly fsync: 'full' | 'normal' | 'off';
  /** `empty`: no directory. `recycled`: a log with spares that hold older segments. */
  readonly start: 'empty' | 'recycled';
  /** Of the log files. With `small` two segments are a file, so that the log rotates. */
  readonly files: 'large' | 'small';
  /** Commits and pauses in turn, as `a|b+s`. */
  readonly script: string;
  /** Every sync is under way until the next segment is written. */
  readonly overlaps?: boolean;
  /** Every commit has a proof, and every segment is spoiled on its way to the disk when it is written first. */
  readonly spoils?: boolean;
}

/** A crash point of a workload, and what was promised by then. */
export interface PromisedPoint {
  readonly point: CrashPoint;
  /** Commits covered by a sync that returned, and by a write. */
  readonly durable: number;
  readonly written: number;
  /** Commits that a checkpoint may have let go of. */
  readonly checkpoint: number;
  /** Nothing was ever synced: after a power cut opening may ask for `stop`. */
  readonly mayRefuse: boolean;
  /** The last operation was a write. */
  readonly isBehindWrite: boolean;
  /** What recovery says of all commits appended so far. */
  readonly lines: readonly string[];
}

const LANE_BYTES = 4096;
const SYNC_BYTES = 4096;
const FILE_BYTES = { large: 24_576, small: 12_288 } as const;

export const KINDS: readonly CommitKind[] = ['a', 'b', 's', 'j'];
export const PAUSES: readonly Pause[] = ['+', '|', '.'];
/** A new log in one file, and one that rotates into spares. */
export const PLACES: readonly Pick<CrashWorkload, 'start' | 'files'>[] = [
  { start: 'empty', files: 'large' },
  { start: 'recycled', files: 'small' },
];

/** Scripts of exactly `count` commits. */
export function scripts(count: number, kinds: readonly string[], pauses: readonly string[]): string[] {
  if (count === 0) return [''];
  if (count === 1) return [...kinds];
  return scripts(count - 1, kinds, pauses).flatMap((script) =>
    pauses.flatMap((pause) => kinds.map((kind) => `${script}${pause}${kind}`)),
  );
}

export function nameOfWorkload({ fsync, start, files, script, overlaps, spoils }: CrashWorkload): string {
  return `${fsync}${overlaps ? '-overlapped' : ''}${spoils ? '-spoiled' : ''}/${start}/${files}/${script}`;
}

function commitOf(kind: CommitKind, value: number): CommitInput {
  const page = (pageNumber: number) => ({ pageNumber, image: new Uint8Array(PAGE_BYTES).fill(value) });
  if (kind === 'a') return { pages: [page(1)] };
  if (kind === 'b') return { pages: [page(1), page(2)] };
  if (kind === 's') return { pages: [page(1)], dbSizePages: 1 };
  return { pages: Array.from({ length: 8 }, (_, index) => page(index + 1)) };
}

/** Behind a commit that cut the space, one with pages beyond the cut has to say the new size. */
function grown(input: CommitInput, sizePages: number): CommitInput {
  const last = input.pages?.at(-1)?.pageNumber ?? 0;
  return sizePages > 0 && last > sizePages ? { ...input, dbSizePages: last } : input;
}

/** As the transcript of log-builder.ts has it. */
function lineOf(seq: number, { pages = [], dbSizePages }: CommitInput): string {
  const sizes = dbSizePages === undefined ? [] : [`s0=${dbSizePages}`];
  return `${seq} ${[...sizes, ...pages.map(({ pageNumber, image }) => `p0.${pageNumber}=${image[0]}`)].join(' ')}`;
}

function optionsOf(
  { fsync, files, overlaps = false, spoils = false }: Pick<CrashWorkload, 'fsync' | 'files' | 'overlaps' | 'spoils'>,
  disk: SimulatedDirectory,
): RigOptions {
  const directory = spoils ? spoiling(disk) : disk;
  // With little to sync at most, any sync is enough to go on meanwhile.
  const settings = { fsync, maxParallelCommitBytes: 2 ** 20, syncBytes: overlaps ? SYNC_BYTES : 2 ** 23 };
  return { directory, laneBytes: LANE_BYTES, logFileBytes: FILE_BYTES[files], logId: LOG_ID, settings };
}

/** Changes a byte of the first frame of each segment when it is written first. */
function spoiling(disk: SimulatedDirectory): Directory {
  const seen = new Set<string>();
  return writesOf(disk, (bytes) => {
    const header = decodeSegmentHeader(bytes);
    if ('refused' in header || header.frameCount === 0 || seen.has(`${header.headerCrc}`)) return;
    seen.add(`${header.headerCrc}`);
    const at = SEGMENT_HEADER.bytes + FRAME_HEADER.bytes + RECORD_HEADER.bytes;
    bytes[at] = (bytes[at] as number) ^ 0xff;
  });
}

/** Appends one commit; returns its line. */
function append(rig: Rig, kind: CommitKind, provenPerMille: number): string {
  const seq = rig.control.commitSeqNext.load();
  const input = grown(commitOf(kind, seq), rig.control.sizePages(0));
  const lane = seq % 2;
  const writer = rig.writer(lane, 2 + lane, undefined, provenPerMille);
  const commit = checked(input, rig.control);
  if (kind === 'j') {
    const jumbo = writer.encodeJumbo(commit, seq);
    rig.posted.push([seq, { ...jumbo, writerId: 2 + lane }]);
    expect(writer.tryAppendJumbo(commit, jumbo, 0, () => true)).toBe(seq);
  } else expect(writer.tryAppend(commit, 0)).toBe(seq);
  return lineOf(seq, input);
}

const QUIET = { '+': 0, '|': 1, '.': 3 } as const;

/** Syncs that were under way before an interval end with it. */
async function pause(rig: Rig, disk: SimulatedDirectory, length: Pause): Promise<void> {
  for (let interval = 0; interval < QUIET[length]; interval += 1) {
    const before = disk.syncsHeld;
    rig.settle(10);
    await endSyncs(disk, before);
    rig.settle();
  }
}

async function endSyncs(disk: SimulatedDirectory, count: number): Promise<void> {
  disk.endSyncs(count);
  await new Promise(setImmediate);
}

/** The disk a workload begins with, and all commits of its log so far. */
async function startOf({ start, files }: CrashWorkload): Promise<{ disk: SimulatedDirectory; lines: string[] }> {
  const disk = new SimulatedDirectory({ holdsSyncs: true });
  const lines: string[] = [];
  if (start === 'empty') return { disk, lines };
  const rig = await Rig.open(optionsOf({ fsync: 'full', files }, disk));
  while (rig.log.files().length < 4) {
    lines.push(append(rig, 'b', 0));
    await pause(rig, disk, '|');
  }
  // All but the newest files become spares.
  rig.checkpoint(rig.control.durableSeq.load());
  return { disk: disk.crashPoint().kept().disk(), lines };
}

/** Runs a workload and returns every point at which a crash makes a difference. */
export async function runWorkload(workload: CrashWorkload): Promise<PromisedPoint[]> {
  const { disk, lines } = await startOf(workload);
  const points: PromisedPoint[] = [];
  const before = lines.length;
  let rig: Rig | undefined;
  let checkpoint = before;
  const note = (): void => {
    const durable = rig === undefined || workload.fsync === 'off' ? before : rig.control.durableSeq.load();
    const written = rig?.control.writtenSeq.load() ?? before;
    const mayRefuse = workload.fsync === 'off';
    const promises = { durable, written, checkpoint, mayRefuse, lines: [...lines] };
    const isBehindWrite = disk.done.at(-1)?.startsWith('write ') === true;
    points.push({ point: disk.crashPoint(), ...promises, isBehindWrite });
  };
  disk.onOperation = note;
  rig = await Rig.open(optionsOf(workload, disk));
  for (const step of workload.script) {
    if (step === '+' || step === '|' || step === '.') await pause(rig, disk, step);
    else lines.push(append(rig, step as CommitKind, workload.spoils ? 1000 : 0));
  }
  await pause(rig, disk, '.');
  checkpoint = rig.control.durableSeq.load();
  rig.checkpoint(checkpoint);
  void rig.flusher.close();
  for (let next = rig.settle(); next.kind !== 'ended'; next = rig.settle()) await endSyncs(disk, 1);
  disk.onOperation = () => undefined;
  note();
  return points;
}
