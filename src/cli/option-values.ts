// Values of options, checked while the command line is parsed: what is wrong with one is a usage error that names it.

import { InvalidArgumentError } from 'commander';

/** A parser of whole numbers from `first` to `last`, written with digits only. */
export function wholeNumber(first: number, last: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= first && value <= last) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${first} to ${last}.`);
  };
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
