// Long random lives of one log on the simulated disk: hundreds of commits by several lanes, rotations into spares and
// made files, deaths of writers, checkpoints, marks; a crash at a random operation, more crashes while it opens, and on
// from whatever was left. A model says what must be there.

import { seeded } from '../../src/base/random.js';
import { makeSpare } from '../../src/log/preallocate.js';
import { openLog } from '../../src/recovery/opening.js';
import type { CrashPoint } from '../../src/storage/simulated-crash.js';
import { SimulatedDirectory } from '../../src/storage/simulated-directory.js';
import { checked, onePage, operation, Rig } from './flusher-rig.js';
import { crashPointsOf, linesOf, RECOVERY_BYTES } from './simulated-disk.js';
import { isTerminated, SteppedAtomics } from './stepped-atomics.js';

/** What the model knows at an instant. */
interface Instant {
  readonly point: CrashPoint;
  readonly durable: number;
  readonly written: number;
  readonly checkpoint: number;
}

/** Figures of a life. */
export interface LifeTally {
  crashes: number;
  openingCrashes: number;
  commits: number;
  deaths: number;
  checkpoints: number;
}

const LANES = 3;
const FILE_BYTES = 24_576;
const SETTINGS = { logFileBytes: FILE_BYTES, sync: true, pageBytes: 512, recoveryMemoryBytes: RECOVERY_BYTES } as const;

export class CrashLife {
  readonly tally: LifeTally = { crashes: 0, openingCrashes: 0, commits: 0, deaths: 0, checkpoints: 0 };
  readonly #random: () => number;
  #disk = new SimulatedDirectory();
  /** What recovery says of each commit, by sequence; a void has nothing. */
  readonly #lines = new Map<number, string>();
  /** Commits whose writer died: there, or void. */
  readonly #unsure = new Set<number>();
  #checkpoint = 0;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  /** Lives and dies until so many commits were made. @throws when a promise is broken */
  async run(commits: number): Promise<void> {
    while (this.tally.commits < commits) {
      const { point, durable, written, checkpoint } = await this.#live();
      this.#checkpoint = checkpoint;
      let least = this.#crash(point) ? durable : written;
      while (this.#chance(0.4)) {
        const disk = this.#disk;
        const points = await crashPointsOf(disk, () => openLog(disk, SETTINGS));
        this.tally.openingCrashes += 1;
        if (this.#crash(this.#pick(points))) least = durable;
      }
      await this.#check(least);
    }
  }

  /** Puts the disk as a crash leaves it; returns whether the power failed. */
  #crash(point: CrashPoint): boolean {
    this.tally.crashes += 1;
    const isPowerCut = this.#chance(0.7);
    this.#disk = isPowerCut ? point.random(this.#random).disk() : point.killed();
    return isPowerCut;
  }

  /** Runs the log for a while and returns an instant of that time. */
  async #live(): Promise<Instant> {
    const disk = this.#disk;
    const fsync = this.#chance(0.5) ? 'full' : 'normal';
    const settings = { fsync, maxParallelCommitBytes: 2 ** 20 } as const;
    const rig = await Rig.open({ directory: disk, lanes: LANES, logFileBytes: FILE_BYTES, settings });
    const actions = 5 + Math.floor(this.#random() * 40);
    // One of the operations to come, or the end.
    let countdown = Math.floor(this.#random() * actions * 3);
    let chosen: Instant | undefined;
    const note = (): Instant => ({
      point: disk.crashPoint(),
      durable: rig.control.durableSeq.load(),
      written: rig.control.writtenSeq.load(),
      checkpoint: this.#checkpoint,
    });
    disk.onOperation = () => {
      countdown -= 1;
      if (countdown === 0) chosen = note();
    };
    for (let action = 0; action < actions; action += 1) this.#act(rig);
    disk.onOperation = () => undefined;
    return chosen ?? note();
  }

  #act(rig: Rig): void {
    const choice = this.#random();
    if (choice < 0.55) this.#append(rig);
    else if (choice < 0.6) this.#die(rig);
    else if (choice < 0.65) {
      const name = rig.spares.wanted(rig.log.roomBytes);
      if (name === undefined) return;
      rig.spares.filled(
        name,
        makeSpare(rig.directory, { name, bytes: FILE_BYTES, sync: true }, () => false),
      );
    } else if (choice < 0.7) {
      this.tally.checkpoints += 1;
      this.#checkpoint = Math.max(this.#checkpoint, Math.floor(rig.control.durableSeq.load() * this.#random()));
      if (this.#checkpoint > 0) rig.checkpoint(this.#checkpoint);
    } else rig.settle(10 * Math.ceil(this.#random() * 3));
  }

  #append(rig: Rig): void {
    const value = 1 + Math.floor(this.#random() * 255);
    const lane = Math.floor(this.#random() * LANES);
    const isPage = this.#chance(0.5);
    const bytes = 1 + Math.floor(this.#random() * 5000);
    const input = isPage ? onePage(value, 1 + (value % 9)) : operation(bytes, value);
    const result = rig.writer(lane).tryAppend(checked(input, rig.control), 0);
    // A full lane: the commit is not taken.
    if (typeof result !== 'number') return void rig.settle(10);
    this.tally.commits += 1;
    this.#unsure.delete(result);
    this.#lines.set(result, isPage ? `${result} p0.${1 + (value % 9)}=${value}` : `${result} o1:${bytes}`);
  }

  /** A writer is terminated somewhere in an append: its commit is whole, a void, or nothing. */
  #die(rig: Rig): void {
    const lane = Math.floor(this.#random() * LANES);
    const id = 2 + lane;
    const stepped = new SteppedAtomics();
    const writer = rig.writer(lane, id, stepped.ops);
    stepped.terminateAt(Math.floor(this.#random() * 12));
    const seq = rig.control.commitSeqNext.load();
    const input = onePage(7, 1);
    const isDead = isTerminated(() => void writer.tryAppend(checked(input, rig.control), 0));
    rig.flusherLanes.reap(id, rig.lanes[lane]!);
    if (rig.control.commitSeqNext.load() === seq) return;
    this.tally.deaths += 1;
    this.#lines.set(seq, `${seq} p0.1=7`);
    if (isDead) this.#unsure.add(seq);
  }

  async #check(least: number): Promise<void> {
    const found = await linesOf(this.#disk);
    const seqs = found.map((line) => Number.parseInt(line, 10));
    const last = seqs.at(-1) ?? 0;
    const bySeq = new Map(seqs.map((seq, index) => [seq, found[index]]));
    for (const [seq, line] of this.#lines) {
      const isFound = bySeq.has(seq);
      if (isFound && bySeq.get(seq) !== line) throw new Error(`commit ${seq} is ${bySeq.get(seq)} instead of ${line}`);
      if (isFound || this.#unsure.has(seq)) continue;
      if (seq > this.#checkpoint && (seq <= least || seq < last))
        throw new Error(`commit ${seq} is missing of ${last}`);
    }
    if (seqs.some((seq, index) => !this.#lines.has(seq) || seq <= (seqs[index - 1] ?? 0))) {
      throw new Error(`commits nobody made, or out of order: ${seqs}`);
    }
    for (const seq of [...this.#lines.keys()]) {
      if (seq > last) this.#lines.delete(seq);
      if (seq > last) this.#unsure.delete(seq);
    }
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)] as T;
  }
}
