// Runs a flusher: answers its owner, knows the writers by their ports and hears of their deaths, has spare files made.
// When it steps and sleeps is flusher-loop.ts. The same code runs on a thread of its own or inline, over any directory.

import { monotonicMs } from '../base/clock.js';
import { type ErrorCode, toWalError, type WalError } from '../base/errors.js';
import { untilPassed } from '../control/mode-switch.js';
import { Control } from '../epoch/control.js';
import { Lane } from '../lane/lane.js';
import { LogWriter } from '../log/log-writer.js';
import { SparePool } from '../log/spare-pool.js';
import type { TraceRecord } from '../observe/trace.js';
import type { Jumbos } from '../shadow/shadowed-frames.js';
import type { Directory } from '../storage/directory.js';
import { answerRequests, takeArrived } from '../thread/request-port.js';
import { type MessagePort, receivePorts } from '../thread/thread-connect.js';
import { ArchiveHold, type ArchiveService } from './archive-hold.js';
import { CheckpointNeed, type CheckpointReason } from './checkpoint-need.js';
import { type Controller, controllerOf } from './controller.js';
import { FileAge } from './file-age.js';
import { FlushTelemetry } from './flush-telemetry.js';
import { Flusher } from './flusher.js';
import type { FlusherEvents } from './flusher-events.js';
import { FlusherLoop } from './flusher-loop.js';
import { FLUSHER_ID, FlusherLanes } from './lanes.js';
import {
  type FlusherNotice,
  type FlusherRequest,
  type FlusherStart,
  requestsKey,
  type WriterMessage,
  type WriterWelcome,
} from './messages.js';
import { ModeWatch } from './mode-watch.js';
import { ObserverHold } from './observer-hold.js';
import type { Preallocator } from './preallocator.js';
import { Retention } from './retention.js';

/** Errors after which nothing has changed, and which may be over later. */
const REFUSALS: readonly ErrorCode[] = [
  'ERR_WAL_STORAGE_FULL',
  'ERR_WAL_LOG_FULL',
  'ERR_WAL_EXHAUSTED',
  'ERR_WAL_INVALID_ARGUMENT',
];

/** A connected writer. */
interface Writer {
  readonly id: number;
  readonly lane: Lane;
  readonly port: MessagePort;
}

/** One flusher with everything around it. */
export class FlusherThread {
  readonly #control: Control;
  readonly #lanes: readonly Lane[];
  readonly #flusherLanes: FlusherLanes;
  readonly #log: LogWriter;
  readonly #spares: SparePool;
  readonly #fileAge: FileAge;
  readonly #preallocator: Preallocator;
  readonly #flusher: Flusher;
  readonly #telemetry: FlushTelemetry;
  readonly #controller: Controller | undefined;
  readonly #loop: FlusherLoop;
  readonly #start: FlusherStart;
  readonly #port: MessagePort;
  readonly #writers = new Map<number, Writer>();
  readonly #usersOfLane: number[];
  #writerIdNext = FLUSHER_ID + 1;
  readonly #retention: Retention;
  readonly #watch: ModeWatch;
  readonly #observers: ObserverHold;
  readonly #archive: ArchiveHold | undefined;
  readonly #need: CheckpointNeed;
  /** Ports of threads that checkpoint. */
  readonly #requestPorts = new Set<MessagePort>();
  #spareBeingMade: Promise<void> = Promise.resolve();

  /** @param port - to the owner */
  constructor(
    start: FlusherStart,
    port: MessagePort,
    directory: Directory,
    preallocator: Preallocator,
    archive: ArchiveService | undefined,
  ) {
    const { settings } = start;
    const sync = settings.fsync !== 'off';
    this.#start = start;
    this.#port = port;
    this.#preallocator = preallocator;
    this.#control = new Control(start.control);
    this.#lanes = start.lanes.map((buffer, index) => new Lane(index, buffer));
    this.#usersOfLane = this.#lanes.map(() => 0);
    const { nextSeq } = start.logStart.position;
    const post = (records: readonly TraceRecord[]): void =>
      port.postMessage({ kind: 'traced', records } satisfies FlusherNotice);
    this.#telemetry = new FlushTelemetry(this.#control, start, post, () => this.#watch.modes.isShadowed);
    const tell = (notice: FlusherNotice): void => this.#tell(notice);
    const jumbos: Jumbos = (jumboId) => this.#flusherLanes.jumbo(jumboId);
    this.#watch = new ModeWatch(start, this.#control, this.#lanes, directory, this.#telemetry, tell, jumbos);
    this.#flusherLanes = new FlusherLanes(this.#control, this.#lanes, () => this.#receiveAll(), this.#watch.shadow);
    this.#spares = new SparePool(directory, settings.logFileBytes, settings.spareFilesMax);
    this.#fileAge = new FileAge(settings.logFileAgeMs, nextSeq, () => this.#leaveFile());
    this.#log = new LogWriter(
      directory,
      start.logStart,
      this.#spares,
      { ...settings, sync },
      {
        appended: (endSeq, bytes) => {
          this.#fileAge.appended(endSeq);
          this.#wantCheckpoint(this.#need.appended(endSeq, bytes));
        },
        rotated: (unfilledBytes) => this.#onRotated(unfilledBytes),
        synced: (tookMs, epoch, endSeq) => {
          this.#control.count('syncs');
          this.#telemetry.synced(tookMs, epoch, endSeq);
        },
        directorySynced: () => this.#control.count('directorySyncs'),
      },
    );
    const events: FlusherEvents = {
      stalled: (error) => this.#tell({ kind: 'stalled', error: error.toWire() }),
      resumed: () => this.#tell({ kind: 'resumed' }),
      synced: () => this.#loop.poke(),
      failed: (error) => this.#watch.failed(error),
      makeRoom: () => this.#makeRoom(),
      whyFull: (error) => this.#whyFull(error),
    };
    this.#controller = controllerOf(start, this.#control, this.#watch);
    this.#flusher = new Flusher(
      this.#control,
      this.#flusherLanes,
      this.#log,
      settings,
      start.isTicking,
      events,
      this.#controller ?? this.#watch,
      this.#controller,
    );
    this.#observers = new ObserverHold((files) => this.#tell({ kind: 'mayGo', files }));
    const identity = { ...start.logStart, sync };
    this.#archive = archive && this.#holdFor(archive);
    const holds = [...(this.#archive === undefined ? [] : [this.#archive]), this.#observers];
    this.#retention = new Retention(directory, this.#control, this.#log, identity, start.checkpoint, holds);
    this.#need = new CheckpointNeed(settings, this.#bytesAboveCheckpoint());
    this.#loop = new FlusherLoop(this.#control, this.#flusher);
  }

  /** Serves until the log is closed or has failed. */
  async run(): Promise<void> {
    const stopReceiving = receivePorts(this.#start.key, (port) => this.#connect(port));
    const stopReceivingRequests = receivePorts(requestsKey(this.#start.key), (port) => this.#serve(port));
    answerRequests(this.#port, (body) => this.#answer(body as FlusherRequest));
    try {
      this.#release();
      await this.#loop.run();
    } catch (thrown) {
      this.#flusher.fail(toWalError(thrown, 'run the flusher'));
    }
    this.#fileAge.end();
    // The reserve is finished even now: with it the log can be opened on a full disk.
    if (this.#spares.count === 0) await this.#spareBeingMade;
    await Promise.all([this.#preallocator.end(), this.#archive?.end()]);
    stopReceiving();
    stopReceivingRequests();
    for (const port of this.#requestPorts) port.close();
    this.#leaveWriters();
    // What was answered before is still delivered; an open port would keep the thread alive.
    this.#port.close();
  }

  #tell(notice: FlusherNotice): void {
    this.#telemetry.telling(notice);
    this.#telemetry.post();
    this.#port.postMessage(notice);
    for (const port of this.#requestPorts) port.postMessage(notice);
  }

  /** Answers a thread that checkpoints, without the owner's event loop in between. */
  #serve(port: MessagePort): void {
    this.#requestPorts.add(port);
    answerRequests(port, (body) => this.#answer(body as FlusherRequest));
    port.on('close', () => this.#requestPorts.delete(port));
    port.unref();
  }

  #answer(request: FlusherRequest): unknown {
    // Whatever is asked, the loop has to look again.
    this.#loop.poke();
    // Requests still arrive while the thread ends: a log that has failed writes no checkpoint and recycles no file.
    this.#checkRunning();
    switch (request.kind) {
      case 'flush':
        return this.#flusher.flush();
      case 'close':
        return this.#flusher.close();
      case 'ticker':
        this.#flusher.isTicking = request.isTicking;
        return undefined;
      case 'mode':
        return untilPassed(this.#watch.modes.set(request.mode), () => this.#checkRunning());
      case 'resumeAuto':
        return untilPassed(this.#watch.modes.resume(), () => this.#checkRunning());
      case 'checkpoint':
        return this.#takeCheckpoint(request);
      case 'rotate':
        return this.#leaveFile();
      case 'observe':
        this.#observers.isObserving = request.isObserving;
        return this.#release();
      case 'observed':
        if (this.#observers.answered(request.fileNumber, request.mayGo)) this.#release();
        return undefined;
      case 'files':
        return this.#retention.files();
    }
  }

  #checkRunning(): void {
    if (this.#control.hasEnded()) throw this.#flusher.endedError();
  }

  /** Notes durably that everything up to `throughSeq` is kept elsewhere, then recycles the files below it. */
  #takeCheckpoint({ throughSeq, store }: FlusherRequest & { kind: 'checkpoint' }): void {
    const startMs = monotonicMs();
    try {
      this.#retention.checkpoint(throughSeq, store);
    } catch (thrown) {
      this.#watch.modes.checkpointRefused(throughSeq);
      throw this.#failUnlessRefused(thrown, 'write the checkpoint record');
    }
    this.#telemetry.checkpointed(monotonicMs() - startMs, throughSeq + 1, this.#log.epochThrough(throughSeq));
    this.#need.checkpointed(throughSeq);
    this.#observers.forget();
    this.#release();
  }

  /** Goes on in a new file; one that holds nothing a checkpoint does not cover is let go at once. */
  async #leaveFile(): Promise<void> {
    await this.#log.untilAtRest();
    this.#checkRunning();
    try {
      this.#log.leaveFile();
    } catch (thrown) {
      const error = this.#failUnlessRefused(thrown, 'leave the log file');
      throw error.code === 'ERR_WAL_LOG_FULL' ? this.#retention.fullError(error) : error;
    }
    this.#release();
  }

  /** After an error it is not known what is on disk (A5), and nothing may go by it; but for a refusal. */
  #failUnlessRefused(thrown: unknown, doing: string): WalError {
    const error = toWalError(thrown, doing);
    if (!REFUSALS.includes(error.code)) this.#flusher.fail(error);
    return error;
  }

  /** Recycles the files that nobody needs, and has spares made if there are too few. */
  #release(): boolean {
    let isFreed = false;
    this.#archive?.look(this.#log.olderFiles);
    try {
      isFreed = this.#retention.release();
    } catch (thrown) {
      // On a full disk nothing was renamed: the rest is released at the next checkpoint. Otherwise the files of a log
      // might lose their order.
      const error = this.#failUnlessRefused(thrown, 'recycle log files');
      if (error.code !== 'ERR_WAL_STORAGE_FULL') throw error;
    }
    this.#observers.ask(this.#retention.files());
    if (isFreed) this.#flusher.retryNow();
    this.#orderSpare();
    return isFreed;
  }

  #holdFor(archive: ArchiveService): ArchiveHold {
    const keepAboveSeq = (): number => {
      const { checkpointSeq } = this.#retention;
      return Math.min(checkpointSeq, this.#control.pins.oldest()?.throughSeq ?? checkpointSeq);
    };
    return new ArchiveHold(archive, keepAboveSeq, {
      archived: () => {
        if (this.#control.hasEnded()) return;
        this.#makeRoom();
        this.#loop.poke();
      },
      kept: (file, tookMs) => this.#telemetry.archived(tookMs, file),
      failing: (error) => this.#tell({ kind: 'archiveFailing', error: error.toWire() }),
      resumed: () => this.#tell({ kind: 'archiveResumed' }),
    });
  }

  /** For a flusher that found the log at its bound; the answer of an error is in the state. */
  #makeRoom(): boolean {
    try {
      return this.#release();
    } catch {
      return false;
    }
  }

  #whyFull(error: WalError): WalError | undefined {
    if (this.#spares.isFilling) return undefined;
    // Told again with every look of a stalled log: a checkpoint that failed has to be tried again.
    this.#wantCheckpoint('near full');
    return this.#retention.fullError(error);
  }

  #wantCheckpoint(reason: CheckpointReason | undefined): void {
    if (reason !== undefined) this.#tell({ kind: 'checkpointWanted', reason });
  }

  /** Whole files: where in them the checkpoint lies is not known without reading them. */
  #bytesAboveCheckpoint(): number {
    const { writeOffset } = this.#start.logStart;
    const above = this.#log.olderFiles.filter(({ endSeq }) => endSeq - 1 > this.#retention.checkpointSeq);
    return above.reduce((sum, { bytes }) => sum + bytes, writeOffset);
  }

  #onRotated(unfilledBytes: number): void {
    this.#control.count('rotations');
    this.#control.count('unfilledBytes', unfilledBytes);
    this.#fileAge.left();
    const [file] = this.#retention.files().slice(-2);
    if (file !== undefined) this.#tell({ kind: 'rotated', file });
    this.#wantCheckpoint(this.#need.grown(this.#log.bytes));
    this.#archive?.look(this.#log.olderFiles);
    this.#orderSpare();
  }

  /** Has the next spare made, as long as there are too few. */
  #orderSpare(): void {
    const name = this.#spares.wanted(this.#log.roomBytes);
    if (name === undefined) return;
    const { logFileBytes, fsync } = this.#start.settings;
    const order = { name, bytes: logFileBytes, sync: fsync !== 'off' };
    this.#spareBeingMade = this.#preallocator.make(order).then((isMade) => {
      this.#spares.filled(name, isMade);
      // One that could not be made (a full disk) is tried again at the next rotation or checkpoint, or when a log that
      // is stalled looks again.
      if (!isMade) return;
      // A rotation may wait for it.
      this.#flusher.retryNow();
      this.#loop.poke();
      this.#orderSpare();
    });
  }

  /** Takes in a writer: gives it an id and the lane with the fewest users, and listens for its end. */
  #connect(port: MessagePort): void {
    const id = this.#writerIdNext++;
    const usersOfLane = this.#usersOfLane.slice(0, this.#controller?.lanes);
    const laneIndex = usersOfLane.indexOf(Math.min(...usersOfLane));
    const lane = this.#lanes[laneIndex] as Lane;
    this.#usersOfLane[laneIndex] = (this.#usersOfLane[laneIndex] as number) + 1;
    const writer = { id, lane, port };
    this.#writers.set(id, writer);
    port.on('message', (message: WriterMessage) => this.#receive(writer, message));
    port.on('close', () => this.#disconnect(writer));
    port.unref();
    port.postMessage({ writerId: id, laneIndex } satisfies WriterWelcome);
  }

  /**
   * Closes the ports from this side. Their writers live, and may be inside a lane at this moment: a lock that is taken
   * from a live writer is one that two hold.
   */
  #leaveWriters(): void {
    const writers = [...this.#writers.values()];
    this.#writers.clear();
    for (const { port } of writers) port.close();
  }

  #disconnect({ id, lane }: Writer): void {
    if (!this.#writers.delete(id)) return;
    this.#usersOfLane[lane.index] = (this.#usersOfLane[lane.index] as number) - 1;
    try {
      this.#flusherLanes.reap(id, lane);
    } catch (thrown) {
      this.#flusher.fail(toWalError(thrown, 'clean up after a writer'));
    }
    this.#loop.poke();
  }

  #receive({ id }: Writer, message: WriterMessage): void {
    if (message.kind === 'jumbo') this.#flusherLanes.holdJumbo(message.jumboId, { ...message, writerId: id });
    else this.#flusherLanes.dropJumbo(message.jumboId);
  }

  #receiveAll(): void {
    for (const writer of this.#writers.values()) {
      takeArrived(writer.port, (message) => this.#receive(writer, message as WriterMessage));
    }
  }
}
