// Observers of the owner's thread are asked by message before a file is let go (wal.onRelease). Nothing waits for the
// answer: a file of which nothing is heard is kept, and asked about again at the next checkpoint.

import type { OlderFile } from '../log/log-writer.js';
import type { LogFileInfo } from './messages.js';
import type { ReleaseHold } from './retention.js';

/** Holds files back until the observers let them go. */
export class ObserverHold implements ReleaseHold {
  readonly name = 'observer';
  readonly #ask: (files: readonly LogFileInfo[]) => void;
  /** What was heard of a file; false also for one that was asked about and not heard of. */
  readonly #answers = new Map<number, boolean>();
  #isObserving = false;

  constructor(ask: (files: readonly LogFileInfo[]) => void) {
    this.#ask = ask;
  }

  set isObserving(isObserving: boolean) {
    this.#isObserving = isObserving;
    this.#answers.clear();
  }

  holds({ fileNumber }: OlderFile): boolean {
    return this.#isObserving && this.#answers.get(fileNumber) !== true;
  }

  /** Asks about files that nobody else needs, each once until {@link forget}. */
  ask(files: readonly LogFileInfo[]): void {
    const present = new Set(files.map(({ fileNumber }) => fileNumber));
    for (const fileNumber of this.#answers.keys()) if (!present.has(fileNumber)) this.#answers.delete(fileNumber);
    const news = files.filter(({ keptBy, fileNumber }) => keptBy === 'observer' && !this.#answers.has(fileNumber));
    if (news.length === 0) return;
    for (const { fileNumber } of news) this.#answers.set(fileNumber, false);
    this.#ask(news);
  }

  /** Takes an answer in; true if a file may go now. */
  answered(fileNumber: number, mayGo: boolean): boolean {
    if (!this.#isObserving || !this.#answers.has(fileNumber)) return false;
    this.#answers.set(fileNumber, mayGo);
    return mayGo;
  }

  /** A checkpoint: what was kept is asked about again. What may go still may. */
  forget(): void {
    for (const [fileNumber, mayGo] of this.#answers) if (!mayGo) this.#answers.delete(fileNumber);
  }
}
