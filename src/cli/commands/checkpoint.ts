// `lanewal checkpoint`: brings the page file of a closed store up to its log, and lets go of the log.

import type { Command } from 'commander';
import { openPageStore } from '../../index.js';
import { EXIT } from '../exit-status.js';
import { logDirectoryOf } from '../log-reading.js';
import { filePath } from '../option-values.js';
import { bytesInWords, printJson, printPairs } from '../output.js';
import { checkDatabasePath, sha256OfFile } from '../page-files.js';

interface CheckpointOptions {
  readonly adopt?: boolean;
  readonly json?: boolean;
}

/** Adds the command. `finish` gets the exit status. */
export function addCheckpoint(program: Command, finish: (status: number) => void): void {
  program
    .command('checkpoint')
    .summary('bring the page file of a closed store up to its log, and let go of the log')
    .description(
      'Opens the page store of DB, which recovers it, writes what its log (the directory DB-wal) has above the last ' +
        'checkpoint to the page file DB, syncs it, notes that in the log, lets go of the log files below, and ' +
        'closes. A page file that is not the one of this log is refused. A missing log is an empty one.',
    )
    .argument('<db>', 'the database to checkpoint', filePath)
    .option('--adopt', 'take the page file as the one of this log, whatever it is')
    .option('--json', 'print what was done as one JSON document')
    .action(async (db: string, options: CheckpointOptions) => {
      const done = await checkpoint(db, options.adopt === true);
      if (options.json === true) printJson(done);
      else print(done);
      finish(EXIT.done);
    });
}

async function checkpoint(db: string, adopt: boolean) {
  checkDatabasePath(db);
  if (!logDirectoryOf(db).exists()) return { ...NOTHING, logFiles: 0, logBytes: 0, sizePages: 0, sha256: null };
  const store = await openPageStore(db, { adopt });
  try {
    const report = await store.checkpoint({ mode: 'truncate' });
    const files = await store.wal.files();
    const logBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const { sizePages } = store;
    await store.close();
    return { ...report, logFiles: files.length, logBytes, sizePages, sha256: sha256OfFile(db) };
  } catch (error) {
    await store.close().catch(() => undefined);
    throw error;
  }
}

const NOTHING = { throughSeq: 0, pagesWritten: 0, bytesWritten: 0, durationMs: 0 };

function print(done: Awaited<ReturnType<typeof checkpoint>>): void {
  printPairs([
    ['checkpoint', `everything through commit ${done.throughSeq}`],
    ['written', `${done.pagesWritten} pages, ${bytesInWords(done.bytesWritten)} in ${done.durationMs.toFixed(0)} ms`],
    ['store', `${done.sizePages} pages${done.sha256 === null ? '' : `, sha256 ${done.sha256}`}`],
    ['log', `${done.logFiles} files, ${bytesInWords(done.logBytes)}`],
  ]);
}
