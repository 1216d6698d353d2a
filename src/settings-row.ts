// What a row of the table of settings is made of. The rows are settings-table.ts.

/** A whole number within bounds. */
export interface NumberKind {
  readonly kind: 'number';
  readonly min: number;
  readonly max: number;
  /** Further condition, in words and as a test. */
  readonly also?: { readonly words: string; holds(value: number): boolean };
}
interface ChoiceKind {
  readonly kind: 'choice';
  readonly choices: readonly string[];
  /** Other words for some of them. */
  readonly aliases?: Readonly<Record<string, string>>;
}
interface OtherKind {
  readonly kind: 'boolean' | 'urls' | 'path';
}

/** What a setting is about. */
export type SettingScope = 'log' | 'store';

/** One row of the settings table. */
export interface Row<Name extends string> {
  readonly name: Name;
  /** `store`: only a page store has it, and a log that is opened alone refuses it as an option. */
  readonly scope: SettingScope;
  readonly variable: string | undefined;
  readonly unit: string;
  /** The default in words where it depends on something, else its value. */
  readonly defaultWords: string;
  readonly effect: string;
  readonly rule: NumberKind | ChoiceKind | OtherKind;
  fallback(known: Readonly<Record<string, unknown>>): unknown;
}
