// What a victim is told to do: plain data, one JSON argument.

import type { SettingOptions } from '../../settings.js';
import type { RunContent } from './content.js';

/** How the writers of one run behave. */
export interface WriterHabits {
  /** Commits in flight before a writer waits. */
  readonly window: number;
  /** What is acknowledged: that a commit is durable, or that it survives the process. */
  readonly acknowledges: 'durable' | 'written';
  /** Blocks its thread, or awaits promises. */
  readonly isBlocking: boolean;
  /** Waits for each commit, or only for the last of the window, which covers those before it. */
  readonly waitsForEach: boolean;
}

/** A moment in the work of one writer. */
export interface Moment {
  readonly writer: number;
  /** Right behind an append, or right behind an acknowledgement. */
  readonly behind: 'append' | 'acknowledgement';
  /** Of the commit. */
  readonly number: number;
}

/** What a victim is told. */
export type VictimPlan =
  | {
      readonly task: 'write';
      readonly db: string;
      readonly settings: SettingOptions;
      readonly content: RunContent;
      readonly habits: WriterHabits;
      readonly ackFile: string;
      /** The pages are stored through this commit: log files below can be used again. */
      readonly checkpointThrough: number | undefined;
      readonly moment: Moment;
      /** What to do at that moment: say so, close the log as well, or send the kill at once and to oneself. */
      readonly act: 'say' | 'close' | 'die';
    }
  | { readonly task: 'open'; readonly db: string; readonly settings: SettingOptions }
  | { readonly task: 'recover'; readonly db: string; readonly pageFiles: readonly string[] };

/** The plan of a writing victim. */
export type WritePlan = Extract<VictimPlan, { task: 'write' }>;

/** What a victim says on its standard output, a character each. */
export const SAYS = { begins: 'b', moment: 'm' } as const;
