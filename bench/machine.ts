// What the figures were measured on: the processor, the disk, Node, the revision, the versions of the peers.

import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { peerVersions } from './peers/contender.js';

/** The folder of package.json; this file is compiled to dist/bench/. */
const PACKAGE_ROOT = fileURLToPath(new URL('../../', import.meta.url));
const GIB = 2 ** 30;
const UNKNOWN = 'unknown file system';

/** The machine, as pairs of names and values; `directory` is on the disk under test. */
export function machine(directory: string): Record<string, string | number> {
  const disk = statfsSync(directory);
  return {
    revision: revision(),
    node: process.version,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / GIB),
    platform: `${process.platform} ${process.arch}, ${release()}`,
    disk: `${fileSystem(directory)}, ${Math.round((disk.bavail * disk.bsize) / GIB)} GiB free`,
    loadBefore: loadavg()
      .map((load) => load.toFixed(1))
      .join(' '),
    ...peerVersions(),
    ...settingVariables(),
  };
}

/** The commit of a checkout, or the version of an installed package. */
function revision(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: PACKAGE_ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  const { version } = JSON.parse(readFileSync(`${PACKAGE_ROOT}package.json`, 'utf8')) as { version: string };
  try {
    // An installed package may lie in the checkout of something else.
    git('ls-files', '--error-unmatch', 'package.json');
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ' with changes');
  } catch {
    return `lanewal ${version}`;
  }
}

/** Type of the file system that `directory` is on, where the system tells it: that of the longest mount above it. */
function fileSystem(directory: string): string {
  try {
    const path = realpathSync(directory);
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, place = '']) => place === '/' || path === place || path.startsWith(`${place}/`))
      .sort(([, a = ''], [, b = '']) => a.length - b.length);
    return mounts.at(-1)?.[2] ?? UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

/** Settings that come from the environment count in every benchmark, and the threads behind promises in some. */
function settingVariables(): Record<string, string> {
  const given = Object.entries(process.env).filter(([name]) => {
    return name.startsWith('LANEWAL_') || name === 'UV_THREADPOOL_SIZE';
  });
  return Object.fromEntries(given.map(([name, value]) => [name, value ?? '']));
}
