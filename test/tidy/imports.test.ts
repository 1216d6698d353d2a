// D1 to D3 (design/style.md, "Dependency rules"): who may import whom, as data. Reads import statements with a regular
// expression rather than resolving anything: every import in this package is a plain relative path.

import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { readSources } from '../support/package-root.js';

/** Ranks from left to right. A folder imports only from ranks to its left; `.` is the files directly in src. */
const RANKS: readonly (readonly string[])[] = [
  ['base'],
  ['memory', 'thread', 'storage'],
  ['record', 'observe', 'decide'],
  ['frame'],
  ['proof'],
  ['lane', 'epoch', 'segment', 'log'],
  ['versions', 'cache'],
  ['archive', 'control', 'shadow'],
  ['flusher', 'recovery'],
  ['follow'],
  ['checkpoint'],
  ['.'],
  ['adapters', 'store', 'typed'],
  ['kv'],
  ['cli'],
];

/** The bodies that worker entries run; besides them an entry imports only from thread. */
const WORKER_BODIES = [
  'src/flusher/run-flusher.ts',
  'src/flusher/preallocator.ts',
  'src/archive/run-archiver.ts',
  'src/recovery/verify.ts',
  'src/checkpoint/run-checkpointer.ts',
  'src/cli/replay/replay-writer.ts',
];

/** The public faces of the package: re-exports for its users, so nothing inside imports them. */
const PUBLIC = ['src/index.ts', 'src/testing.ts', 'src/kv.ts'];

/** The settings: for everybody, so they need nobody. */
const SETTINGS = ['src/settings.ts', 'src/settings-table.ts', 'src/settings-row.ts', 'src/settings-values.ts'];

/** Exceptions, each with its reason. */
const ALLOWED: readonly { from: string; to: string; reason: string }[] = [];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isTypeOnly: boolean;
}

/** `import` and `export ... from` statements, side-effect imports, `import()` and `import('...')` types. */
const STATEMENT = /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

function importsOf(path: string, text: string): Import[] {
  return [...text.matchAll(STATEMENT)]
    .map(([, type, statement, call]) => ({ specifier: statement ?? call ?? '', isTypeOnly: type !== undefined }))
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier, isTypeOnly }) => {
      const to = posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');
      return { from: path, to, isTypeOnly };
    });
}

/** What is wrong with an import, or `undefined`. */
function fault({ from, to, isTypeOnly }: Import): string | undefined {
  const [top] = from.split('/');
  if (to.startsWith('workers/')) return 'nobody imports workers';
  if (top === 'workers') {
    return to.startsWith('src/thread/') || WORKER_BODIES.includes(to)
      ? undefined
      : 'a worker imports thread and its body only';
  }
  if (top === 'bench')
    return to.startsWith('bench/') || PUBLIC.includes(to) ? undefined : 'bench imports what is public only';
  if (top === 'examples') {
    return posix.dirname(to) === posix.dirname(from)
      ? undefined
      : "an example imports 'lanewal' and its own files only";
  }
  if (top !== 'src') return undefined;
  if (!to.startsWith('src/')) return 'src imports only src';
  return faultInside(from, to, isTypeOnly);
}

function faultInside(from: string, to: string, isTypeOnly: boolean): string | undefined {
  const [fromFolder, toFolder] = [folderOf(from), folderOf(to)];
  if (SETTINGS.includes(from)) {
    return toFolder === 'base' || SETTINGS.includes(to) ? undefined : 'settings.ts imports base only';
  }
  if (PUBLIC.includes(from) && ['adapters', 'store', 'typed', 'kv'].includes(toFolder)) return undefined;
  if (PUBLIC.includes(to) && fromFolder !== 'cli') return 'the public faces are for users and for cli';
  if (fromFolder === toFolder) return undefined;
  const [fromRank, toRank] = [rankOf(fromFolder), rankOf(toFolder)];
  if (fromRank < 0 || toRank < 0) return 'a folder is missing in RANKS';
  if (toRank < fromRank) return undefined;
  if (toRank === fromRank) return 'folders of one rank do not import each other';
  if (to === 'src/settings.ts' && isTypeOnly && fromFolder !== 'base') return undefined;
  return 'a folder imports only from ranks to its left';
}

/** `src/lane/ring.ts` is in `lane`; `src/wal.ts` is in `.`. */
function folderOf(path: string): string {
  const [, folder, file] = path.split('/');
  return folder !== undefined && file !== undefined ? folder : '.';
}

function rankOf(folder: string): number {
  return RANKS.findIndex((rank) => rank.includes(folder));
}

const imports = readSources('src', 'workers', 'bench', 'examples', 'test').flatMap(({ path, text }) =>
  importsOf(path, text),
);

function isAllowed({ from, to }: Import): boolean {
  return ALLOWED.some((each) => each.from === from && each.to === to);
}

test('every import goes to the left in the rank table', () => {
  expect(imports.length).toBeGreaterThan(0);
  const faults = imports.flatMap((each) => {
    const reason = isAllowed(each) ? undefined : fault(each);
    return reason === undefined ? [] : [`${each.from} -> ${each.to}: ${reason}`];
  });
  expect(faults).toEqual([]);
});

test('every exception is still needed', () => {
  const needed = imports.filter((each) => fault(each) !== undefined);
  const idle = ALLOWED.filter(({ from, to }) => !needed.some((each) => each.from === from && each.to === to));
  expect(idle).toEqual([]);
});

test.each([
  ['src/lane/ring.ts', '../memory/atomics.js', undefined],
  ['src/lane/ring.ts', '../frame/layout.js', undefined],
  ['src/lane/ring.ts', './layout.js', undefined],
  ['src/frame/codec.ts', '../record/layout.js', undefined],
  ['src/follow/log-follower.ts', '../versions/version-index.js', undefined],
  ['src/index.ts', './adapters/page-cache.js', undefined],
  ['src/cli/demo.ts', '../index.js', undefined],
  ['src/adapters/page-cache.ts', '../wal.js', undefined],
  ['workers/flusher.ts', '../src/flusher/run-flusher.js', undefined],
  ['workers/flusher.ts', '../src/thread/worker-port.js', undefined],
  ['bench/main.ts', '../src/index.js', undefined],
  ['test/unit/lane/ring.test.ts', '../../../src/lane/ring.js', undefined],
  ['examples/kv/kv.ts', './node.js', undefined],
  ['examples/kv/kv.ts', '../../src/index.js', "an example imports 'lanewal' and its own files only"],
  ['src/lane/ring.ts', '../epoch/control.js', 'folders of one rank do not import each other'],
  ['src/thread/worker-host.ts', '../memory/atomics.js', 'folders of one rank do not import each other'],
  ['src/adapters/page-cache.ts', '../store/store.js', 'folders of one rank do not import each other'],
  ['src/adapters/page-cache.ts', '../cli/main.js', 'a folder imports only from ranks to its left'],
  ['src/versions/version-index.ts', '../follow/log-follower.js', 'a folder imports only from ranks to its left'],
  ['src/record/codec.ts', '../frame/layout.js', 'a folder imports only from ranks to its left'],
  ['src/lane/ring.ts', '../wal.js', 'a folder imports only from ranks to its left'],
  ['src/lane/ring.ts', '../settings.js', 'a folder imports only from ranks to its left'],
  ['src/wal.ts', './adapters/page-cache.js', 'a folder imports only from ranks to its left'],
  ['src/wal.ts', './index.js', 'the public faces are for users and for cli'],
  ['src/settings.ts', './lane/layout.js', 'settings.ts imports base only'],
  ['src/utils/text.ts', '../base/errors.js', 'a folder is missing in RANKS'],
  ['src/wal.ts', '../test/support/package-root.js', 'src imports only src'],
  ['src/thread/worker-host.ts', '../../workers/flusher.js', 'nobody imports workers'],
  ['workers/flusher.ts', '../src/wal.js', 'a worker imports thread and its body only'],
  ['bench/main.ts', '../src/lane/ring.js', 'bench imports what is public only'],
])('the rule for %s importing %s', (path, specifier, expected) => {
  const forms = [
    `import { a } from '${specifier}';`,
    `import {\n  a,\n  type B,\n} from '${specifier}';`,
    `import '${specifier}';`,
    `export * from '${specifier}';`,
    `const a = await import('${specifier}');`,
  ];
  expect(forms.map((form) => importsOf(path, form).map(fault))).toEqual(forms.map(() => [expected]));
});

test('a folder may import the types of settings.ts, but base may not', () => {
  const [lane] = importsOf('src/lane/ring.ts', "import type { Settings } from '../settings.js';").map(fault);
  const [base] = importsOf('src/base/clock.ts', "import type { Settings } from '../settings.js';").map(fault);
  expect([lane, base]).toEqual([undefined, 'a folder imports only from ranks to its left']);
});
