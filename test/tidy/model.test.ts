// The formal models (design/model) are only worth something while they are about this protocol. They cannot be compared
// with the code by a program; what can be compared is: steps, invariants, values, names, and what is said of them.

import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SLEEP, STATE } from '../../src/epoch/control.js';
import { FLUSHER_ID } from '../../src/flusher/lanes.js';
import { GUARD_IDLE } from '../../src/lane/lane.js';
import { readMarkdown, type Table, withoutBackticks } from '../support/markdown.js';
import { PACKAGE_ROOT, readPackageFile, readSources } from '../support/package-root.js';
import { readModelPlan } from '../support/spin.js';

/** Operations of concurrency.md that the models follow step by step. */
const OPERATIONS = ['Append', 'Publish', 'Seal', 'Flush', 'Release', 'Wait', 'Sleep', 'Reaping', 'Close'];

const files = readdirSync(new URL('design/model/', PACKAGE_ROOT)).filter((name) => name.endsWith('.pml'));
const models = files.map((name) => readPackageFile(`design/model/${name}`)).join('\n');
const comments = [...models.matchAll(/\/\*[\s\S]*?\*\//g)].map(([text]) => text).join('\n');
const readme = readMarkdown(readPackageFile('design/model/README.md'));

function tableUnder(heading: string): Table {
  const table = readme.tables.find((each) => each.heading === heading);
  if (table === undefined) throw new Error(`design/model/README.md has no table "${heading}"`);
  return table;
}

function firstColumn(heading: string): string[] {
  return tableUnder(heading).rows.map(([cell]) => withoutBackticks(cell ?? ''));
}

/** Steps of an operation: the numbered list below its heading. */
function stepsOf(operation: string): string[] {
  const [, section = ''] = readPackageFile('design/concurrency.md').split(`\n### ${operation}\n`);
  const steps = section.split(/\n###? /)[0]?.match(/^\d+\. /gm) ?? [];
  return steps.map((step) => `${operation} ${Number.parseInt(step, 10)}`);
}

/** Macros that the models ask for, but for those they only give a default to. */
function macros(): Set<string> {
  const asked = [...models.matchAll(/^#if(?:n?def)? (.*)$/gm)].flatMap(([, condition = '']) => [
    ...condition.matchAll(/[A-Z]\w+/g),
  ]);
  return new Set(asked.map(([name]) => name));
}

const nameOf = (define: string): string => define.replace(/=.*/, '');

describe('the models and design/concurrency.md', () => {
  test.each(OPERATIONS)('each step of %s is cited in a model, or said not to be modelled', (operation) => {
    const steps = stepsOf(operation);
    expect(steps).not.toHaveLength(0);
    const cited = [...comments.matchAll(new RegExp(`\\b${operation} \\d+\\b`, 'g'))].map(([step]) => step);
    const excused = firstColumn('Steps that are not modelled').filter((step) => step.startsWith(`${operation} `));
    expect([...new Set([...cited, ...excused])].sort()).toEqual([...steps].sort());
    expect(excused.filter((step) => cited.includes(step))).toEqual([]);
  });

  test('each invariant has a law that is asserted', () => {
    const ids = [...readPackageFile('design/concurrency.md').matchAll(/^- \*\*(I\d+)\*\*/gm)].map(([, id]) => id ?? '');
    expect(ids).not.toHaveLength(0);
    const laws = [...models.matchAll(/LAW\((\w+),/g)].map(([, law]) => law ?? '');
    expect(ids.filter((id) => !laws.some((law) => law.startsWith(`${id}_`)))).toEqual([]);
    const declared = [...models.matchAll(/^bool (\w+) = true;$/gm)].map(([, law]) => law ?? '');
    expect([...new Set(declared)].sort()).toEqual([...new Set(laws)].filter((law) => law !== 'law').sort());
    expect(laws.flatMap((law) => /^([A-Z]\d+)_/.exec(law)?.[1] ?? []).filter((id) => !ids.includes(id))).toEqual([]);
  });
});

describe('the models and the sources', () => {
  test('values are those of the sources', () => {
    const values = Object.fromEntries(
      [...models.matchAll(/^#define (STATE_\w+|SLEEP_\w+|GUARD_IDLE|FLUSHER_ID) (\d+)$/gm)].map(([, name, value]) => [
        name,
        Number(value),
      ]),
    );
    const named = (prefix: string, all: Record<string, number>): [string, number][] =>
      Object.entries(all).map(([name, value]) => [`${prefix}_${name}`, value]);
    const wanted = [...named('STATE', STATE), ...named('SLEEP', SLEEP)];
    expect(values).toEqual({ ...Object.fromEntries(wanted), GUARD_IDLE, FLUSHER_ID });
  });

  test('files, classes and methods that comments name exist', () => {
    const paths = [...comments.matchAll(/\bsrc\/[\w/-]+\.ts\b/g)].map(([path]) => path);
    expect(paths).not.toHaveLength(0);
    expect(paths.filter((path) => !existsSync(new URL(path, PACKAGE_ROOT)))).toEqual([]);
    const sources = readSources('src');
    const members = [...comments.matchAll(/\b([A-Z][a-z]\w+)\.(#?[a-z]\w+)/g)].filter(([, , name]) => name !== 'md');
    expect(members).not.toHaveLength(0);
    const unknown = members.filter(([, type = '', member = '']) => {
      const home = sources.find(({ text }) => new RegExp(`^export class ${type}\\b`, 'm').test(text));
      return type !== 'Atomics' && !new RegExp(`^ {2}(?:async )?${member}(?:<\\w+>)?\\(`, 'm').test(home?.text ?? '');
    });
    expect(unknown.map(([name]) => name)).toEqual([]);
  });
});

describe('the models, their plan and their README', () => {
  const { scopes, mutations } = readModelPlan();

  test('every mutation and every scope that a model knows is run', () => {
    const run = [...scopes, ...mutations].flatMap(({ defines }) => defines.map(nameOf));
    expect([...new Set([...run, ...mutations.map(({ mutation }) => mutation)])].sort()).toEqual([...macros()].sort());
    const laws = [...models.matchAll(/LAW\((\w+),/g)].map(([, law]) => law);
    const broken = mutations.map(({ breaks }) => breaks).filter((law) => law !== 'invalid end state');
    expect(broken.filter((law) => !laws.includes(law))).toEqual([]);
  });

  test('the README has the figures of the plan', () => {
    const cells = ({ rows }: Table): string[][] => rows.map((row) => row.map(withoutBackticks));
    const figure = (count: number): string => count.toLocaleString('en-US');
    expect(cells(tableUnder('Scopes'))).toEqual(
      scopes.map(({ model, defines, search, states, depth }) => [
        model,
        defines.join(' ') || 'default',
        search,
        figure(states),
        figure(depth),
      ]),
    );
    expect(cells(tableUnder('Mutations'))).toEqual(
      mutations.map(({ mutation, model, breaks, states, depth }) => [
        mutation,
        model,
        breaks,
        figure(states),
        figure(depth),
      ]),
    );
  });
});
