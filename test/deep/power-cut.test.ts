// Goal: a power cut loses nothing that was acknowledged, wherever it strikes, and a second one while the log is being
// opened or recovered does not either. Method: the workload runs on a real ext4 or XFS behind a loop device and writes
// its acknowledgements elsewhere; the file system is stopped at a random moment, mounted again, recovered and compared.
// Only what was acknowledged before the cut began counts: unlike a machine the program lives on for a moment, and a
// sync that is under way when the file system is stopped returns success even when the new size of the file is lost
// (seen on ext4 and XFS with nothing but write and fdatasync). What such syncs vouched for is printed as overtaken.
//
// WAL_TEST_CYCLES: cycles of each file system and policy; otherwise 15 seconds of each.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { seeded } from '../support/crash-directory.js';
import { type CutFileSystem, LOOP_PROGRAMS, LoopDisk, unmountAll, whyNoMounts } from '../support/mounts.js';
import { Program, scratchFolder } from '../support/program.js';
import { announceSkip, testSeed, WorkloadCheck } from '../support/workload-check.js';
import { readAcks, type WorkloadPlan } from '../support/workload-model.js';

const reason = whyNoMounts(...LOOP_PROGRAMS);
announceSkip('power cuts', reason);

const CYCLES = process.env.WAL_TEST_CYCLES === undefined ? undefined : Number(process.env.WAL_TEST_CYCLES);
const SECONDS = 15;
const WORKERS = 3;
const COMMITS = 400;
/** A recovery by the command line takes about this long, most of it for the start of the process. */
const RECOVERY_MS = 250;

const trials = { running: 0, opening: 0, opened: 0, recovering: 0 };
const acknowledged = { total: 0, lost: 0, overtaken: 0 };
const folders: string[] = [];

afterEach(() => {
  unmountAll();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

afterAll(() => {
  const cuts = trials.running + trials.opening + trials.recovering;
  if (cuts === 0) return;
  const where =
    `${trials.running} while running, ${trials.opening} from opening on, ` +
    `${trials.opened} of them when it was open, ${trials.recovering} while recovering`;
  console.log(`power cuts: ${cuts} trials (${where}), ${acknowledged.total} acknowledged, ${acknowledged.lost} lost`);
  console.log(
    `power cuts: ${acknowledged.overtaken} more were acknowledged by syncs that a cut overtook, and are gone`,
  );
  if (acknowledged.lost > 0) return;
  console.log(`power cuts: with ${cuts} trials and no failure, fewer than ${(300 / cuts).toFixed(2)}% fail (95%)`);
});

/** One log on one disk, over many cuts. */
class CutLog {
  readonly check: WorkloadCheck;
  readonly #disk: LoopDisk;
  readonly #acks: string;
  readonly #db: string;
  readonly #policy: 'full' | 'normal';
  readonly #random: () => number;
  #run = 0;
  /** How long the last opening took: where the next ones are cut. */
  #openingMs = 0;

  constructor(fileSystem: CutFileSystem, policy: 'full' | 'normal', random: () => number) {
    const folder = scratchFolder('cut');
    folders.push(folder);
    this.#disk = new LoopDisk(folder, fileSystem);
    this.#db = join(this.#disk.path, 'app.db');
    this.#acks = join(folder, 'acks');
    this.#policy = policy;
    this.#random = random;
    this.check = new WorkloadCheck(this.#db, this.#acks);
  }

  /** Cuts the power of a running workload when a random share of its acknowledgements was given. */
  async cutRunning(): Promise<string[]> {
    const settings = {
      fsync: this.#policy,
      epochIntervalMs: 1 + Math.floor(this.#random() * 10),
      // Small files rotate often, and large ones have more that no rotation has synced.
      logFileBytes: 2 ** (17 + Math.floor(this.#random() * 5)),
    };
    const more = this.#random() < 0.7 && this.check.lastSeq > 0 ? { checkpointThrough: this.check.lastSeq } : {};
    this.#run += 1;
    const program = this.#start({
      commits: COMMITS,
      windowMax: 1 + Math.floor(this.#random() * 12),
      settings,
      ...more,
    });
    await program.said('opening');
    const openingMs = performance.now();
    await program.said('opened');
    this.#openingMs = performance.now() - openingMs;
    const enough = Math.floor(this.#random() ** 2 * WORKERS * COMMITS);
    // Polling is what watches a file that another process writes.
    while (!program.isOver && readAcks(this.#acks, this.#run).length < enough) await pause(1);
    trials.running += 1;
    return this.#cut(program, true);
  }

  /** Cuts the power a random moment after the workload began to open the log. */
  async cutOpening(): Promise<string[]> {
    const program = this.#start({ commits: 0, settings: { fsync: this.#policy, logFileBytes: 131_072 } });
    await program.said('opening');
    await pause(this.#random() * this.#openingMs * 1.1);
    trials.opening += 1;
    const faults = await this.#cut(program);
    if (program.events.some(({ event }) => event === 'opened')) trials.opened += 1;
    return faults;
  }

  /** Cuts the power at a random moment of a recovery into the page file. */
  async cutRecovering(): Promise<string[]> {
    const program = Program.cli(['recover', this.#db]);
    await pause(this.#random() * RECOVERY_MS);
    trials.recovering += 1;
    return this.#cut(program);
  }

  async end(): Promise<void> {
    await this.#disk.unmount();
  }

  #start(plan: Pick<WorkloadPlan, 'commits'> & Partial<WorkloadPlan>): Program {
    return Program.workload({ db: this.#db, acks: this.#acks, run: this.#run, workers: WORKERS, ...plan });
  }

  async #cut(program: Program, isRunning = false): Promise<string[]> {
    const given = isRunning ? readAcks(this.#acks, this.#run) : [];
    await this.#disk.cut();
    await program.kill();
    await this.#disk.unmount();
    this.#disk.mount();
    const faults = await this.check.recover(given);
    const seqs = new Set(given.map(({ seq }) => seq));
    const late = isRunning ? readAcks(this.#acks, this.#run).filter(({ seq }) => !seqs.has(seq)) : [];
    acknowledged.overtaken += late.filter((ack) => !this.check.has(ack)).length;
    return faults;
  }
}

describe.skipIf(reason !== undefined)('power cuts', () => {
  test.each([
    ['ext4', 'full'],
    ['ext4', 'normal'],
    ['xfs', 'full'],
    ['xfs', 'normal'],
  ] as const)('on %s under %s lose no acknowledged commit', async (fileSystem, policy) => {
    const random = seeded(testSeed(`power cuts on ${fileSystem} under ${policy}`));
    const log = new CutLog(fileSystem, policy, random);
    const untilMs = performance.now() + SECONDS * 1000;
    let cycle = 0;
    const expectSound = (what: string, faults: readonly string[]): void => {
      expect({ cycle, what, faults, lost: log.check.lost }).toEqual({ cycle, what, faults: [], lost: [] });
    };
    try {
      for (; CYCLES === undefined ? performance.now() < untilMs : cycle < CYCLES; cycle += 1) {
        expectSound('running', await log.cutRunning());
        for (let again = Math.floor(random() * 3); again > 0; again -= 1) {
          if (random() < 0.6) expectSound('opening', await log.cutOpening());
          else expectSound('recovering', await log.cutRecovering());
        }
      }
    } finally {
      acknowledged.total += log.check.tally.acknowledged;
      acknowledged.lost += log.check.tally.lost;
    }
    expect(cycle).toBeGreaterThan(0);
    expect(log.check.tally.acknowledged).toBeGreaterThan(0);
    await log.end();
  });
});
