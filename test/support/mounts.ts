// File systems that tests may fill, freeze and cut the power of: tmpfs, read-only views, ext4 and XFS in an image
// behind a loop device. Everything mounted is unmounted again, at the latest when the process ends.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const UNMOUNT_ATTEMPTS = 100;
const mounted = new Set<string>();
const cutters = new Set<ChildProcess>();
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
  for (const cutter of cutters) cutter.kill('SIGKILL');
  // The last one mounted may lie inside an earlier one.
  for (const path of [...mounted].reverse()) {
    const isDone = Array.from({ length: UNMOUNT_ATTEMPTS }).some(() => run('umount', path).status === 0);
    if (!isDone) run('umount', '-l', path);
    mounted.delete(path);
  }
}

/** The file systems whose power can be cut. */
export type CutFileSystem = 'ext4' | 'xfs';

const MAKE: Readonly<Record<CutFileSystem, readonly string[]>> = {
  ext4: ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0'],
  xfs: ['mkfs.xfs', '-q', '-f'],
};

/** What {@link LoopDisk} needs to be installed. */
export const LOOP_PROGRAMS = ['mkfs.ext4', 'mkfs.xfs', 'truncate', 'xfs_io'] as const;

/** A disk in an image file, whose power can be cut: whatever was not synced is gone then. */
export class LoopDisk {
  readonly path: string;
  readonly #image: string;
  #cutter: ChildProcess | undefined;
  #cutterEnded: Promise<number | null> = Promise.resolve(null);

  constructor(folder: string, fileSystem: CutFileSystem) {
    // XFS takes nothing smaller than 300 MiB; the image is sparse.
    this.#image = join(folder, `${fileSystem}.img`);
    this.path = join(folder, fileSystem);
    must('truncate', '-s', '320M', this.#image);
    const [program = '', ...args] = MAKE[fileSystem];
    must(program, ...args, this.#image);
    this.mount();
  }

  mount(): void {
    mount(this.path, '-o', 'loop', this.#image);
    // Started ahead, so that a cut follows at once on the decision to cut.
    const cutter = spawn('xfs_io', ['-x', this.path], { stdio: ['pipe', 'ignore', 'ignore'] });
    cutters.add(cutter);
    this.#cutter = cutter;
    this.#cutterEnded = new Promise((resolve) => {
      cutter.once('close', (status) => {
        cutters.delete(cutter);
        resolve(status);
      });
    });
  }

  /** Stops the file system at once, without writing its log (flag 2 of ioctl 0x8004587d). */
  async cut(): Promise<void> {
    this.#cutter?.stdin?.end('shutdown\n');
    const status = await this.#cutterEnded;
    if (status !== 0) throw new Error(`xfs_io ended with ${status} instead of cutting ${this.path}.`);
  }

  async unmount(): Promise<void> {
    this.#cutter?.stdin?.end();
    await this.#cutterEnded;
    unmount(this.path);
  }
}

function run(program: string, ...args: string[]) {
  return spawnSync(program, args, { encoding: 'utf8' });
}

function must(program: string, ...args: string[]): void {
  const { status, stderr, error } = run(program, ...args);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`);
}
