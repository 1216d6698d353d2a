// A directory of the file system whose syncs take longer: a disk that the machine does not have. Only syncs of files;
// those of the directory are few.

import { type LogFile, NodeDirectory, type OpenMode } from '../src/testing.js';

const sleeper = new Int32Array(new SharedArrayBuffer(4));

export class SlowDirectory extends NodeDirectory {
  readonly #delayMs: number;

  /** @param delayMs - what each sync takes beside the time of the disk */
  constructor(path: string, delayMs: number) {
    super(path);
    this.#delayMs = delayMs;
  }

  override open(name: string, mode: OpenMode): LogFile {
    return slowed(super.open(name, mode), this.#delayMs);
  }
}

function slowed(file: LogFile, delayMs: number): LogFile {
  return {
    name: file.name,
    read: (target, position) => file.read(target, position),
    write: (pieces, position) => file.write(pieces, position),
    startWrite: (pieces, position) => file.startWrite(pieces, position),
    size: () => file.size(),
    truncate: (bytes) => file.truncate(bytes),
    close: () => file.close(),
    sync: () => {
      file.sync();
      Atomics.wait(sleeper, 0, 0, delayMs);
    },
    startSync: async () => {
      await file.startSync();
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    },
  };
}
