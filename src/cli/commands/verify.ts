// `lanewal verify`: checks a log without changing anything.

import type { Command } from 'commander';
import { verifyDirectory } from '../../recovery/recover.js';
import { EXIT } from '../exit-status.js';
import { logDirectoryOf, readSteadily } from '../log-reading.js';
import { filePath } from '../option-values.js';
import { bytesInWords, printJson, printLine, printPairs, printTable, withProgress } from '../output.js';

/** Adds the command. `finish` gets the exit status. */
export function addVerify(program: Command, finish: (status: number) => void): void {
  program
    .command('verify')
    .summary('check every file, segment, frame and certificate of a log')
    .description(
      'Reads the whole log of DB (the directory DB-wal) and checks every log file, segment, frame and certificate. ' +
        'Takes no lock and changes nothing. A torn tail, which a crash leaves, is reported and is no damage; damage ' +
        'to what was recorded as synced makes the exit status 1. A missing log is an empty one.',
    )
    .argument('<db>', 'the database whose log it is', filePath)
    .option('--json', 'print the report as one JSON document')
    .action(async (db: string, { json }: { json?: boolean }) => {
      const directory = logDirectoryOf(db);
      const report = await readSteadily(
        () => withProgress((onProgress) => verifyDirectory(directory, { onProgress })),
        ({ isSound, problems }) => (isSound ? [] : problems),
      );
      if (json === true) printJson(report);
      else {
        const { files, segments, epochs, frames, voids, firstSeq, lastSeq, problems, tail, bytesRead, syncedThrough } =
          report;
        printPairs([
          ['verdict', report.isSound ? 'sound' : 'DAMAGED'],
          ['tail', tail],
          ['files', files],
          ['segments', `${segments}, ${epochs} epochs, synced through epoch ${syncedThrough}`],
          ['commits', firstSeq === 0 ? 'none' : `${firstSeq} to ${lastSeq}, ${frames} frames, ${voids} voids`],
          ['read', bytesInWords(bytesRead)],
        ]);
        if (problems.length > 0) {
          printLine();
          printTable(
            ['file', 'epoch', 'offset', 'problem'],
            problems.map(({ file, epoch, offset, reason }) => [file, epoch, offset, reason]),
          );
        }
      }
      finish(report.isSound ? EXIT.done : EXIT.damaged);
    });
}
