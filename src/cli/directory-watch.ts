// Waiting for a log directory to change, for commands that follow a log that another process writes: told by the
// system where it can, and looked at from time to time because it need not (a directory that is not there yet, network
// file systems).

import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a change that nobody tells of may stay unseen. */
const LOOK_MS = 250;
/** The least time between two looks: a busy writer changes something all the time. */
const PAUSE_MS = 20;

/** Watches one directory. Close it. */
export class DirectoryWatch {
  readonly #path: string;
  #watcher: fs.FSWatcher | undefined;
  #hasChanged = false;
  #onChange: () => void = () => undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when something has changed since the last call, or might have, or the signal fires. */
  async changed(signal: AbortSignal): Promise<void> {
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    this.#watcher ??= this.#watch();
    if (!this.#hasChanged && !signal.aborted) await this.#next(signal);
    this.#hasChanged = false;
  }

  close(): void {
    this.#watcher?.close();
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#onChange(), LOOK_MS);
      this.#onChange = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', this.#onChange);
        this.#onChange = () => undefined;
        resolve();
      };
      signal.addEventListener('abort', this.#onChange);
    });
  }

  #watch(): fs.FSWatcher | undefined {
    try {
      const watcher = fs.watch(this.#path, () => {
        this.#hasChanged = true;
        this.#onChange();
      });
      watcher.on('error', () => {
        watcher.close();
        this.#watcher = undefined;
      });
      return watcher;
    } catch {
      // Not there yet, or no watches left: the timer looks.
      return undefined;
    }
  }
}
