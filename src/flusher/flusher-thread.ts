// Runs a flusher: answers its owner, knows the writers by their ports and hears of their deaths, has spare files made.
// When it steps and sleeps is flusher-loop.ts. The same code runs on a thread of its own or inline, over any directory.

import { wallClockMs } from '../base/clock.js';
import { invalidArgument, toWalError, type WalError } from '../base/errors.js';
import { Control } from '../epoch/control.js';
import { Lane } from '../lane/lane.js';
import { writeCheckpointRecord } from '../log/checkpoint-record.js';
import { LogWriter } from '../log/log-writer.js';
import { SparePool } from '../log/spare-pool.js';
import type { Directory } from '../storage/directory.js';
import { answerRequests, takeArrived } from '../thread/request-port.js';
import { type MessagePort, receivePorts } from '../thread/thread-connect.js';
import { Flusher } from './flusher.js';
import { FlusherLoop } from './flusher-loop.js';
import { FLUSHER_ID, FlusherLanes } from './lanes.js';
import type { FlusherNotice, FlusherRequest, FlusherStart, WriterMessage, WriterWelcome } from './messages.js';
import type { Preallocator } from './preallocator.js';

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
  readonly #directory: Directory;
  readonly #log: LogWriter;
  readonly #spares: SparePool;
  readonly #preallocator: Preallocator;
  readonly #flusher: Flusher;
  readonly #loop: FlusherLoop;
  readonly #start: FlusherStart;
  readonly #port: MessagePort;
  readonly #writers = new Map<number, Writer>();
  readonly #usersOfLane: number[];
  #writerIdNext = FLUSHER_ID + 1;
  #checkpoint: FlusherStart['checkpoint'];
  #spareBeingMade: Promise<void> = Promise.resolve();

  /** @param port - to the owner */
  constructor(start: FlusherStart, port: MessagePort, directory: Directory, preallocator: Preallocator) {
    const { settings } = start;
    const sync = settings.fsync !== 'off';
    this.#start = start;
    this.#port = port;
    this.#directory = directory;
    this.#preallocator = preallocator;
    this.#checkpoint = start.checkpoint;
    this.#control = new Control(start.control);
    this.#lanes = start.lanes.map((buffer, index) => new Lane(index, buffer));
    this.#usersOfLane = this.#lanes.map(() => 0);
    this.#flusherLanes = new FlusherLanes(this.#control, this.#lanes, () => this.#receiveAll());
    this.#spares = new SparePool(directory);
    this.#log = new LogWriter(
      directory,
      start.logStart,
      this.#spares,
      { logFileBytes: settings.logFileBytes, sync },
      {
        rotated: (unfilledBytes) => this.#onRotated(unfilledBytes),
        synced: () => this.#control.count('syncs'),
        directorySynced: () => this.#control.count('directorySyncs'),
      },
    );
    this.#flusher = new Flusher(this.#control, this.#flusherLanes, this.#log, settings, start.isTicking, {
      stalled: (error) => this.#tell({ kind: 'stalled', error: error.toWire() }),
      resumed: () => this.#tell({ kind: 'resumed' }),
      failed: (error) => this.#tell({ kind: 'failed', error: error.toWire() }),
    });
    this.#loop = new FlusherLoop(this.#control, this.#flusher);
  }

  /** Serves until the log is closed or has failed. */
  async run(): Promise<void> {
    const stopReceiving = receivePorts(this.#start.key, (port) => this.#connect(port));
    answerRequests(this.#port, (body) => this.#answer(body as FlusherRequest));
    try {
      this.#release();
      await this.#loop.run();
    } catch (thrown) {
      this.#flusher.fail(toWalError(thrown, 'run the flusher'));
    }
    // The reserve is finished even now: with it the log can be opened on a full disk.
    if (this.#spares.count === 0) await this.#spareBeingMade;
    await this.#preallocator.end();
    stopReceiving();
    this.#leaveWriters();
    // What was answered before is still delivered; an open port would keep the thread alive.
    this.#port.close();
  }

  #tell(notice: FlusherNotice): void {
    this.#port.postMessage(notice);
  }

  #answer(request: FlusherRequest): unknown {
    // Whatever is asked, the loop has to look again.
    this.#loop.poke();
    // Requests still arrive while the thread ends: a log that has failed writes no checkpoint and recycles no file.
    if (this.#control.hasEnded()) throw this.#flusher.endedError();
    switch (request.kind) {
      case 'flush':
        return this.#flusher.flush();
      case 'close':
        return this.#flusher.close();
      case 'ticker':
        this.#flusher.isTicking = request.isTicking;
        return undefined;
      case 'checkpoint':
        return this.#takeCheckpoint(request.throughSeq);
      case 'files':
        return this.#log.files();
    }
  }

  /** Notes durably that everything up to `throughSeq` is kept elsewhere, then recycles the files below it. */
  #takeCheckpoint(throughSeq: number): void {
    const durableSeq = this.#control.durableSeq.load();
    if (!Number.isSafeInteger(throughSeq) || throughSeq < 0 || throughSeq > durableSeq) {
      throw invalidArgument(`throughSeq is ${throughSeq}; it must be a commit up to the durable mark ${durableSeq}.`, {
        throughSeq,
        durableSeq,
      });
    }
    try {
      if (throughSeq > this.#checkpoint.throughSeq) this.#writeCheckpoint(throughSeq);
    } catch (thrown) {
      throw this.#failUnlessRefused(thrown, 'write the checkpoint record');
    }
    this.#release();
  }

  /** After an error it is not known what is on disk (A5), and nothing may go by it; but for a refusal. */
  #failUnlessRefused(thrown: unknown, doing: string): WalError {
    const error = toWalError(thrown, doing);
    const isRefusal = error.code === 'ERR_WAL_STORAGE_FULL' || error.code === 'ERR_WAL_EXHAUSTED';
    if (!isRefusal) this.#flusher.fail(error);
    return error;
  }

  #writeCheckpoint(throughSeq: number): void {
    const { logId, incarnation } = this.#start.logStart;
    const throughEpoch = this.#log.epochThrough(throughSeq);
    const { syncedThrough } = this.#log;
    const generation = this.#checkpoint.generation + 1;
    const record = {
      logId,
      incarnation,
      generation,
      throughSeq,
      throughEpoch,
      syncedThrough,
      wallClockMs: wallClockMs(),
    };
    writeCheckpointRecord(this.#directory, record, { sync: this.#start.settings.fsync !== 'off' });
    this.#checkpoint = { generation, throughSeq };
  }

  /** Recycles the files that the checkpoint covers, and has spares made if there are too few. */
  #release(): void {
    try {
      this.#log.release(this.#checkpoint.throughSeq);
    } catch (thrown) {
      // On a full disk nothing was renamed: the rest is released at the next checkpoint. Otherwise the files of a log
      // might lose their order.
      const error = this.#failUnlessRefused(thrown, 'recycle log files');
      if (error.code !== 'ERR_WAL_STORAGE_FULL') throw error;
    }
    this.#orderSpare();
  }

  #onRotated(unfilledBytes: number): void {
    this.#control.count('rotations');
    this.#control.count('unfilledBytes', unfilledBytes);
    this.#orderSpare();
  }

  /** Has the next spare made, as long as there are too few. */
  #orderSpare(): void {
    const name = this.#spares.wanted();
    if (name === undefined) return;
    const { logFileBytes, fsync } = this.#start.settings;
    const order = { name, bytes: logFileBytes, sync: fsync !== 'off' };
    this.#spareBeingMade = this.#preallocator.make(order).then((isMade) => {
      this.#spares.filled(name, isMade);
      // One that could not be made (a full disk) is tried again at the next rotation or checkpoint.
      if (isMade) this.#orderSpare();
    });
  }

  /** Takes in a writer: gives it an id and the lane with the fewest users, and listens for its end. */
  #connect(port: MessagePort): void {
    const id = this.#writerIdNext++;
    const laneIndex = this.#usersOfLane.indexOf(Math.min(...this.#usersOfLane));
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
    if (message.kind === 'jumbo') this.#flusherLanes.holdJumbo(message.jumboId, { frame: message.frame, writerId: id });
    else this.#flusherLanes.dropJumbo(message.jumboId);
  }

  #receiveAll(): void {
    for (const writer of this.#writers.values()) {
      takeArrived(writer.port, (message) => this.#receive(writer, message as WriterMessage));
    }
  }
}
