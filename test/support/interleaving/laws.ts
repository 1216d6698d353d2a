// The invariants of design/concurrency.md as functions of what stands in memory and what the threads have lived through,
// checked after every step. Each says what is broken, with the invariant's number.

import { STATE } from '../../../src/epoch/control.js';
import { FRAME_HEADER, FRAME_KIND } from '../../../src/frame/layout.js';
import { bytesBetween } from '../../../src/lane/lane.js';
import { readFrames } from './frames.js';
import { FLUSHER_LANE, type Ghost, type Taken, type Written } from './ghost.js';
import type { SharedLog } from './shared-log.js';
import { type Law, STATUS, type Step, type World } from './world.js';

type LogWorld = World<Ghost>;
type LogStep = Step<Ghost>;

const { at } = FRAME_HEADER;

/** The laws of one log. */
export class LogLaws {
  readonly #log: SharedLog;

  readonly #laneBytes: readonly number[];

  constructor(log: SharedLog) {
    this.#log = log;
    this.#laneBytes = log.lanes.map(({ bytes }) => bytes);
  }

  /** I1 to I4 and I6; what I7 and I8 promise is that nobody sleeps for ever, which the explorer looks for itself. */
  all(): Law<Ghost>[] {
    return [
      (step) => this.#spaceHolds(step),
      (step) => this.#stagedBytesStay(step),
      (step) => this.#releaseIsWritten(step),
      (step) => this.#published(step),
      (step) => this.#readsArePublished(step),
      (step) => this.#takenBehindGuard(step),
      (step) => this.#guardStays(step.after),
      (step) => this.#nothingBehindClose(step),
      (step) => this.#marksAreWritten(step.after),
      (step) => this.#epochHolds(step),
    ];
  }

  /** I5, for a flusher that does nothing but seal and reap: the order of the loads themselves. */
  loadOrder(): Law<Ghost> {
    return ({ thread, operation, after }) => {
      const { lane, guardsSeen, reaping } = ghostOf(after, thread);
      const isTail = this.#log.slots.lanes.some(({ tail }) => tail === operation?.slot);
      if (lane !== FLUSHER_LANE || !isTail || reaping !== undefined) return undefined;
      const all = this.#log.lanes.every(({ index }) => guardsSeen.includes(index));
      return all ? undefined : 'I5: a tail was loaded before every guard was, behind the counter';
    };
  }

  /** What must be true when everybody has ended, everything is sealed and nobody is left to be reaped. */
  readonly allIsWritten = (world: LogWorld): string | undefined => {
    const epochs = epochsOf(world);
    const frames = epochs.flatMap((epoch) => epoch.frames);
    const counter = this.#word(world, this.#log.slots.counter);
    const end = epochs.at(-1)?.endSeq ?? this.#log.nextSeq;
    if (end !== counter) return `sealed up to ${end}, taken up to ${counter}`;
    for (const { seq, value, isPublished } of takenOf(world)) {
      const written = frames.filter((frame) => frame.seq === seq);
      if (written.length !== (isPublished ? 1 : 0)) return `commit ${seq} was written ${written.length} times`;
      if (isPublished && written[0]?.value !== value) return `commit ${seq} was written with another's bytes`;
    }
    for (const { ghost } of world.threads.map(({ node }) => node)) {
      for (const { result, value } of ghost.appended) {
        const isKept = frames.some((frame) => frame.seq === result && frame.value === value);
        if (typeof result === 'number' && !isKept) return `append of ${value} returned ${result}, which nobody wrote`;
      }
    }
    return this.#lanesAreFree(world);
  };

  #lanesAreFree(world: LogWorld): string | undefined {
    for (const [index, { head, tail, guard, lock }] of this.#log.slots.lanes.entries()) {
      if (this.#word(world, head) !== this.#word(world, tail)) return `lane ${index} is not empty`;
      if (this.#word(world, guard) !== 0) return `the guard of lane ${index} is set for ever`;
      if (this.#word(world, lock) !== 0) return `the lock of lane ${index} is held for ever`;
    }
    return undefined;
  }

  #word(world: LogWorld, slot: number): number {
    return world.words[slot] ?? (this.#log.machine.initial[slot] as number);
  }

  #spaceHolds({ thread, operation, after, before }: LogStep): string | undefined {
    for (const [index, { head, tail, lock }] of this.#log.slots.lanes.entries()) {
      const used = bytesBetween(this.#word(after, head), this.#word(after, tail));
      if (used > this.#laneBytes[index]!) return `I1: lane ${index} holds ${used} bytes`;
      if (operation?.kind !== 'store') continue;
      const { id } = ghostOf(after, thread);
      if (operation.slot === tail && this.#word(before, lock) !== id) return `I1: ${id} takes space without the lock`;
      if (operation.slot === head && id !== 1) return `I1: ${id} gives space back and is not the flusher`;
    }
    return undefined;
  }

  /** Bytes between head and tail belong to the flusher: nobody writes them. */
  #stagedBytesStay({ before, writes }: LogStep): string | undefined {
    for (const place of writes.places) {
      const found = this.#staged(before, place);
      if (found === undefined || found.distance >= found.used) continue;
      return `I1: byte ${found.distance} behind the head of lane ${found.lane} was overwritten`;
    }
    return undefined;
  }

  /** Which lane a plain byte is in, how far behind its head, and how much that lane holds. */
  #staged(world: LogWorld, place: number): { lane: number; distance: number; used: number } | undefined {
    const lane = this.#log.ringStarts.findIndex((start, index) => {
      return place >= start && place < start + this.#laneBytes[index]!;
    });
    if (lane < 0) return undefined;
    const { head, tail } = this.#log.slots.lanes[lane]!;
    const from = this.#word(world, head);
    const distance = (place - (this.#log.ringStarts[lane] as number) - from) & (this.#laneBytes[lane]! - 1);
    return { lane, distance, used: bytesBetween(from, this.#word(world, tail)) };
  }

  #ringBytes(world: LogWorld, lane: number, from: number, to: number): Uint8Array {
    const size = this.#laneBytes[lane]!;
    const start = this.#log.ringStarts[lane] as number;
    const bytes = new Uint8Array(bytesBetween(from, to));
    for (let index = 0; index < bytes.length; index += 1) {
      bytes[index] = world.plain[start + ((from + index) & (size - 1))] as number;
    }
    return bytes;
  }

  /** A head passes only what an epoch holds that was written. */
  #releaseIsWritten({ thread, operation, before, after }: LogStep): string | undefined {
    const lane = this.#log.slots.lanes.findIndex(({ head }) => head === operation?.slot && operation.kind === 'store');
    if (lane < 0) return undefined;
    const { head } = this.#log.slots.lanes[lane]!;
    const gone = this.#ringBytes(before, lane, this.#word(before, head), this.#word(after, head));
    const written = ghostOf(before, thread).epochs.flatMap(({ frames }) => frames.map(({ seq }) => seq));
    for (const { seq } of headersOf(gone)) {
      if (!written.includes(seq)) return `I1: the space of commit ${seq} was given back before it was written`;
    }
    return undefined;
  }

  /** What a new tail covers is whole. */
  #published({ operation, before, after, thread }: LogStep): string | undefined {
    const lane = this.#log.slots.lanes.findIndex(({ tail }) => tail === operation?.slot && operation.kind === 'store');
    if (lane < 0) return undefined;
    const { tail } = this.#log.slots.lanes[lane]!;
    const bytes = this.#ringBytes(before, lane, this.#word(before, tail), this.#word(after, tail));
    const own = ghostOf(before, thread).taken.at(-1);
    if (own === undefined || own.isPublished) return 'I2: a frame was published without a sequence';
    const headers = headersOf(bytes);
    if (headers.length !== 1 || headers[0]?.seq !== own.seq) return `I2: ${own.seq} was published without its header`;
    if (headers[0].kind === FRAME_KIND.jumboReference) return undefined;
    const frames = readFrames(bytes, this.#log.frameSeed);
    return typeof frames === 'string' ? `I2: ${frames} as it is published` : undefined;
  }

  /** The flusher reads no ring byte beyond a tail that it loaded. */
  #readsArePublished({ thread, after, reads }: LogStep): string | undefined {
    const { lane, tails } = ghostOf(after, thread);
    if (lane !== FLUSHER_LANE) return undefined;
    for (const place of reads.places) {
      const found = this.#staged(after, place);
      if (found === undefined) continue;
      const { head } = this.#log.slots.lanes[found.lane]!;
      const loaded = tails[found.lane];
      if (loaded !== undefined && found.distance < bytesBetween(this.#word(after, head), loaded)) continue;
      return `I2: byte ${found.distance} behind the head of lane ${found.lane} was read beyond the loaded tail`;
    }
    return undefined;
  }

  #takenBehindGuard({ thread, operation, value, before }: LogStep): string | undefined {
    if (operation?.kind !== 'increment64' || operation.slot !== this.#log.slots.counter) return undefined;
    const { id, lane } = ghostOf(before, thread);
    const { guard, lock } = this.#log.slots.lanes[lane]!;
    const guarded = this.#word(before, guard);
    if (guarded === 0 || guarded > value) return `I3: ${value} was taken behind the guard ${guarded}`;
    return this.#word(before, lock) === id ? undefined : `I3: ${value} was taken without the lock`;
  }

  /** A sequence that was taken and not published is behind its lane's guard, or noted. */
  #guardStays(world: LogWorld): string | undefined {
    for (const { node } of world.threads) {
      const { taken, lane } = node.ghost;
      const { seq, isPublished } = taken.at(-1) ?? { seq: 0, isPublished: true };
      if (isPublished) continue;
      const guard = this.#word(world, this.#log.slots.lanes[lane]!.guard);
      if (guard !== 0 && guard <= seq) continue;
      const isNoted = notedIn(world).some((each) => each.lane === lane && each.first <= seq && seq < each.end);
      if (!isNoted) return `I3, I6: ${seq} is on its way, and its guard is ${guard}`;
    }
    return undefined;
  }

  /** Once closed, every sequence is written, and none is taken any more. */
  #nothingBehindClose({ after }: LogStep): string | undefined {
    if (this.#word(after, this.#log.slots.state) !== STATE.closed) return undefined;
    const end = epochsOf(after).at(-1)?.endSeq ?? this.#log.nextSeq;
    const counter = this.#word(after, this.#log.slots.counter);
    return counter === end ? undefined : `I4: closed behind ${end}, taken up to ${counter}`;
  }

  #marksAreWritten(world: LogWorld): string | undefined {
    const written = (epochsOf(world).at(-1)?.endSeq ?? this.#log.nextSeq) - 1;
    const writtenSeq = this.#word(world, this.#log.slots.writtenSeq);
    const durableSeq = this.#word(world, this.#log.slots.durableSeq);
    if (writtenSeq > written) return `the written mark is ${writtenSeq}, the last written commit ${written}`;
    return durableSeq <= writtenSeq ? undefined : `the durable mark ${durableSeq} is before the written ${writtenSeq}`;
  }

  /** An epoch that was just written holds each of its sequences once, or says rightly that it is void. */
  #epochHolds({ thread, before, after }: LogStep): string | undefined {
    const { epochs } = ghostOf(after, thread);
    if (epochs.length === ghostOf(before, thread).epochs.length) return undefined;
    const { firstSeq, endSeq, voids, frames } = epochs.at(-1) as Written;
    const previousEnd = epochs.at(-2)?.endSeq ?? this.#log.nextSeq;
    if (firstSeq !== previousEnd) return `an epoch begins at ${firstSeq}, the one before ended at ${previousEnd}`;
    const seqs = [...frames.map(({ seq }) => seq), ...voids].sort((a, b) => a - b);
    const wanted = Array.from({ length: endSeq - firstSeq }, (_, index) => firstSeq + index);
    if (seqs.join() !== wanted.join()) return `I5: an epoch from ${firstSeq} to ${endSeq} holds ${seqs.join()}`;
    const taken = takenOf(after);
    for (const seq of voids) {
      const lost = taken.find((each) => each.seq === seq);
      if (lost === undefined || lost.isPublished || !lost.isDead) return `I6: ${seq} is called void and is not`;
    }
    for (const { seq, value } of frames) {
      const own = taken.find((each) => each.seq === seq);
      if (own?.value !== value || !own.isPublished) return `I2: ${seq} was written with the bytes of commit ${value}`;
    }
    return undefined;
  }
}

function ghostOf(world: LogWorld, thread: number): Ghost {
  return world.threads[thread]!.node.ghost;
}

/** Only the flusher writes any. */
function epochsOf({ threads }: LogWorld): readonly Written[] {
  for (const { node } of threads) if (node.ghost.epochs.length > 0) return node.ghost.epochs;
  return [];
}

function notedIn(world: LogWorld): Ghost['noted'] {
  return world.threads.flatMap(({ node }) => node.ghost.noted);
}

function takenOf(world: LogWorld): (Taken & { isDead: boolean })[] {
  return world.threads.flatMap(({ node, status }) => {
    return node.ghost.taken.map((each) => ({ ...each, isDead: status === STATUS.dead }));
  });
}

/** Kind and sequence of each frame, references to jumbos among them. */
function headersOf(bytes: Uint8Array): { kind: number; seq: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const headers: { kind: number; seq: number }[] = [];
  for (let offset = 0; offset + FRAME_HEADER.bytes <= bytes.length; ) {
    const frameBytes = view.getUint32(offset + at.frameBytes, true);
    headers.push({
      kind: view.getUint32(offset + at.kind, true),
      seq: Number(view.getBigUint64(offset + at.commitSeq, true)),
    });
    if (frameBytes === 0) break;
    offset += frameBytes;
  }
  return headers;
}
