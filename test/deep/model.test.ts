// Goal: the protocol of design/concurrency.md keeps its laws in every interleaving of a small scope, and the laws are
// able to break: each deliberate mistake in a model must make Spin find a counterexample, by the law that it is about.
// Method: design/model/*.pml, searched exhaustively at the scopes of design/model/plan.json. What is modelled and what
// is not: design/model/README.md.

import { afterAll, describe, expect, test } from 'vitest';
import { readModelPlan, search, whyNoSpin } from '../support/spin.js';
import { announceSkip } from '../support/workload-check.js';

const reason = whyNoSpin();
announceSkip('models', reason);

const { scopes, mutations, unreached } = readModelPlan();
const total = { states: 0, seconds: 0, scopes: 0, counterexamples: 0 };
/** What was not reached, of each scope that was searched for laws; by model. */
const leftOut = new Map<string, ReadonlySet<string>[]>();

function nameOf(model: string, defines: readonly string[]): string {
  return [model, ...defines].join(' ');
}

afterAll(() => {
  if (total.scopes === 0) return;
  console.log(
    `models: ${total.scopes} scopes, ${total.states} states, no law broken; ${total.counterexamples} of ` +
      `${mutations.length} mutations found; ${Math.round(total.seconds)} s of search`,
  );
});

describe.skipIf(reason !== undefined)('I1 to I8 hold in every interleaving', () => {
  test.each(scopes.map((scope) => ({ ...scope, name: nameOf(scope.model, scope.defines) })))(
    '$name ($search)',
    async ({ model, defines, search: kind, states, name }) => {
      const found = await search(model, defines, kind);
      console.log(`model ${name}: ${found.states} states, depth ${found.depth}, ${found.seconds.toFixed(1)} s`);
      expect({ errors: found.errors, broken: found.broken }, found.output).toEqual({ errors: 0, broken: undefined });
      expect(found.isComplete, found.output).toBe(true);
      expect(found.states, 'states found before').toBeGreaterThanOrEqual(states);
      if (kind === 'laws') leftOut.set(model, [...(leftOut.get(model) ?? []), found.unreached]);
      total.scopes += 1;
      total.states += found.states;
      total.seconds += found.seconds;
    },
  );

  test('every line of a model is reached in some scope, but for those that are listed', () => {
    const never = [...leftOut.values()].flatMap(([first, ...others]) =>
      [...(first ?? [])].filter((line) => others.every((each) => each.has(line))),
    );
    expect(leftOut.size).toBe(new Set(scopes.map(({ model }) => model)).size);
    expect(never.sort()).toEqual(unreached.map(({ line }) => line).sort());
  });
});

describe.skipIf(reason !== undefined)('a mistake in the protocol breaks the law that it is about', () => {
  test.each(mutations)('$mutation breaks $breaks', async ({ mutation, model, defines, breaks }) => {
    const found = await search(model, [...defines, mutation], 'counterexample');
    console.log(
      `mutation ${mutation}: ${found.broken} after ${found.states} states, depth ${found.depth}, ` +
        `${found.seconds.toFixed(1)} s`,
    );
    expect(found.broken, found.output).toBe(breaks);
    total.counterexamples += 1;
    total.seconds += found.seconds;
  });
});
