// The look of plots and report: one style for light and dark, without anything from outside. Colours are told apart by
// those who see few of them, and never stand alone: lines carry their names, and marks of different shapes.

/** Colours of series; more than these start over. */
export const SERIES_COLOURS = 8;

const LIGHT = ['#0b5fc0', '#b8480a', '#0c7469', '#7338d6', '#8a5a00', '#b3155a', '#4a7209', '#3f6275'];
const DARK = ['#6cb2ff', '#ff9d5c', '#4fd1b5', '#c4a7ff', '#e8c44f', '#ff8fc0', '#a6d65c', '#9fc3d8'];

function colours(palette: readonly string[], ink: string, soft: string, grid: string, paper: string): string {
  const series = palette.map((colour, index) => `--s${index}:${colour}`).join(';');
  return `--ink:${ink};--soft:${soft};--grid:${grid};--paper:${paper};${series}`;
}

const series = LIGHT.map((_, index) => `.s${index}{--own:var(--s${index})}`).join('');

/** The style of plots; `root` is what carries the colours. */
export function plotStyle(root: string): string {
  return `
${root}{${colours(LIGHT, '#1b2430', '#56616f', '#dde2e8', '#ffffff')}}
@media (prefers-color-scheme:dark){${root}{${colours(DARK, '#e8edf3', '#a3aebb', '#323b47', '#12171d')}}}
svg text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:var(--soft)}
svg .title{font-size:15px;font-weight:600;fill:var(--ink)}
svg .paper{fill:var(--paper)}
svg .grid{stroke:var(--grid);stroke-width:1}
${series}.ref{--own:var(--soft)}
svg .line{fill:none;stroke:var(--own);stroke-width:1.8;stroke-linejoin:round}
svg .own .line{stroke-width:3}
svg .ref .line{stroke-dasharray:5 4;stroke-width:1.5}
svg .band{fill:var(--own);opacity:.13;stroke:none}
svg .mark{fill:var(--own);stroke:var(--paper);stroke-width:1}
svg .bar{fill:var(--own)}
svg .whisker{stroke:var(--ink);stroke-width:1.5;fill:none}
svg text.name{fill:var(--own);font-weight:500}
svg .own text.name{font-weight:700}
svg text.value{fill:var(--ink)}
svg .good{fill:var(--s2);opacity:.16}
svg .target{stroke:var(--ink);stroke-width:1.5}
svg .dot{fill:var(--own)}
`.trim();
}
