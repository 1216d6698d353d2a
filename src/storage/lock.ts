// Excludes a second opener of a log directory (faults.md F29). `native`: an open-file-description lock through
// fs-native-extensions, given up by the system when its process dies. `pid-file`, where that cannot be loaded (musl):
// a file created exclusively, taken over when the process it names is gone. What `pid-file` cannot promise: two
// take-overs at once are narrowed to an instant, not excluded (moveAway); a holder with other process ids (a container)
// but the same host name counts as dead, one of another host as alive; without /proc a reused process id counts as
// alive; a killed worker's lock lasts as long as its process; it needs disk space and hard links; it does not see a
// `native` holder.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { monotonicMs, wallClockMs } from '../base/clock.js';
import { toWalError, WalError } from '../base/errors.js';
import { openRegularFile } from './node-directory.js';
import { attempt } from './system-call.js';

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;

/** How the exclusion is done; see the head of this file. */
export type LockKind = 'native' | 'pid-file';

/** Who holds a lock; `details.holder` of ERR_WAL_LOCKED. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When the process (in a worker: the thread) started, wall clock in ms; for people, never compared. */
  readonly startedAtMs: number;
  /** Boot and start tick of the process, equal only for one and the same process; Linux only. */
  readonly processStart?: string;
}

/** A lock that is held. */
export interface LogLock {
  readonly kind: LockKind;
  /** Gives the lock up; twice is harmless. The lock file itself stays. */
  release(): void;
}

/** What is used of fs-native-extensions, which has no types. */
interface NativeLocks {
  tryLock(fd: number, offset: number, length: number): boolean;
}

/** One byte beyond the text on Windows, where locked bytes cannot be read; elsewhere the file: macOS has no ranges. */
const [LOCK_OFFSET, LOCK_LENGTH] = process.platform === 'win32' ? [2 ** 30, 1] : [0, 0];

/** What fs-native-extensions throws on some systems instead of answering `false`. */
const REFUSED = new Set(['EAGAIN', 'EACCES', 'EBUSY']);

/** The holder's text has one size, so that a full disk still takes it once the file has its block. */
const TEXT_BYTES = 512;

/** Rounds of finding a stale file and losing the race for its place; more than a few mean a busy holder. */
const ROUNDS_MAX = 8;

/** The next open of the log removes whatever has this suffix after a crash (log/names.ts). */
const UNFINISHED_SUFFIX = '.new';

/** HOST_NAME_MAX of Linux; a longer name is cut, because the text has one size. */
const HOST_CHARACTERS_MAX = 64;

/** On globalThis, so that two loaded copies of this package see each other; another thread has its own. */
const REGISTRY = Symbol.for('lanewal.locks');

/**
 * Takes the lock on `name` in the log directory, at once or not at all.
 *
 * @param name - of the lock file; created when missing, never removed
 * @param options - `kind` forces one of the two; left out, it is `native` where that can be loaded
 * @returns the lock, until `release` or the end of the process
 * @throws {WalError} ERR_WAL_LOCKED with `details.holder` if known; ERR_WAL_NOT_FOUND (no directory),
 * ERR_WAL_STORAGE_FULL, ERR_WAL_IO
 *
 * Threading: belongs to the thread that took it, and goes with it.
 */
export function acquireLock(directoryPath: string, name: string, options: { kind?: LockKind } = {}): LogLock {
  const directory = attempt('resolve the directory', directoryPath, () => fs.realpathSync(directoryPath));
  const path = join(directory, name);
  const held = registry();
  const present = held.get(path);
  if (present !== undefined) throw lockedError(path, present);

  const native = options.kind === 'pid-file' ? undefined : loadNative(options.kind === 'native');
  const own = describeOwnProcess();
  const giveUp = native === undefined ? lockByPidFile(`${path}.pid`, own) : lockNatively(path, own, native);
  held.set(path, own);
  let isHeld = true;
  const release = (): void => {
    if (!isHeld) return;
    isHeld = false;
    held.delete(path);
    giveUp();
  };
  return { kind: native === undefined ? 'pid-file' : 'native', release };
}

function registry(): Map<string, LockHolder> {
  const shared = globalThis as { [REGISTRY]?: Map<string, LockHolder> };
  shared[REGISTRY] ??= new Map();
  return shared[REGISTRY];
}

function loadNative(required: boolean): NativeLocks | undefined {
  try {
    return createRequire(import.meta.url)('fs-native-extensions') as NativeLocks;
  } catch (thrown) {
    if (required) throw toWalError(thrown, 'load fs-native-extensions');
    return undefined;
  }
}

/** @returns what gives the lock up */
function lockNatively(path: string, own: LockHolder, native: NativeLocks): () => void {
  const fd = openAndLock(path, native);
  leaveText(fd, JSON.stringify(own));
  return () => {
    // First, or the next holder's text could be wiped.
    leaveText(fd, '');
    // Closing is what unlocks.
    attempt('close the file', path, () => fs.closeSync(fd));
  };
}

function openAndLock(path: string, native: NativeLocks): number {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const fd = openRegularFile(path, O_RDWR | O_CREAT);
    let isOurs = false;
    try {
      if (!tryLock(native, fd, path)) throw lockedError(path, namedIn(readText(fd, path)));
      // Between the two the log may have been removed: then this lock is on a file that nobody else will ever open.
      isOurs = isStillAt(path, fd);
      if (isOurs) return fd;
    } finally {
      if (!isOurs) fs.closeSync(fd);
    }
  }
  throw lockedError(path, undefined);
}

/** Whether the open file has that name. */
function isStillAt(path: string, fd: number): boolean {
  return attempt('look at the lock file', path, () => {
    const here = fs.statSync(path, { throwIfNoEntry: false, bigint: true });
    const opened = fs.fstatSync(fd, { bigint: true });
    return here !== undefined && here.ino === opened.ino && here.dev === opened.dev;
  });
}

function tryLock(native: NativeLocks, fd: number, path: string): boolean {
  return attempt('lock the file', path, () => {
    try {
      return native.tryLock(fd, LOCK_OFFSET, LOCK_LENGTH);
    } catch (thrown) {
      if (REFUSED.has((thrown as NodeJS.ErrnoException).code ?? '')) return false;
      throw thrown;
    }
  });
}

/** The text helps people and excludes nobody: a disk too full for it must not keep the log shut. */
function leaveText(fd: number, text: string): void {
  try {
    fs.writeSync(fd, Buffer.from(text.padEnd(TEXT_BYTES)), 0, TEXT_BYTES, 0);
  } catch {
    // The holder stays unnamed.
  }
}

/** The holder whom `text` names, unless that one is gone: then the present holder has not written its text yet. */
function namedIn(text: string): LockHolder | undefined {
  const holder = parseHolder(text);
  return holder !== undefined && mayRun(holder) ? holder : undefined;
}

/** @returns what gives the lock up */
function lockByPidFile(path: string, own: LockHolder): () => void {
  const text = JSON.stringify(own);
  const draft = writeDraft(path, text);
  try {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      if (linkExclusively(draft, path)) return () => removeIfOwn(path, text);
      const found = readIfThere(path);
      if (found === undefined) continue;
      // A text that cannot be read is what a power cut left: a living holder's file is linked here only when whole.
      const holder = namedIn(found);
      if (holder !== undefined) throw lockedError(path, holder);
      moveAway(path, found, `${draft}.stale`);
    }
  } finally {
    removeFile(draft);
  }
  throw lockedError(path, undefined);
}

/** Writes `text` to a file of our own beside `path`, so that it can appear under that name whole or not at all. */
function writeDraft(path: string, text: string): string {
  for (let number = 0; ; number += 1) {
    const draft = `${path}-${process.pid}-${number}${UNFINISHED_SUFFIX}`;
    let fd: number;
    try {
      fd = openRegularFile(draft, O_RDWR | O_CREAT | O_EXCL);
    } catch (thrown) {
      // Another thread's, or left by a dead process that had our id.
      if (thrown instanceof WalError && thrown.code === 'ERR_WAL_EXISTS') continue;
      throw thrown;
    }
    let isWhole = false;
    try {
      attempt('write the file', draft, () => fs.writeFileSync(fd, text));
      isWhole = true;
      return draft;
    } finally {
      fs.closeSync(fd);
      if (!isWhole) removeFile(draft);
    }
  }
}

/** Exclusive creation with contents; `false` if the name is taken, or if its holder tidied our draft away. */
function linkExclusively(draft: string, path: string): boolean {
  return attempt('create the lock file', path, () => {
    try {
      fs.linkSync(draft, path);
      return true;
    } catch (thrown) {
      const errno = (thrown as NodeJS.ErrnoException).code;
      if (errno === 'EEXIST' || errno === 'ENOENT') return false;
      throw thrown;
    }
  });
}

/**
 * Takes the stale file away from `path`, by a rename that only one of several can win. A winner that was late may have
 * moved the file of somebody who has taken over meanwhile: it sees that by the text and puts the file back.
 * In between, for two system calls, a third could believe the place free: the race that is left.
 */
function moveAway(path: string, staleText: string, aside: string): void {
  try {
    fs.renameSync(path, aside);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw toWalError(thrown, `move away the stale lock file ${path}`, { path });
  }
  try {
    if (readIfThere(aside) !== staleText) linkExclusively(aside, path);
  } finally {
    removeFile(aside);
  }
}

function removeIfOwn(path: string, ownText: string): void {
  if (readIfThere(path) === ownText) removeFile(path);
}

function removeFile(path: string): void {
  attempt('remove the file', path, () => fs.rmSync(path, { force: true }));
}

function readIfThere(path: string): string | undefined {
  let fd: number;
  try {
    fd = openRegularFile(path, O_RDONLY);
  } catch (thrown) {
    if (thrown instanceof WalError && thrown.code === 'ERR_WAL_NOT_FOUND') return undefined;
    throw thrown;
  }
  try {
    return readText(fd, path);
  } finally {
    fs.closeSync(fd);
  }
}

function readText(fd: number, path: string): string {
  const bytes = Buffer.alloc(TEXT_BYTES);
  const count = attempt('read the file', path, () => fs.readSync(fd, bytes, 0, TEXT_BYTES, 0));
  return bytes.toString('utf8', 0, count);
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<LockHolder> | null;
    // A process id of 0 or less would ask about process groups.
    if (!Number.isSafeInteger(holder?.pid) || Number(holder?.pid) <= 0) return undefined;
    return typeof holder?.host === 'string' ? (holder as LockHolder) : undefined;
  } catch {
    return undefined;
  }
}

function describeOwnProcess(): LockHolder {
  const processStart = statusOf(process.pid)?.start;
  return {
    pid: process.pid,
    host: ownHost(),
    startedAtMs: Math.round(wallClockMs() - monotonicMs()),
    ...(processStart !== undefined && { processStart }),
  };
}

function ownHost(): string {
  return hostname().slice(0, HOST_CHARACTERS_MAX);
}

/** Whether the process may still be running; `true` wherever that cannot be known, because two holders lose data. */
function mayRun(holder: LockHolder): boolean {
  if (holder.host !== ownHost()) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const status = statusOf(holder.pid);
  if (status === undefined) return true;
  return !status.isDead && (holder.processStart === undefined || holder.processStart === status.start);
}

/** From Linux' /proc; `undefined` elsewhere. A dead process that nobody waited for still answers to signals. */
function statusOf(pid: number): { isDead: boolean; start: string } | undefined {
  try {
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command in parentheses may hold anything, so counting starts after it: state is field 3, start field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, start] = [fields[0], fields[19]];
    if (state === undefined || start === undefined) return undefined;
    return { isDead: state === 'Z' || state === 'X', start: `${boot}:${start}` };
  } catch {
    return undefined;
  }
}

function lockedError(path: string, holder: LockHolder | undefined): WalError {
  const who = holder === undefined ? 'another opener' : `process ${holder.pid} on ${holder.host}`;
  const message = `The log is locked by ${who} (${path}). Close it there first.`;
  return new WalError('ERR_WAL_LOCKED', message, { path, ...(holder && { holder }) });
}
