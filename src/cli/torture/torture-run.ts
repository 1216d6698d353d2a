// A torture: one kill after the other, each followed by a recovery that is compared with everything that is known.
// Many kills come to one log, so that it rotates, recycles and carries a history of crashes; then a fresh one is made.

import fs from 'node:fs';
import { join } from 'node:path';
import { mixed, seeded } from '../../base/random.js';
import type { FsyncPolicy } from '../../settings.js';
import { type Acknowledgement, readAcknowledgements } from './acknowledgements.js';
import { chooseDelay, chooseLog, chooseTask, chooseWrite, type Fixed, type LogChoices } from './choices.js';
import { runJobs } from './jobs.js';
import { type Kill, killVictim } from './killer.js';
import { Ledger } from './ledger.js';
import type { VictimPlan } from './victim-plan.js';

/** How long, and what of. */
export interface TortureOptions extends Fixed {
  readonly seed: number;
  /** Ends with the first of the two. */
  readonly kills: number;
  readonly seconds: number;
  /** Logs that are tortured at the same time. */
  readonly jobs: number;
  /** Where the logs are made. It is there. */
  readonly folder: string;
  readonly onProgress: (tally: TortureTally) => void;
}

/** A kill that went wrong. */
export interface TortureFailure {
  /** What was killed, when, and what it was doing. */
  readonly story: string;
  readonly faults: readonly string[];
  /** Where the log and its page files are, as they were found. */
  readonly db: string;
}

/** What has been done so far. */
export interface TortureTally {
  kills: number;
  readonly killed: Record<VictimPlan['task'], number>;
  /** Of the writing ones. */
  readonly byPolicy: Record<FsyncPolicy, number>;
  /** Writing processes with four writers or more, each in a space of its own. */
  fourSpacesOrMore: number;
  /** Processes that were done before the kill. */
  escaped: number;
  logs: number;
  checkpoints: number;
  acknowledged: number;
  /** Commits found, each compared byte for byte with what was written. */
  recovered: number;
  lost: number;
  readonly failures: TortureFailure[];
  seconds: number;
}

/** Odds that a kill is the last one of its log. */
const LAST_KILL_ODDS = 1 / 25;
/** Odds that the opening that makes a log is killed before anybody writes. */
const FIRST_OPENING_ODDS = 0.3;
const CHECKPOINT_ODDS = 0.5;
const VERIFY_ODDS = 0.1;

/** Runs a torture to its end, or to the first kill that went wrong. */
export async function torture(options: TortureOptions): Promise<TortureTally> {
  const tally: TortureTally = {
    kills: 0,
    killed: { write: 0, open: 0, recover: 0 },
    byPolicy: { full: 0, normal: 0, off: 0 },
    fourSpacesOrMore: 0,
    escaped: 0,
    logs: 0,
    checkpoints: 0,
    acknowledged: 0,
    recovered: 0,
    lost: 0,
    failures: [],
    seconds: 0,
  };
  await runJobs(options, tally, (name, isOver) => new TorturedLog(options, tally, name).run(isOver));
  return tally;
}

/** One log, from its first opening to its last kill. */
class TorturedLog {
  readonly #options: TortureOptions;
  readonly #tally: TortureTally;
  readonly #folder: string;
  readonly #db: string;
  readonly #ledger: Ledger;
  readonly #choices: LogChoices;
  readonly #random: () => number;
  /** Runs of writers so far. */
  #run = 0;

  constructor(options: TortureOptions, tally: TortureTally, name: string) {
    this.#options = options;
    this.#tally = tally;
    this.#folder = join(options.folder, name);
    this.#db = join(this.#folder, 'app.db');
    this.#random = seeded(mixed(options.seed, ...Buffer.from(name)));
    this.#choices = chooseLog(this.#random);
    this.#ledger = new Ledger(this.#db, this.#choices.pageBytes);
  }

  async run(isOver: () => boolean): Promise<void> {
    fs.mkdirSync(this.#folder);
    this.#tally.logs += 1;
    // The first opening makes the log.
    let task: VictimPlan['task'] = this.#random() < FIRST_OPENING_ODDS ? 'open' : 'write';
    do {
      const next = chooseTask(this.#random);
      if (!(await this.#cycle(task, next))) return;
      task = next;
    } while (!isOver() && this.#random() >= LAST_KILL_ODDS);
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  /** One kill and its check; says whether all is well. */
  async #cycle(task: VictimPlan['task'], next: VictimPlan['task']): Promise<boolean> {
    const { plan, kill } = this.#prepare(task);
    const { isKilled, fault } = await killVictim(plan, kill);
    const tally = this.#tally;
    tally.kills += isKilled ? 1 : 0;
    tally.killed[task] += isKilled ? 1 : 0;
    tally.escaped += isKilled ? 0 : 1;
    const faults = fault === undefined ? [] : [fault];
    faults.push(...(await this.#check(plan, next)));
    if (faults.length === 0) return true;
    tally.failures.push({ story: `${JSON.stringify(kill)} of ${JSON.stringify(plan)}`, faults, db: this.#db });
    return false;
  }

  async #check(plan: VictimPlan, next: VictimPlan['task']): Promise<string[]> {
    const acknowledgements = this.#takeAcknowledgements(plan);
    const { faults, lost, commits } = await this.#ledger.checkCommits(this.#run, acknowledgements);
    this.#tally.acknowledged += acknowledgements.length;
    this.#tally.recovered += commits;
    this.#tally.lost += lost;
    const all = [...faults];
    // A recovery that is going to be killed must have something to do.
    if (next !== 'recover') all.push(...(await this.#ledger.checkPages()));
    if (this.#random() < VERIFY_ODDS) all.push(...(await this.#ledger.checkSoundness()));
    return all;
  }

  #takeAcknowledgements(plan: VictimPlan): Acknowledgement[] {
    if (plan.task !== 'write') return [];
    const acknowledgements = readAcknowledgements(plan.ackFile);
    fs.rmSync(plan.ackFile, { force: true });
    return acknowledgements;
  }

  #prepare(task: VictimPlan['task']): { plan: VictimPlan; kill: Kill } {
    const db = this.#db;
    if (task === 'write') return this.#prepareWrite();
    const kill = chooseDelay(this.#random, task);
    if (task === 'recover') return { plan: { task, db, pageFiles: this.#ledger.pageFiles }, kill };
    const { settings } = this.#choose(this.#run);
    return { plan: { task, db, settings }, kill };
  }

  #prepareWrite(): { plan: VictimPlan; kill: Kill } {
    this.#run += 1;
    const { kill, ...choices } = this.#choose(this.#run);
    const { content, settings } = choices;
    this.#ledger.expect(content);
    const isCheckpointed = this.#random() < CHECKPOINT_ODDS;
    const checkpointThrough = isCheckpointed ? this.#ledger.lastSeq || undefined : undefined;
    const tally = this.#tally;
    tally.checkpoints += checkpointThrough === undefined ? 0 : 1;
    tally.byPolicy[settings.fsync ?? this.#options.environment.fsync.value] += 1;
    tally.fourSpacesOrMore += content.writers >= 4 && content.spaces >= content.writers ? 1 : 0;
    const ackFile = join(this.#folder, `acknowledged-${this.#run}`);
    return { plan: { task: 'write', db: this.#db, ackFile, checkpointThrough, ...choices }, kill };
  }

  #choose(run: number) {
    return chooseWrite(this.#random, this.#options, this.#choices, { seed: this.#options.seed, run });
  }
}
