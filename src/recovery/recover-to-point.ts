// Recovery to a point in time for users: checks what is asked for, plans (point-in-time.ts), and brings forward copies
// of page files (new-store.ts), a map, or whoever is called back.

import { invalidArgument, WalError } from '../base/errors.js';
import type { Directory } from '../storage/directory.js';
import { NodeDirectory } from '../storage/node-directory.js';
import type { PageFile } from '../storage/page-file.js';
import { copyPageFiles, identityOf, isThere, nameNewStore, removeCopies } from './new-store.js';
import { PageFilesTarget } from './page-files-target.js';
import { type PointInTimeOptions, type PointInTimePlan, planPointInTime, replayPlan } from './point-in-time.js';
import type { ReplayTarget } from './replay.js';
import type { OnDamage, RecoveryReport } from './report.js';
import { requireExplainedEnds } from './torn-end.js';

/** What makes a recovery one to a point in time. */
export interface PointInTimeRequest extends PointInTimeOptions {
  readonly archive?: string | readonly string[] | undefined;
  readonly afterSeq?: number | undefined;
  readonly dryRun?: boolean | undefined;
  readonly onDamage?: OnDamage | undefined;
}

/** New page files by space, and those that they begin as copies of. */
export interface NewPageFiles {
  readonly pageFiles: readonly string[];
  readonly base?: readonly string[] | undefined;
}

/** The same, with every base known; undefined where a space begins empty. */
export interface StoreTarget {
  readonly pageFiles: readonly string[];
  readonly base: readonly string[];
}

/** Whether a recovery is one to a point in time. */
export function isToPoint({ archive, throughSeq, throughTimeMs }: PointInTimeRequest): boolean {
  return archive !== undefined || throughSeq !== undefined || throughTimeMs !== undefined;
}

/**
 * Recovers to a point in time.
 *
 * @param log - the log directory beside the base
 * @param into - new page files, or a target for commits above the base
 */
export async function recoverToPoint(
  log: Directory,
  into: ReplayTarget | StoreTarget,
  request: PointInTimeRequest,
): Promise<RecoveryReport> {
  checkRequest(request);
  const { archive = [] } = request;
  const others = (typeof archive === 'string' ? [archive] : archive).map(archiveAt);
  const plan = await planPointInTime(log, others, request);
  if ('commit' in into) return replayPlan(plan, request.dryRun === true ? NOWHERE : into, request);
  const bases = basesOf(plan, into);
  return request.dryRun === true ? replayPlan(plan, NOWHERE, request) : makeStore(plan, bases, into, request);
}

const NOWHERE: ReplayTarget = { commit: () => undefined };

function checkRequest({ throughSeq, throughTimeMs, afterSeq, onDamage = 'fail' }: PointInTimeRequest): void {
  const isCount = (value: number | undefined): boolean =>
    value === undefined || (Number.isSafeInteger(value) && value >= 0);
  if (!isCount(throughSeq)) throw invalidArgument('throughSeq is a whole number from 0.', { throughSeq });
  if (!isCount(throughTimeMs) || (throughTimeMs ?? 0) > TIME_MS_MAX)
    throw invalidArgument('throughTimeMs is a whole number of ms since 1970.', { throughTimeMs });
  if (throughSeq !== undefined && throughTimeMs !== undefined) {
    throw invalidArgument('throughSeq and throughTimeMs exclude each other.', { throughSeq, throughTimeMs });
  }
  if (afterSeq !== undefined) throw invalidArgument('With a target or an archive the base says where to begin.');
  if (onDamage === 'fail') return;
  throw invalidArgument("With a target or an archive onDamage is 'fail': name a throughSeq before the damage.");
}

/** The last time that a Date can say. */
const TIME_MS_MAX = 8_640_000_000_000_000;

function archiveAt(path: string): NodeDirectory {
  const directory = new NodeDirectory(path);
  if (directory.exists()) return directory;
  throw new WalError('ERR_WAL_NOT_FOUND', `There is no archive directory ${directory.path}.`, { path });
}

/**
 * The base's page files, one for each new one; before the first commit there need not be any.
 *
 * A store that was not closed may have written pages of any commit in its log: what it wrote behind the target cannot
 * be told from what was there before.
 */
function basesOf(plan: PointInTimePlan, { pageFiles, base }: StoreTarget): (string | undefined)[] {
  const { ownSeq, throughSeq, baseSeq, scan } = plan;
  for (const [space, lastSeq] of scan.chain.spaces) {
    if (lastSeq <= baseSeq || pageFiles[space] !== undefined) continue;
    const message = `The log has pages of space ${space}, and no new page file was named for it.`;
    throw new WalError('ERR_WAL_NOT_FOUND', message, { space });
  }
  return pageFiles.map((_, space) => {
    const path = base[space];
    if (path === undefined || !isThere(path)) {
      if (baseSeq === 0) return undefined;
      const message = `The base is at commit ${baseSeq}, but its page file of space ${space} is not there: ${path}.`;
      throw new WalError('ERR_WAL_NOT_FOUND', message, { space, path });
    }
    if (ownSeq <= throughSeq) return path;
    const message =
      `${path} may hold more than commit ${throughSeq}: the log beside it ends at ${ownSeq}, and its pages may have ` +
      'been written up to there. Begin with a backup, or with a copy made before.';
    throw invalidArgument(message, { throughSeq, lastSeq: ownSeq, path });
  });
}

/**
 * Refuses a page file that is not the one of the record beside it. One that a store went on writing behind its last
 * checkpoint cannot be told by it.
 */
function requireBase({ base, baseSeq, ownSeq }: PointInTimePlan, copy: PageFile): void {
  if (base?.store === undefined || ownSeq > baseSeq) return;
  const { sizePages, page1Crc } = identityOf(copy);
  if (sizePages === base.store.sizePages && page1Crc === base.store.page1Crc) return;
  const message = `The page file is not the base at commit ${baseSeq} that its log directory tells of.`;
  throw new WalError('ERR_WAL_WRONG_STORE', message, { baseSeq, expected: base.store, sizePages, page1Crc });
}

async function makeStore(
  plan: PointInTimePlan,
  bases: readonly (string | undefined)[],
  { pageFiles }: StoreTarget,
  options: PointInTimeOptions,
): Promise<RecoveryReport> {
  const { directory, scan, baseSeq: afterSeq, throughSeq, pageBytes } = plan;
  const copies = copyPageFiles(bases, pageFiles, pageBytes);
  let report: RecoveryReport;
  const [first] = copies;
  try {
    if (first !== undefined) requireBase(plan, first);
    await requireExplainedEnds(directory, scan, copies, { afterSeq, throughSeq });
    report = await replayPlan(plan, new PageFilesTarget(directory, copies, scan, options), options);
    for (const copy of copies) copy.sync();
    report.dbSizePages = copies.map((copy) => copy.sizePages());
  } catch (error) {
    for (const copy of copies) copy.close();
    removeCopies(pageFiles);
    throw error;
  }
  const store = first && identityOf(first);
  for (const copy of copies) copy.close();
  await nameNewStore(pageFiles, plan, store);
  return report;
}
