// The report: one HTML file that needs nothing from outside. The summary first, then the plots, then what the figures
// were measured on and how the work was made equal, then the raw numbers.

import type { Results } from '../result.js';
import { WARM } from '../warm-up.js';
import { plotSvg } from './plot.js';
import { type Answer, answers, judgedText, targetText } from './summary.js';
import { escapeText, short } from './text.js';
import { plotStyle } from './theme.js';

const PAGE_STYLE = `
:root{color-scheme:light dark}
body{margin:0 auto;max-width:62rem;padding:2rem 1.2rem 4rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}
h1{font-size:1.7rem;margin:0}h2{font-size:1.2rem;margin:2.6rem 0 .8rem}
p.lead,figcaption,.soft{color:var(--soft)}p.lead{margin:.3rem 0 0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.4rem .7rem .4rem 0;border-bottom:1px solid var(--grid);vertical-align:top}
th{font-weight:600}td.number{font-variant-numeric:tabular-nums;white-space:nowrap}
td svg{width:150px;height:18px;display:block;margin-top:.15rem}
.met{color:var(--s2);font-weight:600}.missed{color:var(--s1);font-weight:600}.skipped{color:var(--soft)}
figure{margin:1.4rem 0 2.2rem}figure svg{width:100%;height:auto;display:block}
figcaption{font-size:.9rem;max-width:48rem}
code,pre{font:.85rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{overflow:auto;max-height:32rem;padding:.8rem;border:1px solid var(--grid)}
summary{cursor:pointer;margin:.4rem 0}li{margin:.25rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem}
dt{color:var(--soft)}dd{margin:0}
`.trim();

const STATE_WORDS = { met: '✓ met', missed: '✗ missed', skipped: 'skipped', 'not run': 'not run' };

/** The report of a run. */
export function reportHtml(results: Results): string {
  const { date, command, isQuick, machine, benchmarks } = results;
  const plots = Object.values(benchmarks).flatMap((result) => result.plots);
  const quick = isQuick ? ' A quick look: short rounds, small logs.' : '';
  const { revision, processor, cores, disk, node } = machine;
  const when = `${date.slice(0, 16).replace('T', ' ')} UTC`;
  const lead = `${when}, revision ${revision}, ${processor}, ${cores} cores, ${disk}, Node ${node}.${quick}`;
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1"><title>lanewal benchmarks</title>',
    `<style>${plotStyle(':root')}\n${PAGE_STYLE}</style></head><body>`,
    '<h1>lanewal benchmarks</h1>',
    `<p class="lead">${escapeText(lead)}</p><p class="lead"><code>${escapeText(command)}</code></p>`,
    summarySection(results),
    plots.length === 0 ? '' : `<h2>Plots</h2>${plots.map(figure).join('\n')}`,
    `<h2>Machine</h2>${definitions(machine)}`,
    '<h2>How the work was made equal</h2>',
    equalWork(results),
    '<h2>Raw numbers</h2>',
    ...Object.entries(benchmarks).map(([name, { comparisons, figures }]) => details(name, { comparisons, figures })),
    '</body></html>\n',
  ].join('\n');
}

function summarySection(results: Results): string {
  const all = answers(results);
  const answered = all.filter(({ state }) => state !== 'not run');
  const missing = [...new Set(all.filter(({ state }) => state === 'not run').map(({ row }) => row.benchmark))];
  const left = missing.length === 0 ? '' : `<p class="soft">Not run: ${missing.join(', ')}.</p>`;
  if (answered.length === 0) return left;
  return [
    '<h2>Summary</h2>',
    '<p class="soft">Each ratio is taken within a round and given as the median over the rounds, with the smallest ' +
      'and ',
    'the largest. In the small drawings the line in the middle is the target, at the edges are an eighth and eight ',
    'times of it, and the shaded half is where to be.</p>',
    '<div class="scroll"><table><thead><tr><th>#</th><th>Question</th><th>Measured</th><th>Beside</th>',
    '<th>Ratio or figure (span)</th><th>Target</th></tr></thead><tbody>',
    ...answered.map(tableRow),
    `</tbody></table></div>${left}`,
  ].join('\n');
}

function tableRow(answer: Answer): string {
  const { row, comparison, state } = answer;
  const side = (value: number | undefined): string =>
    value === undefined || comparison === undefined ? '–' : `${short(value)} ${escapeText(comparison.unit)}`;
  const described =
    comparison === undefined
      ? ''
      : `<div class="soft">${escapeText(comparison.what)}; beside: ${escapeText(comparison.beside)}</div>`;
  return [
    `<tr><td>${row.number}</td><td>${escapeText(row.question)}${described}</td>`,
    `<td class="number">${side(comparison?.value.median)}</td>`,
    `<td class="number">${side(comparison?.besideValue.median)}</td>`,
    `<td class="number">${escapeText(judgedText(answer))}${targetDrawing(answer)}</td>`,
    `<td class="number">${escapeText(targetText(row))}<div class="${state}">${STATE_WORDS[state]}</div></td></tr>`,
  ].join('');
}

/** Where the rounds lie around the target, in factors of two; what is further away than three sits at the edge. */
function targetDrawing({ row, judged, state }: Answer): string {
  if (judged === undefined || state === 'skipped') return '';
  const [width, middle, step] = [150, 9, 22];
  const centre = width / 2;
  const at = (value: number): number => {
    const steps = value <= 0 ? -3 : Math.max(-3, Math.min(3, Math.log2(value / row.target.bound)));
    return Number((centre + steps * step).toFixed(1));
  };
  const good = row.target.sign === '>=' ? centre : 0;
  return [
    `<svg viewBox="0 0 ${width} 18" role="img" class="${state === 'met' ? 's2' : 's1'}">`,
    `<title>${escapeText(`${judgedText({ row, judged, state })}, target ${targetText(row)}`)}</title>`,
    `<rect class="good" x="${good}" y="1" width="${centre}" height="16"/>`,
    `<line class="target" x1="${centre}" x2="${centre}" y1="0" y2="18"/>`,
    `<path class="whisker" d="M${at(judged.min)} ${middle}H${at(judged.max)}"/>`,
    `<circle class="dot" cx="${at(judged.median)}" cy="${middle}" r="4.5"/></svg>`,
  ].join('');
}

function figure(plot: Parameters<typeof plotSvg>[0]): string {
  return `<figure id="${plot.id}">${plotSvg(plot)}<figcaption>${escapeText(plot.caption)}</figcaption></figure>`;
}

function definitions(pairs: Readonly<Record<string, string | number>>): string {
  const rows = Object.entries(pairs).map(([name, value]) => {
    return `<dt>${escapeText(name)}</dt><dd>${escapeText(String(value))}</dd>`;
  });
  return `<dl>${rows.join('')}</dl>`;
}

function equalWork({ benchmarks }: Results): string {
  const general = [
    'Rounds of everything that is compared are interleaved, on threads and files that stay; the raw disk is measured ' +
      'between the rounds. A ratio is taken within its round.',
    `Before them every writer commits ${WARM.commits} times, or for ${WARM.seconds} seconds: code that runs for the ` +
      'first thousand times is not compiled yet.',
    'Writers are threads. Values and pages have 4,096 bytes. Files on the disk under test have all their blocks ' +
      'before.',
  ];
  const own = Object.values(benchmarks).flatMap(({ notes }) => notes);
  return `<ul>${[...general, ...new Set(own)].map((note) => `<li>${escapeText(note)}</li>`).join('')}</ul>`;
}

function details(name: string, figures: unknown): string {
  const text = escapeText(JSON.stringify(figures, null, 2));
  return `<details><summary>${escapeText(name)}</summary><pre>${text}</pre></details>`;
}
