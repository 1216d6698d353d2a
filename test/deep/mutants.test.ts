// Whether the tests bite: every mutant breaks one law of the protocol, and the test that is named for it has to fail.
// WAL_TEST_MUTANTS=text runs only those whose name or file holds the text.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MUTANTS } from '../mutants/index.js';
import { builtPath, type Mutant, MutationTree, survival, transpiled } from '../support/mutation.js';
import { readPackageFile } from '../support/package-root.js';

const TREES = 2;
const TIMEOUT_MS = 1_200_000;

const chosen = process.env.WAL_TEST_MUTANTS ?? '';
const mutants = MUTANTS.filter(({ name, file }) => name.includes(chosen) || file.includes(chosen));

let path: string;
let trees: MutationTree[];

beforeAll(() => {
  path = mkdtempSync(join(tmpdir(), 'lanewal-mutants-'));
  trees = Array.from({ length: TREES }, (_, index) => new MutationTree(join(path, String(index))));
}, TIMEOUT_MS);

afterAll(() => rmSync(path, { recursive: true, force: true }));

test('without a mutation a source compiles to what the build made of it', () => {
  for (const file of new Set(mutants.map((mutant) => mutant.file))) {
    const built = readPackageFile(builtPath(file)).replace(/\/\/# sourceMappingURL=.*\s*$/, '');
    expect(transpiled(file, readPackageFile(file)).trimEnd(), file).toBe(built.trimEnd());
  }
});

test('without a mutation every killer passes', async () => {
  const killers = mutants.map(({ killedBy }) => killedBy);
  const [tree] = trees as [MutationTree];
  const files = [...new Set(killers.map(({ file }) => file))];
  const outcomes = await tree.run(files, [...new Set(killers.map(({ title }) => title))]);
  if (outcomes === 'hung') throw new Error('the killers hang without any mutant');
  for (const { file, title } of killers) {
    const own = outcomes.filter((outcome) => outcome.title.startsWith(title));
    expect(own.length, `${file}: ${title}`).toBeGreaterThan(0);
    for (const { isPassed, reason } of own) expect(isPassed, `${file}: ${title}: ${reason}`).toBe(true);
  }
}, 600_000);

test(
  'every mutant is killed by the test named for it (F44)',
  async () => {
    const survivors: string[] = [];
    const rows: string[] = [];
    const left = [...mutants];
    const work = async (tree: MutationTree): Promise<void> => {
      for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
        const startedMs = performance.now();
        const why = await attempted(tree, mutant);
        const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
        rows.push(
          `${why === undefined ? 'killed ' : 'SURVIVED'} ${seconds.padStart(5)} s  ${mutant.file}: ${mutant.name}`,
        );
        if (why !== undefined) survivors.push(`${mutant.file}: ${mutant.name}: ${why} (${mutant.killedBy.title})`);
      }
    };
    await Promise.all(trees.map(work));
    console.log([...rows, `mutants: ${mutants.length - survivors.length} of ${mutants.length} killed`].join('\n'));
    expect(mutants.length).toBeGreaterThan(0);
    expect(survivors).toEqual([]);
  },
  TIMEOUT_MS,
);

async function attempted(tree: MutationTree, mutant: Mutant): Promise<string | undefined> {
  try {
    return survival(mutant, await tree.try(mutant));
  } catch (error) {
    return String(error);
  }
}
