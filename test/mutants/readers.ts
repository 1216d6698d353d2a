// Mutants of the readers: the version index, the follower, the indexer, the iterator over commits.

import type { Mutant } from '../support/mutation.js';

export const READER_MUTANTS: readonly Mutant[] = [
  {
    name: 'V1: a head leads to a slot that is not complete',
    file: 'src/versions/version-index.ts',
    find: `    const slot = slots.slotOf(id);
    slots.setWord(slot, SLOT.space, space);`,
    replace: `    const slot = slots.slotOf(id);
    slots.setHead(bucket, id);
    slots.setWord(slot, SLOT.space, space);`,
    killedBy: {
      file: 'test/interleaving/versions.test.ts',
      title: 'V1, V3: a version is found, or released, while the ring comes round under the reader',
    },
  },
  {
    name: 'V3: a reader does not look again whether its slots were used again',
    file: 'src/versions/version-index.ts',
    find: `if (this.#firstLive.load() <= this.#lowest) return found;`,
    replace: `return found;`,
    killedBy: {
      file: 'test/interleaving/versions.test.ts',
      title: 'V1, V3: a version is found, or released, while the ring comes round under the reader',
    },
  },
  {
    name: 'V3: a reader forgets how far back it walked',
    file: 'src/versions/version-index.ts',
    find: `    if (id < this.#lowest) this.#lowest = id;
`,
    replace: ``,
    killedBy: {
      file: 'test/interleaving/versions.test.ts',
      title: 'V1, V3: a version is found, or released, while the ring comes round under the reader',
    },
  },
  {
    name: 'a full ring overwrites its oldest version',
    file: 'src/versions/version-index.ts',
    find: `if (id - first >= slots.capacity) return 0;`,
    replace: `if (id - first > slots.capacity) return 0;`,
    killedBy: {
      file: 'test/unit/versions/version-index.test.ts',
      title: 'a full ring refuses and keeps everything it has',
    },
  },
  {
    name: 'a cut lasts only while a version stands before it',
    file: 'src/versions/version-index.ts',
    find: `Math.max(id + 1, first)))
      return 'zero';`,
    replace: `Math.max(id + 1, first)) && id > 0)
      return 'zero';`,
    killedBy: {
      file: 'test/unit/versions/version-index.test.ts',
      title: 'pages beyond a cut are zero until they are written again, also when the space grew again',
    },
  },
  {
    name: 'a cut takes the page at its end as well',
    file: 'src/versions/version-index.ts',
    find: `SLOT.offset) < pageNumber) return true;`,
    replace: `SLOT.offset) <= pageNumber) return true;`,
    killedBy: {
      file: 'test/unit/versions/version-index.test.ts',
      title: 'pages beyond a cut are zero until they are written again, also when the space grew again',
    },
  },
  {
    name: 'a checkpoint writes pages that were cut later',
    file: 'src/versions/version-index.ts',
    find: `if (isSuperseded[id - first] === 1 || pageNumber > smallest) continue;`,
    replace: `if (isSuperseded[id - first] === 1) continue;`,
    killedBy: {
      file: 'test/unit/versions/version-index.test.ts',
      title: 'agree about every page as of every sequence, in a ring of',
    },
  },
  {
    name: 'a release lets go of one version too many',
    file: 'src/versions/version-index.ts',
    find: `SLOT.seq) <= seq) low = middle + 1;`,
    replace: `SLOT.seq) <= seq + 1) low = middle + 1;`,
    killedBy: {
      file: 'test/unit/versions/version-index.test.ts',
      title: 'a full ring refuses and keeps everything it has',
    },
  },
  {
    name: 'versions of a hot page have no short cut',
    file: 'src/versions/version-index.ts',
    find: `id = isShort ? jump : older`,
    replace: `id = older`,
    killedBy: {
      file: 'test/unit/versions/version-index.test.ts',
      title: 'a page written again and again is found as of any sequence in few steps',
    },
  },
  {
    name: 'a page is found past the versions of a hot one only one by one',
    file: 'src/versions/version-index.ts',
    find: `const other = same === head && head !== 0 ?`,
    replace: `const other = same === head && head < 0 ?`,
    killedBy: {
      file: 'test/unit/versions/version-index.test.ts',
      title: 'a page written again and again is found as of any sequence in few steps',
    },
  },
  {
    name: 'a follower hands out what a newer incarnation supersedes',
    file: 'src/follow/log-follower.ts',
    find: `return leave('a newer incarnation goes on');`,
    replace: `place = { ...place };`,
    killedBy: {
      file: 'test/unit/follow/log-follower.test.ts',
      title: 'epochs that a log started anew supersedes are not handed out',
    },
  },
  {
    name: 'a follower does not list again when the log goes on elsewhere',
    file: 'src/follow/log-follower.ts',
    find: `      this.#refresh();
      found = this.#goOn(from);`,
    replace: `      found = this.#goOn(from);`,
    killedBy: {
      file: 'test/unit/follow/log-follower.test.ts',
      title: 'segments follow each other over marks, rotations and files of their own size',
    },
  },
  {
    name: 'a recycled file looks intact',
    file: 'src/follow/chain-place.ts',
    find: `return length === bytes.length && bytes.every(`,
    replace: `return length === bytes.length || bytes.every(`,
    killedBy: {
      file: 'test/unit/follow/log-follower.test.ts',
      title: 'a file that is taken away is read to its end, and what went with it is missed',
    },
  },
  {
    name: 'a follower begins with a file that a crash brought back',
    file: 'src/follow/log-follower.ts',
    find: `this.#fromSeq === undefined ? this.#oldestWhole() :`,
    replace: `this.#fromSeq === undefined ? this.#candidates[0] :`,
    killedBy: {
      file: 'test/unit/follow/log-follower.test.ts',
      title: 'files that a crash brought back are passed over',
    },
  },
  {
    name: 'R6: an older incarnation says what is synced',
    file: 'src/follow/log-follower.ts',
    find: `if (header.incarnation === incarnation) highest = Math.max(highest, header.syncedThrough);
    if`,
    replace: `highest = Math.max(highest, header.syncedThrough + header.incarnation - 1);
    if`,
    killedBy: {
      file: 'test/unit/follow/log-follower.test.ts',
      title: 'R6: what is synced is what the newest incarnation says',
    },
  },
  {
    name: 'the indexer leaves out the record at which the index was full',
    file: 'src/follow/indexer.ts',
    find: `        this.#refuseEndless(work.pending);
        return false;`,
    replace: `        this.#refuseEndless(work.pending);
        work.pending = undefined;
        return false;`,
    killedBy: { file: 'test/unit/follow/indexer.test.ts', title: 'a full index stops the indexer within a commit' },
  },
  {
    name: 'the indexer takes a size that grows for a cut',
    file: 'src/follow/indexer.ts',
    find: `(before === undefined || number < before) &&`,
    replace: `(before === undefined || number !== before) &&`,
    killedBy: {
      file: 'test/unit/follow/indexer.test.ts',
      title: 'a size that shrinks is a cut, of its space, and one that grows is none',
    },
  },
  {
    name: 'a commit is announced before all of it is indexed',
    file: 'src/follow/indexer.ts',
    find: `      for (const shape of shapes()) yield`,
    replace: `      this.index.announce(seq);
      for (const shape of shapes()) yield`,
    killedBy: { file: 'test/unit/follow/indexer.test.ts', title: 'a full index stops the indexer within a commit' },
  },
  {
    name: 'the pin of a reader stays where it began',
    file: 'src/follow/durable-commits.ts',
    find: `      control.pins.move(pin, segment.header.endSeq - 1);
`,
    replace: ``,
    killedBy: {
      file: 'test/unit/follow/durable-commits.test.ts',
      title: 'the pin moves along, so that what was read can be let go',
    },
  },
  {
    name: 'a reader leaves its pin behind',
    file: 'src/follow/durable-commits.ts',
    find: `    control.pins.release(pin);
`,
    replace: ``,
    killedBy: {
      file: 'test/unit/follow/durable-commits.test.ts',
      title: 'return ends a follower that waits, and frees its pin',
    },
  },
];
