// What the system calls of a program mean for its log: segments written, syncs, names; and the laws that hold between
// them and the acknowledgements. A sync counts for what was written before it began, and only once it has returned.

import { basename, dirname, join } from 'node:path';
import { parseLogFileName } from '../../src/log/names.js';
import { SEGMENT_HEADER, SEGMENT_KIND, SEGMENT_MAGIC } from '../../src/segment/layout.js';
import type { TracedCall } from './strace.js';

/** A segment of commits, written. */
export interface TracedSegment {
  readonly path: string;
  readonly firstSeq: number;
  readonly endSeq: number;
  readonly write: TracedCall;
}

/** Something said to be durable through a sequence, before `begin`. */
export interface TracedAck {
  readonly seq: number;
  readonly begin: number;
}

/** The calls of one traced program that concern the log of one database. */
export class LogTrace {
  readonly calls: readonly TracedCall[];
  readonly directory: string;
  readonly segments: readonly TracedSegment[];

  constructor(calls: readonly TracedCall[], dbPath: string) {
    this.calls = calls;
    this.directory = `${dbPath}-wal`;
    this.segments = calls.flatMap((call) => segmentOf(call, this.directory) ?? []);
  }

  /** Every sync of a log file, a spare, or a file being made. */
  get fileSyncs(): TracedCall[] {
    return this.calls.filter((call) => isSync(call) && dirname(call.paths[0] ?? '') === this.directory);
  }

  /** Syncs of log files under their final names: what the policies are about. */
  get segmentSyncs(): TracedCall[] {
    return this.fileSyncs.filter(({ paths }) => parseLogFileName(basename(paths[0] ?? '')) !== undefined);
  }

  get directorySyncs(): TracedCall[] {
    return this.calls.filter((call) => isSync(call) && call.paths[0] === this.directory);
  }

  /** Renames that gave a log file its final name. */
  get namings(): TracedCall[] {
    return this.calls.filter(({ name, result, paths }) => {
      const isOurs = dirname(paths.at(-1) ?? '') === this.directory;
      return (
        name.startsWith('rename') &&
        result === 0 &&
        isOurs &&
        parseLogFileName(basename(paths.at(-1) ?? '')) !== undefined
      );
    });
  }

  /** What is wrong with an acknowledgement, if anything is. */
  faultOfAck({ seq, begin }: TracedAck): string | undefined {
    const segment = this.segments.find(({ firstSeq, endSeq }) => firstSeq <= seq && seq < endSeq);
    if (segment === undefined) return `commit ${seq} was acknowledged and is in no segment`;
    const { path, write } = segment;
    if (!isCovered(this.segmentSyncs, path, write.end, begin)) {
      return `commit ${seq} was acknowledged before a sync that began after the write of its segment`;
    }
    const naming = this.namings.find(({ paths, end }) => paths.at(-1) === path && end < write.begin);
    if (naming === undefined) return `commit ${seq} was written to ${path}, which got its name in no way that was seen`;
    if (!isCovered(this.directorySyncs, this.directory, naming.end, begin)) {
      return `commit ${seq} was acknowledged before the name of ${path} was synced`;
    }
    return undefined;
  }

  /** What is wrong with how a log file got its final name, if anything is. */
  faultOfNaming({ paths: [from = '', to = ''], begin }: TracedCall): string | undefined {
    const writes = this.calls.filter(
      (call) => call.name.startsWith('pwrite') && call.paths[0] === from && call.begin < begin,
    );
    const header = writes.filter(({ offset }) => offset === 0).at(-1);
    if (header === undefined) return `${to} got its name without a header`;
    if (!isCovered(this.fileSyncs, from, header.end, begin)) return `${to} got its name before its header was synced`;
    const others = writes.filter((call) => call !== header && call.begin > this.#blankUntil(from, begin));
    const last = Math.max(-1, ...others.map(({ end }) => end));
    const isBehind = last < 0 || isCovered(this.fileSyncs, from, last, header.begin);
    return isBehind ? undefined : `${to} got its header before what it vouches for was synced`;
  }

  /** Where the zeros end that a file being made is filled with: what they replace needs no sync. */
  #blankUntil(path: string, before: number): number {
    const zeros = this.calls.filter(({ name, paths, data, begin }) => {
      return name.startsWith('pwrite') && paths[0] === path && begin < before && data.every((byte) => byte === 0);
    });
    return Math.max(-1, ...zeros.map(({ end }) => end));
  }
}

/** Acknowledgement lines of the workload. */
export function lineAcks(calls: readonly TracedCall[], folder: string): TracedAck[] {
  return calls
    .filter(({ name, paths }) => name === 'write' && dirname(paths[0] ?? '') === folder)
    .map(({ data, begin }) => ({ seq: Number(/^ack (\d+)/.exec(data.toString('latin1'))?.[1]), begin }));
}

/** What `inspect --json` prints, as far as it is used here. */
export interface InspectedLog {
  readonly segments: readonly {
    readonly frames: readonly { readonly seq: number; readonly txnId: number; readonly space: number }[];
  }[];
}

/** What each write of the ack file of a replay says: the last commit of the transactions it vouches for. */
export function replayAcks(calls: readonly TracedCall[], ackFile: string, inspected: unknown): TracedAck[] {
  const frames = (inspected as InspectedLog).segments.flatMap((segment) => segment.frames);
  return calls
    .filter(({ name, paths }) => name.includes('write') && paths[0] === ackFile)
    .flatMap(({ data, begin }) => {
      const counts = Array.from({ length: data.length / 8 }, (_, copy) => Number(data.readBigUInt64LE(copy * 8)));
      const vouched = frames.filter(({ txnId, space }) => txnId <= (counts[space] ?? 0));
      return vouched.length === 0 ? [] : [{ seq: Math.max(...vouched.map(({ seq }) => seq)), begin }];
    });
}

/** Whether a sync of `path` began after `after`, succeeded and ended before `before`, with none failed before it. */
function isCovered(syncs: readonly TracedCall[], path: string, after: number, before: number): boolean {
  const own = syncs.filter(({ paths }) => paths[0] === path);
  const failed = own.find(({ result }) => result !== undefined && result !== 0);
  // After a failed sync a second one proves nothing (A5).
  const believed = own.filter(({ begin }) => failed === undefined || begin < failed.begin);
  return believed.some(({ begin, end, result }) => result === 0 && begin > after && end < before);
}

function isSync({ name }: TracedCall): boolean {
  return name === 'fdatasync' || name === 'fsync';
}

/** The segment that a write begins, if it does and it holds commits. Written whole, or it does not count. */
function segmentOf(write: TracedCall, directory: string): TracedSegment | undefined {
  const {
    data,
    paths: [path = ''],
    result,
  } = write;
  const { at } = SEGMENT_HEADER;
  if (dirname(path) !== directory || data.length < SEGMENT_HEADER.bytes || result === undefined) return undefined;
  if (data.readUInt32LE(at.magic) !== SEGMENT_MAGIC || data.readUInt16LE(at.kind) !== SEGMENT_KIND.epoch)
    return undefined;
  if (result !== Number(data.readBigUInt64LE(at.segmentBytes))) return undefined;
  const [firstSeq, endSeq] = [at.firstSeq, at.endSeq].map((place) => Number(data.readBigUInt64LE(place)));
  return { path: join(directory, basename(path)), firstSeq: firstSeq ?? 0, endSeq: endSeq ?? 0, write };
}
