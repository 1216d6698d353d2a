// For each setting the test that turns it and sees the effect. A test of the folder tidy compares this with the table of
// settings: a new setting comes with such a test, or fails.

import type { Settings } from '../../src/settings.js';

/** Where a test is. */
export interface KnobTest {
  readonly file: string;
  /** Its title, or how it begins. */
  readonly title: string;
}

const KNOBS = 'test/unit/settings/knobs.test.ts';
const SHADOW = 'test/unit/shadow/shadow-compare.test.ts';
const ARCHIVE = 'test/threads/archive.test.ts';
const PLACES = 'test/unit/typed/places.test.ts';
const EXITS = { file: 'test/threads/exits.test.ts', title: 'says what is not durable in time, and ends' };

/** The test of each setting. */
export const KNOB_TESTS: Readonly<Record<keyof Settings, KnobTest>> = {
  pageSize: { file: KNOBS, title: 'pageSize: ' },
  lanes: { file: KNOBS, title: 'lanes: ' },
  laneBytes: { file: KNOBS, title: 'laneBytes: ' },
  fsync: { file: KNOBS, title: 'fsync: ' },
  mode: { file: 'test/unit/control/modes.test.ts', title: 'the mode comes from option or variable' },
  shadowComparePerMille: { file: SHADOW, title: 'shadowComparePerMille: ' },
  shadowDirect: { file: SHADOW, title: 'shadowDirect: ' },
  syncMethod: { file: 'test/threads/typed-log.test.ts', title: 'syncMethod: ' },
  epochIntervalMs: { file: KNOBS, title: 'epochIntervalMs, ticker: ' },
  maxFlushDelayMs: { file: KNOBS, title: 'maxFlushDelayMs: ' },
  maxParallelCommitBytes: { file: KNOBS, title: 'maxParallelCommitBytes: ' },
  syncBytes: { file: KNOBS, title: 'syncBytes: ' },
  helperLaneBudget: {
    file: 'test/unit/flusher/overlap.test.ts',
    title: 'helperLaneBudget: with one flush at a time every sync is waited for',
  },
  controller: { file: KNOBS, title: 'controller: ' },
  maxLogBytes: { file: KNOBS, title: 'maxLogBytes: ' },
  logFileAgeMs: { file: PLACES, title: 'logFileAgeMs: ' },
  spareFilesMax: { file: PLACES, title: 'that are let go are kept to be used again, as many as is said' },
  logFileBytes: { file: KNOBS, title: 'logFileBytes: ' },
  checkpointBytes: { file: KNOBS, title: 'checkpointBytes: ' },
  appendTimeoutMs: { file: KNOBS, title: 'appendTimeoutMs: ' },
  maxJumboBytes: { file: KNOBS, title: 'maxJumboBytes: ' },
  exitFlushMs: EXITS,
  recoveryMemoryBytes: { file: 'test/bytes/memory.test.ts', title: 'recoveryMemoryBytes: ' },
  onDamage: { file: KNOBS, title: 'onDamage: ' },
  archiveDirectory: { file: ARCHIVE, title: '%s: every file is in the archive before it is let go' },
  archiveMode: { file: ARCHIVE, title: '%s: every file is in the archive before it is let go' },
  archiveFilesMax: { file: KNOBS, title: 'archiveFilesMax, archiveBytesMax: ' },
  archiveBytesMax: { file: KNOBS, title: 'archiveFilesMax, archiveBytesMax: ' },
  cacheBytes: { file: KNOBS, title: 'cacheBytes: ' },
  latchTimeoutMs: { file: KNOBS, title: 'latchTimeoutMs: ' },
  checkpointIntervalMs: { file: KNOBS, title: 'checkpointIntervalMs: ' },
  checkpointBytesPerSecond: { file: KNOBS, title: 'checkpointBytesPerSecond: ' },
  ticker: { file: KNOBS, title: 'epochIntervalMs, ticker: ' },
  workerUrls: EXITS,
};
