// Reads the tables and code fences of the design documents, so that tests can compare them with the code. Knows no
// more of Markdown than those documents use: ATX headings, pipe tables, fences of three backticks.

/** A pipe table. Cells are trimmed; backticks stay, an escaped pipe is a pipe. */
export interface Table {
  /** Text of the nearest heading above, without its number signs. */
  readonly heading: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The first line of text below the table that is not empty. */
  readonly after: string;
}

/** A code fence. */
export interface Fence {
  readonly heading: string;
  /** What stands behind the opening backticks. */
  readonly info: string;
  readonly text: string;
}

/** All tables and fences, in their order. */
export function readMarkdown(text: string): { tables: Table[]; fences: Fence[] } {
  const lines = text.split('\n');
  const tables: Table[] = [];
  const fences: Fence[] = [];
  let heading = '';
  for (let i = 0; i < lines.length; i++) {
    const line = lineAt(lines, i);
    if (line.startsWith('#')) heading = line.replace(/^#+\s*/, '').trim();
    if (line.startsWith('```')) {
      const end = lines.indexOf('```', i + 1);
      if (end < 0) throw new Error(`a code fence below "${heading}" does not end`);
      fences.push({ heading, info: line.slice(3).trim(), text: lines.slice(i + 1, end).join('\n') });
      i = end;
    } else if (line.startsWith('|') && /^\|[\s:|-]+\|$/.test(lineAt(lines, i + 1))) {
      const columns = cells(line);
      const rows: string[][] = [];
      for (i += 2; lineAt(lines, i).startsWith('|'); i++) rows.push(cells(lineAt(lines, i)));
      tables.push({ heading, columns, rows, after: lines.slice(i).find((each) => each.trim() !== '') ?? '' });
      i--;
    }
  }
  return { tables, fences };
}

/** `text` without the backticks around it. */
export function withoutBackticks(text: string): string {
  return text.replace(/^`(.*)`$/, '$1');
}

function lineAt(lines: readonly string[], index: number): string {
  return (lines[index] ?? '').trimEnd();
}

function cells(line: string): string[] {
  return line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
}
