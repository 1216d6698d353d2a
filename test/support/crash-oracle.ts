// What must hold after any crash (R1, R9, R11), checked for one state of a disk at a time. What a recovery makes of a
// state depends on nothing but the state, so equal states of different workloads are looked at once.

import { WalError } from '../../src/base/errors.js';
import { openLog } from '../../src/recovery/opening.js';
import type { SimulatedDirectory } from '../../src/storage/simulated-directory.js';
import type { PromisedPoint } from './crash-workload.js';
import { LOG_ID, LogBuilder, PAGE_BYTES, pages } from './log-builder.js';
import { linesOf, RECOVERY_BYTES, syncAll } from './simulated-disk.js';

const DAMAGE: ReadonlySet<string> = new Set(['ERR_WAL_CORRUPT', 'ERR_WAL_GAP']);

/** How a log of any state is opened and gone on with. */
export const SETTINGS = {
  logFileBytes: 12_288,
  sync: true,
  pageBytes: PAGE_BYTES,
  logId: LOG_ID,
  recoveryMemoryBytes: RECOVERY_BYTES,
} as const;

/** What recovery finds. */
export interface Found {
  readonly lines: readonly string[];
  /** Why it refuses; the lines are then those that `stop` leaves. */
  readonly refused?: string;
}

/**
 * Recovers twice, opens, appends a commit, cuts the power, and recovers: the same commits all the way, and the new one
 * behind them.
 *
 * @param isKilled - some of the disk is only in the cache: once the log is open, it must not be needed any more
 * @returns the commits found; a law that is broken on the way throws
 */
export async function recoverAndGoOn(disk: SimulatedDirectory, isKilled = false): Promise<Found> {
  let lines: string[];
  try {
    lines = await linesOf(disk);
  } catch (error) {
    if (!(error instanceof WalError) || !DAMAGE.has(error.code)) throw error;
    await openLog(disk, { ...SETTINGS, onDamage: 'stop' });
    return { refused: String(error), lines: await linesOf(disk) };
  }
  // R11: recovery changes nothing, so doing it again gives the same.
  assertLaw(disk.operations === 0, 'recovery changes the log');
  const opened = await openLog(disk, SETTINGS);
  const { nextSeq } = opened.position;
  if (isKilled) await checkDurable(disk, lines, nextSeq);
  LogBuilder.resume(disk, opened, { fileBytes: opened.fileBytes }).epoch(pages(77, 77));
  syncAll(disk);
  const after = await linesOf(disk.crashPoint().lost().disk());
  assertLaw(after.at(-1) === `${nextSeq} p0.77=77`, 'the next commit is lost');
  // Below the checkpoint an opening may let go of files.
  const kept = after.slice(0, -1);
  const same = lines.slice(lines.length - kept.length);
  assertLaw(kept.length >= 0 && same.join() === kept.join(), `after opening and another crash (R9): ${kept}`);
  return { lines };
}

/** What was found is on the disk: the power may fail now. */
async function checkDurable(disk: SimulatedDirectory, lines: readonly string[], nextSeq: number): Promise<void> {
  const lost = disk.crashPoint().lost().disk();
  const durable = await linesOf(lost);
  const same = lines.slice(lines.length - durable.length);
  assertLaw(same.join() === durable.join(), `opening left in the cache (R9): ${lines}, and on the disk: ${durable}`);
  const { position } = await openLog(lost, SETTINGS);
  assertLaw(position.nextSeq === nextSeq, `opening left commits up to ${nextSeq - 1} in the cache (R9)`);
}

function assertLaw(holds: boolean, broken: string): void {
  if (!holds) throw new Error(broken);
}

/**
 * Whether what was found is what a promise allows; the reason if not.
 *
 * @param least - the last commit that must be there
 */
export function brokenPromise(
  found: Found,
  least: number,
  { checkpoint, lines, mayRefuse }: PromisedPoint,
): string | undefined {
  // Under `off` nothing says that a file's header was not synced: its loss looks like damage. What `stop` leaves is a
  // prefix nevertheless.
  if (found.refused !== undefined && !mayRefuse) return `refused: ${found.refused}`;
  const first = found.lines[0] === undefined ? undefined : Number.parseInt(found.lines[0], 10);
  if (first === undefined) return least > checkpoint ? `nothing is left of ${least} commits` : undefined;
  if (first > checkpoint + 1) return `it begins with commit ${first}, and the checkpoint is at ${checkpoint}`;
  const last = first + found.lines.length - 1;
  if (last < least) return `it ends with commit ${last}, and ${least} were promised`;
  const expected = lines.slice(first - 1, last);
  return expected.join() === found.lines.join() ? undefined : `it holds ${found.lines}, and not ${expected}`;
}
