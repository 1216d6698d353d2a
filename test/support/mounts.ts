// File systems that tests may fill and freeze: tmpfs, read-only views. Everything mounted is unmounted again, at the
// latest when the process ends. A disk whose power can be cut is loop-disk.ts.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const UNMOUNT_ATTEMPTS = 100;
const mounted = new Set<string>();
let isWatchingExit = false;

/** Why nothing can be mounted here; undefined when it can. */
export function whyNoMounts(...programs: string[]): string | undefined {
  if (process.platform !== 'linux') return 'mounts of this kind exist on Linux only';
  if (process.getuid?.() !== 0) return 'only root may mount';
  const missing = ['mount', 'umount', ...programs].filter((program) => run('which', program).status !== 0);
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  const folder = mkdtempSync(join(tmpdir(), 'lanewal-mount-'));
  const tried = run('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder);
  if (tried.status === 0) run('umount', folder);
  rmSync(folder, { recursive: true });
  return tried.status === 0 ? undefined : `mount is refused: ${tried.stderr.trim()}`;
}

/** Mounts at `path`, which is made. */
export function mount(path: string, ...args: string[]): void {
  mkdirSync(path, { recursive: true });
  must('mount', ...args, path);
  mounted.add(path);
  if (isWatchingExit) return;
  isWatchingExit = true;
  process.once('exit', unmountAll);
}

/** A tmpfs of `bytes`. */
export function mountTmpfs(path: string, bytes: number): void {
  mount(path, '-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs');
}

/** A read-only view of `source`. */
export function mountReadOnly(path: string, source: string): void {
  mount(path, '--bind', source);
  must('mount', '-o', 'remount,ro,bind', path);
}

/** Unmounts; also releases the loop device. */
export function unmount(path: string): void {
  // The last descriptor of a killed program may be closed a moment after its end was reported.
  const isDone = Array.from({ length: UNMOUNT_ATTEMPTS }).some(() => run('umount', path).status === 0);
  mounted.delete(path);
  if (isDone) return;
  run('umount', '-l', path);
  throw new Error(`${path} could not be unmounted.`);
}

/** For the end of a test, also of one that failed. */
export function unmountAll(): void {
  // The last one mounted may lie inside an earlier one.
  for (const path of [...mounted].reverse()) {
    const isDone = Array.from({ length: UNMOUNT_ATTEMPTS }).some(() => run('umount', path).status === 0);
    if (!isDone) run('umount', '-l', path);
    mounted.delete(path);
  }
}

/** Runs a program to its end. */
export function run(program: string, ...args: string[]) {
  return spawnSync(program, args, { encoding: 'utf8' });
}

/** Runs a program that must succeed; returns what it printed. */
export function must(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = run(program, ...args);
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`);
}
