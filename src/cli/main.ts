#!/usr/bin/env node
// The process of the command line: runs one call, and ends as it says.

import { runCommandLine } from './command-line.js';
import { EXIT } from './exit-status.js';

// Whoever reads our output may stop reading, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed),
);

const ending = await runCommandLine(process.argv.slice(2));
process.exitCode = ending.status;
// An open log is drained by its exit handler and not closed, so that it looks as after a crash. Standard output has to
// be out first: a pipe may still hold some of it.
if (ending.isAbrupt || ending.status === EXIT.failed) process.stdout.write('', () => process.exit(ending.status));
