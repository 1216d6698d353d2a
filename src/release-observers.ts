// Who is asked before a log file goes (wal.onRelease). All of them have to agree; an answer that does not come keeps
// the file (design/retention.md, "Observers").

import type { LogFileInfo } from './flusher/messages.js';

/** Says whether a log file may go: everything in it is in the store. False, a throw and silence keep it. */
export type ReleaseObserver = (file: LogFileInfo) => boolean | Promise<boolean>;

/** What observers need of the flusher. */
export interface ObservedLog {
  observe(isObserving: boolean): void;
  answer(fileNumber: number, mayGo: boolean): void;
}

/** The observers of one open log. */
export class ReleaseObservers {
  readonly #observers = new Set<ReleaseObserver>();
  readonly #log: ObservedLog;
  /** Files about which an observer has not answered yet: it is not asked twice at a time. */
  readonly #asked = new Set<number>();

  constructor(log: ObservedLog) {
    this.#log = log;
  }

  /** Adds an observer; returns how to remove it. */
  add(observer: ReleaseObserver): () => void {
    // A function of its own: the same one may be added twice.
    const own: ReleaseObserver = (file) => observer(file);
    if (this.#observers.size === 0) this.#log.observe(true);
    this.#observers.add(own);
    return () => {
      if (this.#observers.delete(own) && this.#observers.size === 0) this.#log.observe(false);
    };
  }

  /** The flusher asks. */
  ask(files: readonly LogFileInfo[]): void {
    for (const file of files) void this.#askAbout(file);
  }

  async #askAbout(file: LogFileInfo): Promise<void> {
    const { fileNumber } = file;
    if (this.#asked.has(fileNumber)) return;
    this.#asked.add(fileNumber);
    const answers = [...this.#observers].map(async (observer) => (await observer(file)) === true);
    const mayGo = await Promise.all(answers).then(
      (all) => all.every((each) => each),
      () => false,
    );
    this.#asked.delete(fileNumber);
    this.#log.answer(fileNumber, mayGo);
  }
}
