// The simulated machine: cores that threads take turns on, words in cache lines that have one owner at a time, and
// disks that take one transfer after the other. Time is in microseconds. Nothing here knows what a log is.

/** What a thread does next. It holds its core while it runs, and gives it up while it waits. */
export type Step = { readonly run: number } | { readonly sleepOn: Signal };

/** A simulated thread: yields its steps, is given the time at which each is over. */
export type Thread = Generator<Step, void, void>;

interface Runner {
  readonly thread: Thread;
  sliceEndUs: number;
}

/** Threads that sleep until somebody wakes them. */
export class Signal {
  readonly #sleepers: Runner[] = [];

  get sleepers(): number {
    return this.#sleepers.length;
  }

  add(runner: Runner): void {
    this.#sleepers.push(runner);
  }

  takeAll(): Runner[] {
    return this.#sleepers.splice(0);
  }
}

/** Cores and the threads on them: who was just woken goes first, everybody else in turns. */
export class Machine {
  nowUs = 0;
  readonly #cores: number;
  readonly #sliceUs: number;
  readonly #events = new Events();
  readonly #woken: Runner[] = [];
  readonly #waiting: Runner[] = [];
  #busy = 0;

  /** @param sliceUs - how long a thread keeps its core while others want one */
  constructor(cores: number, sliceUs: number) {
    this.#cores = cores;
    this.#sliceUs = sliceUs;
  }

  start(thread: Thread): void {
    this.#waiting.push({ thread, sliceEndUs: 0 });
    this.at(this.nowUs, () => this.#fill());
  }

  /** Calls `act` at a time that has not passed. */
  at(timeUs: number, act: () => void): void {
    this.#events.add(timeUs, act);
  }

  /** Wakes everybody who sleeps on a signal; they run as soon as they get a core. */
  wake(signal: Signal, delayUs = 0): void {
    const woken = signal.takeAll();
    if (woken.length === 0) return;
    this.at(this.nowUs + delayUs, () => {
      this.#woken.push(...woken);
      this.#fill();
    });
  }

  runUntil(timeUs: number): void {
    for (;;) {
      const next = this.#events.takeBefore(timeUs);
      if (next === undefined) break;
      this.nowUs = next.timeUs;
      next.act();
    }
    this.nowUs = timeUs;
  }

  #fill(): void {
    while (this.#busy < this.#cores) {
      const runner = this.#woken.shift() ?? this.#waiting.shift();
      if (runner === undefined) return;
      this.#busy += 1;
      runner.sliceEndUs = this.nowUs + this.#sliceUs;
      this.#step(runner);
    }
  }

  #step(runner: Runner): void {
    const { value, done } = runner.thread.next();
    if (done === true) {
      this.#giveUp();
      return;
    }
    if ('run' in value) {
      this.at(this.nowUs + value.run, () => this.#afterRun(runner));
      return;
    }
    value.sleepOn.add(runner);
    this.#giveUp();
  }

  #afterRun(runner: Runner): void {
    const isOver = this.#woken.length > 0 || (this.#waiting.length > 0 && this.nowUs >= runner.sliceEndUs);
    if (isOver) {
      this.#waiting.push(runner);
      this.#giveUp();
    } else this.#step(runner);
  }

  #giveUp(): void {
    this.#busy -= 1;
    this.#fill();
  }
}

/** A shared word: an access by another thread than the last one has to fetch its line, one after the other. */
export class Line {
  readonly #fetchUs: number;
  #owner: object | undefined;
  #freeUs = 0;

  constructor(fetchUs: number) {
    this.#fetchUs = fetchUs;
  }

  /** How long `thread`, which has a core, is busy with `accesses` of this word from `nowUs` on. */
  access(thread: object, nowUs: number, accesses = 1): number {
    if (this.#owner === thread) return 0;
    this.#owner = thread;
    this.#freeUs = Math.max(nowUs, this.#freeUs) + accesses * this.#fetchUs;
    return this.#freeUs - nowUs;
  }
}

/** A disk: a fixed time for each sync, beside others; bytes one after the other. */
export class Disk {
  readonly #syncUs: number;
  readonly #bytesPerUs: number;
  #freeUs = 0;

  constructor(syncUs: number, bytesPerUs: number) {
    this.#syncUs = syncUs;
    this.#bytesPerUs = bytesPerUs;
  }

  /** When a sync of so many bytes that begins now has ended. */
  sync(nowUs: number, bytes: number): number {
    this.#freeUs = Math.max(nowUs, this.#freeUs) + bytes / this.#bytesPerUs;
    return this.#freeUs + this.#syncUs;
  }
}

interface Event {
  readonly timeUs: number;
  readonly order: number;
  readonly act: () => void;
}

/** A heap of events: by time, and at one time in the order in which they were added. */
class Events {
  readonly #heap: Event[] = [];
  #added = 0;

  add(timeUs: number, act: () => void): void {
    const heap = this.#heap;
    const event = { timeUs, order: this.#added++, act };
    let at = heap.push(event) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(event, heap[parent] as Event); parent = (at - 1) >> 1) {
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  takeBefore(timeUs: number): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.timeUs > timeUs) return undefined;
    const last = heap.pop() as Event;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(event: Event): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Event)) child += 1;
      if (!isBefore(heap[child] as Event, event)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = event;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.timeUs < other.timeUs || (one.timeUs === other.timeUs && one.order < other.order);
}
