// The control block: the shared words of one open log that belong to no lane. design/shared-memory.md lists every word
// with who may write it; this file is the only one that knows where they are.

import { assert } from '../base/assert.js';
import { WalError, type WireError } from '../base/errors.js';
import { type AtomicOps, atomics } from '../memory/atomics.js';
import { SharedLock } from '../memory/shared-lock.js';
import { Turn } from '../memory/turn.js';
import { LINE_BYTES, Word32, Word64 } from '../memory/words.js';
import type { Mode } from '../settings.js';
import { FALLBACKS, type Fallback, MODE, modeOf } from './mode.js';
import { PINS_BYTES, Pins } from './pins.js';

/** Version of the shared-memory layout, in the handle: both sides must run the same code. */
export const MEMORY_VERSION = 5;

/** States of an open log. Only the flusher changes them, except to `failed` when the flusher itself has died. */
export const STATE = { running: 1, stalled: 2, closing: 3, closed: 4, failed: 5 } as const;
export type StateName = keyof typeof STATE;
export type StateCode = (typeof STATE)[StateName];

/** The name of a state. */
export function stateName(state: StateCode): StateName {
  return (Object.keys(STATE) as StateName[]).find((name) => STATE[name] === state) as StateName;
}

/** How the flusher sleeps: who has to wake it. */
export const SLEEP = {
  /** Awake, or about to look again: nobody needs to notify. */
  awake: 0,
  /** Until the next tick: wake it for a demand only. */
  untilTick: 1,
  /** With nothing to do: wake it for any commit. */
  idle: 2,
} as const;

/** Spaces (page files) one log can carry, numbered from 0; bounds the table of sizes below. */
export const SPACE_COUNT_MAX = 4096;

// One line each; see design/shared-memory.md.
const LINE = {
  commitSeqNext: 0,
  state: 1,
  writtenSeq: 2,
  durableSeq: 3,
  durableEpoch: 4,
  sealedEpoch: 5,
  demand: 6,
  demandSeq: 7,
  flusherSleep: 8,
  writtenTurn: 9,
  writtenSleepers: 10,
  durableTurn: 11,
  durableSleepers: 12,
  jumboLock: 13,
  jumboLockWaiters: 14,
  counters: 15,
  failureBytes: 17,
  mode: 18,
  fallback: 19,
  overflows: 20,
} as const;
const FAILURE_OFFSET = 21 * LINE_BYTES;
const FAILURE_BYTES_MAX = 4096;
/** The word of the failure text: its length below, a version above that changes with every text. */
const FAILURE_LENGTH_MASK = 0x1fff;
const FAILURE_VERSION_STEP = 0x2000;
/** Looks at a text that is being written before a reader gives up: its writer needs microseconds, or it is dead. */
const FAILURE_LOOKS = 1000;
const SIZES_OFFSET = FAILURE_OFFSET + FAILURE_BYTES_MAX;
const PINS_LINE = (SIZES_OFFSET + SPACE_COUNT_MAX * 8) / LINE_BYTES;
const CONTROL_BYTES = PINS_LINE * LINE_BYTES + PINS_BYTES;

/** What the flusher counts; written by it alone, one 64-bit word each, in this order, readable by anybody. */
export const COUNTERS = [
  'epochs',
  'commits',
  'voids',
  'pages',
  'bytesWritten',
  'syncs',
  'directorySyncs',
  'marksWritten',
  'framesPerEpochMax',
  'lanesPerEpochMax',
  'lanesUsed',
  'rotations',
  'unfilledBytes',
  'jumbos',
  'stalls',
  'writersReaped',
  'shadowClean',
  'shadowDiverged',
] as const;
export type CounterName = (typeof COUNTERS)[number];

/** The shared words of an open log. */
export class Control {
  readonly buffer: SharedArrayBuffer;
  /** The next commit sequence to be taken: fetch-add by whoever appends. */
  readonly commitSeqNext: Word64;
  readonly #state: Word32;
  readonly #mode: Word32;
  readonly #fallback: Word32;
  /** Appends that ended because their lane had no space in time. Added to by writers. */
  readonly overflows: Word32;
  /** Last commit handed to the operating system, with all before it. Written by the flusher. */
  readonly writtenSeq: Word64;
  /** Last commit that survives power loss (under `off`: written), with all before it. Written by the flusher. */
  readonly durableSeq: Word64;
  /** Last epoch of which the same is true (inclusive). Written by the flusher. */
  readonly durableEpoch: Word64;
  /** Last epoch sealed (inclusive). Written by the flusher. */
  readonly sealedEpoch: Word64;
  /** Changes whenever somebody wants the flusher to look; the flusher sleeps on it. */
  readonly demand: Word32;
  /** The highest sequence somebody waits for: a seal is due as long as it is not sealed. Raised by waiters. */
  readonly demandSeq: Word64;
  /** One of {@link SLEEP}. Written by the flusher. */
  readonly flusherSleep: Word32;
  /** Announced when the written mark, lane space or the state moved. */
  readonly writtenTurn: Turn;
  /** Announced when the durable mark or the state moved. */
  readonly durableTurn: Turn;
  /** Held while space for a jumbo is claimed. */
  readonly jumboLock: SharedLock;
  /** Who needs the log above which commit. */
  readonly pins: Pins;
  readonly #failureBytes: Word32;
  readonly #failureText: Uint8Array;
  readonly #counters: BigInt64Array;
  readonly #sizes: BigInt64Array;
  readonly #ops: AtomicOps;

  constructor(buffer: SharedArrayBuffer, ops: AtomicOps = atomics) {
    assert(buffer.byteLength === CONTROL_BYTES, 'the control block has its one size');
    this.buffer = buffer;
    this.#ops = ops;
    const word32 = (line: number): Word32 => new Word32(ops, buffer, line);
    const word64 = (line: number): Word64 => new Word64(ops, buffer, line);
    this.commitSeqNext = word64(LINE.commitSeqNext);
    this.#state = word32(LINE.state);
    this.#mode = word32(LINE.mode);
    this.#fallback = word32(LINE.fallback);
    this.overflows = word32(LINE.overflows);
    this.writtenSeq = word64(LINE.writtenSeq);
    this.durableSeq = word64(LINE.durableSeq);
    this.durableEpoch = word64(LINE.durableEpoch);
    this.sealedEpoch = word64(LINE.sealedEpoch);
    this.demand = word32(LINE.demand);
    this.demandSeq = word64(LINE.demandSeq);
    this.flusherSleep = word32(LINE.flusherSleep);
    this.writtenTurn = new Turn(word32(LINE.writtenTurn), word32(LINE.writtenSleepers));
    this.durableTurn = new Turn(word32(LINE.durableTurn), word32(LINE.durableSleepers));
    this.jumboLock = new SharedLock(word32(LINE.jumboLock), word32(LINE.jumboLockWaiters));
    this.pins = new Pins(ops, buffer, PINS_LINE, () => this.#pinFreed());
    this.#failureBytes = word32(LINE.failureBytes);
    this.#failureText = new Uint8Array(buffer, FAILURE_OFFSET, FAILURE_BYTES_MAX);
    this.#counters = new BigInt64Array(buffer, LINE.counters * LINE_BYTES, COUNTERS.length);
    this.#sizes = new BigInt64Array(buffer, SIZES_OFFSET, SPACE_COUNT_MAX);
  }

  /**
   * A new control block for a log whose last durable commit is `lastSeq` in `lastEpoch`; not yet running.
   *
   * Nobody else sees the memory yet.
   *
   * @param horizons - what the log holds no more, and what the page file holds already
   */
  static create(
    lastSeq: number,
    lastEpoch: number,
    ops: AtomicOps = atomics,
    horizons = { releasedSeq: 0, checkpointSeq: 0 },
  ): Control {
    const control = new Control(new SharedArrayBuffer(CONTROL_BYTES), ops);
    control.pins.begin(horizons);
    control.commitSeqNext.store(lastSeq + 1);
    control.writtenSeq.store(lastSeq);
    control.durableSeq.store(lastSeq);
    control.durableEpoch.store(lastEpoch);
    control.sealedEpoch.store(lastEpoch);
    control.#mode.store(MODE.auto);
    control.#state.store(STATE.running);
    return control;
  }

  get state(): StateCode {
    return this.#state.load() as StateCode;
  }

  /** Moves the state and tells everybody who waits. `closed` and `failed` are final. */
  setState(state: StateCode): void {
    const before = this.state;
    if (before === STATE.closed || before === STATE.failed) return;
    this.#state.store(state);
    this.writtenTurn.announce();
    this.durableTurn.announce();
  }

  /** Whether commits are taken: a stalled log still has its lanes. */
  isOpen(): boolean {
    const { state } = this;
    return state === STATE.running || state === STATE.stalled;
  }

  /** The mode in force. */
  get mode(): Mode {
    return modeOf(this.modeCode());
  }

  /** Changed by the owner before the log runs, by the flusher afterwards. */
  set mode(mode: Mode) {
    this.#mode.store(MODE[mode]);
  }

  /** Why the mode is conservative. */
  get fallback(): Fallback {
    return FALLBACKS[this.#fallback.load()] as Fallback;
  }

  /** Changed with the mode, by the same. */
  set fallback(fallback: Fallback) {
    this.#fallback.store(FALLBACKS.indexOf(fallback));
  }

  /** The code of the mode in force, one of {@link MODE}: what appends look at. */
  modeCode(): number {
    return this.#mode.load();
  }

  /** Whether nothing will be written any more. */
  hasEnded(): boolean {
    const { state } = this;
    return state === STATE.closed || state === STATE.failed;
  }

  /** Wakes the flusher if it sleeps lightly enough for `reason`; the fast path is one load. */
  wakeFlusher(reason: 'commit' | 'demand'): void {
    const sleep = this.flusherSleep.load();
    if (sleep === SLEEP.awake || (sleep === SLEEP.untilTick && reason === 'commit')) return;
    // The word changes before the notify: a notify without a change is lost on a thread about to sleep.
    this.demand.add(1);
    this.demand.notify();
  }

  /** Asks for everything up to `seq` to be sealed as soon as the flusher is free. */
  demandThrough(seq: number): void {
    this.demandSeq.raise(seq);
    this.demand.add(1);
    this.wakeFlusher('demand');
  }

  /** A log that is full may go on. */
  #pinFreed(): void {
    if (this.state !== STATE.stalled) return;
    this.demand.add(1);
    this.wakeFlusher('demand');
  }

  /** Leaves the reason of a stall or failure where every thread can read it. Written by the flusher. */
  setFailure(error: WalError): void {
    const wire = JSON.stringify({ ...error.toWire(), message: error.message.slice(0, 1000) });
    const bytes = new TextEncoder().encode(wire);
    const kept = bytes.length <= FAILURE_BYTES_MAX ? bytes : new TextEncoder().encode(shortened(error));
    const version = (this.#failureBytes.load() & ~FAILURE_LENGTH_MASK) + FAILURE_VERSION_STEP;
    // Length 0 while the text changes: whoever reads meanwhile sees it, or sees that the version has moved.
    this.#failureBytes.store(version);
    this.#failureText.set(kept);
    this.#failureBytes.store(version | kept.length);
  }

  /** The reason the log stalled or failed. */
  failure(): WalError {
    for (let look = 0; look < FAILURE_LOOKS; look += 1) {
      const seen = this.#failureBytes.load();
      const text = this.#failureText.slice(0, seen & FAILURE_LENGTH_MASK);
      // Still the same behind the copy: the copy is whole.
      if (text.length === 0 || this.#failureBytes.load() !== seen) continue;
      const wire = parsed(text);
      if (wire !== undefined) return WalError.fromWire(wire);
    }
    return new WalError('ERR_WAL_POISONED', 'The flusher thread ended unexpectedly. Reopen the log.');
  }

  /** Size of a space in pages, or 0 while nobody has said it. */
  sizePages(space: number): number {
    return this.#ops.load64(this.#sizes, space);
  }

  /** Notes the size of a space in pages. Callers order their own size changes (design/overview.md). */
  setSizePages(space: number, pages: number): void {
    this.#ops.store64(this.#sizes, space, pages);
  }

  /** Adds to a counter. Flusher only. */
  count(name: CounterName, delta = 1): void {
    const index = COUNTERS.indexOf(name);
    this.#ops.store64(this.#counters, index, this.#ops.load64(this.#counters, index) + delta);
  }

  /** Raises a counter that keeps a maximum. Flusher only. */
  countMax(name: CounterName, value: number): void {
    const index = COUNTERS.indexOf(name);
    if (this.#ops.load64(this.#counters, index) < value) this.#ops.store64(this.#counters, index, value);
  }

  /** All counters, each read once. */
  counters(): Record<CounterName, number> {
    const entries = COUNTERS.map((name, index) => [name, this.#ops.load64(this.#counters, index)] as const);
    return Object.fromEntries(entries) as Record<CounterName, number>;
  }
}

/** Of a dead flusher several threads tell at once; a mixture of their texts is none. */
function parsed(text: Uint8Array): WireError | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(text)) as WireError;
  } catch {
    return undefined;
  }
}

function shortened(error: WalError): string {
  // A character takes up to six bytes in JSON.
  const message = error.message.slice(0, FAILURE_BYTES_MAX / 8);
  return JSON.stringify({ code: error.code, message, details: {} } satisfies WireError);
}
