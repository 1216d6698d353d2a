// A log without threads: control block, lanes and flusher over a directory in memory, driven one step at a time by a
// clock of the test. What it wrote is read back by the recovery of the package.

import { Control } from '../../src/epoch/control.js';
import { MODE } from '../../src/epoch/mode.js';
import { EpochCounts } from '../../src/flusher/epoch-counts.js';
import { Flusher, type FlusherSettings, type NextStep } from '../../src/flusher/flusher.js';
import type { FlusherEvents } from '../../src/flusher/flusher-events.js';
import { FlusherLanes, type HeldJumbo } from '../../src/flusher/lanes.js';
import { checkpointStart, type ReleaseHold, Retention } from '../../src/flusher/retention.js';
import { frameSeed } from '../../src/frame/codec.js';
import { Lane } from '../../src/lane/lane.js';
import { LaneWriter } from '../../src/lane/lane-writer.js';
import type { StoreIdentity } from '../../src/log/checkpoint-record.js';
import { LogWriter } from '../../src/log/log-writer.js';
import { SparePool } from '../../src/log/spare-pool.js';
import { type AtomicOps, atomics } from '../../src/memory/atomics.js';
import { type CheckedCommit, type CommitInput, checkCommit } from '../../src/record/commit.js';
import { type OpenedLog, openLog } from '../../src/recovery/opening.js';
import { recoverDirectory } from '../../src/recovery/recover.js';
import { ShadowCompare } from '../../src/shadow/shadow-compare.js';
import type { Directory } from '../../src/storage/directory.js';
import { MemoryDirectory } from '../../src/storage/memory-directory.js';

export const PAGE_BYTES = 512;

export interface RigOptions {
  readonly directory?: Directory;
  readonly lanes?: number;
  readonly laneBytes?: number;
  readonly logFileBytes?: number;
  /** Default: no bound. */
  readonly maxLogBytes?: number;
  readonly holds?: readonly ReleaseHold[];
  readonly settings?: Partial<FlusherSettings>;
  readonly isTicking?: boolean;
  /** The id of a new log; random by default. */
  readonly logId?: number;
}

/** One commit of one page, every byte of which is `value`. */
export function onePage(value: number, pageNumber = 1, more: CommitInput = {}): CommitInput {
  return { ...more, pages: [{ pageNumber, image: new Uint8Array(PAGE_BYTES).fill(value) }] };
}

/** A commit of `bytes` bytes of an operation. */
export function operation(bytes: number, value = 1): CommitInput {
  return { operations: [{ code: 1, bytes: new Uint8Array(bytes).fill(value) }] };
}

export function checked(input: CommitInput, control?: Control): CheckedCommit {
  return checkCommit(input, {
    pageBytes: PAGE_BYTES,
    spaceCountMax: 8,
    sizePages: (space) => control?.sizePages(space) ?? 0,
  });
}

/** What recovery finds of one commit. */
export interface Recovered {
  readonly seq: number;
  readonly txnId: number | bigint;
  readonly lane: number;
  /** First byte of the first page, or of the operation's bytes. */
  readonly value: number | undefined;
}

export class Rig {
  readonly directory: Directory;
  readonly control: Control;
  readonly lanes: readonly Lane[];
  readonly flusherLanes: FlusherLanes;
  readonly spares: SparePool;
  readonly log: LogWriter;
  readonly flusher: Flusher;
  /** What the flusher told its host, in order. */
  readonly events: string[] = [];
  /** Jumbos that were posted and that the flusher has not taken in yet. */
  readonly posted: [number, HeldJumbo][] = [];
  /** What shadow compare has found. */
  readonly diverged: string[] = [];
  nowMs = 0;
  readonly retention: Retention;
  readonly #seed: number;
  readonly #logFileBytes: number;
  readonly #sync: boolean;

  private constructor(opened: OpenedLog, directory: Directory, options: RigOptions) {
    const { lanes = 2, laneBytes = 8192, logFileBytes = 65_536, isTicking = true } = options;
    const settings: FlusherSettings = {
      fsync: 'full',
      epochIntervalMs: 10,
      maxFlushDelayMs: 0,
      maxParallelCommitBytes: (lanes * laneBytes) / 2,
      syncBytes: 2 ** 23,
      helperLaneBudget: 2,
      ...options.settings,
    };
    this.directory = directory;
    this.#logFileBytes = logFileBytes;
    this.#sync = settings.fsync !== 'off';
    this.#seed = frameSeed(opened.logId, opened.incarnation);
    const horizons = { releasedSeq: opened.releasedSeq, checkpointSeq: opened.checkpoint?.throughSeq ?? 0 };
    this.control = Control.create(opened.position.nextSeq - 1, opened.position.epoch, atomics, horizons);
    this.lanes = Array.from({ length: lanes }, (_, index) => Lane.create(index, laneBytes));
    const receiveJumbos = (): void => {
      for (const [jumboId, jumbo] of this.posted.splice(0)) this.flusherLanes.holdJumbo(jumboId, jumbo);
    };
    this.flusherLanes = new FlusherLanes(this.control, this.lanes, receiveJumbos, this.#shadow());
    this.spares = new SparePool(directory, logFileBytes);
    const { maxLogBytes = Number.POSITIVE_INFINITY, holds = [] } = options;
    const logSettings = { logFileBytes, maxLogBytes, sync: this.#sync };
    this.log = new LogWriter(
      directory,
      { ...opened, checkpointEpoch: opened.checkpoint?.throughEpoch ?? 0 },
      this.spares,
      logSettings,
      {
        rotated: () => this.events.push('rotated'),
        synced: () => this.events.push('synced'),
        directorySynced: () => undefined,
        appended: () => undefined,
      },
    );
    const identity = { ...opened, sync: this.#sync };
    const start = checkpointStart(opened);
    this.retention = new Retention(directory, this.control, this.log, identity, start, holds);
    const events: FlusherEvents = {
      stalled: (error) => this.events.push(`stalled ${error.code}`),
      synced: () => undefined,
      resumed: () => this.events.push('resumed'),
      failed: (error) => this.events.push(`failed ${error.details.reasonCode}`),
      makeRoom: () => this.retention.release(),
      whyFull: (error) => this.retention.fullError(error),
    };
    const counts = new EpochCounts(this.control);
    this.flusher = new Flusher(this.control, this.flusherLanes, this.log, settings, isTicking, events, counts);
  }

  /** Shadow compare that looks at every proof, whatever the mode. */
  #shadow(): ShadowCompare {
    return new ShadowCompare({
      directory: this.directory,
      frameSeed: this.#seed,
      isDirect: false,
      sync: this.#sync,
      isOn: () => true,
      jumbos: (jumboId) => this.flusherLanes.jumbo(jumboId),
      recentTrace: () => [],
      diverged: (message) => this.diverged.push(message),
    });
  }

  static async open(options: RigOptions = {}): Promise<Rig> {
    const directory = options.directory ?? new MemoryDirectory({ pretendSync: true });
    const { logFileBytes = 65_536, maxLogBytes, logId } = options;
    const sync = options.settings?.fsync !== 'off';
    const settings = { logFileBytes, maxLogBytes, sync, pageBytes: PAGE_BYTES, logId };
    return new Rig(await openLog(directory, settings), directory, options);
  }

  /**
   * A writer of a lane; with its own operations it is a thread that can be stopped between any two of them.
   *
   * @param provenPerMille - so many of its commits have proofs
   */
  writer(lane = 0, id = 2 + lane, ops?: AtomicOps, provenPerMille = 0): LaneWriter {
    const { buffer } = this.lanes[lane]!;
    const sequences = ops === undefined ? this.control : new Control(this.control.buffer, ops);
    return new LaneWriter(new Lane(lane, buffer, ops), id, sequences, this.#seed, MODE.auto, provenPerMille);
  }

  append(input: CommitInput, lane = 0): number {
    const result = this.writer(lane).tryAppend(checked(input, this.control), 0);
    if (typeof result !== 'number') throw new Error(`refused: ${result}`);
    return result;
  }

  /** Encodes a commit as a jumbo and posts it, as a writer does before it publishes the reference. */
  postJumbo(input: CommitInput, jumboId: number, writerId = 2): { commit: CheckedCommit; frame: SharedArrayBuffer } {
    const commit = checked(input, this.control);
    const { frame } = this.writer().encodeJumbo(commit, jumboId);
    this.posted.push([jumboId, { frame, writerId }]);
    return { commit, frame };
  }

  /** One step, `afterMs` later. */
  step(afterMs = 0): NextStep {
    this.nowMs += afterMs;
    return this.flusher.step(this.nowMs);
  }

  /** Steps until there is nothing to do now, and again `afterMs` later. */
  settle(afterMs = 0): NextStep {
    if (afterMs > 0) this.settle();
    for (let next = this.step(afterMs); ; next = this.step()) if (next.kind !== 'again') return next;
  }

  /** Lets syncs that are under way end, and settles. */
  async afterSync(): Promise<NextStep> {
    await new Promise(setImmediate);
    return this.settle();
  }

  /** Takes a checkpoint, as the flusher's thread does. */
  checkpoint(throughSeq: number, store?: StoreIdentity): void {
    this.retention.checkpoint(throughSeq, store);
    if (this.retention.release()) this.flusher.retryNow();
  }

  count(event: string): number {
    return this.events.filter((each) => each.startsWith(event)).length;
  }

  /** Opens what the directory holds now, as after the death of the process, and lists its commits. */
  async recovered(directory: Directory = this.directory): Promise<Recovered[]> {
    const found: Recovered[] = [];
    await recoverDirectory(directory, {
      into(commit): void {
        let value: number | undefined;
        for (const record of commit.records()) {
          if (record.kind === 'page') value ??= record.image[0];
          else if (record.kind === 'operation') value ??= record.bytes[0];
        }
        found.push({ seq: commit.seq, txnId: commit.txnId, lane: commit.lane, value });
      },
    });
    await openLog(directory, { logFileBytes: this.#logFileBytes, sync: this.#sync });
    return found;
  }
}
