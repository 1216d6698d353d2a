// Checks the log that a workload left, again and again as it is killed and carried on: every acknowledged commit is
// there, the commits are 1 to k without a gap, each is exactly what its transaction wrote, nothing found once is lost
// later, and the page file is what the commits make in order.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type RecoveryReport, type ReplayCommit, recoverWal } from '../../src/index.js';
import {
  type Ack,
  imageOf,
  pageNumbersOf,
  readAcks,
  sizePagesOf,
  splitTxnId,
  WORKLOAD_PAGE_BYTES,
  WORKLOAD_PAGES,
} from './workload-model.js';

/** What all checks together found. */
export interface CheckTally {
  readonly acknowledged: number;
  readonly lost: number;
}

/** Follows one log over its life. */
export class WorkloadCheck {
  readonly #db: string;
  readonly #acks: string;
  /** Transaction ids by sequence; index 0 is not used. */
  readonly #known: number[] = [0];
  readonly #pages = new Uint8Array(WORKLOAD_PAGES * WORKLOAD_PAGE_BYTES);
  #lost: (Ack & { found: number | undefined })[] = [];
  readonly #given: Ack[] = [];
  readonly #mayShrink: boolean;
  #report: RecoveryReport | undefined;

  /**
   * @param mayShrink - under policy `off`: commits of the end may be gone, and their numbers given out again. The page
   *   file is not compared then: it may hold what the log has lost; and damage ends the log.
   */
  constructor(db: string, acks: string, mayShrink = false) {
    this.#db = db;
    this.#acks = acks;
    this.#mayShrink = mayShrink;
  }

  /** The last commit found so far. */
  get lastSeq(): number {
    return this.#known.length - 1;
  }

  /** Whether the commit of an acknowledgement was found. */
  has({ seq, txnId }: Ack): boolean {
    return this.#known[seq] === txnId;
  }

  get tally(): CheckTally {
    return { acknowledged: this.#given.length, lost: this.#lost.length };
  }

  /** What the last recovery said. */
  get report(): RecoveryReport | undefined {
    return this.#report;
  }

  /** The acknowledgements that were broken, for a failure's message. */
  get lost(): readonly Ack[] {
    return this.#lost;
  }

  /**
   * Recovers into a callback, then into the page file.
   *
   * @param acks - acknowledgements given since the last recovery; left out, all that are in the folder
   * @returns what is wrong; empty when all is well
   */
  async recover(acks?: readonly Ack[]): Promise<string[]> {
    if (acks === undefined) this.#given.splice(0, Number.POSITIVE_INFINITY, ...readAcks(this.#acks));
    else this.#given.push(...acks);
    const faults: string[] = [];
    const found: number[] = [];
    const report = await recoverWal(this.#db, {
      into: (commit) => void faults.push(...this.#take(commit, found)),
      onDamage: this.#mayShrink ? 'stop' : 'fail',
    });
    this.#report = report;
    faults.push(...this.#compare(report, found));
    this.#countLost();
    if (existsSync(`${this.#db}-wal`) && !this.#mayShrink) faults.push(...(await this.checkPageFile()));
    return faults;
  }

  /** Recovers into the page file alone. */
  async checkPageFile(): Promise<string[]> {
    if (!existsSync(this.#db)) writeFileSync(this.#db, '');
    await recoverWal(this.#db, { into: { pageFiles: [this.#db] } });
    const bytes = readFileSync(this.#db);
    const last = this.#known.at(-1);
    const pages = last === undefined || last === 0 ? 0 : sizePagesOf(last);
    if (bytes.length !== pages * WORKLOAD_PAGE_BYTES)
      return [`the page file has ${bytes.length} bytes, not ${pages} pages`];
    const isEqual = Buffer.from(this.#pages.subarray(0, bytes.length)).equals(bytes);
    return isEqual ? [] : ['the page file is not what the commits make of it'];
  }

  #take(commit: ReplayCommit, found: number[]): string[] {
    const { seq, txnId } = commit;
    found.push(seq);
    const id = Number(txnId);
    if (this.#mayShrink && this.#isNewer(seq, id)) this.#known.length = seq;
    const known = this.#known[seq];
    if (known !== undefined && known !== id) return [`commit ${seq} was transaction ${known} and is now ${id}`];
    const images = new Map<number, Uint8Array>();
    const sizes: number[] = [];
    for (const record of commit.records()) {
      if (record.kind === 'page') images.set(record.pageNumber, record.image.slice());
      if (record.kind === 'size') sizes.push(record.pages);
    }
    const wanted = pageNumbersOf(id);
    const sizePages = sizePagesOf(id);
    const isWhole = `${sizes}` === `${sizePages}` && commit.recordCount === 1 + wanted.length;
    if (
      !isWhole ||
      images.size !== wanted.length ||
      wanted.some((page) => !Buffer.from(imageOf(id, page)).equals(images.get(page) ?? new Uint8Array()))
    ) {
      return [`commit ${seq} is not what transaction ${id} wrote`];
    }
    if (known !== undefined) return [];
    if (seq !== this.#known.length) return [`commit ${seq} follows commit ${this.lastSeq}`];
    this.#known.push(id);
    this.#pages.fill(0, sizePages * WORKLOAD_PAGE_BYTES);
    for (const [page, image] of images) this.#pages.set(image, (page - 1) * WORKLOAD_PAGE_BYTES);
    return [];
  }

  /** Whether a commit has the number of one that an earlier run had written. */
  #isNewer(seq: number, txnId: number): boolean {
    const known = this.#known[seq];
    return known !== undefined && splitTxnId(known).run < splitTxnId(txnId).run;
  }

  #compare({ checkpointUsed, lastSeq, voids }: RecoveryReport, found: readonly number[]): string[] {
    const faults: string[] = [];
    const first = (checkpointUsed ?? 0) + 1;
    if (found.some((seq, index) => seq !== first + index))
      faults.push(`the commits found are not ${first} and on, in order`);
    const end = Math.max(lastSeq, checkpointUsed ?? 0);
    if (this.#mayShrink && end < this.lastSeq) this.#known.length = end + 1;
    if (end !== this.lastSeq) faults.push(`the log ends with commit ${end}; ${this.lastSeq} was there before`);
    if (voids !== 0) faults.push(`${voids} commits are void, and no writer died`);
    return [...faults, ...this.#orderFaults()];
  }

  /** A worker's commits are in its order, none left out. */
  #orderFaults(): string[] {
    const last = new Map<string, number>();
    return this.#known.slice(1).flatMap((txnId, index) => {
      const { run, worker, number } = splitTxnId(txnId);
      const before = last.get(`${run}-${worker}`) ?? 0;
      last.set(`${run}-${worker}`, number);
      return number === before + 1 ? [] : [`commit ${index + 1} is number ${number} of its worker, behind ${before}`];
    });
  }

  #countLost(): void {
    const lost = this.#given.filter((ack) => !this.has(ack));
    this.#lost = lost.map((ack) => ({ ...ack, found: this.#known[ack.seq] }));
  }
}

/** The seed of a random test, from WAL_TEST_SEED, printed so that a failure can be run again. */
export function testSeed(title: string): number {
  const seed = Number(process.env.WAL_TEST_SEED ?? Date.now() % 1_000_000);
  console.log(`${title}: seed=${seed}`);
  return seed;
}

/** Tells that tests are skipped, and why. */
export function announceSkip(title: string, reason: string | undefined): void {
  if (reason !== undefined) console.log(`${title}: skipped, because ${reason}`);
}
