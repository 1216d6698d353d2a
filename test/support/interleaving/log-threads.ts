// Logical threads over a shared log, made of the package's own code: writers of a lane, and a flusher that seals, writes
// to nowhere, releases and reaps.

import { MODE } from '../../../src/epoch/mode.js';
import { FlusherLanes } from '../../../src/flusher/lanes.js';
import { type Jumbo, LaneWriter } from '../../../src/lane/lane-writer.js';
import type { CheckedCommit, CommitInput } from '../../../src/record/commit.js';
import { ShadowCompare } from '../../../src/shadow/shadow-compare.js';
import { MemoryDirectory } from '../../../src/testing.js';
import { checked } from '../flusher-rig.js';
import { PAYLOAD_BYTES, readFrames } from './frames.js';
import { bornFlusher, bornWriter, type Ghost, type Note, type WrittenFrame } from './ghost.js';
import type { SharedLog } from './shared-log.js';
import type { ThreadPlan } from './thread-tree.js';
import { ENDED } from './world.js';

/** A writer: its id, its lane, and the commits it appends, each named by a value from 1 to 255. */
export interface WriterPlan {
  readonly id: number;
  readonly lane: number;
  readonly values: readonly number[];
  /** Commits set the size of space 0 to their value: frames of 192 bytes. */
  readonly withSize?: boolean;
  /** Its commits enter the lane together. */
  readonly isRun?: boolean;
  readonly isMortal?: boolean;
  /** Its commits have proofs. */
  readonly isProven?: boolean;
}

/** The commit that a value stands for. */
export function commitOf(value: number, withSize = false, payloadBytes = PAYLOAD_BYTES): CommitInput {
  return {
    txnId: value,
    operations: [{ code: 1, bytes: new Uint8Array(payloadBytes).fill(value) }],
    ...(withSize && { sizes: [{ space: 0, pages: value }] }),
  };
}

/** A thread that appends without end of patience. */
export function writerThread(log: SharedLog, plan: WriterPlan): ThreadPlan<Ghost> {
  const { id, lane, values, withSize, isMortal = false, isProven = false } = plan;
  const provenPerMille = isProven ? 1000 : 0;
  const writer = new LaneWriter(log.lanes[lane]!, id, log.control, log.frameSeed, MODE.auto, provenPerMille);
  const commits = values.map((value) => checked(commitOf(value, withSize)));
  const body = (): void => {
    commits.forEach((commit, index) => {
      const value = values[index]!;
      // A LaneWriter keeps nothing from one append to the next.
      log.machine.checkpoint(`append ${index}`);
      log.machine.note({ kind: 'appending', value } satisfies Note);
      const result = writer.tryAppend(commit, Number.POSITIVE_INFINITY);
      log.machine.note({ kind: 'appended', value, result } satisfies Note);
    });
  };
  return { name: `writer ${id} of lane ${lane}`, body, isMortal, ghost: bornWriter(id, lane) };
}

/** A thread that appends its commits as one run; they all fit. */
export function runThread(log: SharedLog, { id, lane, values, isMortal = false }: WriterPlan): ThreadPlan<Ghost> {
  const { machine, control } = log;
  const commits = values.map((value) => checked(commitOf(value)));
  const body = (): void => {
    let next = 0;
    const increment = (): number => {
      machine.note({ kind: 'appending', value: values[next++]! } satisfies Note);
      return control.commitSeqNext.increment();
    };
    const sequences = {
      commitSeqNext: { load: () => control.commitSeqNext.load(), increment },
      isOpen: () => control.isOpen(),
      modeCode: () => control.modeCode(),
      setSizePages: (space: number, pages: number) => control.setSizePages(space, pages),
    };
    const writer = new LaneWriter(log.lanes[lane]!, id, sequences, log.frameSeed, MODE.auto);
    const results = writer.tryAppendRun(commits, Number.POSITIVE_INFINITY);
    values.forEach((value, index) => {
      const result = typeof results === 'string' ? results : results[index]!;
      machine.note({ kind: 'appended', value, result } satisfies Note);
    });
  };
  return { name: `writer ${id} of a run in lane ${lane}`, body, isMortal, ghost: bornWriter(id, lane) };
}

/** A jumbo that was encoded before; its buffer is shared memory like a lane. */
export interface PlannedJumbo extends Jumbo {
  readonly commit: CheckedCommit;
  readonly value: number;
  readonly writerId: number;
  /** 1 once the buffer was posted to the flusher. */
  readonly posted: ReturnType<SharedLog['machine']['word']>;
}

/** Plans a jumbo of `payloadBytes` for a writer of the log. */
export function planJumbo(log: SharedLog, writerId: number, value: number, payloadBytes: number): PlannedJumbo {
  const commit = checked(commitOf(value, false, payloadBytes));
  const jumboId = value;
  const { frame } = new LaneWriter(log.lanes[0]!, writerId, log.control, log.frameSeed, MODE.auto).encodeJumbo(
    commit,
    jumboId,
  );
  log.machine.plain.add(new Uint8Array(frame));
  return { jumboId, frame, commit, value, writerId, posted: log.machine.word(`post of jumbo ${jumboId}`) };
}

/** A thread that appends one jumbo; claims room for it as WalWriter does. */
export function jumboThread(
  log: SharedLog,
  { jumbo, lane, isMortal = false }: { jumbo: PlannedJumbo; lane: number; isMortal?: boolean },
): ThreadPlan<Ghost> {
  const { writerId: id, value, commit, posted } = jumbo;
  const writer = new LaneWriter(log.lanes[lane]!, id, log.control, log.frameSeed, MODE.auto);
  const { jumboLock } = log.control;
  const admit = (bytes: number): boolean => {
    if (!jumboLock.acquire(id, Number.POSITIVE_INFINITY)) return false;
    try {
      const { jumboClaimed } = writer.lane;
      jumboClaimed.store(jumboClaimed.load() + bytes);
      return true;
    } finally {
      jumboLock.release(id);
    }
  };
  const body = (): void => {
    posted.add(1);
    log.machine.note({ kind: 'appending', value } satisfies Note);
    const result = writer.tryAppendJumbo(commit, jumbo, Number.POSITIVE_INFINITY, admit);
    log.machine.note({ kind: 'appended', value, result } satisfies Note);
  };
  return { name: `writer ${id} of a jumbo in lane ${lane}`, body, isMortal, ghost: bornWriter(id, lane) };
}

/** What a flusher does besides its last round, in which it waits for all writers and seals what is left. */
export interface FlusherPlan {
  /** The writers by their threads' indexes. */
  readonly writers: readonly { readonly thread: number; readonly id: number; readonly lane: number }[];
  /** Seals while writers may still be at work. */
  readonly rounds: number;
  /** Whether it may hear of a death while a sealed epoch waits to be written. */
  readonly reapsUnwritten?: boolean;
  readonly jumbos?: readonly PlannedJumbo[];
  /** Whether commits are held against proofs before they are cut. */
  readonly isShadowed?: boolean;
}

/** Shadow compare of memory that nobody corrupts: whatever it finds is wrong. */
function shadowOf(log: SharedLog): ShadowCompare {
  return new ShadowCompare({
    directory: new MemoryDirectory(),
    frameSeed: log.frameSeed,
    isDirect: false,
    sync: false,
    isOn: () => true,
    jumbos: () => {
      throw new Error('No jumbo has a proof here.');
    },
    recentTrace: () => [],
    diverged: (message) => {
      throw new Error(`M4: ${message}`);
    },
  });
}

/** Seals, writes, releases and reaps, with the real FlusherLanes. */
export function flusherThread(log: SharedLog, plan: FlusherPlan): ThreadPlan<Ghost> {
  const { machine, control } = log;
  const pause = machine.word('the write of the flusher');
  // What FlusherLanes keeps from one seal to the next - epochs, dead guards - follows from what is told and noted.
  const body = (): void => {
    const flusher = new FlusherLanes(control, log.lanes, () => receive(), plan.isShadowed ? shadowOf(log) : undefined);
    const held = new Set<number>();
    const receive = (): void => {
      for (const { jumboId, frame, writerId, posted } of plan.jumbos ?? []) {
        if (held.has(jumboId) || posted.load() === 0) continue;
        held.add(jumboId);
        flusher.holdJumbo(jumboId, { frame, writerId });
      }
    };
    const ended = new Set<number>();
    // The port of a thread that ends closes, however it ends; to reap one that left nothing does nothing to its lane.
    const poll = (): void => {
      for (const { thread, id, lane } of plan.writers) {
        if (ended.has(id)) continue;
        const how = machine.ended(thread);
        if (how !== 0) ended.add(id);
        if (how === ENDED.dead) flusher.reap(id, log.lanes[lane]!);
      }
    };
    let epoch = 0;
    let nextSeq = log.nextSeq;
    const seal = (): void => {
      const sealed = flusher.seal(epoch + 1, nextSeq);
      if (sealed === undefined) return;
      // Others run before the bytes are read, as they do while a disk is slow.
      pause.load();
      if (plan.reapsUnwritten) poll();
      const { firstSeq, endSeq, voids } = sealed.certificate;
      const pieces = sealed.cuts.flatMap((cut) => cut.pieces);
      machine.note({ kind: 'written', firstSeq, endSeq, voids, frames: writtenFrames(log, pieces) } satisfies Note);
      epoch += 1;
      nextSeq = endSeq;
      flusher.release(sealed);
    };
    for (let round = 0; round < plan.rounds; round += 1) {
      machine.checkpoint(`round ${round}, ended ${[...ended]}, jumbos ${[...held]}`);
      poll();
      seal();
    }
    machine.checkpoint(`last round, ended ${[...ended]}, jumbos ${[...held]}`);
    for (poll(); ended.size < plan.writers.length; poll()) machine.awaitEnd(ended.size);
    while (nextSeq < control.commitSeqNext.load()) seal();
  };
  return { name: 'flusher', body, ghost: bornFlusher() };
}

/** The frames in bytes that go to disk now. */
export function writtenFrames(log: SharedLog, pieces: readonly Uint8Array[]): WrittenFrame[] {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    log.machine.plain.noteRead(piece);
    bytes.set(piece, offset);
    offset += piece.length;
  }
  const frames = readFrames(bytes, log.frameSeed);
  if (typeof frames === 'string') throw new Error(`I2: ${frames} in bytes that are written`);
  return frames;
}
