// What several tests do with a simulated disk.

import { replayLog } from '../../src/recovery/replay.js';
import { refuseDamage, scanLog } from '../../src/recovery/scan.js';
import type { Directory } from '../../src/storage/directory.js';
import type { CrashPoint } from '../../src/storage/simulated-crash.js';
import type { SimulatedDirectory } from '../../src/storage/simulated-directory.js';
import type { Fault } from '../../src/storage/simulated-fault.js';
import { transcript } from './log-builder.js';

/** Memory for recoveries of small logs: what is allocated costs more than what is read. */
export const RECOVERY_BYTES = 65_536;

/** Whatever needs room fails. */
export const DISK_FULL: Fault = { on: ['write', 'create', 'rename'], errno: 'ENOSPC' };

/** Makes everything durable. */
export function syncAll(directory: Directory): void {
  for (const name of directory.list()) {
    const file = directory.open(name, 'write');
    file.sync();
    file.close();
  }
  directory.create({ sync: true });
  directory.sync();
}

/** The commits that a recovery finds; damage is an error. */
export async function linesOf(directory: Directory): Promise<string[]> {
  const target = transcript();
  const scan = await scanLog(directory, { recoveryMemoryBytes: RECOVERY_BYTES });
  refuseDamage(scan);
  await replayLog(directory, scan, target, { recoveryMemoryBytes: RECOVERY_BYTES });
  return target.lines;
}

/** Every instant of `run` at which a crash makes a difference: before each operation, and at the end. */
export async function crashPointsOf(disk: SimulatedDirectory, run: () => Promise<unknown>): Promise<CrashPoint[]> {
  const points: CrashPoint[] = [];
  disk.onOperation = () => points.push(disk.crashPoint());
  await run();
  disk.onOperation = () => undefined;
  return [...points, disk.crashPoint()];
}
