// Mutants of backups and of stores that are only read.

import type { Mutant } from '../support/mutation.js';

const BACKUP_TEST = 'test/threads/store-backup.test.ts';
const READ_ONLY_TEST = 'test/threads/store-read-only.test.ts';

export const BACKUP_MUTANTS: readonly Mutant[] = [
  {
    name: 'a backup does not say which log it is a base of',
    file: 'src/store/backup.ts',
    find: `pageBytes, store, originLogId });`,
    replace: `pageBytes, store, originLogId: originLogId && undefined });`,
    killedBy: { file: BACKUP_TEST, title: 'go together as long as nobody writes to the backup' },
  },
  {
    name: 'a backup that was written to is a base as before',
    file: 'src/recovery/archived-log.ts',
    find: `if (lastSeq <= base.throughSeq) continue;`,
    replace: `if (lastSeq >= 0) continue;`,
    killedBy: { file: BACKUP_TEST, title: 'go together as long as nobody writes to the backup' },
  },
  {
    name: 'a backup that fails leaves its log behind',
    file: 'src/store/backup.ts',
    find: `    for (const made of log.list()) if (!made.startsWith(LOCK_NAME)) log.remove(made);
`,
    replace: ``,
    killedBy: { file: BACKUP_TEST, title: 'on a disk with space for its pages, and not for its log' },
  },
  {
    name: 'the pin of a backup stays',
    file: 'src/store/connected-store.ts',
    find: `        } finally {
          snapshot.close();
        }
      })(),`,
    replace: `        } finally {
          void snapshot;
        }
      })(),`,
    killedBy: { file: BACKUP_TEST, title: 'where a file, a log or the store itself is' },
  },
  {
    name: 'S1: a store that is only read leaves out the log',
    file: 'src/store/read-only.ts',
    find: `if (scan.position.nextSeq - 1 > afterSeq && indexer`,
    replace: `if (scan.position.nextSeq - 1 < afterSeq && indexer`,
    killedBy: { file: READ_ONLY_TEST, title: 'S1 S2: after a kill it is what the next writer finds' },
  },
];
