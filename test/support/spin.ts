// Runs the formal models of design/model with Spin: a verifier is generated, compiled and run in a temporary folder.
// What is run at which scope, and which mutation must break which law, is design/model/plan.json.

import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGE_ROOT, readPackageFile } from './package-root.js';
import { inTemporaryDirectory } from './temporary-path.js';

/** A model at one scope: exhaustively searched, and no law may break. */
export interface ScopePlan {
  readonly model: string;
  /** Macros of the scope, `NAME` or `NAME=value`. */
  readonly defines: readonly string[];
  /** `laws`: assertions and deadlocks. `ends`: there is no endless run, either. */
  readonly search: 'laws' | 'ends';
  /** States and depth that were found when the model was last changed; fewer states mean that something is cut off. */
  readonly states: number;
  readonly depth: number;
}

/** A deliberate mistake in a model, the law that must break, and how deep. */
export interface MutationPlan {
  readonly mutation: string;
  readonly model: string;
  readonly defines: readonly string[];
  /** Name of the law, or `invalid end state`. */
  readonly breaks: string;
  readonly states: number;
  readonly depth: number;
}

/** A line of a model that no scope reaches, and why that is right. */
export interface UnreachedPlan {
  /** As in {@link SearchResult.unreached}. */
  readonly line: string;
  readonly why: string;
}

export interface ModelPlan {
  readonly scopes: readonly ScopePlan[];
  readonly mutations: readonly MutationPlan[];
  readonly unreached: readonly UnreachedPlan[];
}

/** What a search found. */
export interface SearchResult {
  readonly errors: number;
  readonly states: number;
  readonly depth: number;
  /** The first law that broke. */
  readonly broken: string | undefined;
  /** Whether everything was searched: neither depth nor memory ran out. */
  readonly isComplete: boolean;
  /** Lines of which something was not reached, trimmed, with their file and process in front. */
  readonly unreached: ReadonlySet<string>;
  readonly seconds: number;
  readonly output: string;
}

const FOLDER = fileURLToPath(new URL('design/model/', PACKAGE_ROOT));
const DEPTH_MAX = 100_000;
const MEMORY_MIB_MAX = 4000;

export function readModelPlan(): ModelPlan {
  return JSON.parse(readPackageFile('design/model/plan.json')) as ModelPlan;
}

/** Why Spin cannot be used here; undefined when it can. */
export function whyNoSpin(): string | undefined {
  for (const [command, ask] of [
    ['spin', '-V'],
    ['gcc', '--version'],
  ] as const) {
    const { error } = spawnSync(command, [ask]);
    if (error !== undefined) return `${command} is not installed (apt-get install ${command})`;
  }
  return undefined;
}

/**
 * Searches a model for a law that breaks, a thread that waits for ever and, for `ends`, a run without an end.
 *
 * @param kind - `counterexample` is `laws` where one is expected soon: the compiler takes longer than the search
 */
export async function search(
  model: string,
  defines: readonly string[],
  kind: ScopePlan['search'] | 'counterexample',
): Promise<SearchResult> {
  return inTemporaryDirectory(async (path) => {
    const macros = defines.map((define) => `-D${define}`);
    await run('spin', [...macros, '-a', join(FOLDER, `${model}.pml`)], path);
    const how = [kind === 'ends' ? '-DNP' : '-DSAFETY', kind === 'counterexample' ? '-O0' : '-O2'];
    await run('gcc', ['-w', ...how, '-DCOLLAPSE', `-DMEMLIM=${MEMORY_MIB_MAX}`, '-o', 'pan', 'pan.c'], path);
    const startMs = performance.now();
    const output = await run('./pan', [`-m${DEPTH_MAX}`, ...(kind === 'ends' ? ['-l'] : [])], path);
    return { ...resultOf(output), seconds: (performance.now() - startMs) / 1000 };
  });
}

function resultOf(output: string): Omit<SearchResult, 'seconds'> {
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? Number.NaN);
  return {
    errors: number(/errors: (\d+)/),
    states: number(/(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored/),
    // Of a counterexample its length, or else that of the longest run.
    depth: number(/^pan:1: .*\(at depth (\d+)\)/m.test(output) ? /\(at depth (\d+)\)/ : /depth reached (\d+)/),
    broken: /pan:1: (?:assertion violated (\w+)|(invalid end state|non-progress cycle))/
      .exec(output)
      ?.slice(1)
      .find((group) => group !== undefined),
    isComplete: !/search depth too small|Search not completed|out of memory|memory limit/i.test(output),
    unreached: unreachedOf(output),
    output,
  };
}

function unreachedOf(output: string): Set<string> {
  const [, ...processes] = output.split(/^unreached in (?=proctype |init)/m);
  return new Set(
    processes.flatMap((text) => {
      const name = /^(?:proctype )?(\w+)/.exec(text)?.[1] ?? '';
      return [...text.matchAll(/^\t\S*?([\w-]+\.pml):(\d+), state \d+, /gm)].map(([, file = '', line]) => {
        const source = readPackageFile(`design/model/${file}`).split('\n')[Number(line) - 1] ?? '';
        return `${file} ${name}: ${source.trim()}`;
      });
    }),
  );
}

/** The output of a command; how it ends is told by what it says, but it must have ended by itself. */
function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`;
      // Verifiers tell of broken laws on standard output and end with 0.
      if (error === null) resolve(output);
      else reject(new Error(`${command} ${args.join(' ')} failed: ${error.message}\n${output.slice(-4000)}`));
    });
  });
}
