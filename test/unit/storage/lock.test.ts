// The lock excludes a second opener (F29), in this process and from another, and is free as soon as its holder is dead.
// The children say "held" when they hold it, and `exit` says when they are dead: nothing here waits for a time to pass.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WalError } from '../../../src/base/errors.js';
import { acquireLock, type LockHolder, type LockKind, type LogLock } from '../../../src/storage/lock.js';

const LOCK = 'lock';
const MODULE = new URL('../../../src/storage/lock.js', import.meta.url).href;

let root = '';
let held: LogLock[] = [];
let children: ChildProcess[] = [];

beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'lanewal-lock-'));
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const lock of held) lock.release();
  for (const child of children) child.kill('SIGKILL');
  held = [];
  children = [];
  fs.rmSync(root, { recursive: true, force: true });
});

function acquire(kind: LockKind, path = root): LogLock {
  const lock = acquireLock(path, LOCK, { kind });
  held.push(lock);
  return lock;
}

/** The error that `operation` throws; anything but a WalError fails the test. */
function errorOf(operation: () => unknown): WalError {
  try {
    operation();
  } catch (thrown) {
    if (thrown instanceof WalError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

function script(kind: LockKind, then: string): string {
  return `import { acquireLock } from ${JSON.stringify(MODULE)};
    try { acquireLock(${JSON.stringify(root)}, '${LOCK}', { kind: '${kind}' }); ${then} }
    catch (error) { process.stdout.write(error.code); }`;
}

/** A process that holds the lock until it is killed. */
async function spawnHolder(kind: LockKind): Promise<ChildProcess> {
  const code = script(kind, `process.stdout.write('held'); setInterval(() => {}, 60_000);`);
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [said] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  expect(String(said)).toBe('held');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** What another process says when it tries. */
function tryElsewhere(kind: LockKind): string {
  const code = script(kind, `process.stdout.write('held');`);
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).stdout;
}

/** A process id that nothing has any more. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

test('F29: a lock on a file that was removed in between excludes nobody, and is taken again', () => {
  const native = createRequire(import.meta.url)('fs-native-extensions') as { tryLock(fd: number): boolean };
  const path = join(root, LOCK);
  const tryLock = vi.spyOn(native, 'tryLock');
  tryLock.mockImplementationOnce((fd) => {
    // The log is removed, and another process has begun a new one.
    fs.rmSync(path);
    fs.writeFileSync(path, '');
    return fd > 0;
  });
  acquire('native');
  expect(tryLock).toHaveBeenCalledTimes(2);
  expect(tryElsewhere('native')).toBe('ERR_WAL_LOCKED');
});

describe.each(['native', 'pid-file'] as const)('the %s lock', (kind) => {
  test('says its kind', () => {
    expect(acquire(kind).kind).toBe(kind);
  });

  test('F29: a second open in the same process is refused and names this process', () => {
    acquire(kind);
    const error = errorOf(() => acquire(kind));
    expect(error.code).toBe('ERR_WAL_LOCKED');
    expect(error.details.holder).toMatchObject({ pid: process.pid, host: hostname().slice(0, 64) });
  });

  test('F29: a second open through another path to the directory is refused', () => {
    acquire(kind);
    const alias = `${root}-alias`;
    fs.symlinkSync(root, alias);
    try {
      expect(errorOf(() => acquire(kind, alias)).code).toBe('ERR_WAL_LOCKED');
    } finally {
      fs.unlinkSync(alias);
    }
  });

  test('F29: a second copy of the package in the same process is refused, even when the files are gone', async () => {
    acquire(kind);
    for (const name of fs.readdirSync(root)) fs.unlinkSync(join(root, name));
    // Another query makes another module: what a second installation of the package is.
    const url = `${new URL('../../../src/storage/lock.js', import.meta.url).href}?copy`;
    const copy = (await import(/* @vite-ignore */ url)) as { acquireLock: typeof acquireLock };
    expect(copy.acquireLock).not.toBe(acquireLock);
    let code = 'nothing was thrown';
    try {
      copy.acquireLock(root, LOCK, { kind });
    } catch (thrown) {
      code = (thrown as WalError).code;
    }
    expect(code).toBe('ERR_WAL_LOCKED');
  });

  test('F29: a second open in another thread of the same process is refused', async () => {
    acquire(kind);
    const code = `import(${JSON.stringify(MODULE)}).then(({ acquireLock }) => {
      let said = 'held';
      try { acquireLock(${JSON.stringify(root)}, '${LOCK}', { kind: '${kind}' }); } catch (error) { said = error.code; }
      require('node:worker_threads').parentPort.postMessage(said);
    });`;
    const worker = new Worker(code, { eval: true });
    const [said] = await once(worker, 'message');
    await worker.terminate();
    expect(said).toBe('ERR_WAL_LOCKED');
  });

  test('F29: another process is refused while the lock is held and gets it after the release', () => {
    const lock = acquire(kind);
    expect(tryElsewhere(kind)).toBe('ERR_WAL_LOCKED');
    lock.release();
    expect(tryElsewhere(kind)).toBe('held');
  });

  test('F29: a lock held by another process is refused with its name, and SIGKILL releases it', async () => {
    const child = await spawnHolder(kind);
    const error = errorOf(() => acquire(kind));
    expect(error.code).toBe('ERR_WAL_LOCKED');
    expect(error.details.holder).toMatchObject({ pid: child.pid });
    await kill(child);
    expect(acquire(kind).kind).toBe(kind);
  });

  test('a release lets the next open in, and a second release takes nothing from it', () => {
    const first = acquire(kind);
    first.release();
    acquire(kind);
    first.release();
    expect(errorOf(() => acquire(kind)).code).toBe('ERR_WAL_LOCKED');
  });

  test('locks of different directories do not meet', () => {
    acquire(kind);
    const other = join(root, 'other');
    fs.mkdirSync(other);
    expect(acquire(kind, other).kind).toBe(kind);
  });

  test('a missing directory is not found, and a refused attempt leaves nothing held', () => {
    const late = join(root, 'late');
    expect(errorOf(() => acquire(kind, late)).code).toBe('ERR_WAL_NOT_FOUND');
    fs.mkdirSync(late);
    expect(acquire(kind, late).kind).toBe(kind);
  });
});

describe('the native lock file', () => {
  test('stays when the lock is released, and names nobody then', () => {
    const lock = acquire('native');
    const path = join(root, LOCK);
    expect((JSON.parse(fs.readFileSync(path, 'utf8')) as LockHolder).pid).toBe(process.pid);
    lock.release();
    expect(fs.readFileSync(path, 'utf8').trim()).toBe('');
  });

  test('is never reached through a link', () => {
    fs.writeFileSync(join(root, 'outside'), 'untouched');
    fs.symlinkSync(join(root, 'outside'), join(root, LOCK));
    expect(errorOf(() => acquire('native')).code).toBe('ERR_WAL_IO');
    expect(fs.readFileSync(join(root, 'outside'), 'utf8')).toBe('untouched');
  });

  test('F11: a disk too full for the text does not keep the log shut', () => {
    vi.spyOn(fs, 'writeSync').mockImplementation(() => {
      throw Object.assign(new Error('injected'), { code: 'ENOSPC' });
    });
    expect(acquire('native').kind).toBe('native');
  });

  test('does not name a dead process for a holder who has not written its name yet', async () => {
    const child = await spawnHolder('native');
    const text = { pid: deadPid(), host: hostname().slice(0, 64), startedAtMs: 0 };
    fs.writeFileSync(join(root, LOCK), JSON.stringify(text));
    const error = errorOf(() => acquire('native'));
    expect(error.code).toBe('ERR_WAL_LOCKED');
    expect(error.details.holder).toBeUndefined();
    await kill(child);
  });
});

describe('the pid file', () => {
  const path = () => join(root, `${LOCK}.pid`);
  const holder = (changes: Partial<LockHolder>): string => {
    return JSON.stringify({ pid: process.pid, host: hostname().slice(0, 64), startedAtMs: 0, ...changes });
  };

  test('is gone after the release, and nothing else is left', () => {
    const lock = acquire('pid-file');
    expect(fs.readdirSync(root)).toEqual([`${LOCK}.pid`]);
    lock.release();
    expect(fs.readdirSync(root)).toEqual([]);
  });

  test('of a dead process is taken over', () => {
    fs.writeFileSync(path(), holder({ pid: deadPid() }));
    acquire('pid-file');
    expect((JSON.parse(fs.readFileSync(path(), 'utf8')) as LockHolder).pid).toBe(process.pid);
    expect(fs.readdirSync(root)).toEqual([`${LOCK}.pid`]);
  });

  test.runIf(process.platform === 'linux')('of a process whose id was given to another one is taken over', () => {
    fs.writeFileSync(path(), holder({ processStart: 'another boot:1' }));
    expect(acquire('pid-file').kind).toBe('pid-file');
  });

  test.runIf(process.platform === 'linux')('of a dead process that nobody waited for is taken over', async () => {
    // `sleep` in the place of the shell never waits for the shell's child.
    const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(parent);
    const [said] = await once(parent.stdout, 'data');
    const pid = Number(String(said));
    fs.writeFileSync(path(), holder({ pid }));
    expect(errorOf(() => acquire('pid-file')).code).toBe('ERR_WAL_LOCKED');
    // Until then it is the shell, which would wait for its child.
    await vi.waitFor(() => expect(fs.readFileSync(`/proc/${parent.pid}/comm`, 'latin1')).toBe('sleep\n'));
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(fs.readFileSync(`/proc/${pid}/stat`, 'latin1')).toContain(') Z '));
    expect(acquire('pid-file').kind).toBe('pid-file');
  });

  test.each(['', '{', 'null', '{"pid":-1,"host":"h"}'])('holding %j, as after a power cut, is taken over', (text) => {
    fs.writeFileSync(path(), text);
    expect(acquire('pid-file').kind).toBe('pid-file');
  });

  test('of a living process is respected', () => {
    fs.writeFileSync(path(), holder({ pid: process.ppid }));
    const error = errorOf(() => acquire('pid-file'));
    expect(error.code).toBe('ERR_WAL_LOCKED');
    expect(error.details.holder).toMatchObject({ pid: process.ppid });
    expect(fs.readdirSync(root)).toEqual([`${LOCK}.pid`]);
  });

  test('of another host is respected, because nobody can tell from here', () => {
    fs.writeFileSync(path(), holder({ pid: deadPid(), host: 'another host' }));
    expect(errorOf(() => acquire('pid-file')).code).toBe('ERR_WAL_LOCKED');
  });

  test('of one who took over first is put back by the one who came late', () => {
    fs.writeFileSync(path(), holder({ pid: deadPid() }));
    const first = holder({ pid: process.ppid });
    const { renameSync } = fs;
    vi.spyOn(fs, 'renameSync').mockImplementationOnce((from, to) => {
      fs.writeFileSync(path(), first);
      renameSync(from, to);
    });
    expect(errorOf(() => acquire('pid-file')).code).toBe('ERR_WAL_LOCKED');
    expect(fs.readFileSync(path(), 'utf8')).toBe(first);
    expect(fs.readdirSync(root)).toEqual([`${LOCK}.pid`]);
  });

  test('of somebody else is not removed by a release', () => {
    const lock = acquire('pid-file');
    const other = holder({ pid: process.ppid });
    fs.writeFileSync(path(), other);
    lock.release();
    expect(fs.readFileSync(path(), 'utf8')).toBe(other);
  });
});
