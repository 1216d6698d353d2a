// Verifies a batch of segments of one file. Thread-agnostic: runs inline, or in a pool (verify-pool.ts). What comes in
// and what goes out is plain data; the walk over the chain (chain-walk.ts) decides what the result means.

import { WalError, type WireError } from '../base/errors.js';
import { FileWindow } from '../segment/file-window.js';
import { isAtHome, readSegmentHeader, verifySegment } from '../segment/reader.js';
import type { Directory } from '../storage/directory.js';
import { NodeDirectory } from '../storage/node-directory.js';
import { type NotedRecords, RecordNotes } from './record-notes.js';

/** Segments of one file, in order, whose headers the walk has seen. */
export interface VerifyTask {
  /** Name of the file in the directory. */
  readonly name: string;
  readonly logId: number;
  readonly incarnation: number;
  readonly fileNumber: number;
  readonly pageBytes: number;
  /** Size of the buffer to read through. */
  readonly windowBytes: number;
  readonly offsets: readonly number[];
  /** Checksum of each header as the walk saw it. */
  readonly headerCrcs: readonly number[];
  /** Records of commits above it are noted; undefined: none. */
  readonly noteAfterSeq: number | undefined;
}

/** What a batch turned out to be. */
export interface VerifyResult {
  /** Segments that are whole, from the first on. */
  readonly verified: number;
  readonly frames: number;
  readonly voids: number;
  readonly pages: number;
  readonly bytes: number;
  /** Sizes set by the whole segments, the last one of each space. */
  readonly sizes: readonly (readonly [space: number, pages: number])[];
  /** Last commit of each space that has pages or sizes in the whole segments. */
  readonly spaces: readonly (readonly [space: number, seq: number])[];
  /** Records of the whole segments, if they were asked for. */
  readonly notes: NotedRecords | undefined;
  /** Why the segment after them is not. */
  readonly fault?: { readonly reason: string; readonly offset: number; readonly isVersion: boolean };
}

/**
 * Verifies the segments of `task` one after the other up to the first bad one.
 *
 * @throws {WalError} ERR_WAL_IO; an error while reading is never damage (F42)
 */
export function verifyBatch(directory: Directory, task: VerifyTask): VerifyResult {
  const file = directory.open(task.name, 'read');
  try {
    const window = new FileWindow(file, new Uint8Array(task.windowBytes));
    const sizes = new Map<number, number>();
    const spaces = new Map<number, number>();
    const notes = task.noteAfterSeq === undefined ? undefined : new RecordNotes(task.noteAfterSeq);
    const found = (): Pick<VerifyResult, 'sizes' | 'spaces' | 'notes'> => {
      return { sizes: [...sizes], spaces: [...spaces], notes: notes?.inOrder() };
    };
    const sum = { verified: 0, frames: 0, voids: 0, pages: 0, bytes: 0 };
    for (const [index, offset] of task.offsets.entries()) {
      const header = readSegmentHeader(file, offset);
      if (
        header === undefined ||
        'refused' in header ||
        header.headerCrc !== task.headerCrcs[index] ||
        !isAtHome(header, task, offset)
      ) {
        throw new WalError('ERR_WAL_IO', `${task.name} reads differently from one moment to the next.`, { offset });
      }
      const before = notes?.place();
      const result = verifySegment(file, window, header, task.pageBytes, notes);
      if ('reason' in result) {
        if (before !== undefined) notes?.backTo(before);
        return { ...sum, ...found(), fault: result };
      }
      for (const { space, pages } of result.sizes) sizes.set(space, pages);
      for (const [space, seq] of result.spaces) spaces.set(space, Math.max(spaces.get(space) ?? 0, seq));
      sum.verified += 1;
      sum.frames += result.frameCount;
      sum.voids += result.voidCount;
      sum.pages += result.pageCount;
      sum.bytes += header.segmentBytes;
    }
    return { ...sum, ...found() };
  } finally {
    file.close();
  }
}

/** What a verifier thread is given: it opens the files itself, a descriptor never crosses threads (F04, F43). */
export interface VerifierInput {
  readonly path: string;
  readonly task: VerifyTask;
}

/** What it answers; errors cross as data. */
export type VerifierOutput = { readonly result: VerifyResult } | { readonly error: WireError };

/** Body of a verifier thread (workers/verifier.ts). */
export function runVerifier({ path, task }: VerifierInput): VerifierOutput {
  try {
    return { result: verifyBatch(new NodeDirectory(path), task) };
  } catch (error) {
    if (error instanceof WalError) return { error: error.toWire() };
    throw error;
  }
}
