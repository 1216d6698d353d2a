// The log on a simulated machine: writers that append to lanes and wait, flushers that seal, write and sync. What it
// leaves out: recovery, rotation, checkpoints, back-pressure of lanes that are too small, the memory bus.

import { Disk, Line, Machine, Signal, type Thread } from './machine.js';
import { type Costs, FRAME_BYTES, PAGE_BYTES } from './parameters.js';

/** A log, its load, and what it runs on. */
export interface Scenario {
  readonly cores: number;
  readonly writers: number;
  /** A writer has a lane of its own while there are enough. */
  readonly lanes: number;
  /** Commits of a writer that are not durable; 1 waits for each. */
  readonly window: number;
  readonly pages: number;
  /** Bytes of a commit beside its pages. */
  readonly operationBytes: number;
  /** Each has every so-manieth lane; the log's mark is the lowest of theirs. */
  readonly flushers: number;
  /** A lone flusher stripes its segments over all of them; of several, each has its own. */
  readonly disks: number;
  /** Whether a flusher writes on while its last sync is under way. */
  readonly isOverlapped: boolean;
  /** Sequences that a writer takes at once. */
  readonly sequenceBlock: number;
  /** Threads that wake sleepers: the flusher, and those it has woken. */
  readonly wakers: number;
  readonly costs: Costs;
}

/** What came out. */
export interface Outcome {
  readonly commitsPerSecond: number;
  /** Of pages. */
  readonly bytesPerSecond: number;
  readonly commitsPerEpoch: number;
  /** How much of the time a flusher was busy. */
  readonly flusherShare: number;
}

interface Lane {
  readonly words: Line;
  isHeld: boolean;
  readonly freed: Signal;
}

/** What was taken out of the lanes: every commit below `end`. */
interface Epoch {
  readonly end: number;
  readonly frames: number;
}

const SECOND_US = 1e6;
const WARM_UP_SHARE = 0.25;

/** Runs a scenario for so much simulated time, of which the first quarter is not counted. No clock, no chance in it. */
export function simulate(scenario: Scenario, simulatedUs: number): Outcome {
  return new LogModel(scenario).run(simulatedUs);
}

class LogModel {
  readonly scenario: Scenario;
  readonly machine: Machine;
  readonly frameBytes: number;
  /** Waiters sleep on it until the mark of the log moves. */
  readonly marked = new Signal();
  /** The next sequence. */
  next = 0;
  readonly #lanes: readonly Lane[];
  readonly #counter: Line;
  readonly #flushers: readonly FlusherModel[];

  constructor(scenario: Scenario) {
    const { cores, lanes, flushers, disks, costs, pages, operationBytes } = scenario;
    this.scenario = scenario;
    this.machine = new Machine(cores, costs.sliceUs);
    this.#counter = new Line(costs.lineUs);
    this.frameBytes = FRAME_BYTES + pages * PAGE_BYTES + operationBytes;
    this.#lanes = Array.from({ length: lanes }, () => {
      return { words: new Line(costs.lineUs), isHeld: false, freed: new Signal() };
    });
    const all = Array.from({ length: disks }, () => new Disk(costs.syncUs, costs.diskBytesPerUs));
    this.#flushers = Array.from({ length: flushers }, (_, index) => {
      const own = this.#lanes.filter((_lane, lane) => lane % flushers === index);
      return new FlusherModel(this, own, flushers === 1 ? all : all.slice(index % disks, (index % disks) + 1));
    });
  }

  run(simulatedUs: number): Outcome {
    for (const flusher of this.#flushers) this.machine.start(flusher.thread());
    for (let writer = 0; writer < this.scenario.writers; writer += 1) this.machine.start(this.#writer(writer));
    this.machine.runUntil(simulatedUs * WARM_UP_SHARE);
    const before = this.#totals();
    this.machine.runUntil(simulatedUs);
    const after = this.#totals();
    const us = simulatedUs * (1 - WARM_UP_SHARE);
    const commits = after.commits - before.commits;
    return {
      commitsPerSecond: (commits / us) * SECOND_US,
      bytesPerSecond: (commits / us) * SECOND_US * this.scenario.pages * PAGE_BYTES,
      commitsPerEpoch: commits / Math.max(1, after.epochs - before.epochs),
      flusherShare: (after.busyUs - before.busyUs) / us / this.#flushers.length,
    };
  }

  /** Everything below it is durable. */
  mark(): number {
    return this.#flushers.reduce((lowest, { end }) => Math.min(lowest, end), Number.POSITIVE_INFINITY);
  }

  #totals(): { commits: number; epochs: number; busyUs: number } {
    const sum = (of: (flusher: FlusherModel) => number): number =>
      this.#flushers.reduce((total, flusher) => total + of(flusher), 0);
    return { commits: this.mark(), epochs: sum(({ epochs }) => epochs), busyUs: sum(({ busyUs }) => busyUs) };
  }

  /** A thread that appends as fast as its window lets it. */
  *#writer(index: number): Thread {
    const { window, pages, costs, sequenceBlock } = this.scenario;
    const lane = this.#lanes[index % this.#lanes.length] as Lane;
    const flusher = this.#flushers[(index % this.#lanes.length) % this.#flushers.length] as FlusherModel;
    const copyUs = costs.appendUs + pages * costs.pageUs;
    const me = {};
    const inFlight: number[] = [];
    for (let left = 0; ; left -= 1) {
      while (lane.isHeld) yield { sleepOn: lane.freed };
      lane.isHeld = true;
      yield { run: copyUs };
      if (left === 0) {
        // Loaded for the guard, then added to: somebody else may have had the line in between.
        yield { run: this.#counter.access(me, this.machine.nowUs, 2) };
        left = sequenceBlock;
      }
      yield { run: lane.words.access(me, this.machine.nowUs) };
      flusher.staged += 1;
      inFlight.push(this.next++);
      lane.isHeld = false;
      this.machine.wake(lane.freed);
      if (inFlight.length < window) continue;
      const oldest = inFlight.shift() as number;
      while (this.mark() <= oldest) {
        for (const flusher of this.#flushers) flusher.demand(oldest);
        yield { sleepOn: this.marked };
        yield { run: costs.switchUs };
      }
    }
  }
}

/** One flusher with its lanes. */
class FlusherModel {
  /** Everything of its lanes below it is durable. */
  end = 0;
  epochs = 0;
  busyUs = 0;
  /** Frames published in its lanes and not sealed. */
  staged = 0;
  readonly #log: LogModel;
  readonly #lanes: readonly Lane[];
  readonly #disks: readonly Disk[];
  readonly #work = new Signal();
  /** Somebody waits for this sequence. */
  #demanded = -1;
  #sealed = 0;
  /** How the sync under way stands. */
  #sync: 'none' | 'under way' | 'over' = 'none';

  constructor(log: LogModel, lanes: readonly Lane[], disks: readonly Disk[]) {
    this.#log = log;
    this.#lanes = lanes;
    this.#disks = disks;
  }

  demand(seq: number): void {
    if (seq <= this.#demanded) return;
    this.#demanded = seq;
    this.#log.machine.wake(this.#work, this.#log.scenario.costs.wakeDelayUs);
  }

  *thread(): Thread {
    const { isOverlapped } = this.#log.scenario;
    let written: Epoch | undefined;
    let syncing: Epoch | undefined;
    for (;;) {
      if (this.#sync === 'over' && syncing !== undefined) {
        this.#sync = 'none';
        yield* this.#announce(syncing);
        syncing = undefined;
      }
      const mayWrite = written === undefined && (isOverlapped || this.#sync === 'none');
      if (mayWrite && this.#demanded >= this.#sealed) written = yield* this.#write();
      if (written !== undefined && this.#sync === 'none') {
        syncing = written;
        written = undefined;
        this.#beginSync(syncing);
      } else if (this.#sync !== 'over') {
        const isDue =
          this.#demanded >= this.#sealed && written === undefined && (isOverlapped || this.#sync === 'none');
        if (isDue) continue;
        yield { sleepOn: this.#work };
        yield { run: this.#log.scenario.costs.switchUs };
      }
    }
  }

  /** Takes what is in the lanes, and writes it. */
  *#write(): Generator<{ run: number }, Epoch, void> {
    const { scenario, machine, frameBytes, next } = this.#log;
    const { costs } = scenario;
    let us = costs.epochUs;
    // Guard, tail and head; the lane's writer fetches them back with its next commit.
    for (const lane of this.#lanes) us += lane.words.access(this, machine.nowUs, 3);
    const frames = this.staged;
    this.staged = 0;
    us += frames * (costs.frameUs + frameBytes / costs.writeBytesPerUs);
    this.#sealed = next;
    this.busyUs += us;
    yield { run: us };
    return { end: next, frames };
  }

  #beginSync({ frames }: Epoch): void {
    const { machine, frameBytes } = this.#log;
    this.#sync = 'under way';
    if (frames > 0) this.epochs += 1;
    const bytes = (frames * frameBytes) / this.#disks.length;
    const ends = frames === 0 ? [machine.nowUs] : this.#disks.map((disk) => disk.sync(machine.nowUs, bytes));
    machine.at(Math.max(...ends), () => {
      this.#sync = 'over';
      machine.wake(this.#work);
    });
  }

  /** Moves the mark, and wakes everybody who sleeps if the log's has moved. */
  *#announce({ end }: Epoch): Thread {
    const { machine, marked, scenario } = this.#log;
    const before = this.#log.mark();
    this.end = end;
    if (this.#log.mark() === before) return;
    const us = (marked.sleepers * scenario.costs.wakeUs) / scenario.wakers;
    machine.wake(marked, scenario.costs.wakeDelayUs);
    this.busyUs += us;
    yield { run: us };
  }
}
