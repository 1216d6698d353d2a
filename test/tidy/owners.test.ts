// D4 (design/style.md, "Dependency rules"): everything outside this package has one owner inside it, so that there is
// one place to gate it, to inject faults into it, or to replace it. Comments may name whatever they like.

import ts from 'typescript';
import { expect, test } from 'vitest';
import { readSources, type Source } from '../support/package-root.js';
import { parse, placeOf, walk } from './syntax.js';

interface Rule {
  /** What is owned, as the failure names it. */
  readonly thing: string;
  readonly isMention: (node: ts.Node) => boolean;
  /** Files, or folders with a slash at the end; nobody when empty. */
  readonly owners: readonly string[];
}

const RULES: readonly Rule[] = [
  { thing: 'Atomics', isMention: names('Atomics'), owners: ['src/memory/atomics.ts'] },
  { thing: 'console', isMention: names('console'), owners: ['src/cli/'] },
  { thing: 'process.env', isMention: reads('process.env'), owners: ['src/settings.ts', 'src/cli/main.ts'] },
  {
    thing: 'a clock',
    isMention: either(reads('Date.now', 'performance.now', 'process.hrtime', 'process.uptime'), makesDateOfNow),
    owners: ['src/base/clock.ts'],
  },
  // Randomness without a seed cannot be repeated; what has to be unpredictable takes node:crypto.
  { thing: 'Math.random', isMention: reads('Math.random'), owners: [] },
  { thing: 'node:fs', isMention: quotes(/^(node:)?fs(\/promises)?$/), owners: ['src/storage/', 'src/cli/'] },
  {
    thing: 'node:worker_threads',
    isMention: quotes(/^(node:)?worker_threads$/),
    owners: ['src/thread/', 'src/cli/'],
  },
  // D3: hosts ask for a worker by name.
  { thing: 'the place of a worker file', isMention: quotes(/workers\//), owners: ['src/thread/worker-host.ts'] },
  { thing: 'a CRC library', isMention: quotes(/^(@node-rs\/crc32|crc-32(\/.*)?)$/), owners: ['src/base/checksum.ts'] },
  { thing: 'fs-native-extensions', isMention: quotes(/^fs-native-extensions$/), owners: ['src/storage/'] },
  { thing: 'node:diagnostics_channel', isMention: quotes(/^(node:)?diagnostics_channel$/), owners: ['src/observe/'] },
  // The user's, if there is one: the exporter is handed a registry.
  { thing: 'prom-client', isMention: quotes(/^prom-client$/), owners: [] },
  { thing: 'piscina', isMention: quotes(/^piscina$/), owners: ['src/thread/', 'src/recovery/'] },
  { thing: 'a terminal library', isMention: quotes(/^(commander|cli-table3)$/), owners: ['src/cli/'] },
];

/** The identifier itself, but not a property or a key that happens to have the same name. */
function names(name: string): Rule['isMention'] {
  return (node) => {
    if (!ts.isIdentifier(node) || node.text !== name) return false;
    const { parent } = node;
    if (ts.isPropertyAccessExpression(parent)) {
      return parent.expression === node || parent.expression.getText() === 'globalThis';
    }
    return !ts.isPropertyAssignment(parent) || parent.initializer === node;
  };
}

/** A property, written with a dot or with brackets, or taken apart: `const { env } = process`. */
function reads(...paths: string[]): Rule['isMention'] {
  return (node) => {
    if (ts.isPropertyAccessExpression(node)) return paths.includes(bare(node.getText()));
    if (ts.isElementAccessExpression(node) && ts.isStringLiteral(node.argumentExpression)) {
      return paths.includes(`${bare(node.expression.getText())}.${node.argumentExpression.text}`);
    }
    if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name) && node.initializer !== undefined) {
      const from = bare(node.initializer.getText());
      return node.name.elements.some((each) => paths.includes(`${from}.${(each.propertyName ?? each.name).getText()}`));
    }
    return false;
  };
}

function bare(expression: string): string {
  return expression.replace(/^globalThis\./, '').replaceAll('?.', '.');
}

function quotes(text: RegExp): Rule['isMention'] {
  return (node) => ts.isStringLiteralLike(node) && text.test(node.text);
}

function either(...rules: Rule['isMention'][]): Rule['isMention'] {
  return (node) => rules.some((rule) => rule(node));
}

function makesDateOfNow(node: ts.Node): boolean {
  return ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0;
}

/** What `source` mentions although it belongs to somebody else. */
function trespasses(source: Source): string[] {
  const rules = RULES.filter(({ owners }) => {
    return !owners.some((owner) => source.path === owner || (owner.endsWith('/') && source.path.startsWith(owner)));
  });
  const found: string[] = [];
  walk(parse(source), (node) => {
    for (const { thing, isMention, owners } of rules) {
      if (isMention(node)) found.push(`${placeOf(node)}: ${thing} belongs to ${owners.join(' and ') || 'nobody'}`);
    }
  });
  return found;
}

test('everything outside is used by its owner only', () => {
  const sources = readSources('src', 'workers');
  expect(sources.length).toBeGreaterThan(0);
  expect(sources.flatMap(trespasses)).toEqual([]);
});

test.each([
  ['Atomics', 'Atomics.load(words, 0);'],
  ['Atomics', 'const { load } = Atomics;'],
  ['console', "console.log('x');"],
  ['console', "globalThis.console.log('x');"],
  ['process.env', 'const a = process.env.A;'],
  ['process.env', 'const { env } = process;'],
  ['process.env', "const a = process['env'];"],
  ['a clock', 'const a = Date.now();'],
  ['a clock', 'const a = new Date();'],
  ['a clock', 'const a = globalThis.performance.now();'],
  ['Math.random', 'const a = Math.random();'],
  ['node:fs', "import { openSync } from 'node:fs';"],
  ['node:fs', "const a = await import('fs/promises');"],
  ['node:worker_threads', "import { Worker } from 'node:worker_threads';"],
  ['the place of a worker file', "new URL('../../workers/flusher.js', import.meta.url);"],
  ['a CRC library', "require('crc-32/crc32c');"],
])('%s is found in %s', (thing, text) => {
  expect(trespasses({ path: 'src/lane/ring.ts', text }).map((each) => each.split(': ')[1])).toEqual([
    expect.stringMatching(new RegExp(`^${thing} belongs to `)),
  ]);
});

test.each([
  '// Atomics.load, console.log and Date.now in a comment',
  '/** {@link Atomics} */ const a = 1;',
  "const law = 'a word is only touched by Atomics.load';",
  'const a = new Date(0);',
  'const a = { console: 1 };',
  'const a = settings.console;',
])('no mention: %s', (text) => {
  expect(trespasses({ path: 'src/lane/ring.ts', text })).toEqual([]);
});
