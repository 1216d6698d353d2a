// Mutation of the protocol: breaks one law in one source, runs the test that is named for it, and looks whether that very
// test fails. Works on copies of the built package, so that nothing of the real one is ever changed.

import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { PACKAGE_ROOT, readPackageFile } from './package-root.js';

/** One broken law. */
export interface Mutant {
  /** The law it breaks, in words: what the mutant does wrong. */
  readonly name: string;
  /** The source it changes: `src/lane/lane-writer.ts`. */
  readonly file: string;
  /** Exact text of the source; stands there once. */
  readonly find: string;
  readonly replace: string;
  /** The test that fails, and by which its title begins. */
  readonly killedBy: Killer;
}

export interface Killer {
  /** `test/unit/lane/lane.test.ts`. */
  readonly file: string;
  readonly title: string;
}

/** How one test ended. */
export interface Outcome {
  readonly title: string;
  readonly isPassed: boolean;
  readonly isFailed: boolean;
  /** First line of why it failed. */
  readonly reason: string;
}

/** A mutant takes about a second; one that makes its test hang is ended, and does not count as killed. */
const RUN_MS_MAX = 120_000;
/** The killer's own bound, below that: a test that waits for ever reports so itself. */
const TEST_MS_MAX = 30_000;

/** The changed source; a mutant whose text is not there exactly once is stale. */
export function mutated({ name, file, find, replace }: Mutant, text = readPackageFile(file)): string {
  const count = text.split(find).length - 1;
  if (count !== 1) throw new Error(`stale mutant "${name}": its text stands ${count} times in ${file}`);
  return text.replace(find, () => replace);
}

/** JavaScript of one source, as the build makes it; what is wrong with its syntax is not looked at. */
export function transpiled(file: string, text: string): string {
  return ts.transpileModule(text, { fileName: file, compilerOptions: compilerOptions() }).outputText;
}

/** What is wrong with the syntax of sources, each under a name of its own: one program for all, which is fast. */
export function syntaxFaults(texts: ReadonlyMap<string, string>): string[] {
  const options = { ...compilerOptions(), noLib: true, noResolve: true, types: [] };
  const host: ts.CompilerHost = {
    ...ts.createCompilerHost(options),
    fileExists: (name) => texts.has(name),
    readFile: (name) => texts.get(name),
    getSourceFile: (name, target) => {
      const text = texts.get(name);
      return text === undefined ? undefined : ts.createSourceFile(name, text, target);
    },
  };
  const program = ts.createProgram([...texts.keys()], options, host);
  return program
    .getSyntacticDiagnostics()
    .map(({ file, messageText }) => `${file.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
}

function compilerOptions(): ts.CompilerOptions {
  const path = fileURLToPath(new URL('tsconfig.json', PACKAGE_ROOT));
  const { config } = ts.readConfigFile(path, ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, fileURLToPath(PACKAGE_ROOT), path);
  const { rootDir: _, outDir: __, ...rest } = options;
  // A file alone does not know package.json, which says that modules are ECMAScript's.
  const alone = { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler };
  return { ...rest, ...alone, sourceMap: false, declaration: false };
}

/** Where the build puts a source. */
export function builtPath(file: string): string {
  return join('dist', file.replace(/\.ts$/, '.js'));
}

/** A copy of the built package in which one file at a time is replaced. */
export class MutationTree {
  readonly path: string;

  /** @param path - of a directory that does not exist yet */
  constructor(path: string) {
    this.path = path;
    mkdirSync(path);
    const root = fileURLToPath(PACKAGE_ROOT);
    // `design` for tests that read documents; the sources of tests, because a compiled test without one is not run.
    for (const name of ['dist', 'test', 'design', 'package.json']) {
      cpSync(join(root, name), join(path, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(path, 'node_modules'));
  }

  /** Runs tests of the copy as it is; `titles` are leading parts of titles. */
  async run(files: readonly string[], titles: readonly string[]): Promise<Outcome[] | 'hung'> {
    const report = join(this.path, 'report.json');
    rmSync(report, { force: true });
    const vitest = join(this.path, 'node_modules', 'vitest', 'vitest.mjs');
    const built = files.map((file) => builtPath(file).replaceAll('\\', '/'));
    const pattern = titles.map((title) => title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
    const options = ['--config', 'test/vitest.config.js', '--testTimeout', String(TEST_MS_MAX), '--cache', 'false'];
    const child = spawn(process.execPath, [vitest, 'run', ...options, ...built, '-t', pattern], {
      cwd: this.path,
      env: { ...outerEnvironment(), WAL_TEST_REPORT: report },
      stdio: 'ignore',
      // A group of its own, so that whatever a test started ends with it.
      detached: true,
    });
    const isHung = await hangs(child, RUN_MS_MAX * (files.length > 1 ? 5 : 1));
    if (isHung) return 'hung';
    return existsSync(report) ? outcomesIn(readFileSync(report, 'utf8')) : [];
  }

  /** Runs the killer with the mutant in place. */
  async try(mutant: Mutant): Promise<Outcome[] | 'hung'> {
    const path = join(this.path, builtPath(mutant.file));
    const whole = readFileSync(path);
    writeFileSync(path, transpiled(mutant.file, mutated(mutant)));
    try {
      return await this.run([mutant.killedBy.file], [mutant.killedBy.title]);
    } finally {
      writeFileSync(path, whole);
    }
  }
}

/** The environment without what the surrounding test run has put into it. */
function outerEnvironment(): NodeJS.ProcessEnv {
  const isInner = (name: string): boolean => /^(VITEST|TINYPOOL|WAL_TEST_SUITE$|NODE_V8_COVERAGE$)/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isInner(name)));
}

function hangs(child: ChildProcess, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      resolve(true);
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, timeoutMs);
    child.once('error', reject);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve(false);
    });
  });
}

interface JsonReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** Every test that ran; a file that could not be loaded has none. */
function outcomesIn(json: string): Outcome[] {
  const { testResults } = JSON.parse(json) as JsonReport;
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .map(({ title, status, failureMessages }) => ({
      title,
      isPassed: status === 'passed',
      isFailed: status === 'failed',
      reason: failureMessages?.[0]?.split('\n')[0] ?? '',
    }))
    .filter(({ isPassed, isFailed }) => isPassed || isFailed);
}

/** What became of a mutant: `undefined` when it was killed, or why it was not. */
export function survival({ killedBy: { title } }: Mutant, outcomes: readonly Outcome[] | 'hung'): string | undefined {
  if (outcomes === 'hung') return 'its test hung, and did not say so itself';
  const own = outcomes.filter((outcome) => outcome.title.startsWith(title));
  if (own.length === 0) return 'its test did not run: the file could not be loaded, or has no such title';
  return own.some(({ isFailed }) => isFailed) ? undefined : 'it survived';
}
