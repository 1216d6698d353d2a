// An open page store, as its owner sees it: the log, the page file and the checkpointer together, from opening to
// closing. READ THIS FIRST, then design/page-store.md. What a thread does with the store is connected-store.ts.

import { wallClockMs } from '../base/clock.js';
import { WalError } from '../base/errors.js';
import { withTimeout } from '../base/timeout.js';
import type { CheckpointerHost } from '../checkpoint/checkpointer-host.js';
import type { CheckpointerNotice } from '../checkpoint/messages.js';
import { STORE_STATE, StoreWords } from '../checkpoint/store-words.js';
import { Control } from '../epoch/control.js';
import type { Metrics } from '../metrics.js';
import { publishTrace, type TraceRecord } from '../observe/trace.js';
import type { RecoveryReport } from '../recovery/report.js';
import type { Settings } from '../settings.js';
import { readStoreMetrics, type StoreMetrics } from '../store-metrics.js';
import type { MessagePort } from '../thread/thread-connect.js';
import type { Wal } from '../wal.js';
import { ConnectedPageStore } from './connected-store.js';
import type { StoreThread, StoreThreadParts } from './store-thread.js';

/** What an owner has besides its thread's part. */
export interface OwnedParts {
  readonly wal: Wal;
  readonly settings: Settings;
  readonly host: CheckpointerHost;
}

/** An open page store. Made by `openPageStore`. */
export class PageStore extends ConnectedPageStore {
  /** Its log: marks, events, files, commits. Append to it through transactions only. */
  readonly wal: Wal;
  /** The settings in force. */
  readonly settings: Settings;
  readonly #host: CheckpointerHost;
  readonly #words: StoreWords;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(owned: OwnedParts, thread: StoreThread, parts: StoreThreadParts, port: MessagePort) {
    super(thread, parts, port);
    this.wal = owned.wal;
    this.settings = owned.settings;
    this.#host = owned.host;
    this.#words = new StoreWords(this.handle.words);
    this.wal.on('failed', (error) => this.emit('failed', error));
    this.wal.attach({
      checkpoint: () => this.#checkpointAttached(),
      // The checkpointer hears of it by itself, without this thread's event loop.
      checkpointDurable: () => Promise.resolve(),
      detach: () => this.detach(),
    });
  }

  /** What opening found and did. */
  get recovery(): RecoveryReport {
    return this.wal.recovery;
  }

  /** The metrics of its log, and in `store` those of the store in all threads; also once it is closed. */
  metrics(): Metrics & { readonly store: StoreMetrics } {
    const { counts, cache, wal } = this.handle;
    return { ...this.wal.metrics(), store: readStoreMetrics(counts, cache, new Control(wal.control)) };
  }

  /** @internal */
  hear(notice: CheckpointerNotice): void {
    const { traceId } = this.handle.wal;
    const { mode, fallback } = this.wal;
    publishTrace({ component: 'checkpoint', traceId, timeMs: wallClockMs(), mode, fallback, ...told(notice) });
    if (notice.kind === 'checkpoint') this.emit('checkpoint', notice.report);
    else this.emit('checkpointFailed', WalError.fromWire(notice.error));
  }

  /**
   * Refuses new work in all threads, takes a last checkpoint as far as snapshots allow, and closes the log. What is
   * open on this thread is rolled back, what others commit meanwhile is refused. Twice is harmless.
   *
   * @throws {WalError} ERR_WAL_TIMEOUT (closing goes on), the error of the last checkpoint or of the log; all is closed
   *   nevertheless, and the log holds everything
   */
  override async close({ timeoutMs }: { timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close().catch((error) => {
      // A log that is too full to be closed stays open: whatever pins it has to end first.
      if (this.wal.state !== 'closed' && this.wal.state !== 'failed') this.#closing = undefined;
      throw error;
    });
    const closing = this.#closing;
    return withTimeout(closing, timeoutMs, () => {
      return new WalError('ERR_WAL_TIMEOUT', `Closing took longer than ${timeoutMs} ms; it goes on.`, { timeoutMs });
    });
  }

  async #close(): Promise<void> {
    this.#words.setState(STORE_STATE.closing);
    await this.leave();
    await this.wal.close();
  }

  /** @internal The log closes: the page file is brought up as far as it may be. */
  async #checkpointAttached(): Promise<void> {
    this.#words.setState(STORE_STATE.closing);
    await this.#host.close();
  }

  /** @internal The checkpointer died. */
  fail(error: WalError): void {
    this.emit('failed', error);
  }

  /** @internal The log has ended, in order or not. */
  async detach(): Promise<void> {
    await this.leave();
    const hasFailed = this.#words.state === STORE_STATE.failed || this.wal.state === 'failed';
    this.#words.setState(hasFailed ? STORE_STATE.failed : STORE_STATE.closed);
    await this.#host.end();
  }

  /** Told by the host, which knows why. */
  protected override onFailed(): void {}

  /** The writer of the owner's thread is the log's own. */
  protected override onLeft(): void {}
}

/** What the checkpointer tells, for the trace. */
function told(notice: CheckpointerNotice): Partial<TraceRecord> {
  if (notice.kind === 'checkpointFailed') {
    const { code, message } = notice.error;
    return { scenario: 'failed', code, message };
  }
  const { throughSeq, pagesWritten: pages, bytesWritten: bytes, durationMs: tookMs } = notice.report;
  return { scenario: 'pages', tookMs, endSeq: throughSeq + 1, pages, bytes };
}
