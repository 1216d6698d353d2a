// Disks that stop taking writes when told to, as the kernel sees it: the error meets the write-back of pages that were
// taken long before, and a sync reports it once. Two kinds: a network block device that answers EIO, and a thin device
// whose store is full.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fillDisk } from './full-disk.js';
import { mount, mountTmpfs, must, run, unmount } from './mounts.js';

/** What each kind of disk needs to be installed. */
export const NBD_PROGRAMS = ['nbdkit', 'nbdfuse', 'losetup', 'mkfs.ext4', 'e2fsck'] as const;
export const THIN_PROGRAMS = ['losetup', 'truncate', 'mkfs.ext4', 'mkfs.xfs', 'e2fsck'] as const;

/** A formatted, mounted disk whose writes can be made to fail. */
export interface BrokenDisk {
  readonly path: string;
  fail(): void;
  mend(): void;
  /** Forgets everything that is only in memory. */
  remount(): void;
  end(): Promise<void>;
}

const PATIENCE_MS = 10_000;

/** The file system over a device, whatever the device is. */
class Mounted {
  readonly path: string;
  readonly #device: string;
  readonly #isExt4: boolean;

  constructor(path: string, device: string, make: readonly string[]) {
    this.path = path;
    this.#device = device;
    const [program = '', ...args] = make;
    this.#isExt4 = program === 'mkfs.ext4';
    must(program, ...args, device);
    mount(path, device);
  }

  remount(): void {
    unmount(this.path);
    // 1: something was repaired. What of the file system's own was lost is not the log's fault, but must not stand.
    if (this.#isExt4 && (run('e2fsck', '-fy', this.#device).status ?? 8) > 1) throw new Error('e2fsck gave up.');
    mount(this.path, this.#device);
  }

  end(): void {
    run('umount', '-l', this.path);
    run('losetup', '-d', this.#device);
  }
}

/** A device that answers EIO to every write while it is broken. */
export class NbdDisk implements BrokenDisk {
  readonly path: string;
  readonly #folder: string;
  readonly #fuse: ChildProcess;
  readonly #mounted: Mounted;

  private constructor(folder: string, fuse: ChildProcess, mounted: Mounted) {
    this.#folder = folder;
    this.#fuse = fuse;
    this.#mounted = mounted;
    this.path = mounted.path;
  }

  static async start(folder: string, make: readonly string[]): Promise<NbdDisk> {
    const socket = join(folder, 'socket');
    const inject = join(folder, 'inject');
    const rate = ['error=EIO', 'error-pwrite-rate=100%', `error-file=${inject}`];
    must('nbdkit', '-U', socket, '-P', join(folder, 'pid'), '--filter=error', 'memory', '128M', ...rate);
    const view = join(folder, 'view');
    mkdirSync(view);
    const fuse = spawn('nbdfuse', [join(view, 'disk'), '--unix', socket], { stdio: 'ignore' });
    const untilMs = performance.now() + PATIENCE_MS;
    while (!existsSync(join(view, 'disk')) || statSync(join(view, 'disk')).size === 0) {
      if (performance.now() > untilMs) throw new Error('nbdfuse does not show the disk.');
      await pause(10);
    }
    const device = must('losetup', '-f', '--show', join(view, 'disk')).trim();
    return new NbdDisk(folder, fuse, new Mounted(join(folder, 'disk'), device, make));
  }

  fail(): void {
    writeFileSync(join(this.#folder, 'inject'), '');
  }

  mend(): void {
    rmSync(join(this.#folder, 'inject'), { force: true });
  }

  remount(): void {
    this.#mounted.remount();
  }

  async end(): Promise<void> {
    this.mend();
    this.#mounted.end();
    run('umount', '-l', join(this.#folder, 'view'));
    this.#fuse.kill();
    process.kill(Number(readFileSync(join(this.#folder, 'pid'), 'utf8')));
  }
}

const THIN_BYTES = 512 * 2 ** 20;
const STORE_BYTES = 160 * 2 ** 20;

/** A device that is larger than what it is stored on, and finds no room while it is broken. */
export class ThinDisk implements BrokenDisk {
  readonly path: string;
  readonly #store: string;
  readonly #mounted: Mounted;
  #free: () => void = () => undefined;

  constructor(folder: string, make: readonly string[]) {
    this.#store = join(folder, 'store');
    mountTmpfs(this.#store, STORE_BYTES);
    const image = join(this.#store, 'image');
    must('truncate', '-s', String(THIN_BYTES), image);
    const device = must('losetup', '-f', '--show', image).trim();
    this.#mounted = new Mounted(join(folder, 'disk'), device, make);
    this.path = this.#mounted.path;
  }

  fail(): void {
    this.#free = fillDisk(this.#store);
  }

  mend(): void {
    this.#free();
    this.#free = () => undefined;
  }

  remount(): void {
    this.#mounted.remount();
  }

  async end(): Promise<void> {
    this.#mounted.end();
  }
}
