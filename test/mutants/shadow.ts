// Mutants of shadow compare: what counts as a proof (M4), and what is done with it before any mark moves (M5).

import type { Mutant } from '../support/mutation.js';

const PROOFS = 'src/lane/proofs.ts';
const COMPARE = 'src/shadow/shadow-compare.ts';
const DIFFERENCE = 'src/proof/difference.ts';
const PROOFS_TEST = 'test/unit/shadow/proofs.test.ts';
const SHADOW_TEST = 'test/unit/shadow/shadow-compare.test.ts';

const WHAT_COUNTS = { file: PROOFS_TEST, title: 'a proof counts when its header is whole' };
const CLEAN = { file: SHADOW_TEST, title: 'are clean, whatever they hold' };
const WRITTEN_AGAIN = { file: SHADOW_TEST, title: 'M5: are read back and written again' };
const RECORDS = { file: 'test/unit/proof/difference.test.ts', title: 'every field of a record' };

export const SHADOW_MUTANTS: readonly Mutant[] = [
  {
    name: 'M4: who reaps a writer leaves the proof that it had completed',
    file: 'src/flusher/lanes.ts',
    find: `      clearProof(lane, lane.tail.load());
`,
    replace: ``,
    killedBy: {
      file: 'test/interleaving/deaths.test.ts',
      title: 'M4: what a dead writer had proven is no proof of what another puts to its place',
    },
  },
  {
    name: 'M4: a proof of a commit that is sealed counts',
    file: PROOFS,
    find: `  if (proofs.u64(position + at.commitSeq) < firstSeq) return 0;
`,
    replace: ``,
    killedBy: WHAT_COUNTS,
  },
  {
    name: 'M4: a proof without a whole header counts',
    file: PROOFS,
    find: `=== proofs.u32(position + at.headerCrc) ? bytes : 0;`,
    replace: `>= 0 ? bytes : 0;`,
    killedBy: WHAT_COUNTS,
  },
  {
    name: 'M4: a proof that is longer than what is published counts',
    file: PROOFS,
    find: ` || bytes > left) return 0;`,
    replace: `) return 0;`,
    killedBy: WHAT_COUNTS,
  },
  {
    name: 'one commit too many of each thousand is proven',
    file: PROOFS,
    find: `% BATCH_IDS < this.#perMille;`,
    replace: `% BATCH_IDS <= this.#perMille;`,
    killedBy: { file: SHADOW_TEST, title: 'shadowComparePerMille:' },
  },
  {
    name: 'M5: what differs in memory is told and goes to the disk as it is',
    file: COMPARE,
    find: `        repair(copies);
`,
    replace: ``,
    killedBy: { file: SHADOW_TEST, title: 'M5: a frame whose length is damaged is put right' },
  },
  {
    name: 'M5: the buffer of a jumbo is not looked at',
    file: 'src/shadow/shadowed-frames.ts',
    find: `inMemory: [own, apart]`,
    replace: `inMemory: [own]`,
    killedBy: { file: PROOFS_TEST, title: 'M5: a jumbo is compared with a proof of its own' },
  },
  {
    name: 'M5: nothing is read back',
    file: 'src/flusher/flusher.ts',
    find: `      verdicts = this.#lanes.compare(sealed, written);`,
    replace: ``,
    killedBy: CLEAN,
  },
  {
    name: 'M5: what reads back otherwise is not written again',
    file: COMPARE,
    find: `      written.again();
`,
    replace: ``,
    killedBy: WRITTEN_AGAIN,
  },
  {
    name: 'M5: what was written again is not read back',
    file: COMPARE,
    find: `      if (wrong !== undefined) throw notAsWritten(wrong, written);
`,
    replace: ``,
    killedBy: { file: SHADOW_TEST, title: 'M5: and fail the log when they do so again' },
  },
  {
    name: 'only the first window of a long frame is compared',
    file: COMPARE,
    find: `from += WINDOW_BYTES) {`,
    replace: `from += bytes) {`,
    killedBy: { file: SHADOW_TEST, title: 'are seen in a jumbo of many windows' },
  },
  {
    name: 'a divergence does not make the log conservative',
    file: 'src/flusher/mode-watch.ts',
    find: `this.modes.fallBack('publication_mismatch', message),`,
    replace: `void message,`,
    killedBy: { file: SHADOW_TEST, title: 'leaves a latch and evidence that says what differs' },
  },
  {
    name: 'proofs are forgotten when the mode changes',
    file: 'src/control/mode-control.ts',
    find: `    this.#isShadowed ||= `,
    replace: `    this.#isShadowed = `,
    killedBy: { file: SHADOW_TEST, title: 'are compared still when the mode has changed before they are sealed' },
  },
  {
    name: 'a page of another space passes for the one that was proven',
    file: DIFFERENCE,
    find: `      space === proven.getUint32(offset + record.space, true) &&
`,
    replace: ``,
    killedBy: RECORDS,
  },
  {
    name: 'a page with another image passes for the one that was proven',
    file: DIFFERENCE,
    find: `      if (Buffer.compare(part, expected) !== 0) {`,
    replace: `      if (part.length !== expected.length) {`,
    killedBy: RECORDS,
  },
];
