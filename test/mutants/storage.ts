// Mutants of the file system, page files and the lock.

import type { Mutant } from '../support/mutation.js';

const CALL = 'src/storage/system-call.ts';
const NODE = 'src/storage/node-directory.ts';
const LOCK = 'src/storage/lock.ts';
const PAGES = 'src/storage/page-file.ts';
const CONTRACT = 'test/contract/directory.test.ts';
const LOCK_TEST = 'test/unit/storage/lock.test.ts';
const PAGES_TEST = 'test/unit/storage/page-file.test.ts';

export const STORAGE_MUTANTS: readonly Mutant[] = [
  {
    name: 'ignores a short write',
    file: CALL,
    find: `  while (index < rest.length) {`,
    replace: `  if (index < rest.length) {`,
    killedBy: { file: CONTRACT, title: 'F12: short writes continue where they stopped' },
  },
  {
    name: 'goes on behind a short write as if it had been whole',
    file: CALL,
    find: `        rest[index] = piece.subarray(count);
        break;`,
    replace: `        index += 1;
        break;`,
    killedBy: { file: CONTRACT, title: 'F12: short writes continue where they stopped' },
  },
  {
    name: 'writes for ever what the system does not take',
    file: CALL,
    find: `    if (count <= 0) throw new Error('the system wrote nothing and gave no reason');`,
    replace: `    if (count <= 0) return;`,
    killedBy: { file: CONTRACT, title: 'F12: a write that makes no progress is an error, not a loop' },
  },
  {
    name: 'takes a short read for the end of the file',
    file: CALL,
    find: `    if (count === 0) break;
    done += count;`,
    replace: `    done += count;
    break;`,
    killedBy: { file: CONTRACT, title: 'F12: short reads continue' },
  },
  {
    name: 'swallows EIO on read',
    file: NODE,
    find: `    return attempt(
      'read the file',
      this.#path,
      () => readFully((rest, at) => fs.readSync(fd, rest, 0, rest.length, at), target, position),
      { position },
    );`,
    replace: `    try {
      return readFully((rest, at) => fs.readSync(fd, rest, 0, rest.length, at), target, position);
    } catch {
      return 0;
    }`,
    killedBy: { file: CONTRACT, title: 'F42: an error while reading is an error, never the end of the file' },
  },
  {
    name: 'swallows an error of a sync',
    file: NODE,
    find: `    attemptSync('sync the file', this.#path, () => sync(fd));`,
    replace: `    try {
      sync(fd);
    } catch {}`,
    killedBy: { file: CONTRACT, title: 'F11: ENOSPC is a full disk when writing and fatal when syncing' },
  },
  {
    name: 'A5: takes a sync that failed for a full disk that can be tried again',
    file: NODE,
    find: `    attemptSync('sync the file', this.#path, () => sync(fd));`,
    replace: `    attempt('sync the file', this.#path, () => sync(fd));`,
    killedBy: { file: CONTRACT, title: 'F11: ENOSPC is a full disk when writing and fatal when syncing' },
  },
  {
    name: 'A4: a sync of the directory does nothing',
    file: NODE,
    find: `      fs.fsyncSync(fd);`,
    replace: ``,
    killedBy: { file: CONTRACT, title: 'F11: ENOSPC is a full disk when writing and fatal when syncing' },
  },
  {
    name: 'A4: does not sync the entry of a new log directory',
    file: NODE,
    find: `    if (!options.sync) return;
    // What`,
    replace: `    if (!options.sync || first === undefined || first !== undefined) return;
    // What`,
    killedBy: { file: CONTRACT, title: 'creates parents as needed and syncs every directory that got an entry' },
  },
  {
    name: 'F30: follows links',
    file: NODE,
    find: `const REFUSE_ODD_FILES = (fs.constants.O_NOFOLLOW ?? 0) |`,
    replace: `const REFUSE_ODD_FILES =`,
    killedBy: { file: CONTRACT, title: 'F30: links, directories, FIFOs and devices are refused' },
  },
  {
    name: 'F43: closes a descriptor number twice',
    file: NODE,
    find: `    this.#descriptor = undefined;
    // A network file system reports a lost write here: as fatal as a failed sync, and never "try again".
    attemptSync('close the file', this.#path, () => fs.closeSync(fd));`,
    replace: `    attemptSync('close the file', this.#path, () => fs.closeSync(fd));
    this.#descriptor = undefined;`,
    killedBy: { file: CONTRACT, title: 'F43: a failed close gives the descriptor number up' },
  },
  {
    name: 'creates a file over one that is there',
    file: NODE,
    find: `  create: O_RDWR | O_CREAT | O_EXCL,`,
    replace: `  create: O_RDWR | O_CREAT,`,
    killedBy: { file: CONTRACT, title: 'contract: has files that are created only where nothing is' },
  },
  {
    name: 'does not sync the name of a new page file',
    file: PAGES,
    find: `    this.#directory.sync();
    this.#isNameSynced = true;`,
    replace: `    this.#isNameSynced = true;`,
    killedBy: { file: PAGES_TEST, title: 'A4: the name of a new page file is synced with it' },
  },
  {
    name: 'rounds a page file that is no whole number of pages',
    file: PAGES,
    find: `    if (this.partialPage() === undefined) return;`,
    replace: `    if (this.pageBytes > 0) return;`,
    killedBy: {
      file: PAGES_TEST,
      title: 'what is missing, there already, no whole pages, or no regular file is refused',
    },
  },
  {
    name: 'writes page 1 in the place of page 2',
    file: PAGES,
    find: `return (pageNumber - 1) * this.pageBytes;`,
    replace: `return pageNumber * this.pageBytes;`,
    killedBy: { file: PAGES_TEST, title: 'pages are read as they were written, and beyond the end there is none' },
  },
  {
    name: 'F29: holds a lock that somebody else has',
    file: LOCK,
    find: `      if (!tryLock(native, fd, path)) throw`,
    replace: `      if (!tryLock(native, fd, path) && path === '') throw`,
    killedBy: { file: LOCK_TEST, title: 'F29: a second open in another thread of the same process is refused' },
  },
  {
    name: 'F29: does not see a holder in its own process',
    file: LOCK,
    find: `  if (present !== undefined) throw lockedError(path, present);`,
    replace: ``,
    killedBy: { file: LOCK_TEST, title: 'F29: a second copy of the package in the same process is refused' },
  },
  {
    name: 'takes a lock over from a process that lives',
    file: LOCK,
    find: `      if (holder !== undefined) throw lockedError(path, holder);`,
    replace: ``,
    killedBy: { file: LOCK_TEST, title: 'of a living process is respected' },
  },
  {
    name: 'takes a lock over from a process of another host',
    file: LOCK,
    find: `  if (holder.host !== ownHost()) return true;`,
    replace: ``,
    killedBy: { file: LOCK_TEST, title: 'of another host is respected, because nobody can tell from here' },
  },
  {
    name: 'a late take-over removes the file of the one who was first',
    file: LOCK,
    find: `    if (readIfThere(aside) !== staleText) linkExclusively(aside, path);`,
    replace: ``,
    killedBy: { file: LOCK_TEST, title: 'of one who took over first is put back by the one who came late' },
  },
  {
    name: 'a release removes the lock file of somebody else',
    file: LOCK,
    find: `  if (readIfThere(path) === ownText) removeFile(path);`,
    replace: `  removeFile(path);
  ownText.trim();`,
    killedBy: { file: LOCK_TEST, title: 'of somebody else is not removed by a release' },
  },
  {
    name: 'locks a file that is no longer there',
    file: LOCK,
    find: `      isOurs = isStillAt(path, fd);`,
    replace: `      isOurs = true;`,
    killedBy: { file: LOCK_TEST, title: 'F29: a lock on a file that was removed in between' },
  },
];
