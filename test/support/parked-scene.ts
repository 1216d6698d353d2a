// A log with threads that live, beside a writer that is parked within an append: what the others may do meanwhile, what
// becomes of its commit, and what the certificates say in the end (design/concurrency.md, "What if").

import { expect } from 'vitest';
import { Control, SLEEP } from '../../src/epoch/control.js';
import { openWal, recoverWal, type Wal } from '../../src/index.js';
import { Lane } from '../../src/lane/lane.js';
import { scanLog } from '../../src/recovery/scan.js';
import { listSegments } from '../../src/recovery/segment-file.js';
import { LogThread } from './log-threads.js';
import type { AppendKind } from './parked-writer.js';
import { ParkedWriter, parkedTxnId } from './parked-writers.js';

const SETTINGS = {
  pageSize: 512,
  lanes: 2,
  laneBytes: 65_536,
  logFileBytes: 2 ** 20,
  ticker: false,
  // Two of the jumbos here do not fit.
  maxJumboBytes: 150_000,
};
/** The lane of the main thread and of `other`; the parked writer shares the next one with `sharing`. */
const OTHER_LANE = 0;
const PARKED_LANE = 1;
const WAIT_MS = 30_000;
const JUMBO_BYTES = 100_000;
/** Turns of the flusher after which it has had its chance to do what it must not do. */
const ROUNDS = 5;

/** A log, threads that live, and one after the other a writer that is parked. */
export class ParkedScene {
  readonly #db: string;
  readonly wal: Wal;
  readonly control: Control;
  readonly lanes: readonly Lane[];
  readonly sharing: LogThread;
  readonly other: LogThread;
  /** Sequences that no frame may have. */
  readonly voids: number[] = [];
  /** Transactions of parked writers that must be there; all others must not. */
  readonly whole: number[] = [];

  private constructor(db: string, wal: Wal, sharing: LogThread, other: LogThread) {
    this.#db = db;
    this.wal = wal;
    this.control = new Control(wal.handle.control);
    this.lanes = wal.handle.lanes.map((buffer, index) => new Lane(index, buffer));
    this.sharing = sharing;
    this.other = other;
  }

  static async open(db: string): Promise<ParkedScene> {
    const wal = await openWal(db, SETTINGS);
    const sharing = await LogThread.start(wal, 'serve');
    const other = await LogThread.start(wal, 'serve');
    expect([wal.connect().lane, sharing.lane, other.lane]).toEqual([OTHER_LANE, PARKED_LANE, OTHER_LANE]);
    return new ParkedScene(db, wal, sharing, other);
  }

  get parkedLane(): Lane {
    return this.lanes[PARKED_LANE]!;
  }

  /** Starts a writer that is about to append, with everything before it durable and the flusher asleep. */
  async prepare(kind: AppendKind, before: number): Promise<ParkedWriter> {
    const isFull = kind === 'full' || kind === 'fullAsync';
    // As a preempted writer of the other lane: nothing is sealed, so the lane that is filled stays full.
    if (isFull) this.lanes[OTHER_LANE]!.guard.store(1);
    const writer = await ParkedWriter.start(this.wal, kind, before);
    if (isFull) return writer;
    expect((await this.other.ask({ ask: 'appendDurable', bytes: 100, timeoutMs: WAIT_MS })).code).toBeUndefined();
    // Nothing may wake it here: an append's last operations depend on how it sleeps.
    while (this.control.flusherSleep.load() !== SLEEP.idle) await new Promise((resolve) => setImmediate(resolve));
    return writer;
  }

  /** Has the writer append until it is parked or done; makes room for it when it waits for some. */
  async park(writer: ParkedWriter) {
    for (let stop = await writer.append(); ; stop = await writer.next()) {
      this.#makeRoom();
      if (stop.at !== 'waiting') return stop;
    }
  }

  #makeRoom(): void {
    this.lanes[OTHER_LANE]!.guard.store(0);
    void this.wal.flush();
  }

  /** Whether an append of a jumbo in another lane has to wait until the parked writer is reaped. */
  isJumboHeldUp(isPublished: boolean): boolean {
    const isClaimed = this.parkedLane.jumboBytes() > 0 && (!isPublished || this.parkedLane.guard.load() !== 0);
    return this.control.jumboLock.isHeld() || isClaimed;
  }

  /** Nothing at or above `guard` is sealed, and everything below it is durable. */
  async expectHeldBackFrom(guard: number, where: string): Promise<void> {
    void this.wal.flush();
    while (this.wal.marks().durableSeq < guard - 1) await this.wal.files();
    for (let round = 0; round < ROUNDS; round += 1) await this.wal.files();
    expect(this.wal.marks().durableSeq, where).toBe(guard - 1);
    expect(this.wal.marks().appendedSeq, where).toBe(guard - 1);
  }

  /** Ends a parked writer; resolves when the flusher has cleaned up after it. */
  async end(writer: ParkedWriter, end: ParkedEnd): Promise<void> {
    const { writersReaped } = this.wal.counters();
    if (end === 'goes on') {
      writer.open();
      expect(await writer.next()).toMatchObject({ at: 'done' });
    }
    await writer.worker.terminate();
    while (this.wal.counters().writersReaped === writersReaped) await this.wal.files();
  }

  /** Closes the log and compares what it holds with what became of the parked writers. */
  async expectOnDisk(where: string): Promise<void> {
    const { durableSeq } = await this.wal.flush();
    expect(this.wal.marks().appendedSeq, where).toBe(durableSeq);
    await Promise.all([this.sharing.worker.terminate(), this.other.worker.terminate()]);
    await this.wal.close();
    const certified: number[] = [];
    for (const { certificate } of listSegments(this.wal.directory, await scanLog(this.wal.directory))) {
      certified.push(...certificate.voids);
    }
    expect(certified, where).toEqual(this.voids);
    const found: number[] = [];
    const parked: number[] = [];
    await recoverWal(this.#db, {
      into: ({ seq, txnId, records }) => {
        found.push(seq);
        if (Number(txnId) === 0) return;
        parked.push(Number(txnId));
        const [record] = [...records()].filter(({ kind }) => kind === 'operation');
        const value = (Number(txnId) - parkedTxnId(0) + 1) % 256;
        expect(record?.kind === 'operation' && record.bytes.every((byte) => byte === value), where).toBe(true);
      },
    });
    expect(parked, where).toEqual(this.whole);
    const all = Array.from({ length: durableSeq }, (_, index) => index + 1);
    expect(found, where).toEqual(all.filter((seq) => !this.voids.includes(seq)));
  }
}

/** Where a writer is parked. */
interface Place {
  readonly kind: AppendKind;
  readonly before: number;
  readonly taken: number;
  readonly isPublished: boolean;
  /** For a failure's message. */
  readonly where: string;
}

/** What becomes of a parked writer: it is terminated there, or was only preempted and goes on. */
export type ParkedEnd = 'terminated' | 'goes on';

/**
 * Parks a writer in front of every operation of an append, one writer after the other, and ends it among others.
 *
 * @returns the names of the operations, but for the wake-up of the flusher, which may not have been asleep
 */
export async function parkEverywhere(db: string, kind: AppendKind, end: ParkedEnd): Promise<readonly string[]> {
  const scene = await ParkedScene.open(db);
  for (let before = 0; ; before += 1) {
    const writer = await scene.prepare(kind, before);
    const stop = await scene.park(writer);
    if (stop.at === 'done') {
      await writer.worker.terminate();
      scene.whole.push(parkedTxnId(before));
      await scene.expectOnDisk(`${kind}, at its end`);
      console.log(`${kind}: parked in front of each of ${before} operations, ${end}; ${scene.voids.length} voids`);
      const isWoken = stop.operations.at(-1) === 'notify';
      return isWoken ? stop.operations.slice(0, -2) : stop.operations;
    }
    const { operation, taken, isPublished } = stop;
    const where = `${kind}, parked in front of ${before}, ${operation}`;
    await endAmongOthers(scene, writer, { kind, before, taken, isPublished, where }, end);
  }
}

/** Others append and wait beside a parked writer until it ends. */
async function endAmongOthers(scene: ParkedScene, writer: ParkedWriter, place: Place, end: ParkedEnd): Promise<void> {
  const { before, taken, isPublished, where } = place;
  const { other, sharing, parkedLane } = scene;
  const guard = parkedLane.guard.load();
  const isLocked = parkedLane.lock.isHeld();
  const bytes = place.kind === 'jumbo' ? JUMBO_BYTES : 600;
  const isHeldUp = bytes === JUMBO_BYTES && scene.isJumboHeldUp(isPublished);
  const isWhole = isPublished || end === 'goes on';
  if (isWhole) scene.whole.push(parkedTxnId(before));
  else if (taken > 0) scene.voids.push(taken);

  const appended = other.ask({ ask: 'append', bytes, timeoutMs: WAIT_MS });
  if (!isHeldUp) expect((await appended).code, where).toBeUndefined();
  let durable = isHeldUp ? undefined : other.ask({ ask: 'waitDurable', timeoutMs: WAIT_MS });
  // Without a guard nobody has to wait for the end but who wants the same lane, or the same room.
  if (guard !== 0) await scene.expectHeldBackFrom(guard, where);
  else if (durable !== undefined) expect((await durable).code, where).toBeUndefined();
  const shared = sharing.ask({ ask: 'appendDurable', bytes: 100, timeoutMs: WAIT_MS });
  if (!isLocked) expect((await shared).code, where).toBeUndefined();

  await scene.end(writer, end);
  expect((await appended).code, where).toBeUndefined();
  durable ??= other.ask({ ask: 'waitDurable', timeoutMs: WAIT_MS });
  expect((await durable).code, where).toBeUndefined();
  expect((await shared).code, where).toBeUndefined();
  expect([parkedLane.lock.isHeld(), parkedLane.guard.load()], where).toEqual([false, 0]);
  expect(scene.control.sizePages(before + 1), where).toBe(isWhole && place.kind === 'sizes' ? before + 1 : 0);
}
