// What commands print: one JSON document, or tables for people, on standard output; progress on standard error, and
// only on a terminal.

import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import type { OnProgress } from '../recovery/report.js';
import { attempt } from '../storage/system-call.js';

/** Prints one JSON document. */
export function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** Prints a line for people. */
export function printLine(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Prints names and values, one pair a line. */
export function printPairs(pairs: readonly (readonly [name: string, value: string | number])[]): void {
  for (const line of pairLines(pairs)) printLine(line);
}

/** The lines of names and values. */
export function pairLines(pairs: readonly (readonly [name: string, value: string | number])[]): string[] {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

/** Prints a compact table. */
export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  for (const line of tableLines(head, rows)) printLine(line);
}

/** The lines of a compact table. */
export function tableLines(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const table = new Table({
    head: [...head],
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
    // No colours: output is read by programs and kept in files.
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    colAligns: head.map((_, column) => (rows.every((row) => typeof row[column] === 'number') ? 'right' : 'left')),
  });
  for (const row of rows) table.push(row.map(String));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

/** Printed text is kept in memory up to here. */
const SPOOL_MEMORY_CHARACTERS = 4 * 2 ** 20;

/**
 * Text of any length that is printed once it is complete: what turns out wrong on the way is thrown away.
 *
 * Held in memory, and beyond some MiB in a nameless temporary file.
 */
export class SpooledOutput {
  #pending = '';
  #descriptor: number | undefined;

  write(text: string): void {
    this.#pending += text;
    if (this.#pending.length < SPOOL_MEMORY_CHARACTERS) return;
    this.#descriptor ??= openNameless();
    fs.writeFileSync(this.#descriptor, this.#pending);
    this.#pending = '';
  }

  writeLine(line = ''): void {
    this.write(`${line}\n`);
  }

  /** Prints everything, as fast as the reader takes it, and lets it go. */
  async print(): Promise<void> {
    if (this.#descriptor !== undefined) {
      const piece = Buffer.allocUnsafe(64 * 1024);
      for (let at = 0; ; ) {
        const count = fs.readSync(this.#descriptor, piece, 0, piece.length, at);
        if (count === 0) break;
        await printPiece(Buffer.from(piece.subarray(0, count)));
        at += count;
      }
    }
    await printPiece(this.#pending);
    this.discard();
  }

  discard(): void {
    this.#pending = '';
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** Prints as fast as the reader takes it. */
export async function printPiece(piece: string | Buffer): Promise<void> {
  if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
}

/** A file that is gone as soon as it is closed, whatever happens to this process. */
function openNameless(): number {
  const folder = attempt('make a folder for temporary files in', tmpdir(), () => {
    return fs.mkdtempSync(join(tmpdir(), 'lanewal-'));
  });
  try {
    return fs.openSync(join(folder, 'output'), 'wx+', 0o600);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** A line on a terminal that is written again and again. */
export class ProgressLine {
  readonly #isShown = process.stderr.isTTY === true;
  #width = 0;

  show(text: string): void {
    if (!this.#isShown) return;
    process.stderr.write(`\r${text.padEnd(this.#width)}`);
    this.#width = text.length;
  }

  /** Takes the line away. */
  end(): void {
    if (this.#isShown && this.#width > 0) process.stderr.write(`\r${' '.repeat(this.#width)}\r`);
    this.#width = 0;
  }
}

/** Runs a reading of a log with its progress on a terminal. */
export async function withProgress<Result>(act: (onProgress: OnProgress) => Promise<Result>): Promise<Result> {
  const line = new ProgressLine();
  const onProgress: OnProgress = ({ step, bytes, bytesMax }) =>
    line.show(
      `${step === 'verify' ? 'verified' : 'applied'} ${bytesInWords(bytes)} of at most ${bytesInWords(bytesMax)}`,
    );
  try {
    return await act(onProgress);
  } finally {
    line.end();
  }
}

/** Bytes for people. */
export function bytesInWords(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
