// From an opened log on disk to a running one: shared memory, flusher, handle, this thread's writer. The second half of
// openWal; wal.ts sequences it behind the lock and recovery.

import { openArchiveOf } from './archive-start.js';
import { WalError } from './base/errors.js';
import { connectWal } from './connect.js';
import { latchOfDamage, readLatch, writeLatch } from './control/latch.js';
import { modeInForce } from './control/mode-control.js';
import { Control, MEMORY_VERSION, SPACE_COUNT_MAX } from './epoch/control.js';
import type { Fallback } from './epoch/mode.js';
import { DecisionBoard } from './flusher/decision-board.js';
import { FlusherHost } from './flusher/flusher-host.js';
import type { FlusherStart } from './flusher/messages.js';
import { checkpointStart } from './flusher/retention.js';
import { frameSeed } from './frame/codec.js';
import type { WalHandle } from './handle.js';
import { Lane } from './lane/lane.js';
import { atomics } from './memory/atomics.js';
import { Notices } from './notices.js';
import { Observation } from './observation.js';
import { Telemetry } from './observe/telemetry.js';
import type { OpenedLog } from './recovery/opening.js';
import type { ResolvedSettings, Settings } from './settings.js';
import type { Directory } from './storage/directory.js';
import type { LogLock } from './storage/lock.js';
import { threadId } from './thread/thread-connect.js';
import type { WalWriter } from './writer.js';

/** What a log is opened on. */
export interface Place {
  readonly directory: Directory;
  /** Takes the exclusive lock. */
  lock(): Pick<LogLock, 'release'>;
  /** Whether the flusher gets a thread of its own, which needs a directory of the file system. */
  readonly isThreaded: boolean;
  /** Refuses what was opened by throwing. */
  readonly check?: (opened: OpenedLog) => void;
}

/** The parts of a running log. */
export interface RunningLog {
  readonly settings: Settings;
  readonly control: Control;
  readonly lanes: readonly Lane[];
  readonly host: FlusherHost;
  readonly handle: WalHandle;
  readonly writer: WalWriter;
  readonly observation: Observation;
  readonly notices: Notices;
}

/** Starts an opened log. */
export async function startLog(
  place: Place,
  settings: Settings,
  resolved: ResolvedSettings,
  opened: OpenedLog,
): Promise<RunningLog> {
  const { checkpoint, releasedSeq } = opened;
  const horizons = { releasedSeq, checkpointSeq: checkpoint?.throughSeq ?? 0 };
  const control = Control.create(opened.position.nextSeq - 1, opened.position.epoch, atomics, horizons);
  const latched = latchedBy(place.directory, opened, settings.fsync !== 'off');
  Object.assign(control, modeInForce(settings.mode, latched));
  for (const [space, pages] of opened.sizes) {
    // Nobody writes to the spaces beyond; a log that has them was made by something else.
    if (space < SPACE_COUNT_MAX) control.setSizePages(space, pages);
  }
  const lanes = createLanes(settings);
  const telemetry = new Telemetry();
  const traceId = `${opened.logId.toString(16)}-${opened.incarnation}`;
  const decisions = settings.controller === 'on' ? new DecisionBoard() : undefined;
  const archive = openArchiveOf(place.directory, settings, opened.logId);
  const start: FlusherStart = {
    directoryPath: place.directory.path,
    workerUrls: settings.workerUrls,
    // No two openings of a process share it.
    key: `${traceId}-${threadId}-${place.directory.path}`,
    control: control.buffer,
    telemetry: telemetry.buffer,
    traceId,
    decisions: decisions?.buffer,
    lanes: lanes.map(({ buffer }) => buffer),
    logStart: { ...opened, checkpointEpoch: checkpoint?.throughEpoch ?? 0 },
    checkpoint: checkpointStart(opened),
    settings,
    latched,
    isTicking: settings.ticker,
    archive: archive?.start,
  };
  const notices = new Notices();
  const host = place.isThreaded
    ? await FlusherHost.start(start, notices.tell)
    : FlusherHost.inline(start, place.directory, archive?.inline(), notices.tell);
  const handle: WalHandle = {
    kind: 'lanewal',
    memoryVersion: MEMORY_VERSION,
    key: start.key,
    flusherThreadId: host.threadId,
    control: control.buffer,
    telemetry: telemetry.buffer,
    traceId,
    lanes: start.lanes,
    frameSeed: frameSeed(opened.logId, opened.incarnation),
    shadowComparePerMille: settings.shadowComparePerMille,
    pageSize: settings.pageSize,
    maxJumboBytes: settings.maxJumboBytes,
    maxParallelCommitBytes: settings.maxParallelCommitBytes,
    appendTimeoutMs: resolved.appendTimeoutMs.source === 'default' ? undefined : settings.appendTimeoutMs,
  };
  try {
    const writer = await connectWal(handle);
    host.enterFirst(() => writer.enterStaged());
    const observation = new Observation({ control, lanes, telemetry, decisions }, traceId);
    observation.opened(opened);
    notices.listen((notice) => observation.hear(notice));
    return { settings, control, lanes, host, handle, writer, observation, notices };
  } catch (error) {
    // The lock is released behind this: nobody may be left who writes.
    await host.close();
    throw error;
  }
}

/** What keeps the log conservative: what an earlier opening left, or damage that this one went on behind. */
function latchedBy(directory: Directory, { report }: OpenedLog, sync: boolean): Fallback {
  const left = readLatch(directory);
  const latch = left ?? latchOfDamage(report.damage);
  if (left === undefined && latch !== undefined) writeLatch(directory, latch, sync);
  return latch?.reason ?? 'none';
}

function createLanes({ lanes, laneBytes }: Settings): Lane[] {
  try {
    return Array.from({ length: lanes }, (_, index) => Lane.create(index, laneBytes));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const message = `There is no memory for ${lanes} lanes of ${laneBytes} bytes; set fewer or smaller ones.`;
    throw new WalError('ERR_WAL_INVALID_ARGUMENT', message, { lanes, laneBytes }, cause);
  }
}
