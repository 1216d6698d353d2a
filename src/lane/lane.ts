// One lane: a ring of frames in shared memory. The words and the ring, and who may touch them; no algorithm.
// Appending is lane-writer.ts, sealing reads through lane-reader.ts. Every word is listed in design/shared-memory.md.

import { assert } from '../base/assert.js';
import { type AtomicOps, atomics } from '../memory/atomics.js';
import { ByteRing } from '../memory/byte-ring.js';
import { SharedLock } from '../memory/shared-lock.js';
import { LINE_BYTES, Word32, Word64 } from '../memory/words.js';

const LINE = {
  head: 0,
  tail: 1,
  guard: 2,
  lock: 3,
  lockWaiters: 4,
  jumboClaimed: 5,
  jumboReleased: 6,
} as const;

/** Bytes in front of the ring. */
const RING_OFFSET = 8 * LINE_BYTES;

/** Smallest and largest ring in bytes: positions are 32-bit and run freely, so a ring stays well below 2^32. */
export const LANE_BYTES_MIN = 4096;
export const LANE_BYTES_MAX = 2 ** 30;

/** Value of `guard` while no commit is between taking its sequence and being published. Sequences start at 1. */
export const GUARD_IDLE = 0;

/** Shared memory that a lane of `laneBytes` takes: its words, its ring, and as much for proofs. */
export function laneMemoryBytes(laneBytes: number): number {
  return RING_OFFSET + 2 * laneBytes;
}

/** The shared words and the ring of one lane. */
export class Lane {
  readonly index: number;
  readonly buffer: SharedArrayBuffer;
  readonly ring: ByteRing;
  /**
   * As long as the ring. At the position of a frame: what the proof path made of its commit, where that is asked for.
   * Owned as the ring is; proofs.ts knows what of it counts. Memory that nobody touches takes none.
   */
  readonly proofs: ByteRing;
  /** Position of the first byte not yet written out. Written by the flusher. */
  readonly head: Word32;
  /** Position behind the last published frame. Written by whoever holds the lock; its store publishes (I2). */
  readonly tail: Word32;
  /**
   * Lower bound of the sequence being taken, or {@link GUARD_IDLE}. Written by the lock's holder, and by the reaper.
   */
  readonly guard: Word64;
  /** The id of the writer inside. */
  readonly lock: SharedLock;
  /** Bytes of jumbos that ever entered through this lane. Written by the lock's holder, and by the reaper. */
  readonly jumboClaimed: Word64;
  /** Bytes of jumbos of this lane that the flusher let go. Written by the flusher. */
  readonly jumboReleased: Word64;

  constructor(index: number, buffer: SharedArrayBuffer, ops: AtomicOps = atomics) {
    this.index = index;
    this.buffer = buffer;
    const ringBytes = (buffer.byteLength - RING_OFFSET) / 2;
    this.ring = ByteRing.wrapping(new Uint8Array(buffer, RING_OFFSET, ringBytes));
    this.proofs = ByteRing.wrapping(new Uint8Array(buffer, RING_OFFSET + ringBytes));
    this.head = new Word32(ops, buffer, LINE.head);
    this.tail = new Word32(ops, buffer, LINE.tail);
    this.guard = new Word64(ops, buffer, LINE.guard);
    this.lock = new SharedLock(new Word32(ops, buffer, LINE.lock), new Word32(ops, buffer, LINE.lockWaiters));
    this.jumboClaimed = new Word64(ops, buffer, LINE.jumboClaimed);
    this.jumboReleased = new Word64(ops, buffer, LINE.jumboReleased);
  }

  /** A new, empty lane of `laneBytes` bytes, a power of two. */
  static create(index: number, laneBytes: number, ops: AtomicOps = atomics): Lane {
    assert(laneBytes >= LANE_BYTES_MIN && laneBytes <= LANE_BYTES_MAX, 'a lane is within its bounds');
    return new Lane(index, new SharedArrayBuffer(laneMemoryBytes(laneBytes)), ops);
  }

  /** Capacity in bytes. */
  get bytes(): number {
    return this.ring.bytes.length;
  }

  /** Bytes published and not yet written out. A moment's view for anybody but the lock's holder and the flusher. */
  stagedBytes(): number {
    return bytesBetween(this.head.load(), this.tail.load());
  }

  /** Bytes of jumbos that entered and were not let go. */
  jumboBytes(): number {
    return this.jumboClaimed.load() - this.jumboReleased.load();
  }
}

/** Distance between two free-running 32-bit positions. */
export function bytesBetween(from: number, to: number): number {
  return (to - from) >>> 0;
}

/** A position moved forward; positions are kept as signed 32-bit numbers, as the shared words hold them. */
export function advance(position: number, bytes: number): number {
  return (position + bytes) | 0;
}
