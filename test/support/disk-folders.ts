// Several directories on one simulated disk, so that one crash meets them all, and a rename from one to the other is
// one change (A13). A sync of one syncs the names of all: what order of syncs a protocol keeps is for other tests.

import type { Directory } from '../../src/storage/directory.js';
import type { SimulatedDirectory } from '../../src/storage/simulated-directory.js';

/** The directory of that name on a disk. */
export function folderOn(disk: SimulatedDirectory, folder: string): Directory {
  const whole = (name: string): string => `${folder}:${name}`;
  return {
    path: `${disk.path}${folder}`,
    exists: () => disk.exists(),
    create: (options) => disk.create(options),
    list: () =>
      disk
        .list()
        .filter((name) => name.startsWith(`${folder}:`))
        .map((name) => name.slice(folder.length + 1)),
    open: (name, mode) => {
      const file = disk.open(whole(name), mode);
      return {
        name,
        read: (target, position) => file.read(target, position),
        write: (pieces, position) => file.write(pieces, position),
        startWrite: (pieces, position) => file.startWrite(pieces, position),
        sync: () => file.sync(),
        startSync: () => file.startSync(),
        size: () => file.size(),
        truncate: (bytes) => file.truncate(bytes),
        close: () => file.close(),
      };
    },
    rename: (from, to) => disk.rename(whole(from), whole(to)),
    remove: (name) => disk.remove(whole(name)),
    sync: () => disk.sync(),
  };
}
