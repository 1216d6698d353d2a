// One writer of a victim, on its own thread: appends its commits one after the other, keeps a window of them in flight,
// and acknowledges each as soon as it is safe. It ends with the process, or when the log is closed.

import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { WalError } from '../../base/errors.js';
import type { Commit } from '../../commit.js';
import { connectWal } from '../../connect.js';
import type { WalHandle } from '../../handle.js';
import type { WalWriter } from '../../writer.js';
import { AcknowledgementWriter } from './acknowledgements.js';
import { commitOf } from './content.js';
import { type Moment, SAYS, type WritePlan } from './victim-plan.js';

/** What a writer is started with. */
export interface VictimWriterStart {
  readonly plan: WritePlan;
  readonly writer: number;
}

/** What a writer tells the main thread. */
export type FromWriter = 'connected' | 'close';

/** A wait that takes longer has found a hang, on whatever machine. */
const PATIENCE_MS = 60_000;

/** A victim whose killer is late must not fill the disk. */
const COMMITS_MAX = 1500;

interface InFlight {
  readonly number: number;
  readonly seq: number;
  readonly commit: Commit;
}

class VictimWriter {
  readonly #log: WalWriter;
  readonly #plan: WritePlan;
  readonly #writer: number;
  readonly #acknowledgements: AcknowledgementWriter;
  #window: InFlight[] = [];

  constructor(log: WalWriter, { plan, writer }: VictimWriterStart) {
    this.#log = log;
    this.#plan = plan;
    this.#writer = writer;
    this.#acknowledgements = new AcknowledgementWriter(plan.ackFile, writer);
  }

  async run(): Promise<void> {
    const { content, habits } = this.#plan;
    for (let number = 1; number <= COMMITS_MAX; number += 1) {
      const input = commitOf(content, this.#writer, number);
      const options = { timeoutMs: PATIENCE_MS };
      const commit = habits.isBlocking ? this.#log.append(input, options) : await this.#log.appendAsync(input, options);
      this.#window.push({ number, seq: commit.seq, commit });
      this.#reached('append', number);
      if (this.#window.length >= habits.window) await this.#acknowledge();
    }
    // It stays until the kill.
    parentPort?.ref();
  }

  /** Waits for what is in flight. That the last one is safe says so of all before it. */
  async #acknowledge(): Promise<void> {
    const { waitsForEach } = this.#plan.habits;
    const window = this.#window;
    this.#window = [];
    for (const safe of waitsForEach ? window.map((each) => [each]) : [window]) {
      const last = safe.at(-1);
      if (last === undefined) return;
      await this.#wait(last.commit);
      this.#acknowledgements.give(safe);
      for (const { number } of safe) this.#reached('acknowledgement', number);
    }
  }

  async #wait(commit: Commit): Promise<void> {
    const { acknowledges, isBlocking } = this.#plan.habits;
    const timeoutMs = PATIENCE_MS;
    if (acknowledges === 'written') {
      if (isBlocking) commit.waitWritten(timeoutMs);
      else await commit.written({ timeoutMs });
    } else if (isBlocking) commit.waitDurable(timeoutMs);
    else await commit.durable({ timeoutMs });
  }

  #reached(behind: Moment['behind'], number: number): void {
    const { moment, act } = this.#plan;
    if (moment.writer !== this.#writer || moment.number !== number || moment.behind !== behind) return;
    if (act === 'die') process.kill(process.pid, 'SIGKILL');
    if (act === 'close') parentPort?.postMessage('close' satisfies FromWriter);
    writeSync(1, SAYS.moment);
  }
}

const start = workerData as VictimWriterStart;
parentPort?.once('message', async (handle: WalHandle) => {
  const log = await connectWal(handle);
  parentPort?.once('message', async () => {
    try {
      await new VictimWriter(log, start).run();
    } catch (thrown) {
      if (!(thrown instanceof WalError) || thrown.code !== 'ERR_WAL_CLOSED' || start.plan.act !== 'close') throw thrown;
      parentPort?.close();
    }
  });
  parentPort?.postMessage('connected' satisfies FromWriter);
});
