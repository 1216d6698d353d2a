// Mutants of commits that enter a lane together (I2, I3, I6, I7), and of how they are staged.

import type { Mutant } from '../support/mutation.js';

const LANE_WRITER = 'src/lane/lane-writer.ts';
const STAGED = 'src/staged-appends.ts';
const RUNS_TEST = 'test/unit/lane/runs.test.ts';
const STAGING_TEST = 'test/unit/writer/staging.test.ts';
const STAGER_TEST = 'test/unit/lane/lane-stager.test.ts';

const LIST = { file: STAGER_TEST, title: 'whatever is staged, taken and discarded' };

export const STAGING_MUTANTS: readonly Mutant[] = [
  {
    name: 'I6: takes all sequences of a run before it publishes the first',
    file: LANE_WRITER,
    find: `      const commitSeqs = frames.map((frame) => this.#publish(frame));`,
    replace: `      const taken = frames.map(() => this.#sequences.commitSeqNext.increment());
      const commitSeqs = frames.map((frame, index) => {
        const seq = taken[index] as number;
        const header = headerOf(frame.commit, seq, frame.frameBytes, this.lane.index, frame.payloadCrc);
        encodeFrameHeader(this.lane.ring, frame.start, header, this.#frameSeed);
        this.#moveTail(advance(frame.start, frame.frameBytes), frame.commit);
        return seq;
      });`,
    killedBy: { file: RUNS_TEST, title: 'I6: whose writer dies before any operation' },
  },
  {
    name: 'I3: clears the guard behind each commit of a run and sets it no more',
    file: LANE_WRITER,
    find: `frames.map((frame) => this.#publish(frame))`,
    replace: `frames.map((frame) => {
        const seq = this.#publish(frame);
        this.lane.guard.store(GUARD_IDLE);
        return seq;
      })`,
    killedBy: { file: RUNS_TEST, title: 'I3 I5: a seal between any two operations of a run' },
  },
  {
    name: 'I1: lays a run down beyond the free space',
    file: LANE_WRITER,
    find: `      if (used + frameBytes > free) break;`,
    replace: ``,
    killedBy: { file: RUNS_TEST, title: 'enters as far as there is room' },
  },
  {
    name: 'a commit that cannot be encoded refuses its whole run',
    file: LANE_WRITER,
    find: `        if (frames.length === 0) throw error;
        break;`,
    replace: `        throw error;`,
    killedBy: { file: RUNS_TEST, title: 'that cannot be encoded as a whole ends' },
  },
  {
    name: 'I7: a staged append loads the turn behind its look for space',
    file: STAGED,
    find: `      const turn = this.#turn.load();
      const run = this.#nextRun();
      if (run.length === 0) return;
      const result = this.#try(run);`,
    replace: `      const run = this.#nextRun();
      if (run.length === 0) return;
      const result = this.#try(run);
      const turn = this.#turn.load();`,
    killedBy: {
      file: 'test/unit/writer/orders.test.ts',
      title: 'I7: an append without blocking sleeps through no release of space',
    },
  },
  {
    name: 'staged appends behind a new size are checked against the old one',
    file: STAGED,
    find: `    else if (this.#isRunFull() || attempt.commit.sizes.length > 0) this.enter();`,
    replace: `    else if (this.#isRunFull()) this.enter();`,
    killedBy: { file: STAGING_TEST, title: 'behind a new size are checked against it' },
  },
  {
    name: 'a run goes on behind a new size',
    file: STAGED,
    find: `      if (isEncoded || commit.sizes.length > 0) break;`,
    replace: `      if (isEncoded) break;`,
    killedBy: { file: STAGING_TEST, title: 'those behind a new size are checked against it' },
  },
  {
    name: 'staged appends pile up until the end of the turn',
    file: STAGED,
    find: `    return batches >= RUN_COMMITS_MAX || bytes >= this.#runBytesMax;`,
    replace: `    return batches > 1e6 && bytes > 1e12;`,
    killedBy: { file: STAGING_TEST, title: 'do not pile up' },
  },
  {
    name: 'an append that gives up keeps those behind it out',
    file: STAGED,
    find: `    this.#unblock();
    this.#schedule();`,
    replace: ``,
    killedBy: { file: STAGING_TEST, title: 'one that waits gives up with its signal or its time' },
  },
  {
    name: 'an append passes those that were staged before it',
    file: 'src/writer.ts',
    find: `    this.enterStaged();
    const measured`,
    replace: `    const measured`,
    killedBy: { file: STAGING_TEST, title: 'come before whatever the thread does next' },
  },
  {
    name: 'a flush leaves staged appends out',
    file: 'src/flusher/flusher-host.ts',
    find: `    this.#first();
`,
    replace: ``,
    killedBy: { file: STAGING_TEST, title: 'come before whatever the thread does next' },
  },
  {
    name: 'the stager takes what is not next',
    file: 'src/lane/lane-stager.ts',
    find: `if (batch === undefined || batch.batchId !== batchId) return undefined;
      taken.set`,
    replace: `if (batch === undefined) return undefined;
      taken.set`,
    killedBy: LIST,
  },
  {
    name: 'the stager discards the batch behind one that is gone',
    file: 'src/lane/lane-stager.ts',
    find: `    if (batch === undefined || batch.batchId !== batchId) return false;`,
    replace: `    if (batch === undefined) return false;`,
    killedBy: LIST,
  },
];
