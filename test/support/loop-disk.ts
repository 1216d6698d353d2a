// A disk whose power can be cut: ext4 or XFS in an image behind a loop device. A helper process mounts, cuts and
// unmounts it, because it is started once and a cut must not wait for a program to start. The cut is the ioctl that
// stops a file system at once; what comes behind it fails, and whatever was not synced is gone at the next mount.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { must, run } from './mounts.js';

/** The file systems whose power can be cut. */
export type CutFileSystem = 'ext4' | 'xfs';

/** What {@link LoopDisk} needs to be installed. */
export const LOOP_PROGRAMS = ['mkfs.ext4', 'mkfs.xfs', 'truncate', 'losetup', 'python3'] as const;

/** How a cut strikes. */
export interface Cut {
  /** From now, counted by the helper: this thread may be busy meanwhile. */
  readonly delayMs: number;
  /** What of the file system's own journal is lost: what no sync has forced out, nothing, or not even the data. */
  readonly loses: 'unsynced' | 'unsynced data' | 'nothing';
  /** Seed of the pages of the newest log file in `folder` that the system happens to write back; left out, none. */
  readonly writeback?: { readonly folder: string; readonly seed: number };
}

const FLAG: Readonly<Record<Cut['loses'], number>> = { nothing: 0, 'unsynced data': 1, unsynced: 2 };

const MAKE: Readonly<Record<CutFileSystem, readonly string[]>> = {
  ext4: ['mkfs.ext4', '-q', '-F', '-J', 'size=4', '-E', 'lazy_itable_init=0,lazy_journal_init=0'],
  xfs: ['mkfs.xfs', '-q', '-f'],
};
/** XFS takes nothing smaller than 300 MiB; images are sparse. */
const IMAGE_BYTES = 320 * 2 ** 20;

const HELPER = `
import ctypes, errno, fcntl, json, os, random, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def mount(device, path, kind):
    check(libc.mount(device.encode(), path.encode(), kind.encode(), 0, None))

def unmount(path):
    # The last descriptor of a thread that ended may be closed a moment after its end was reported.
    for attempt in range(400):
        try:
            return check(libc.umount2(path.encode(), 0))
        except OSError as error:
            if error.errno != errno.EBUSY or attempt == 399:
                raise
            time.sleep(0.005)

def write_back(folder, seed):
    # Some pages of the newest log file. Only begun, not waited for: meanwhile the log would sync them all.
    chance = random.Random(seed)
    names = [name for name in os.listdir(folder) if name.endswith('.wal')]
    if not names:
        return
    file = os.open(os.path.join(folder, max(names)), os.O_RDONLY)
    share = chance.random()
    for page in range(os.fstat(file).st_size // 4096):
        if chance.random() < share:
            libc.sync_file_range(file, ctypes.c_int64(page * 4096), ctypes.c_int64(4096), 2)
    os.close(file)

def cut(path, delay, flag, folder, seed):
    root = os.open(path, os.O_RDONLY)
    try:
        time.sleep(delay)
        if folder:
            try:
                write_back(folder, seed)
            except FileNotFoundError:
                pass
        began = time.monotonic_ns()
        fcntl.ioctl(root, 0x8004587d, struct.pack('I', flag))
        return began
    finally:
        os.close(root)

doings = {'mount': mount, 'unmount': unmount, 'cut': cut}
for line in sys.stdin:
    doing, *arguments = json.loads(line)
    try:
        answer = {'result': doings[doing](*arguments)}
    except Exception as error:
        answer = {'error': repr(error)}
    print(json.dumps(answer), flush=True)
`;

/** A disk, formatted and mounted. Not shared by tests that run at the same time. */
export class LoopDisk {
  readonly path: string;
  readonly #fileSystem: CutFileSystem;
  readonly #device: string;
  readonly #image: string;
  readonly #helper: ChildProcessWithoutNullStreams;
  readonly #answers: ((line: string) => void)[] = [];
  readonly #onExit = (): void => this.#tearDown();

  constructor(folder: string, fileSystem: CutFileSystem) {
    this.#fileSystem = fileSystem;
    this.#image = join(folder, `${fileSystem}.img`);
    this.path = join(folder, fileSystem);
    mkdirSync(this.path);
    must('truncate', '-s', String(IMAGE_BYTES), this.#image);
    this.#device = must('losetup', '-f', '--show', this.#image).trim();
    process.once('exit', this.#onExit);
    this.#helper = spawn('python3', ['-c', HELPER]);
    createInterface({ input: this.#helper.stdout }).on('line', (line) => this.#answers.shift()?.(line));
    this.#helper.once('close', () => {
      for (const answer of this.#answers.splice(0)) answer('{"error":"the helper has ended"}');
    });
  }

  /** Makes it empty, and mounts it. */
  async format(): Promise<void> {
    const [program = '', ...args] = MAKE[this.#fileSystem];
    must(program, ...args, this.#device);
    await this.mount();
  }

  async mount(): Promise<void> {
    await this.#ask('mount', this.#device, this.path, this.#fileSystem);
  }

  /** Fails if anybody still has a file of it open. */
  async unmount(): Promise<void> {
    await this.#ask('unmount', this.path);
  }

  /**
   * Cuts the power.
   *
   * @returns a moment at which the cut had not begun, in nanoseconds of `process.hrtime`
   */
  async cut({ delayMs, loses, writeback }: Cut): Promise<number> {
    const { folder = '', seed = 0 } = writeback ?? {};
    return (await this.#ask('cut', this.path, delayMs / 1000, FLAG[loses], folder, seed)) as number;
  }

  /** Unmounts and removes it, whatever state it is in. */
  end(): void {
    process.off('exit', this.#onExit);
    this.#tearDown();
  }

  #tearDown(): void {
    this.#helper.kill('SIGKILL');
    // Lazily: a test that failed may have left files open.
    run('umount', '-l', this.path);
    run('losetup', '-d', this.#device);
    rmSync(this.#image, { force: true });
  }

  async #ask(...request: (string | number)[]): Promise<unknown> {
    const line = await new Promise<string>((resolve) => {
      this.#answers.push(resolve);
      this.#helper.stdin.write(`${JSON.stringify(request)}\n`);
    });
    const { result, error } = JSON.parse(line) as { result?: unknown; error?: string };
    if (error !== undefined) throw new Error(`${request.join(' ')} failed: ${error}`);
    return result;
  }
}
