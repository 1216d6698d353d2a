// All mutants: one list a folder of the sources (design/mutants.md repeats them for readers).

import type { Mutant } from '../support/mutation.js';
import { ARCHIVE_MUTANTS } from './archive.js';
import { BACKUP_MUTANTS } from './backup.js';
import { CACHE_MUTANTS } from './cache.js';
import { CONTROL_MUTANTS } from './control.js';
import { DECIDE_MUTANTS } from './decide.js';
import { EPOCH_MUTANTS } from './epoch.js';
import { FLUSHER_MUTANTS } from './flusher.js';
import { LANE_MUTANTS } from './lane.js';
import { LOG_MUTANTS } from './log.js';
import { MEMORY_MUTANTS } from './memory.js';
import { OBSERVE_MUTANTS } from './observe.js';
import { OPENING_MUTANTS } from './opening.js';
import { READER_MUTANTS } from './readers.js';
import { RECOVERY_MUTANTS } from './recovery.js';
import { RETENTION_MUTANTS } from './retention.js';
import { SEGMENT_MUTANTS } from './segment.js';
import { SHADOW_MUTANTS } from './shadow.js';
import { STAGING_MUTANTS } from './staging.js';
import { STORAGE_MUTANTS } from './storage.js';
import { STORE_MUTANTS } from './store.js';
import { TYPED_MUTANTS } from './typed.js';
import { WAL_MUTANTS } from './wal.js';

export const MUTANTS: readonly Mutant[] = [
  ...LANE_MUTANTS,
  ...STAGING_MUTANTS,
  ...EPOCH_MUTANTS,
  ...MEMORY_MUTANTS,
  ...CONTROL_MUTANTS,
  ...SHADOW_MUTANTS,
  ...FLUSHER_MUTANTS,
  ...DECIDE_MUTANTS,
  ...LOG_MUTANTS,
  ...RETENTION_MUTANTS,
  ...SEGMENT_MUTANTS,
  ...RECOVERY_MUTANTS,
  ...OPENING_MUTANTS,
  ...STORAGE_MUTANTS,
  ...ARCHIVE_MUTANTS,
  ...WAL_MUTANTS,
  ...CACHE_MUTANTS,
  ...READER_MUTANTS,
  ...STORE_MUTANTS,
  ...BACKUP_MUTANTS,
  ...OBSERVE_MUTANTS,
  ...TYPED_MUTANTS,
];
