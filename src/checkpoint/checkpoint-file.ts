// The page file as the checkpointer writes it. A sync that failed leaves its contents unknown, and a second one on the
// same descriptor proves nothing (A5): the descriptor goes, and with it whatever was not known to be on disk, which the
// next checkpoint writes again because nothing of the log was let go.

import { crc32c } from '../base/checksum.js';
import type { PageFile } from '../storage/page-file.js';

/** One page file, opened when it is needed. */
export class CheckpointFile {
  readonly #openAnew: () => PageFile;
  readonly #pageBytes: number;
  #file: PageFile | undefined;

  /** @param openAnew - opens the page file for writing; called again after a failed sync */
  constructor(openAnew: () => PageFile, pageBytes: number) {
    this.#openAnew = openAnew;
    this.#pageBytes = pageBytes;
  }

  open(): PageFile {
    this.#file ??= this.#openAnew();
    return this.#file;
  }

  /** @throws {WalError} ERR_WAL_IO; the file is closed then */
  sync(): void {
    try {
      this.open().sync();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Syncs what was written so far while the thread goes on. Wait for it, whatever else fails, before anything is done
   * with its outcome; nothing is closed before.
   *
   * @returns what waits for it, and throws ERR_WAL_IO; the file is closed then
   */
  startSync(): () => Promise<void> {
    const outcome = this.open()
      .startSync()
      .then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
    return async () => {
      const failure = await outcome;
      if (failure === undefined) return;
      this.close();
      throw failure.error;
    };
  }

  /** Checksum of page 1 as it is in the file; 0 when there is none. */
  page1Crc(): number {
    const image = new Uint8Array(this.#pageBytes);
    return this.open().readPage(1, image) ? crc32c(image) : 0;
  }

  /** Closes; the file may be opened again. */
  close(): void {
    const file = this.#file;
    this.#file = undefined;
    // What closing a descriptor of unknown contents says changes nothing: all of it is written again.
    try {
      file?.close();
    } catch {}
  }
}
