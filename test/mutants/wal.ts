// Mutants of the open log: appending with back-pressure, jumbos, opening, closing, page caches (C1).

import type { Mutant } from '../support/mutation.js';

const WRITER = 'src/writer.ts';
const WAL = 'src/wal.ts';
const CACHE = 'src/adapters/page-cache.ts';
const WRITER_TEST = 'test/unit/writer/writer.test.ts';
const ORDERS_TEST = 'test/unit/writer/orders.test.ts';
const CACHE_TEST = 'test/unit/adapters/page-cache.test.ts';
const CACHE_ORDERS_TEST = 'test/unit/adapters/page-cache-orders.test.ts';

export const WAL_MUTANTS: readonly Mutant[] = [
  {
    name: 'I7: an append loads the turn behind its look for space',
    file: WRITER,
    find: `        const turn = this.#control.writtenTurn.load();
        const result = attempt.try(lockMs);`,
    replace: `        const result = attempt.try(lockMs);
        const turn = this.#control.writtenTurn.load();`,
    killedBy: { file: ORDERS_TEST, title: 'I7: an append sleeps through no release of space' },
  },
  {
    name: 'F26: an append waits on for a log that has failed',
    file: WRITER,
    find: `        if (!this.#control.isOpen()) throw this.#refused('closed', attempt.path, timeoutMs);`,
    replace: ``,
    killedBy: {
      file: 'test/threads/flusher-deaths.test.ts',
      title: 'F26: tells an append that waits for the lock of a dead writer',
    },
  },
  {
    name: 'an append that waits for space asks for none',
    file: WRITER,
    find: `    if (refusal === 'full') this.#control.demandThrough(this.#control.commitSeqNext.load() - 1);`,
    replace: `    refusal.trim();`,
    killedBy: { file: ORDERS_TEST, title: 'an append that finds no space asks for a seal' },
  },
  {
    name: 'I8: looks how the flusher sleeps before it appends',
    file: WRITER,
    find: `    this.#control.wakeFlusher(this.#isSealWanted(lane) ? 'demand' : 'commit');`,
    replace: ``,
    killedBy: { file: ORDERS_TEST, title: 'I8: a published commit wakes an idle flusher' },
  },
  {
    name: 'appends a commit that changed while it waited without checking it again',
    file: WRITER,
    find: `    return attempt.isEncoded ? attempt : this.#prepare(input);`,
    replace: `    return input === undefined ? this.#prepare(input) : attempt;`,
    killedBy: { file: WRITER_TEST, title: 'reads the commit again when there is space' },
  },
  {
    name: 'posts a jumbo behind the reference to it',
    file: WRITER,
    find: `    this.#post({ kind: 'jumbo', ...jumbo });
    return {
      commit,
      path,
      isEncoded: true,
      try: (lockMs) => path.tryAppendJumbo(kept, jumbo, lockMs, (bytes) => this.#admitJumbo(path.lane, bytes)),`,
    replace: `    return {
      commit,
      path,
      isEncoded: true,
      try: (lockMs) => {
        const result = path.tryAppendJumbo(kept, jumbo, lockMs, (bytes) => this.#admitJumbo(path.lane, bytes));
        this.#post({ kind: 'jumbo', ...jumbo });
        return result;
      },`,
    killedBy: { file: ORDERS_TEST, title: 'a jumbo is posted before the reference to it is published' },
  },
  {
    name: 'lets jumbos in beyond the bound',
    file: WRITER,
    find: `      if (inFlight > 0 && inFlight + bytes > this.#handle.maxJumboBytes) return false;`,
    replace: ``,
    killedBy: { file: WRITER_TEST, title: 'bounds jumbos in flight, but lets one through' },
  },
  {
    name: 'lets a jumbo above the bound in never',
    file: WRITER,
    find: `if (inFlight > 0 && inFlight + bytes`,
    replace: `if (inFlight + bytes`,
    killedBy: { file: WRITER_TEST, title: 'bounds jumbos in flight, but lets one through' },
  },
  {
    name: 'claims room for a jumbo without the lock',
    file: WRITER,
    find: `    if (!jumboLock.acquire(this.#writerId, LOCK_WAIT_MS)) return false;
    try {`,
    replace: `    jumboLock.tryAcquire(this.#writerId);
    try {`,
    killedBy: { file: ORDERS_TEST, title: 'a jumbo is admitted by one writer at a time' },
  },
  {
    name: 'keeps the buffer of a jumbo that was given up',
    file: WRITER,
    find: `      drop: () => this.#post({ kind: 'dropJumbo', jumboId: jumbo.jumboId }),`,
    replace: `      drop: () => undefined,`,
    killedBy: { file: ORDERS_TEST, title: 'a jumbo that is given up is dropped' },
  },
  {
    name: 'a writer that left appends on',
    file: WRITER,
    find: `    if (!this.#isConnected) throw new WalError('ERR_WAL_CLOSED', 'This writer has left the log; connect again.');`,
    replace: ``,
    killedBy: { file: WRITER_TEST, title: 'that left takes nothing more, jumbos above all' },
  },
  {
    name: 'forgets the sizes of the log it opened',
    file: 'src/start.ts',
    find: `    if (space < SPACE_COUNT_MAX) control.setSizePages(space, pages);`,
    replace: ``,
    killedBy: { file: WRITER_TEST, title: 'as a jumbo takes the commit as it was when it was called' },
  },
  {
    name: 'takes in the size of a space that no writer has',
    file: 'src/start.ts',
    find: `    if (space < SPACE_COUNT_MAX) control`,
    replace: `    control`,
    killedBy: {
      file: 'test/bytes/counters.test.ts',
      title: 'a size of a space that no writer has is passed over',
    },
  },
  {
    name: 'an opening counts the generations of checkpoint records anew',
    file: 'src/flusher/retention.ts',
    find: `  return { generation, throughSeq, store, otherThroughSeq:`,
    replace: `  return { generation: generation * 0, throughSeq, store, otherThroughSeq:`,
    killedBy: {
      file: 'test/unit/flusher/checkpoints.test.ts',
      title: 'a checkpoint behind an opening covers what earlier ones let go',
    },
  },
  {
    name: 'an opening forgets how far the checkpoint before it went',
    file: 'src/flusher/retention.ts',
    find: `  return { generation, throughSeq, store, otherThroughSeq:`,
    replace: `  return { generation, throughSeq: throughSeq * 0, store, otherThroughSeq:`,
    killedBy: { file: 'test/unit/flusher/checkpoints.test.ts', title: 'a checkpoint never goes back' },
  },
  {
    name: 'does not wait at exit for what is appended',
    file: 'src/exit.ts',
    find: `    control.durableTurn.wait(turn, leftMs);`,
    replace: `    return void turn;`,
    killedBy: { file: 'test/threads/processes.test.ts', title: 'under every policy, without a ticker too' },
  },
  {
    name: 'a log that failed to open keeps its lock',
    file: WAL,
    find: `      lock.release();
      throw error;`,
    replace: `      throw error;`,
    killedBy: { file: ORDERS_TEST, title: 'F29: a log that cannot be opened gives its lock back' },
  },
  {
    name: 'reads and changes a log before it has the lock',
    file: WAL,
    find: `    const lock = place.lock();
    try {
      const opened`,
    replace: `    const lock = { release: () => undefined };
    try {
      const opened`,
    killedBy: {
      file: ORDERS_TEST,
      title: 'F29: the lock is held before the log is read and until its flusher has ended',
    },
  },
  {
    name: 'gives the lock back while the flusher still writes',
    file: WAL,
    find: `  async #drain(): Promise<void> {`,
    replace: `  async #drain(): Promise<void> {
    this.#lock.release();`,
    killedBy: {
      file: ORDERS_TEST,
      title: 'F29: the lock is held before the log is read and until its flusher has ended',
    },
  },
  {
    name: 'I3: the appended mark ignores guards',
    file: 'src/marks.ts',
    find: `const appendedSeq = readPublishedEnd(control.commitSeqNext, lanes) - 1;`,
    replace: `const appendedSeq = readPublishedEnd(control.commitSeqNext, []) - 1;`,
    killedBy: { file: ORDERS_TEST, title: 'I3: the appended mark covers nothing that may not be published' },
  },
  {
    name: 'C1: a page reaches the page file before its log',
    file: CACHE,
    find: `    const throughSeq = this.#wal.marks().durableSeq;`,
    replace: `    const throughSeq = this.#wal.marks().appendedSeq;`,
    killedBy: { file: CACHE_ORDERS_TEST, title: 'C1: a checkpoint of what is durable leaves what is not' },
  },
  {
    name: 'a checkpoint leaves out what was committed just before it',
    file: CACHE,
    find: `      await this.#becomeDurable(this.#lastSeq);`,
    replace: ``,
    killedBy: { file: CACHE_ORDERS_TEST, title: 'C1: a checkpoint writes pages behind their log' },
  },
  {
    name: 'C1: frees the log before the page file is synced',
    file: CACHE,
    find: `    this.#pageFile.setSizePages(sizePages);
    this.#sync();`,
    replace: `    this.#pageFile.setSizePages(sizePages);`,
    killedBy: { file: CACHE_ORDERS_TEST, title: 'C1: a checkpoint writes pages behind their log' },
  },
  {
    name: 'installs pages that are not in the log',
    file: CACHE,
    find: `    const commit = this.#writer.append({ pages, sizes });
    this.#lastSeq = commit.seq;
    this.#dirty.install(commit.seq, writes, sizePages, this.#wal.marks().durableSeq);`,
    replace: `    this.#dirty.install(this.#lastSeq + 1, writes, sizePages, this.#wal.marks().durableSeq);
    const commit = this.#writer.append({ pages, sizes });
    this.#lastSeq = commit.seq;`,
    killedBy: { file: CACHE_ORDERS_TEST, title: 'a transaction that the log refuses leaves the cache as it was' },
  },
  {
    name: 'forgets a page that was written again while the checkpoint ran',
    file: 'src/adapters/dirty-pages.ts',
    find: `      const left = versions.filter(({ seq }) => seq > throughSeq);`,
    replace: `      const left = versions.slice(versions.length);`,
    killedBy: { file: CACHE_ORDERS_TEST, title: 'a page that is written again during a checkpoint stays dirty' },
  },
  {
    name: 'A5: goes on after a sync of the page file that failed',
    file: CACHE,
    find: `      throw this.#failure;
    }`,
    replace: `      this.#failure = undefined;
    }`,
    killedBy: { file: CACHE_ORDERS_TEST, title: 'A5: a sync of the page file that failed frees no log and is final' },
  },
  {
    name: 'frees the log up to what the furthest page file holds',
    file: 'src/adapters/attach.ts',
    find: `await wal.checkpoint({ throughSeq: Math.min(...synced.values()) });`,
    replace: `await wal.checkpoint({ throughSeq: Math.max(...synced.values()) });`,
    killedBy: { file: CACHE_TEST, title: 'two page files of one log free its files only as far as both hold them' },
  },
];
