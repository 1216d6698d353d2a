// The process behind `lanewal bench`: its one argument is what the command line was told, as JSON. Progress goes to
// standard error, the summary to standard output, everything to the folder given.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCHMARKS } from './catalog.js';
import { machine } from './machine.js';
import { mainPlot } from './report/main-plot.js';
import { reportHtml } from './report/report.js';
import { summaryMarkdown, summaryText } from './report/summary.js';
import type { BenchResult, Results } from './result.js';

/** As shells have it for SIGINT. */
const EXIT_INTERRUPTED = 130;

/** What is to be run. */
export interface BenchRequest {
  /** All when empty. */
  readonly names: readonly string[];
  readonly isQuick: boolean;
  /** The folder, which is there, for results.json, report.html, plot.svg and summary.md. */
  readonly out: string;
  /** A directory on the disk under test. */
  readonly directory: string;
  readonly isJson: boolean;
  /** The command that reproduces it. */
  readonly command: string;
}

async function main(request: BenchRequest): Promise<void> {
  const { names, isQuick, out, directory, isJson, command } = request;
  const benchmarks: Record<string, BenchResult> = {};
  const results: Results = {
    date: new Date().toISOString(),
    command,
    isQuick,
    machine: machine(directory),
    benchmarks,
  };
  const startMs = performance.now();
  for (const [name, run] of Object.entries(BENCHMARKS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    process.stderr.write(`${name} (${Math.round((performance.now() - startMs) / 1000)} s so far)\n`);
    benchmarks[name] = await run(directory, isQuick);
    // After each, so that a run that is cut short leaves what it has.
    writeResults(results, out);
  }
  const text = isJson ? JSON.stringify(results, null, 2) : `${summaryText(results)}\n\n${join(out, 'report.html')}`;
  process.stdout.write(`${text}\n`);
}

function writeResults(results: Results, out: string): void {
  const files = [
    ['results.json', `${JSON.stringify(results, null, 2)}\n`],
    ['report.html', reportHtml(results)],
    ['plot.svg', mainPlot(results)],
    ['summary.md', `${summaryMarkdown(results)}\n`],
  ] as const;
  for (const [name, text] of files) if (text !== undefined) writeFileSync(join(out, name), text);
}

// Ends the process in order, so that the directories on the disk under test go.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(EXIT_INTERRUPTED));

await main(JSON.parse(process.argv[2] ?? '{}') as BenchRequest);
