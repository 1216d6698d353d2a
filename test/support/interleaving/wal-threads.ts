// Logical threads made of whole parts of the package: WalWriter with all that surrounds an append, and the flusher's own
// loop, step machine and log writer over a directory that tells what is written to it.

import { MEMORY_VERSION } from '../../../src/epoch/control.js';
import { EpochCounts } from '../../../src/flusher/epoch-counts.js';
import { Flusher, type NextStep } from '../../../src/flusher/flusher.js';
import type { FlusherEvents } from '../../../src/flusher/flusher-events.js';
import { FlusherLoop } from '../../../src/flusher/flusher-loop.js';
import { FlusherLanes } from '../../../src/flusher/lanes.js';
import type { WriterMessage } from '../../../src/flusher/messages.js';
import type { WalHandle } from '../../../src/handle.js';
import { LogWriter } from '../../../src/log/log-writer.js';
import { logFileName } from '../../../src/log/names.js';
import { SparePool } from '../../../src/log/spare-pool.js';
import { Telemetry } from '../../../src/observe/telemetry.js';
import { decodeCertificate, decodeSegmentHeader } from '../../../src/segment/codec.js';
import { SEGMENT_KIND } from '../../../src/segment/layout.js';
import type { Directory, LogFile } from '../../../src/storage/directory.js';
import type { MessagePort } from '../../../src/thread/thread-connect.js';
import { WalWriter } from '../../../src/writer.js';
import { PAGE_BYTES } from '../flusher-rig.js';
import { bornFlusher, bornWriter, type Ghost, type Note } from './ghost.js';
import { commitOf, type WriterPlan, writtenFrames } from './log-threads.js';
import type { SharedLog } from './shared-log.js';
import type { ThreadPlan } from './thread-tree.js';

export interface WalWriterPlan extends WriterPlan {
  /** For which mark of its last commit it waits in the end. */
  readonly waits?: 'written' | 'durable';
}

/** A thread of an application: appends, blocks while its lane is full, and waits for its commits if it is to. */
export function walWriterThread(log: SharedLog, plan: WalWriterPlan): ThreadPlan<Ghost> {
  const { id, lane, values, withSize, waits, isMortal = false } = plan;
  const body = (): void => {
    for (const [index, value] of values.entries()) {
      // A new one each time, so that nothing is kept from one append to the next.
      const writer = newWriter(log, id, lane);
      log.machine.checkpoint(`append ${index}`);
      log.machine.note({ kind: 'appending', value } satisfies Note);
      let result: number | string;
      try {
        result = writer.append(commitOf(value, withSize), { timeoutMs: Number.POSITIVE_INFINITY }).seq;
      } catch (error) {
        result = codeOf(error);
      }
      log.machine.note({ kind: 'appended', value, result } satisfies Note);
      if (waits && typeof result === 'number' && index === values.length - 1)
        writer.waiters[waits].waitBlocking(result, Number.POSITIVE_INFINITY);
    }
  };
  return { name: `application ${id} in lane ${lane}`, body, isMortal, ghost: bornWriter(id, lane) };
}

/** The code of an error of the package; anything else is thrown on. */
export function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !code.startsWith('ERR_WAL_')) throw error;
  return code;
}

function newWriter(log: SharedLog, id: number, laneIndex: number): WalWriter {
  const handle: WalHandle = {
    kind: 'lanewal',
    memoryVersion: MEMORY_VERSION,
    key: 'interleaving',
    flusherThreadId: 0,
    control: log.control.buffer,
    telemetry: new Telemetry().buffer,
    traceId: 'interleaving',
    lanes: log.lanes.map(({ buffer }) => buffer),
    frameSeed: log.frameSeed,
    shadowComparePerMille: 0,
    pageSize: PAGE_BYTES,
    maxJumboBytes: 1024,
    maxParallelCommitBytes: 2 ** 20,
    appendTimeoutMs: undefined,
  };
  const noPort = { postMessage: (_: WriterMessage) => undefined, close: () => undefined } as unknown as MessagePort;
  const keepAlive = { hold: () => undefined, letGo: () => undefined };
  return new WalWriter(handle, { writerId: id, laneIndex }, noPort, keepAlive, 0, () => undefined, log.machine.ops);
}

export interface FlusherLoopPlan {
  readonly fsync: 'full' | 'off';
  /** Closes the log as soon as it runs; otherwise it serves for ever. */
  readonly closes?: boolean;
}

/** The flusher's loop as it runs on its thread, without ports. Under `off` a written commit counts as durable. */
export function flusherLoopThread(log: SharedLog, { fsync, closes = false }: FlusherLoopPlan): ThreadPlan<Ghost> {
  const { control, lanes, machine } = log;
  machine.keepOwn(() => control.sealedEpoch.load());
  machine.keepOwn(() => control.durableEpoch.load());
  const settings = {
    fsync,
    epochIntervalMs: 10,
    maxFlushDelayMs: 0,
    maxParallelCommitBytes: 2 ** 20,
    syncBytes: 2 ** 20,
    helperLaneBudget: 2,
  };
  const demand = machine.slot('demand', () => control.demand.load());
  const flusherSleep = machine.slot('flusherSleep', () => control.flusherSleep.load());
  const body = async (): Promise<void> => {
    const flusherLanes = new FlusherLanes(control, lanes, () => undefined);
    const failed = { error: undefined as Error | undefined };
    const events: FlusherEvents = {
      stalled: () => undefined,
      synced: () => undefined,
      resumed: () => undefined,
      makeRoom: () => false,
      whyFull: (error) => error,
      failed: (error) => {
        failed.error = error;
      },
    };
    const counts = new EpochCounts(control);
    const flusher = new Flusher(control, flusherLanes, newLogWriter(log, fsync), settings, false, events, counts);
    const closed = closes ? flusher.close() : undefined;
    // A run that is stopped within close leaves a rejection behind; one of its own is thrown below.
    closed?.catch(() => undefined);
    const step = (nowMs: number): NextStep => {
      // All that the loop knows: the demand it loaded, how it said it sleeps, and whether its watch ended at once. The
      // times it keeps do not count: every look is longer than any spin.
      const known = [
        machine.lastValue('load', demand),
        machine.lastValue('store', flusherSleep),
        machine.lastValue('waitAsync', demand, true),
      ];
      machine.checkpoint(`step ${known}`);
      return flusher.step(nowMs);
    };
    await new FlusherLoop(control, { step } as Flusher).run();
    if (failed.error !== undefined) throw failed.error;
    await closed;
  };
  return { name: 'flusher', body, isServer: !closes, ghost: bornFlusher() };
}

function newLogWriter(log: SharedLog, fsync: 'full' | 'off'): LogWriter {
  const directory = new ToldDirectory(log);
  const start = {
    logId: 1,
    incarnation: 1,
    pageBytes: PAGE_BYTES,
    fileNumber: 1,
    fileName: logFileName(1),
    fileBytes: 2 ** 30,
    writeOffset: 4096,
    position: { epoch: 0, nextSeq: log.nextSeq, headerCrc: 0, certificateCrc: 0 },
    syncedThrough: 0,
    olderFiles: [],
    checkpointEpoch: 0,
  };
  const settings = { logFileBytes: 2 ** 30, maxLogBytes: 2 ** 40, sync: fsync !== 'off' };
  const silent = () => undefined;
  const events = { appended: silent, rotated: silent, synced: silent, directorySynced: silent };
  return new LogWriter(directory, start, new SparePool(directory, settings.logFileBytes), settings, events);
}

/** One endless file that keeps nothing and tells the test of every epoch. */
class ToldDirectory implements Directory {
  readonly path = 'told';
  readonly #log: SharedLog;

  constructor(log: SharedLog) {
    this.#log = log;
  }

  exists(): boolean {
    return true;
  }

  list(): string[] {
    return [];
  }

  open(name: string): LogFile {
    const refuse = (): never => {
      throw new Error('the log of a schedule is only written');
    };
    const write = (pieces: readonly Uint8Array[]): void => this.#tell(pieces);
    const silent = (): void => undefined;
    const startSync = (): Promise<void> => Promise.resolve();
    return {
      name,
      read: refuse,
      write,
      startWrite: refuse,
      sync: silent,
      startSync,
      size: refuse,
      truncate: refuse,
      close: silent,
    };
  }

  #tell(pieces: readonly Uint8Array[]): void {
    const header = decodeSegmentHeader(pieces[0]!);
    if ('refused' in header) throw new Error(header.reason);
    if (header.kind !== SEGMENT_KIND.epoch) return;
    const certificate = decodeCertificate(pieces.at(-1)!);
    if ('refused' in certificate) throw new Error(certificate.reason);
    const { firstSeq, endSeq, voids } = certificate;
    const frames = writtenFrames(this.#log, pieces.slice(1, -1));
    this.#log.machine.note({ kind: 'written', firstSeq, endSeq, voids, frames } satisfies Note);
  }

  create(): void {}
  rename(): void {}
  remove(): void {}
  sync(): void {}
}
