// What the process of store-child.ts and the test that kills it agree on.

import type { StoreOptions } from '../../src/index.js';

export const CHILD_PAGES = 300;

/** Little of everything: evictions, checkpoints and recycled log files all the time. */
export const CHILD_SETTINGS: StoreOptions = {
  pageSize: 1024,
  cacheBytes: 64 * 1024,
  lanes: 1,
  laneBytes: 64 * 1024,
  maxLogBytes: 512 * 1024,
  logFileBytes: 64 * 1024,
  checkpointBytes: 64 * 1024,
};
