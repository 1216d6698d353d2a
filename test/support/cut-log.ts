// One log on one disk, over many power cuts: each strikes at a random moment of opening, writing, closing or recovering,
// in this process. After each the disk is mounted again and everything is recovered and compared.
//
// What counts as acknowledged is what was acknowledged before the cut began: unlike a machine the program lives on for
// a moment, and a sync that is under way when the file system is stopped returns success even when the new size of the
// file is lost (seen on ext4 and XFS with nothing but write and fdatasync). Such ones are counted as overtaken.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openWal, recoverWal, type Settings, type Wal, WalError } from '../../src/index.js';
import type { CutAck, CutOutcome, CutWriters } from './cut-writers.js';
import type { Cut, LoopDisk } from './loop-disk.js';
import { WorkloadCheck } from './workload-check.js';

/** Where a cut strikes. */
export type CutMoment = 'writing' | 'opening' | 'closing' | 'recovering';

/** What happened over the cuts of a log. */
export interface CutTally {
  readonly cuts: Record<CutMoment, number>;
  /** Cuts of `opening` that struck when the log was open already. */
  opened: number;
  acknowledged: number;
  lost: number;
  overtaken: number;
  /** Cuts at which some unsynced sectors reached the disk. */
  writtenBack: number;
  /** Recoveries that dropped something behind the end. */
  torn: number;
  droppedBytes: number;
  /** Recoveries, under `off` only, that would have been refused as damage. */
  damaged: number;
  rotations: number;
  checkpoints: number;
}

/** An empty tally. */
export function newTally(): CutTally {
  const cuts = { writing: 0, opening: 0, closing: 0, recovering: 0 };
  return {
    cuts,
    opened: 0,
    acknowledged: 0,
    lost: 0,
    overtaken: 0,
    writtenBack: 0,
    torn: 0,
    droppedBytes: 0,
    damaged: 0,
    rotations: 0,
    checkpoints: 0,
  };
}

const COMMITS = 120;
/** What an error of a system call on a stopped file system may become, and nothing else. */
const REFUSALS: readonly string[] = ['ERR_WAL_IO', 'ERR_WAL_POISONED'];
const WAIT_ERRORS: readonly string[] = ['ERR_WAL_OUTCOME_UNKNOWN', 'ERR_WAL_POISONED'];

/** A log that is cut. The disk is empty and mounted. */
export class CutLog {
  readonly check: WorkloadCheck;
  readonly #disk: LoopDisk;
  readonly #db: string;
  readonly #policy: Settings['fsync'];
  readonly #writers: CutWriters;
  readonly #random: () => number;
  readonly #tally: CutTally;
  #faults: string[] = [];
  #run = 0;
  /** How long the last ones took: where the next are cut. */
  readonly #lastMs = { opening: 20, closing: 5, recovering: 20 };

  constructor(disk: LoopDisk, policy: Settings['fsync'], writers: CutWriters, random: () => number, tally: CutTally) {
    this.#disk = disk;
    this.#db = join(disk.path, 'app.db');
    this.#policy = policy;
    this.#writers = writers;
    this.#random = random;
    this.#tally = tally;
    this.check = new WorkloadCheck(this.#db, '', policy === 'off');
  }

  /** One cut and what comes behind it; returns what is wrong. */
  async cut(): Promise<{ moment: CutMoment; faults: readonly string[] }> {
    const moment = this.#moment();
    this.#tally.cuts[moment] += 1;
    this.#faults = [];
    const { beganNs, acks } = await this.#strike(moment);
    await this.#disk.unmount();
    await this.#disk.mount();
    const given = this.#policy === 'off' ? [] : acks.filter(({ atNs }) => atNs < beganNs);
    this.#faults.push(...(await this.#recovered(given)));
    const late = acks.filter(({ atNs }) => atNs >= beganNs);
    this.#tally.overtaken += late.filter((ack) => !this.check.has(ack)).length;
    this.#tally.acknowledged += given.length;
    this.#tally.lost += this.check.lost.length;
    this.#tally.torn += this.check.report?.tail === 'torn' ? 1 : 0;
    this.#tally.damaged += this.check.report?.tail === 'damaged' ? 1 : 0;
    this.#tally.droppedBytes += this.check.report?.droppedBytes ?? 0;
    return { moment, faults: this.#faults };
  }

  #moment(): CutMoment {
    const share = this.#random();
    if (share < 0.6) return 'writing';
    if (share < 0.75) return 'closing';
    // A log that does not exist yet has nothing to recover.
    if (share < 0.9 || this.check.lastSeq === 0) return 'opening';
    return 'recovering';
  }

  async #strike(moment: CutMoment): Promise<{ beganNs: number; acks: readonly CutAck[] }> {
    if (moment === 'writing' || moment === 'closing') return this.#strikeWriting(moment === 'closing');
    if (moment === 'opening') return { beganNs: await this.#strikeOpening(), acks: [] };
    return { beganNs: await this.#strikeRecovering(), acks: [] };
  }

  async #strikeWriting(closes: boolean): Promise<{ beganNs: number; acks: readonly CutAck[] }> {
    const wal = await this.#open();
    this.#run += 1;
    const { lastSeq } = this.check;
    const checkpoint =
      lastSeq > 0 && this.#random() < 0.5
        ? wal.checkpoint({ throughSeq: lastSeq }).then(
            () => {
              this.#tally.checkpoints += 1;
            },
            (thrown: unknown) => this.#expectCode('checkpoint', thrown, REFUSALS),
          )
        : Promise.resolve();
    const commits = 1 + Math.floor(this.#random() * COMMITS);
    const windowMax = 1 + Math.floor(this.#random() ** 2 * 60);
    const all = commits * this.#writers.count;
    const enough = closes ? all : Math.max(1, Math.ceil(this.#random() ** 2 * all));
    await this.#writers.start({ run: this.#run, commits, windowMax }, wal.handle, enough);
    // Some cuts strike where something was just acknowledged, most where a while has passed.
    const delayMs = this.#random() < 0.3 ? 0 : this.#random() ** 2 * 20;
    this.#writers.blockUntilStruck();
    const cut = this.#cutPower(closes ? this.#random() * 1.2 * this.#lastMs.closing : delayMs);
    if (closes) await this.#timed('closing', () => this.#close(wal));
    const beganNs = await cut;
    const outcomes = await this.#writers.outcomes();
    await this.#close(wal);
    await checkpoint;
    this.#tally.rotations += wal.counters().rotations;
    for (const outcome of outcomes) this.#expectErrors(outcome);
    return { beganNs, acks: outcomes.flatMap(({ acks }) => acks) };
  }

  async #strikeOpening(): Promise<number> {
    const cut = this.#cutPower(this.#random() * 1.2 * this.#lastMs.opening);
    let wal: Wal | undefined;
    try {
      wal = await this.#open();
      this.#tally.opened += 1;
    } catch (thrown) {
      this.#expectCode('opening', thrown, REFUSALS);
    }
    const beganNs = await cut;
    if (wal !== undefined) await this.#close(wal);
    return beganNs;
  }

  async #strikeRecovering(): Promise<number> {
    if (!existsSync(this.#db)) writeFileSync(this.#db, '');
    const cut = this.#cutPower(this.#random() * 1.2 * this.#lastMs.recovering);
    try {
      await this.#timed('recovering', () => recoverWal(this.#db, { into: { pageFiles: [this.#db] } }));
    } catch (thrown) {
      this.#expectCode('recovering', thrown, REFUSALS);
    }
    return cut;
  }

  async #cutPower(delayMs: number): Promise<number> {
    const share = this.#random();
    const loses: Cut['loses'] = share < 0.7 ? 'unsynced' : share < 0.9 ? 'unsynced data' : 'nothing';
    const seed = Math.floor(this.#random() * 2 ** 32);
    const folder = `${this.#db}-wal`;
    const writeback = this.#random() < 0.7 ? { writeback: { folder, seed } } : {};
    const { beganNs, sectors } = await this.#disk.cut({ delayMs, loses, ...writeback });
    this.#tally.writtenBack += sectors > 0 ? 1 : 0;
    return beganNs;
  }

  #open(): Promise<Wal> {
    const options = {
      pageSize: 512,
      lanes: this.#writers.count,
      laneBytes: 16_384,
      fsync: this.#policy,
      onDamage: this.#policy === 'off' ? 'stop' : 'fail',
      epochIntervalMs: 1 + Math.floor(this.#random() ** 2 * 40),
      // Small files rotate often, and large ones have more that no rotation has synced.
      logFileBytes: 2 ** (16 + Math.floor(this.#random() * 5)),
    } as const;
    return this.#timed('opening', () => openWal(this.#db, options));
  }

  async #close(wal: Wal): Promise<void> {
    try {
      await wal.close();
    } catch (thrown) {
      this.#expectCode('close', thrown, ['ERR_WAL_POISONED']);
    }
  }

  async #timed<Result>(what: 'opening' | 'closing' | 'recovering', work: () => Promise<Result>): Promise<Result> {
    const beganMs = performance.now();
    const result = await work();
    this.#lastMs[what] = performance.now() - beganMs;
    return result;
  }

  #expectCode(what: string, thrown: unknown, codes: readonly string[]): void {
    if (thrown instanceof WalError && codes.includes(thrown.code)) return;
    this.#faults.push(`${what} failed with ${thrown instanceof Error ? thrown.stack : thrown}`);
  }

  #expectErrors({ appendErrors, waitErrors }: CutOutcome): void {
    for (const code of [...appendErrors, ...waitErrors])
      if (!WAIT_ERRORS.includes(code)) this.#faults.push(`a writer was told ${code}`);
  }

  /** Recovers and compares; sometimes twice, and then the log's own bytes as well (R11). */
  async #recovered(given: readonly CutAck[]): Promise<string[]> {
    const isTwice = this.#random() < 0.25;
    const before = isTwice ? this.#digest() : '';
    try {
      const faults = await this.#timed('recovering', () => this.check.recover(given));
      if (!isTwice) return faults;
      faults.push(...(await this.check.recover([])));
      if (this.#digest() !== before) faults.push('recovery has changed the log');
      return faults;
    } catch (thrown) {
      return [`the log cannot be recovered: ${thrown instanceof Error ? thrown.stack : thrown}`];
    }
  }

  #digest(): string {
    const folder = `${this.#db}-wal`;
    const hash = createHash('sha1');
    const names = existsSync(folder) ? readdirSync(folder) : [];
    for (const name of names.sort()) if (name !== 'lock') hash.update(name).update(readFileSync(join(folder, name)));
    return hash.digest('hex');
  }
}
