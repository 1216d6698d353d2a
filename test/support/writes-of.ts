// A directory that lets somebody at what is written into its log files, on the way to the medium.

import type { Directory, LogFile, OpenMode } from '../../src/testing.js';

/** Looks at one write of a log file, and may change the bytes. */
export type OnWrite = (bytes: Uint8Array, position: number) => void;

/**
 * @param directory - where it all ends up
 * @param onWrite - called with a copy of what is about to be written behind the header of a log file
 * @param onOpen - told of every opening
 */
export function writesOf(
  directory: Directory,
  onWrite: OnWrite,
  onOpen: (name: string, mode: OpenMode) => void = () => undefined,
): Directory {
  const open = (name: string, mode: OpenMode): LogFile => {
    onOpen(name, mode);
    const file = directory.open(name, mode);
    return new Proxy(file, {
      get(target, key) {
        if (key === 'write' && name.endsWith('.wal')) {
          return (pieces: readonly Uint8Array[], position: number): void => {
            const bytes = Buffer.concat(pieces);
            if (position > 0) onWrite(bytes, position);
            target.write([bytes], position);
          };
        }
        const value = Reflect.get(target, key) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  return new Proxy(directory, {
    get(target, key) {
      if (key === 'open') return open;
      const value = Reflect.get(target, key) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
