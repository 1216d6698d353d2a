// What the flusher tells the owner of a log, on its way to whom it is about: listeners of the log, observers that are
// asked before a file goes, what is attached and checkpoints.

import type { EventEmitter } from 'node:events';
import type { Attachments } from './attachments.js';
import { WalError } from './base/errors.js';
import type { FlusherNotice } from './flusher/messages.js';
import type { ReleaseObservers } from './release-observers.js';
import type { WalEvents } from './wal-events.js';

/** The notices of one log. One from before anybody listens is in the state already. */
export class Notices {
  readonly #listeners: ((notice: FlusherNotice) => void)[] = [];
  /** What the flusher's host calls. */
  readonly tell = (notice: FlusherNotice): void => {
    for (const hear of this.#listeners) hear(notice);
  };

  listen(hear: (notice: FlusherNotice) => void): void {
    this.#listeners.push(hear);
  }
}

/** Passes one notice on. The trace is not among them: observation.ts hears that. */
export function passOn(
  notice: FlusherNotice,
  listeners: EventEmitter<WalEvents>,
  attachments: Attachments,
  observers: ReleaseObservers,
): void {
  switch (notice.kind) {
    case 'traced':
      return;
    case 'resumed':
    case 'archiveResumed':
      listeners.emit(notice.kind);
      return;
    case 'fallback':
      listeners.emit('fallback', notice.reason, notice.message);
      return;
    case 'mayGo':
      observers.ask(notice.files);
      return;
    case 'rotated':
      listeners.emit('rotated', notice.file);
      return;
    case 'checkpointWanted':
      void attachments.checkpointDurable();
      listeners.emit('checkpointWanted', notice.reason);
      return;
    case 'stalled':
    case 'failed':
    case 'archiveFailing':
      listeners.emit(notice.kind, WalError.fromWire(notice.error));
  }
}
