// Goal: V1 to V3 of design/readers.md: a reader of the version index that runs between any operations of the indexer,
// while the ring comes round under it, is told the truth. Method: every interleaving of one reader with an indexer that
// inserts, cuts and releases in a ring of two or four slots (test/support/interleaving).

import { expect, test } from 'vitest';
import { type PageVersion, VersionIndex, type VersionPlace } from '../../src/versions/version-index.js';
import { indexWords } from '../../src/versions/version-slots.js';
import { Explorer } from '../support/interleaving/explorer.js';
import { Machine } from '../support/interleaving/machine.js';

/** What the indexer does, in order: a version or a cut of space 0, or a release. */
type Act =
  | { readonly page: number; readonly seq: number }
  | { readonly cutTo: number; readonly seq: number }
  | { readonly release: number };

interface Answer {
  readonly asOf: number;
  readonly found: VersionPlace | 'zero' | undefined;
  /** What stood at the place, and whether the version was live behind the read. */
  readonly bytes: number;
  readonly isLive: boolean;
}

function versionOf({ page, seq }: { page: number; seq: number }): PageVersion {
  return { space: 0, pageNumber: page, seq, fileNumber: seq, offset: 4096 * seq };
}

function apply(index: VersionIndex, act: Act): void {
  if ('release' in act) index.release(act.release);
  else {
    const isPut =
      'page' in act ? index.insert(versionOf(act)) : index.cut({ space: 0, pages: act.cutTo, seq: act.seq });
    if (!isPut) throw new Error('the ring is full');
    index.announce(act.seq);
  }
}

/** The last word on a page as of a sequence, of all that was ever said. */
function lastWord(acts: readonly Act[], page: number, asOf: number): { seq: number; isCut: boolean } | undefined {
  let last: { seq: number; isCut: boolean } | undefined;
  for (const act of acts) {
    if ('release' in act || act.seq > asOf) continue;
    if ('page' in act ? act.page === page : act.cutTo < page) last = { seq: act.seq, isCut: !('page' in act) };
  }
  return last;
}

/** Explores a reader of one page against the acts of an indexer, of which the first ones are done before. */
async function explore(name: string, versionsMax: number, page: number, before: Act[], acts: Act[]): Promise<number> {
  const index = VersionIndex.create({ versionsMax });
  for (const act of before) apply(index, act);
  const machine = new Machine();
  const shared = new VersionIndex(index.buffer, machine.ops);
  const all = [...before, ...acts];
  // The bytes of a version: another's as soon as it was released.
  const bytes = new Map(
    all.flatMap((act) => ('page' in act ? [[act.seq, machine.word(`bytes of ${act.seq}`)]] : [])) as [
      number,
      ReturnType<Machine['word']>,
    ][],
  );
  const words = indexWords(index.buffer, machine.ops);
  const indexer = (): void => {
    for (const act of acts) {
      apply(shared, act);
      if (!('release' in act)) continue;
      for (const [seq, word] of bytes) if (seq <= act.release) word.add(1);
    }
  };
  const reader = (): void => {
    const asOf = words.indexedThrough.load();
    const found = shared.find(0, page, asOf);
    const isPlace = typeof found === 'object';
    const read = isPlace ? bytes.get(found.fileNumber)!.load() : 0;
    machine.note({ asOf, found, bytes: read, isLive: isPlace && shared.isLive(found.id) } satisfies Answer);
  };
  const firstLive = machine.slot('firstLive', () => words.firstLive.load());
  const idOf = (seq: number): number => {
    return 1 + all.filter((act) => !('release' in act)).findIndex((act) => 'seq' in act && act.seq === seq);
  };
  const explorer = new Explorer<Answer | undefined>({
    name,
    machine,
    threads: [
      { name: 'reader', body: reader, ghost: undefined },
      { name: 'indexer', body: indexer, ghost: undefined },
    ],
    observe: (ghost, { notes }) => (notes.at(-1) as Answer | undefined) ?? ghost,
    laws: [
      ({ after: { words: now, threads } }) => {
        const answer = threads[0]!.node.ghost;
        if (answer === undefined) return undefined;
        const { asOf, found } = answer;
        const last = lastWord(all, page, asOf);
        const told = JSON.stringify({ ...answer, last });
        if (found === undefined) {
          const isReleased = last !== undefined && idOf(last.seq) < (now[firstLive] ?? machine.initial[firstLive]!);
          return last === undefined || isReleased ? undefined : `a version is not found: ${told}`;
        }
        if (found === 'zero') return last?.isCut === true ? undefined : `a page is called cut: ${told}`;
        const { seq, fileNumber, offset } = found;
        const isRight = last?.seq === seq && !last.isCut && fileNumber === seq && offset === 4096 * seq;
        if (!isRight) return `a wrong version: ${told}`;
        return answer.isLive && answer.bytes !== 0 ? `bytes of another: ${told}` : undefined;
      },
    ],
    atRest: ({ threads }) => (threads[0]!.node.ghost === undefined ? 'the reader has no answer' : undefined),
    // The reader stores nothing.
    soleWriters: { get: () => 1 } as unknown as ReadonlyMap<number, number>,
  });
  const { states, ends } = await explorer.explore();
  console.log(`${name}: ${states} states, ${ends} ends`);
  expect(ends).toBeGreaterThan(0);
  return states;
}

test('V1, V3: a version is found, or released, while the ring comes round under the reader', async () => {
  const before = [
    { page: 1, seq: 1 },
    { page: 1, seq: 2 },
  ];
  const acts = [
    { release: 1 },
    { page: 2, seq: 3 },
    { release: 2 },
    { page: 1, seq: 4 },
    { release: 4 },
    { page: 2, seq: 5 },
  ];
  expect(await explore('the ring comes round', 2, 1, before, acts)).toBeGreaterThan(1000);
}, 300_000);

test('V2: cuts and versions die at once', async () => {
  const before = [
    { page: 5, seq: 1 },
    { cutTo: 3, seq: 2 },
  ];
  const acts = [{ page: 5, seq: 3 }, { release: 3 }, { cutTo: 4, seq: 4 }, { release: 4 }, { page: 5, seq: 5 }];
  expect(await explore('cuts', 4, 5, before, acts)).toBeGreaterThan(1000);
}, 300_000);

test('V1, V3: the history of a page is walked while it is let go', async () => {
  const before = [1, 2, 3, 4].map((seq) => ({ page: 1, seq }));
  const acts = [{ release: 2 }, { page: 2, seq: 5 }, { page: 1, seq: 6 }, { release: 4 }, { page: 3, seq: 7 }];
  expect(await explore('a history', 4, 1, before, acts)).toBeGreaterThan(1000);
}, 300_000);
