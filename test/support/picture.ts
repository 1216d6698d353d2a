// Draws a layout eight bytes wide, as design/format.md shows it; the format test compares the two.

import type { FieldType, Layout } from '../../src/base/layout.js';

const WIDTH_BYTES: Record<FieldType, number> = { u16: 2, u32: 4, u64: 8 };
/** Columns of one byte, its left border included. */
const COLUMNS = 8;

/** One line for eight bytes, with the offset of the first of them in front. */
export function drawLayout({ fields, bytes }: Pick<Layout, 'fields' | 'bytes'>): string {
  const ruler = Array.from({ length: 8 }, (_, index) => `${index}`.padEnd(COLUMNS)).join('');
  const border = `     ${'+-------'.repeat(8)}+`;
  const rows: string[] = [];
  for (let start = 0; start < bytes; start += 8) {
    const cells = fields
      .filter(([offset]) => offset >= start && offset < start + 8)
      .map(([, type, name]) => `| ${name}`.padEnd(WIDTH_BYTES[type] * COLUMNS));
    rows.push(`${`${start}`.padStart(4)} ${cells.join('')}|`);
  }
  return [`     ${ruler.trimEnd()}`, border, ...rows, border].join('\n');
}
