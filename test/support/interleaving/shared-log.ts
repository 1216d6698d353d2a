// The shared memory of a log with small lanes, built on a machine: the package's own control block and lanes, and which
// of their words is which. Threads over it are in log-threads.ts.

import { COUNTERS, Control } from '../../../src/epoch/control.js';
import { frameSeed } from '../../../src/frame/codec.js';
import { Lane, laneMemoryBytes } from '../../../src/lane/lane.js';
import { SharedLock } from '../../../src/memory/shared-lock.js';
import { Turn } from '../../../src/memory/turn.js';
import { Machine } from './machine.js';

/** The words of one lane. */
export interface LaneSlots {
  readonly head: number;
  readonly tail: number;
  readonly guard: number;
  readonly lock: number;
}

/** The words that the laws look at. */
export interface Slots {
  readonly counter: number;
  readonly state: number;
  readonly writtenSeq: number;
  readonly durableSeq: number;
  readonly lanes: readonly LaneSlots[];
}

export interface SharedLogOptions {
  readonly lanes?: number;
  /** A power of two; a lane this small exists in tests only. */
  readonly laneBytes?: number;
  /** Where head and tail of every lane stand in the beginning. */
  readonly position?: number;
  /** The next sequence in the beginning. */
  readonly nextSeq?: number;
}

/** Bytes of a lane in front of its ring. */
const RING_OFFSET = laneMemoryBytes(0);

// However long a thread looked for a lock and slept, all it knows then is that it has it.
const { acquire } = SharedLock.prototype;
SharedLock.prototype.acquire = function (id, timeoutMs) {
  const isAcquired = acquire.call(this, id, timeoutMs);
  if (isAcquired) Machine.running?.onLocked();
  return isAcquired;
};

// And whoever slept on a turn, or saw it move, looks at everything again.
const { wait, spin } = Turn.prototype;
Turn.prototype.wait = function (seen, timeoutMs) {
  wait.call(this, seen, timeoutMs);
  Machine.running?.checkpoint('turned');
};
Turn.prototype.spin = function (seen, spinMs) {
  const hasTurned = spin.call(this, seen, spinMs);
  if (hasTurned) Machine.running?.checkpoint('turned');
  return hasTurned;
};

/** A log's shared memory. */
export class SharedLog {
  readonly machine = new Machine();
  readonly control: Control;
  readonly lanes: readonly Lane[];
  readonly slots: Slots;
  readonly nextSeq: number;
  readonly frameSeed = frameSeed(1, 1);
  /** Where the ring of each lane stands in the plain memory. */
  readonly ringStarts: readonly number[];

  constructor({ lanes = 1, laneBytes = 512, position = 0, nextSeq = 1 }: SharedLogOptions = {}) {
    const { ops, plain } = this.machine;
    this.nextSeq = nextSeq;
    this.control = new Control(Control.create(nextSeq - 1, 0).buffer, ops);
    const buffers = Array.from({ length: lanes }, (_, index) => {
      const buffer = new SharedArrayBuffer(laneMemoryBytes(laneBytes));
      const lane = new Lane(index, buffer);
      lane.head.store(position);
      lane.tail.store(position);
      return buffer;
    });
    this.ringStarts = buffers.map((buffer) => plain.add(new Uint8Array(buffer, RING_OFFSET)));
    this.lanes = buffers.map((buffer, index) => new Lane(index, buffer, ops));
    this.slots = this.#name();
    const writtenTurn = this.machine.slot('writtenTurn', () => this.control.writtenTurn.load());
    this.machine.onLocked = () => {
      const exchanged = this.machine.lastExchanged();
      const locked = this.slots.lanes.findIndex(({ lock }) => lock === exchanged);
      // And the turn that a WalWriter loaded before, to sleep on it if the lane is full.
      if (locked >= 0)
        this.machine.checkpoint(`in lane ${locked}, turn ${this.machine.lastValue('load', writtenTurn)}`);
    };
    // The flusher alone uses its counters.
    for (const name of COUNTERS) this.machine.keepOwn(() => this.control.count(name));
  }

  #name(): Slots {
    const { machine, control } = this;
    const lanes = this.lanes.map((lane, index) => {
      const slot = (name: string, look: () => unknown): number => machine.slot(`lane ${index} ${name}`, look);
      slot('jumbo claimed', () => lane.jumboClaimed.load());
      slot('jumbo released', () => lane.jumboReleased.load());
      return {
        head: slot('head', () => lane.head.load()),
        tail: slot('tail', () => lane.tail.load()),
        guard: slot('guard', () => lane.guard.load()),
        lock: slot('lock', () => lane.lock.isHeld()),
      };
    });
    machine.slot('demand', () => control.demand.load());
    machine.slot('demandSeq', () => control.demandSeq.load());
    machine.slot('flusherSleep', () => control.flusherSleep.load());
    machine.slot('durableTurn', () => control.durableTurn.load());
    machine.slot('mode', () => control.mode);
    machine.slot('jumboLock', () => control.jumboLock.isHeld());
    return {
      counter: machine.slot('counter', () => control.commitSeqNext.load()),
      state: machine.slot('state', () => control.state),
      writtenSeq: machine.slot('writtenSeq', () => control.writtenSeq.load()),
      durableSeq: machine.slot('durableSeq', () => control.durableSeq.load()),
      lanes,
    };
  }
}
