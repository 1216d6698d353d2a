// Who is told what a log of entries does, and asked before it lets a file go.

import type { DurableRange, WrittenRange } from '../epoch/publication.js';
import type { EntryFile } from './entry-files.js';
import type { Appended } from './entry-log.js';

/** What an observer hears of. What throws is an uncaught exception, as with any event, and changes nothing. */
export interface EntryObserver {
  /** Entries were appended by this thread; they have no ids yet. */
  appended?(appended: Appended): void;
  /** Commits of any thread were written: they survive the death of the process. */
  flushed?(range: WrittenRange): void;
  /** Commits of any thread became durable; under `fsync: 'off'` as {@link flushed}. */
  synced?(range: DurableRange): void;
  /** The log has gone on in a new file; this one is closed. */
  rotated?(file: EntryFile): void;
  /**
   * Says whether a file may go of which every entry is truncated. All observers have to agree; false, a throw and
   * silence keep the file, and it is asked about again with the next truncation.
   */
  mayGo?(file: EntryFile): boolean | Promise<boolean>;
}
