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
  /** Seed of the unsynced sectors of the newest log files in `folder` that reach the disk; left out, none. */
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
libc.mmap.restype = ctypes.c_void_p

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

def mapped(folder):
    # The newest log files, in memory: once the file system is stopped it reads nothing any more.
    files = []
    names = sorted((name for name in os.listdir(folder) if name.endswith('.wal')), reverse=True)
    for name in names[:2]:
        try:
            file = os.open(os.path.join(folder, name), os.O_RDONLY)
        except FileNotFoundError:
            # Renamed or removed since it was listed: the log goes on meanwhile.
            continue
        size = os.fstat(file).st_size // 4096 * 4096
        address = libc.mmap(None, size, 1, 1, file, ctypes.c_int64(0)) if size > 0 else None
        files.append((file, size, address, list(extents(file))))
    return files

def extents(file):
    # Where on the device the bytes of a file are: offset, place, length; not what is only reserved.
    request = bytearray(struct.pack('QQIIII', 0, 2**62, 0, 0, 256, 0) + bytes(56 * 256))
    fcntl.ioctl(file, 0xC020660B, request)
    for index in range(struct.unpack_from('I', request, 20)[0]):
        offset, place, length, _, _, flags = struct.unpack_from('QQQQQI', request, 32 + 56 * index)
        if flags & 0x80E == 0:
            yield offset, place, length

def write_back(files, image, seed):
    # Some sectors of what was written and not synced reach the disk after all, in no order.
    chance = random.Random(seed)
    share, unit = chance.random(), chance.choice([512, 4096, 16384])
    count = 0
    for file, size, address, places in files:
        # The blocks of a file that was removed meanwhile may be another's.
        if address is None or os.readlink(f'/proc/self/fd/{file}').endswith('(deleted)'):
            continue
        cached = (ctypes.c_ubyte * (size // 4096))()
        check(libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), cached))
        for offset, place, length in places:
            for at in range(offset, min(offset + length, size), unit):
                if chance.random() < share:
                    count += copy(address, cached, at, min(at + unit, offset + length, size), image, place - offset)
    return count

def copy(address, cached, start, end, image, shift):
    count = 0
    for at in range(start, end, 512):
        if cached[at // 4096] & 1:
            sector = ctypes.string_at(address + at, 512)
            if os.pread(image, 512, at + shift) != sector:
                os.pwrite(image, sector, at + shift)
                count += 1
    return count

def cut(path, delay, flag, folder, image, seed):
    root = os.open(path, os.O_RDONLY)
    files = []
    disk = os.open(image, os.O_RDWR)
    try:
        time.sleep(delay)
        if folder and os.path.isdir(folder):
            files = mapped(folder)
        began = time.monotonic_ns()
        fcntl.ioctl(root, 0x8004587d, struct.pack('I', flag))
        return [began, write_back(files, disk, seed)]
    finally:
        for file, size, address, _ in files:
            if address is not None:
                libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(size))
            os.close(file)
        os.close(disk)
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
   * @returns a moment at which the cut had not begun, in nanoseconds of `process.hrtime`, and the sectors written back
   */
  async cut({ delayMs, loses, writeback }: Cut): Promise<{ beganNs: number; sectors: number }> {
    const { folder = '', seed = 0 } = writeback ?? {};
    const answer = await this.#ask('cut', this.path, delayMs / 1000, FLAG[loses], folder, this.#image, seed);
    const [beganNs, sectors] = answer as [number, number];
    return { beganNs, sectors };
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
