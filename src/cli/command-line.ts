// One call of the command line: parses, runs one command, and says which exit status it ends with (exit-status.ts).
// Results go to standard output, everything else to standard error. Ending the process is left to main.ts.

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { invalidArgument, type WalError } from '../base/errors.js';
import { processEnvironment, resolveSettings } from '../settings.js';
import { EventLoopHold } from '../thread/keep-alive.js';
import { addBench } from './commands/bench.js';
import { addCheckpoint } from './commands/checkpoint.js';
import { addDemo } from './commands/demo.js';
import { addInspect } from './commands/inspect.js';
import { addRecover } from './commands/recover.js';
import { addReplay } from './commands/replay.js';
import { addStat } from './commands/stat.js';
import { addTail } from './commands/tail.js';
import { addTorture } from './commands/torture.js';
import { addVerify } from './commands/verify.js';
import { EXIT, errorLine, exitStatusOf } from './exit-status.js';

/** How a call is to end. */
export interface Ending {
  status: number;
  /** End without closing anything, as a crash would. */
  isAbrupt: boolean;
}

const HELP = `
Settings come from LANEWAL_ variables where a command has no option for them (LANEWAL_LANES, LANEWAL_FSYNC,
LANEWAL_LANE_BYTES, ...); an unknown one is refused.

Exit status: 0 done; 1 the data is damaged or a check failed; 2 the call was wrong; 3 something else failed (locked,
permission, I/O, a full disk).

Start with: lanewal demo`;

function buildProgram(finish: (status: number, isAbrupt?: boolean) => void): Command {
  const program = new Command('lanewal');
  program
    .description('A parallel write-ahead log for page stores.')
    .version(packageVersion(), '--version', 'print the version')
    .addHelpText('after', HELP)
    // Errors are printed by us, in one line; commander throws them.
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError(false)
    .exitOverride()
    // An unknown variable is refused by every command, before it does anything.
    .hook('preAction', () => void resolveSettings({}, processEnvironment()));
  addDemo(program, finish);
  addReplay(program, finish);
  addRecover(program, finish);
  addCheckpoint(program, finish);
  addVerify(program, finish);
  addInspect(program, finish);
  addStat(program, finish);
  addTail(program, finish);
  addTorture(program, finish);
  addBench(program, finish);
  return program;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Commander's refusals as errors of ours. */
function usageError(error: CommanderError, command: string | undefined): WalError {
  const reason = error.message.replace(/^error: /, '').replace(/\.$/, '');
  return invalidArgument(`${reason}. See lanewal ${command === undefined ? '' : `${command} `}--help.`);
}

/**
 * Runs one command; errors are printed, never thrown.
 *
 * @param args - without the program's name
 */
export async function runCommandLine(args: readonly string[]): Promise<Ending> {
  const ending: Ending = { status: EXIT.done, isAbrupt: false };
  const program = buildProgram((status, isAbrupt = false) => Object.assign(ending, { status, isAbrupt }));
  if (args.length === 0) {
    program.outputHelp({ error: true });
    return { status: EXIT.wrongCall, isAbrupt: false };
  }
  try {
    // A command that waits for nothing but a thread or a shared word must not end before it is done.
    await new EventLoopHold().during(program.parseAsync(args, { from: 'user' }));
    return ending;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return { status: EXIT.done, isAbrupt: false };
    const command = program.commands.find((each) => each.name() === args[0])?.name();
    const error = thrown instanceof CommanderError ? usageError(thrown, command) : thrown;
    process.stderr.write(errorLine(error));
    return { status: exitStatusOf(error), isAbrupt: false };
  }
}
