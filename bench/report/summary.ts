// The rows of the summary: each question with its target and what was measured, for the report and for the terminal.

import type { Summary } from '../harness.js';
import type { Comparison, Results } from '../result.js';
import { type ComparisonId, isMet, ROWS, type Row } from '../rows.js';
import { ratioText, short } from './text.js';

/** A row with its answer; without one when its benchmark was not run, or a peer was not there. */
export interface Answer {
  readonly row: Row;
  readonly comparison?: Comparison;
  /** What the target is about: the ratio, or the figure itself. */
  readonly judged?: Summary;
  readonly state: 'met' | 'missed' | 'skipped' | 'not run';
}

/** All rows in order. */
export function answers({ benchmarks }: Results): Answer[] {
  const comparisons = Object.values(benchmarks).flatMap((result) => result.comparisons);
  return (Object.keys(ROWS) as ComparisonId[]).map((id) => {
    const row: Row = ROWS[id];
    const comparison = comparisons.find((each) => each.id === id);
    if (comparison === undefined) return { row, state: row.benchmark in benchmarks ? 'skipped' : 'not run' };
    const judged = row.absoluteUnit === undefined ? comparison.ratio : comparison.value;
    if (judged === undefined) return { row, comparison, state: 'skipped' };
    return { row, comparison, judged, state: isMet(row.target, judged.median) ? 'met' : 'missed' };
  });
}

/** What a row is held against. */
export function targetText({ target, absoluteUnit }: Row): string {
  const sign = target.sign === '>=' ? '≥' : '≤';
  return absoluteUnit === undefined ? `${sign} ${target.bound} ×` : `${sign} ${target.bound} ${absoluteUnit}`;
}

/** The median and the span of what a row is about. */
export function judgedText({ row, judged }: Answer): string {
  if (judged === undefined) return '–';
  const text = row.absoluteUnit === undefined ? ratioText : short;
  return `${text(judged.median)} (${text(judged.min)} to ${text(judged.max)})`;
}

/** The summary for a terminal. */
export function summaryText(results: Results): string {
  const lines = answers(results)
    .filter(({ state }) => state !== 'not run')
    .map((answer) => [
      String(answer.row.number),
      answer.row.question,
      judgedText(answer),
      targetText(answer.row),
      answer.state,
    ]);
  const head = ['#', 'question', 'ratio or figure (span)', 'target', ''];
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => (line[column] as string).length)));
  const pad = (line: readonly string[]): string =>
    line
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd();
  return lines.length === 0 ? Object.keys(results.benchmarks).join(', ') : [head, ...lines].map(pad).join('\n');
}

/** The summary as a table in Markdown, for the README. */
export function summaryMarkdown(results: Results): string {
  const lines = answers(results)
    .filter(({ comparison }) => comparison !== undefined)
    .map((answer) => {
      const { row } = answer;
      const { unit, value, besideValue } = answer.comparison as Comparison;
      const cells = [row.number, row.question, `${short(value.median)} and ${short(besideValue.median)} ${unit}`];
      return `| ${[...cells, judgedText(answer), targetText(row)].join(' | ')} |`;
    });
  return [
    '| # | what, and beside what | figures | ratio or figure (span) | target |',
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}
