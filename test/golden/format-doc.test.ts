// design/format.md and the layouts in the sources say the same. What the document holds for each, so that this test
// can read it:
//
// - A layout: under a heading that is the layout's title (capitals do not matter), a picture in a fence `picture`, and
//   a table `offset | type | field | meaning`; the first text below the table is `Total: N bytes.`
// - An enum or flags (`..._KIND`, `..._FLAG`): a table whose first column is called like the constant, in backticks,
//   followed by `name` and `meaning`.
// - Every other exported number: a row in a table `constant | value | meaning`.
// - The worked examples: a fence `hex file header` or `hex frame`, and under the same heading a table `field | value`.

import { describe, expect, test } from 'vitest';
import { crc32c } from '../../src/base/checksum.js';
import * as version from '../../src/base/format-version.js';
import { type Layout, readU64 } from '../../src/base/layout.js';
import * as frame from '../../src/frame/layout.js';
import * as logical from '../../src/kv/layout.js';
import * as checkpoint from '../../src/log/checkpoint-layout.js';
import * as log from '../../src/log/layout.js';
import * as record from '../../src/record/layout.js';
import * as segment from '../../src/segment/layout.js';
import * as typed from '../../src/typed/layout.js';
import { readMarkdown, type Table, withoutBackticks } from '../support/markdown.js';
import { readPackageFile, readSources } from '../support/package-root.js';
import { drawLayout } from '../support/picture.js';

const { tables, fences } = readMarkdown(readPackageFile('design/format.md'));
const exported = Object.entries({
  ...version,
  ...checkpoint,
  ...frame,
  ...logical,
  ...log,
  ...record,
  ...segment,
  ...typed,
});
const layouts = exported.map(([, value]) => value as unknown).filter(isLayout);

function isLayout(value: unknown): value is Layout {
  return typeof value === 'object' && value !== null && 'title' in value && 'bytes' in value && 'fields' in value;
}

function hasColumns(table: Table, ...columns: string[]): boolean {
  return columns.every((column, index) => table.columns[index] === column);
}

/** Tables and fences stand under a heading that names their layout. */
function isAbout({ heading }: { heading: string }, { title }: Layout): boolean {
  return heading.toLowerCase() === title;
}

function toNumber(text: string): number {
  return Number(withoutBackticks(text).replaceAll(',', '').replaceAll('_', ''));
}

describe('every layout is in design/format.md', () => {
  const documented = tables.filter((table) => hasColumns(table, 'offset', 'type', 'field', 'meaning'));

  test.each(layouts)('$title: the same fields at the same offsets', (layout) => {
    const [table, ...others] = documented.filter((each) => isAbout(each, layout));
    expect(others).toEqual([]);
    const rows = table?.rows.map(([offset, type, field]) => [
      toNumber(offset ?? ''),
      type,
      withoutBackticks(field ?? ''),
    ]);
    expect(rows).toEqual(layout.fields);
    expect(table?.after).toBe(`Total: ${layout.bytes} bytes.`);
    expect(table?.rows.filter(([, , , meaning]) => meaning === undefined || meaning === '')).toEqual([]);
  });

  test.each(layouts)('$title: the picture shows it', (layout) => {
    const pictures = fences.filter((fence) => fence.info === 'picture' && isAbout(fence, layout));
    expect(pictures.map(({ text }) => text)).toEqual([drawLayout(layout)]);
  });

  test('no layout in the sources is forgotten here', () => {
    // The command line reads SQLite's format too, which is specified elsewhere.
    const own = readSources('src').filter(({ path }) => !path.startsWith('src/cli/'));
    const definitions = own.flatMap(({ text }) => [...text.matchAll(/defineLayout\(\s*'([^']+)'/g)]);
    expect(definitions.map(([, title]) => title).sort()).toEqual(layouts.map(({ title }) => title).sort());
  });

  test('and nothing else is', () => {
    expect(documented.filter((table) => !layouts.some((layout) => isAbout(table, layout)))).toEqual([]);
    const pictures = fences.filter(({ info }) => info === 'picture');
    expect(pictures.filter((picture) => !layouts.some((layout) => isAbout(picture, layout)))).toEqual([]);
  });
});

describe('every number is in design/format.md', () => {
  const enums = exported.filter(([name]) => /_(KIND|FLAG)$/.test(name));
  const documentedEnums = tables.filter(({ columns: [, ...rest] }) => rest.join() === 'name,meaning');

  test.each(enums)('%s: the same names with the same values', (name, values) => {
    const found = documentedEnums.filter((table) => table.columns[0] === `\`${name}\``);
    expect(found).toHaveLength(1);
    const rows = found.flatMap(({ rows }) =>
      rows.map(([value, key]) => [withoutBackticks(key ?? ''), toNumber(value ?? '')]),
    );
    expect(Object.fromEntries(rows)).toEqual(values);
    expect(Object.values(values as object)).not.toContain(0);
  });

  test('the constants are the same', () => {
    const rows = tables
      .filter((table) => hasColumns(table, 'constant', 'value', 'meaning'))
      .flatMap((each) => each.rows);
    const documented = rows.map(([name, value]) => [withoutBackticks(name ?? ''), toNumber(value ?? '')]);
    const numbers = exported.filter(([, value]) => typeof value === 'number');
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(numbers));
    expect(documented).toHaveLength(numbers.length);
  });

  test('no enum is documented that does not exist', () => {
    const names = enums.map(([name]) => `\`${name}\``);
    expect(documentedEnums.filter(({ columns: [name] }) => !names.includes(name ?? ''))).toEqual([]);
  });
});

describe('the worked examples', () => {
  /** Bytes of the fence and the documented values of the fields. */
  function example(info: string): { bytes: Uint8Array; values: Record<string, number>; view: DataView } {
    const [fence, ...others] = fences.filter((each) => each.info === info);
    expect(others).toEqual([]);
    const hex = fence?.text.split('\n').flatMap((line) => line.replace(/^[0-9a-f]{4} {2}/, '').split(' ')) ?? [];
    const bytes = Uint8Array.from(hex, (byte) => Number.parseInt(byte, 16));
    const rows = tables.filter((table) => table.heading === fence?.heading && hasColumns(table, 'field', 'value'));
    const values = rows.flatMap((table) =>
      table.rows.map(([field, value]) => [withoutBackticks(field ?? ''), toNumber(value ?? '')]),
    );
    return { bytes, values: Object.fromEntries(values), view: new DataView(bytes.buffer) };
  }

  function read(view: DataView, { fields }: Layout): Record<string, number | undefined> {
    const reads = fields.map(([offset, type, name]) => {
      if (type === 'u64') return [name, readU64(view, offset)];
      return [name, type === 'u32' ? view.getUint32(offset, true) : view.getUint16(offset, true)];
    });
    return Object.fromEntries(reads);
  }

  test('the file header is what its table says, with the right checksum', () => {
    const { bytes, values, view } = example('hex file header');
    expect(bytes).toHaveLength(log.FILE_HEADER.bytes);
    expect(read(view, log.FILE_HEADER)).toEqual(values);
    expect(values.headerCrc).toBe(crc32c(bytes.subarray(0, log.FILE_HEADER.at.headerCrc)));
  });

  test('the frame is what its table says, with the right checksums', () => {
    const { bytes, values, view } = example('hex frame');
    const { at } = frame.FRAME_HEADER;
    expect(bytes).toHaveLength(values.frameBytes ?? 0);
    expect(read(view, frame.FRAME_HEADER)).toEqual(values);
    expect(values.payloadCrc).toBe(crc32c(bytes.subarray(frame.FRAME_HEADER.bytes)));
    // Log id and incarnation are those of the file header above: twelve bytes that seed the header's checksum.
    const owner = example('hex file header').bytes;
    const [logId, incarnation] = [log.FILE_HEADER.at.logId, log.FILE_HEADER.at.incarnation];
    const seed = crc32c(
      Uint8Array.from([...owner.slice(logId, logId + 8), ...owner.slice(incarnation, incarnation + 4)]),
    );
    expect(values.headerCrc).toBe(crc32c(bytes.subarray(0, at.headerCrc), seed));
  });
});
