// Numbers and text as people read them.

const THOUSAND = 1000;
const MILLION = 1e6;

/** Safe inside HTML and SVG. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Three significant digits, and k or M for what is large. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= MILLION) return `${digits(value / MILLION)}M`;
  if (size >= 10 * THOUSAND) return `${digits(value / THOUSAND)}k`;
  return size >= THOUSAND ? `${Math.round(value / 10) * 10}` : digits(value);
}

/** A ratio: two decimals, as many digits as matter for a large one. */
export function ratioText(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function digits(value: number): string {
  return String(Number(value.toPrecision(3)));
}
