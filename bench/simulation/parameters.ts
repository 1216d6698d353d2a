// What the simulation is fed with. Everything that was measured names where; what could not be measured on two cores
// says where it was taken from. design/scaling.md has the table with what each stands for.

/** Costs of the log's steps and of the machine below it. Times in microseconds, rates in bytes per microsecond. */
export interface Costs {
  /** An append without its pages. */
  readonly appendUs: number;
  /** Copy and checksum of one page. */
  readonly pageUs: number;
  /** The flusher's share of one frame: cutting it out of its lane, its checksum in the digest, its buffers. */
  readonly frameUs: number;
  /** An epoch without its frames: bounds, header, certificate, two system calls. */
  readonly epochUs: number;
  /** The flusher's `write`, which copies into the page cache. */
  readonly writeBytesPerUs: number;
  /** A sync of next to nothing. */
  readonly syncUs: number;
  /** What a disk takes while it is kept busy. */
  readonly diskBytesPerUs: number;
  /** What whoever announces pays for each sleeper. */
  readonly wakeUs: number;
  /** From a notify until the sleeper runs, when a core is free. */
  readonly wakeDelayUs: number;
  /** What a thread pays when it has slept: the kernel's part, and caches that others have used since. */
  readonly switchUs: number;
  /** A shared word that another core wrote last. */
  readonly lineUs: number;
  /** How long a thread keeps its core while others want one. */
  readonly sliceUs: number;
}

export const PAGE_BYTES = 4096;
/** Of a frame, beside its pages: header, record headers, alignment. */
export const FRAME_BYTES = 128;

/**
 * Two cores. From bench/results/2026-11-21-scaling.json: an append of one page, copy and checksum of a page (`append`),
 * unsynced writes (`append-total`), raw write and sync of a page (`sync`), four raw streams (`lanes`). `frameUs`,
 * `epochUs`, `wakeUs`, `wakeDelayUs` and `switchUs` are fitted: with them the rows of `lanes` and `sync` come out
 * (test/unit/bench/simulation.test.ts).
 */
export const MEASURED: Costs = {
  appendUs: 2.81 - 1.02,
  pageUs: 1.02,
  frameUs: 1,
  epochUs: 20,
  writeBytesPerUs: 6810,
  syncUs: 100,
  diskBytesPerUs: 2985,
  wakeUs: 5,
  wakeDelayUs: 10,
  switchUs: 20,
  lineUs: 0.05,
  sliceUs: 750,
};

/** As {@link MEASURED}, with lines that travel between dies and sockets. */
export const MANY_CORES: Costs = { ...MEASURED, lineUs: 0.1 };
