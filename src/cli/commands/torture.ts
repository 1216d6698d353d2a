// `lanewal torture`: kills a writing process again and again, and checks every acknowledgement.

import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { invalidArgument, toWalError } from '../../base/errors.js';
import { type FsyncPolicy, processEnvironment, resolveSettings } from '../../settings.js';
import { EXIT } from '../exit-status.js';
import { filePath, oneOf, wholeNumber } from '../option-values.js';
import { ProgressLine, printJson, printLine, printPairs } from '../output.js';
import { type MapTortureTally, tortureMaps } from '../torture/map-run.js';
import { type TortureFailure, type TortureTally, torture } from '../torture/torture-run.js';

interface TortureCommandOptions {
  readonly workload?: 'pages' | 'map';
  readonly seconds?: number;
  readonly cycles?: number;
  readonly writers?: number;
  readonly spaces?: number;
  readonly fsync?: FsyncPolicy;
  readonly jobs?: number;
  readonly seed?: number;
  readonly db?: string;
  readonly json?: boolean;
}

/** Without a number of either kind. */
const SECONDS = 30;
const WRITERS_MAX = 64;
const SEED_MAX = 2 ** 31 - 1;

/** Adds the command. `finish` gets the exit status. */
export function addTorture(program: Command, finish: (status: number) => void): void {
  program
    .command('torture')
    .summary('kill a writing process again and again, and check every acknowledgement')
    .description(
      'Starts a process whose writers, each on a thread of its own, append commits to one log, kills it (SIGKILL) ' +
        'at a random moment, recovers, and checks: the commits are 1 to k, whole, in the order of each writer, byte ' +
        'for byte what was written, and every acknowledged one is among them; the page files are what the commits ' +
        'make, also when they are recovered again. Then the next process goes on with the same log. Some kills come ' +
        'to an opening or to a recovery. Settings, sizes, writers and moments are chosen at random for each kill, ' +
        'but for what is given here or by LANEWAL_ variables. The first kill that loses anything ends it: exit ' +
        'status 1, and the files stay. With --workload map the threads change one durable map, and what each opening ' +
        'finds in it is compared, key by key, with what its changes make.',
    )
    .option('--workload <name>', 'pages, or map: threads that change one durable map', oneOf(['pages', 'map']))
    .option('--seconds <number>', `how long (default: ${SECONDS}, or as long as --cycles takes)`, count(86_400))
    .option('--cycles <number>', 'how many kills, each with its check', count(10_000_000))
    .option(
      '--writers <number>',
      'writers of each process (default: random, 1 to 8; of a map to 4)',
      count(WRITERS_MAX),
    )
    .option(
      '--spaces <number>',
      'page files they write to (default: mostly one each; none with a map)',
      count(WRITERS_MAX),
    )
    .option('--fsync <policy>', 'full, normal or off (default: all three)', oneOf(['full', 'normal', 'off']))
    .option('--jobs <number>', 'logs that are tortured at the same time (default: 1)', count(64))
    .option('--seed <number>', 'seed of all choices (default: random, and printed)', wholeNumber(0, SEED_MAX))
    .option('--db <folder>', 'where the logs are made (default: the folder for temporary files)', filePath)
    .option('--json', 'print the figures as one JSON document')
    .action(async (options: TortureCommandOptions) => finish((await run(options)) ? EXIT.done : EXIT.damaged));
}

function count(most: number): (text: string) => number {
  return wholeNumber(1, most);
}

async function run(options: TortureCommandOptions): Promise<boolean> {
  const { workload, writers, spaces, fsync, cycles, jobs = 1, seed = randomInt(SEED_MAX), json = false } = options;
  const environment = resolveSettings({}, processEnvironment());
  if (workload === 'map' && spaces !== undefined)
    throw invalidArgument('--spaces is of the workload pages: a map has none.', { spaces });
  const seconds = options.seconds ?? (cycles === undefined ? SECONDS : Number.POSITIVE_INFINITY);
  const folder = makeFolder(options.db);
  const progress = new ProgressLine();
  const onProgress = ({ kills, acknowledged, lost }: Tally): void =>
    progress.show(`${kills} kills, ${acknowledged} acknowledged, ${lost} lost`);
  const kills = cycles ?? Number.POSITIVE_INFINITY;
  const common = { seed, kills, seconds, jobs, folder, writers, fsync, onProgress };
  const tally = workload === 'map' ? await tortureMaps(common) : await torture({ ...common, spaces, environment });
  progress.end();
  const isPassed = tally.failures.length === 0;
  if (isPassed) fs.rmSync(folder, { recursive: true, force: true });
  if (json) printJson({ passed: isPassed, seed, ...tally, bound: boundOf(tally) });
  else printTally(tally, seed);
  return isPassed;
}

function makeFolder(db: string | undefined): string {
  try {
    if (db !== undefined) fs.mkdirSync(db, { recursive: true });
    return fs.mkdtempSync(join(db ?? tmpdir(), 'lanewal-torture-'));
  } catch (thrown) {
    throw toWalError(thrown, `make a folder in ${db ?? tmpdir()}`);
  }
}

/** What every workload counts. */
interface Tally {
  readonly kills: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly failures: readonly TortureFailure[];
}

function killedOf({ killed }: TortureTally): string {
  return `${killed.write} writing, ${killed.open} opening, ${killed.recover} recovering`;
}

function logsOf({ fourSpacesOrMore, logs, checkpoints }: TortureTally): readonly (readonly [string, string])[] {
  return [
    ['4 writers or more', `${fourSpacesOrMore}, each in a space of its own`],
    ['logs', `${logs}, ${checkpoints} checkpoints`],
  ];
}

/** With so many kills and no loss, the rate of losses is below this with 95% confidence (the rule of three). */
function boundOf({ kills, failures }: Tally): number | null {
  return kills === 0 || failures.length > 0 ? null : Math.min(1, 3 / kills);
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))}%`;
}

function printTally(tally: TortureTally | MapTortureTally, seed: number): void {
  const { kills, byPolicy, acknowledged, recovered, lost, failures, seconds } = tally;
  const bound = boundOf(tally);
  printPairs([
    ['kills', 'killed' in tally ? `${kills}: ${killedOf(tally)}` : kills],
    ['policies', `full ${byPolicy.full}, normal ${byPolicy.normal}, off ${byPolicy.off}`],
    ...('maps' in tally ? [['maps', tally.maps] as const] : logsOf(tally)),
    ['acknowledged', acknowledged],
    ['recovered', `${recovered}, each compared with what was written`],
    ['lost', lost],
    ['bound', bound === null ? 'none' : `fewer than ${percent(bound)} of kills lose anything (95%)`],
    ['time', `${seconds.toFixed(1)} s, ${(kills / Math.max(seconds, 0.001)).toFixed(1)} kills a second`],
  ]);
  for (const { story, faults, db } of failures) {
    printLine(`\nWRONG after the kill ${story}`);
    for (const fault of faults) printLine(`  ${fault}`);
    printLine(`  The files are at ${db}.`);
  }
  printLine(`\n${failures.length === 0 ? 'PASS' : 'FAIL'} (seed ${seed})`);
}
