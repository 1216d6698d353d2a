// What the tree needs of a page store, and no more: lanewal's store has it, and so has the fake of the tests. Pages
// count from 1 and have one fixed size.

/** A transaction or a snapshot, for reading. */
export interface PageReader {
  /** How many pages there are. */
  readonly sizePages: number;
  /** The bytes of a page; valid until the transaction or snapshot ends, and not to be changed. */
  read(pageNumber: number): Uint8Array;
}

/** A transaction, for writing. */
export interface PageWriter extends PageReader {
  /** A private copy of a page, which becomes the page at commit. Asked for twice, it is the same copy. */
  edit(pageNumber: number): Uint8Array;
  /** The number of a new page at the end. */
  allocate(): number;
}

/** When a transaction is over: when it survives power loss, the death of the process, or nothing yet. */
export type WaitFor = 'durable' | 'written' | 'appended';

/** A page store, on one thread. */
export interface Pages {
  transaction<Result>(
    work: (pages: PageWriter) => Result | Promise<Result>,
    options?: { readonly waitFor?: WaitFor },
  ): Promise<Result>;
  snapshot(): Promise<PagesSnapshot>;
  close(): Promise<void>;
}

/** The pages as of one moment. */
export interface PagesSnapshot extends PageReader {
  close(): void;
}
