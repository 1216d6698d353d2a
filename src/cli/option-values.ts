// Values of options, checked while the command line is parsed: what is wrong with one is a usage error that names it.

import { InvalidArgumentError, Option } from 'commander';
import { WalError } from '../base/errors.js';
import { checkSetting, type Mode } from '../settings.js';

/** A parser of whole numbers from `first` to `last`, written with digits only. */
export function wholeNumber(first: number, last: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= first && value <= last) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${first} to ${last}.`);
  };
}

/**
 * A moment, in ms since 1970: ISO 8601, or the number itself. A time without a zone is local, a date alone is UTC, as
 * `Date` has it.
 */
export function timeInMs(text: string): number {
  const trimmed = text.trim();
  const ms = /^\d+$/.test(trimmed)
    ? Number(trimmed)
    : /^\d{4}-\d{2}-\d{2}/.test(trimmed)
      ? Date.parse(trimmed)
      : Number.NaN;
  if (!Number.isNaN(new Date(ms).getTime()) && ms >= 0) return ms;
  throw new InvalidArgumentError('It must be a time such as 2026-01-31T12:00:00Z, or ms since 1970.');
}

/** A parser of paths that may be given several times; all of them come together. */
export function filePaths(text: string, before: readonly string[] = []): string[] {
  return [...before, filePath(text)];
}

/** A path; an empty one is a mistake in a script rather than the working directory. */
export function filePath(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('It must not be empty.');
}

/** One of several words, in any case. */
export function oneOf<Choice extends string>(choices: readonly Choice[]): (text: string) => Choice {
  return (text) => {
    const word = text.trim().toLowerCase();
    const choice = choices.find((each) => each === word);
    if (choice !== undefined) return choice;
    throw new InvalidArgumentError(`It must be one of ${choices.join(', ')}.`);
  };
}

/** `--mode`, in all the words that the setting has. */
export function modeOption(): Option {
  return new Option('--mode <mode>', 'auto, conservative or shadow_compare (default: LANEWAL_MODE, or auto)').argParser(
    (text) => {
      try {
        return checkSetting('mode', text as Mode);
      } catch (thrown) {
        const bounds = thrown instanceof WalError ? thrown.details.bounds : thrown;
        throw new InvalidArgumentError(`It must be ${bounds}.`);
      }
    },
  );
}
