// What one log must hold, over its whole life: kept by whoever kills, from what the log was found to hold before and
// from the acknowledgements since. Compared with every recovery, commit by commit and page by page.

import fs from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { WalError } from '../../base/errors.js';
import type { DecodedRecord } from '../../record/codec.js';
import type { CommitInput } from '../../record/commit.js';
import { recoverWal, verifyWal } from '../../recover.js';
import type { ReplayCommit } from '../../recovery/replay.js';
import type { RecoveryReport } from '../../recovery/report.js';
import { pageFilePath } from '../page-files.js';
import type { Acknowledgement } from './acknowledgements.js';
import { commitOf, type RunContent, SPACE_PAGES, splitTxnId, txnIdOf } from './content.js';

/** What a check found. */
export interface Findings {
  /** What is wrong, in words; empty when all is well. */
  readonly faults: readonly string[];
  /** Acknowledged commits that are not there. */
  readonly lost: number;
  /** Commits that were not known before. */
  readonly commits: number;
}

/** More of them do not say more. */
const FAULTS_MAX = 20;

/** The least: logs are small here, and large buffers would take most of the time. */
const recoveryMemoryBytes = 2 ** 20;

/** One log and its page files. */
export class Ledger {
  readonly #db: string;
  readonly #pageBytes: number;
  readonly #pageFiles: string[] = [];
  /** Transaction ids by sequence; index 0 is not used. */
  readonly #known: number[] = [0];
  readonly #runs = new Map<number, RunContent>();
  readonly #spaces: SpaceModel[] = [];
  /** Acknowledged transactions by sequence, above the checkpoint. */
  readonly #acknowledged = new Map<number, number>();
  #faults: string[] = [];

  constructor(db: string, pageBytes: number) {
    this.#db = db;
    this.#pageBytes = pageBytes;
  }

  /** The page files of all spaces so far. */
  get pageFiles(): readonly string[] {
    return this.#pageFiles;
  }

  /** The last commit found so far. */
  get lastSeq(): number {
    return this.#known.length - 1;
  }

  /** What the run that comes next is going to write. */
  expect(content: RunContent): void {
    this.#runs.set(content.run, content);
    while (this.#pageFiles.length < content.spaces) {
      const path = pageFilePath(this.#db, this.#pageFiles.length);
      fs.writeFileSync(path, '');
      this.#pageFiles.push(path);
      this.#spaces.push(new SpaceModel(this.#pageBytes));
    }
  }

  /** Reads every commit of the log and compares it with what it must be. The page files are not touched. */
  async checkCommits(run: number, acknowledgements: readonly Acknowledgement[]): Promise<Findings> {
    this.#faults = [];
    for (const { writer, number, seq } of acknowledgements) this.#acknowledge(seq, txnIdOf(run, writer, number));
    const before = this.lastSeq;
    const found = new Map<number, number>();
    const report = await this.#attempt('recovering into a callback', () => {
      return recoverWal(this.#db, { recoveryMemoryBytes, into: (commit) => this.#take(commit, run, found) });
    });
    if (report !== undefined) this.#compare(report, found);
    this.#checkOrder(before);
    const floor = report?.checkpointUsed ?? 0;
    let lost = 0;
    for (const [seq, txnId] of this.#acknowledged) {
      if (seq <= floor) this.#acknowledged.delete(seq);
      else if (found.get(seq) !== txnId) lost += 1;
    }
    if (lost > 0) this.#fault(`${lost} acknowledged commits are lost`);
    return { faults: this.#faults, lost, commits: this.lastSeq - before };
  }

  /** Brings the page files up to the log, twice, and compares them with what the commits make. */
  async checkPages(): Promise<readonly string[]> {
    this.#faults = [];
    for (const time of ['first', 'second']) {
      const report = await this.#attempt(`recovering for the ${time} time`, () => {
        return recoverWal(this.#db, { recoveryMemoryBytes, into: { pageFiles: this.#pageFiles } });
      });
      if (report === undefined) break;
      for (const [space, path] of this.#pageFiles.entries()) {
        if (this.#spaces[space]?.equals(fs.readFileSync(path)) === true) continue;
        this.#fault(`page file ${space} is not what the commits make of it, the ${time} time`);
      }
    }
    return this.#faults;
  }

  /** Checks every byte that the log holds. */
  async checkSoundness(): Promise<readonly string[]> {
    this.#faults = [];
    const report = await this.#attempt('verifying', () => verifyWal(this.#db));
    if (report?.isSound === false) this.#fault(`the log is not sound: ${JSON.stringify(report.problems)}`);
    return this.#faults;
  }

  #acknowledge(seq: number, txnId: number): void {
    const other = this.#acknowledged.get(seq);
    if (other !== undefined && other !== txnId) this.#fault(`commit ${seq} was acknowledged to two transactions`);
    this.#acknowledged.set(seq, txnId);
  }

  #take(commit: ReplayCommit, run: number, found: Map<number, number>): void {
    const { seq } = commit;
    const txnId = Number(commit.txnId);
    if (found.has(seq)) this.#fault(`commit ${seq} comes twice`);
    found.set(seq, txnId);
    const input = this.#inputOf(txnId);
    const known = this.#known[seq];
    if (input === undefined) this.#fault(`commit ${seq} is transaction ${txnId}, which nobody appended`);
    else if (!isAsWritten(commit, input)) this.#fault(`commit ${seq} is not what transaction ${txnId} wrote`);
    else if (known === undefined) this.#learn(seq, txnId, run, input);
    else if (known !== txnId) this.#fault(`commit ${seq} was transaction ${known} and is now ${txnId}`);
  }

  #learn(seq: number, txnId: number, run: number, { pages = [], sizes = [] }: CommitInput): void {
    if (seq !== this.#known.length) this.#fault(`commit ${seq} follows commit ${this.lastSeq}`);
    if (splitTxnId(txnId).run !== run) this.#fault(`commit ${seq} is new, but of an earlier run`);
    this.#known[seq] = txnId;
    for (const { space, pages: count } of sizes) this.#spaces[space]?.resize(count);
    for (const { space = 0, pageNumber, image } of pages) this.#spaces[space]?.write(pageNumber, image);
  }

  #inputOf(txnId: number): CommitInput | undefined {
    const { run, writer, number } = splitTxnId(txnId);
    const content = this.#runs.get(run);
    return content === undefined || writer >= content.writers ? undefined : commitOf(content, writer, number);
  }

  #compare({ checkpointUsed, lastSeq, voids }: RecoveryReport, found: ReadonlyMap<number, number>): void {
    const floor = checkpointUsed ?? 0;
    if (found.size !== this.lastSeq - floor) {
      this.#fault(`${found.size} commits were found above ${floor}, and the last one known is ${this.lastSeq}`);
    }
    const end = Math.max(lastSeq, floor);
    if (end !== this.lastSeq) this.#fault(`the log ends with commit ${end}, and ${this.lastSeq} was there`);
    if (voids !== 0) this.#fault(`${voids} sequences are void, and no writer died alone`);
  }

  /** Of the commits above `before`, all are of one run, and those of one writer are in its order, none left out. */
  #checkOrder(before: number): void {
    const last = new Map<number, number>();
    for (let seq = before + 1; seq <= this.lastSeq; seq += 1) {
      const { writer, number } = splitTxnId(this.#known[seq] as number);
      const previous = last.get(writer) ?? 0;
      if (number !== previous + 1) {
        this.#fault(`commit ${seq} is number ${number} of its writer, behind number ${previous}`);
      }
      last.set(writer, number);
    }
  }

  async #attempt<Result>(doing: string, work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await work();
    } catch (thrown) {
      if (!(thrown instanceof WalError)) throw thrown;
      this.#fault(`${doing} failed: ${thrown.message} (${thrown.code})`);
      return undefined;
    }
  }

  #fault(fault: string): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(fault);
  }
}

/** Whether a commit that was found has every record of the one that was appended, sizes first, and nothing else. */
function isAsWritten(commit: ReplayCommit, input: CommitInput): boolean {
  const { pages = [], operations = [], sizes = [] } = input;
  const wanted: DecodedRecord[] = [
    ...sizes.map(({ space, pages: count }) => ({ kind: 'size' as const, space, pages: count })),
    ...pages.map(({ space = 0, pageNumber, image, before }) => {
      return { kind: 'page' as const, space, pageNumber, image, before };
    }),
    ...operations.map(({ space = 0, code, bytes }) => ({ kind: 'operation' as const, space, code, bytes })),
  ];
  const isOf = Number(commit.txnEpoch) === input.txnEpoch && commit.beginSeq === input.beginSeq;
  if (!isOf || commit.recordCount !== wanted.length) return false;
  let index = 0;
  for (const record of commit.records()) {
    if (!isSameRecord(record, wanted[index])) return false;
    index += 1;
  }
  return index === wanted.length;
}

function isSameRecord(found: DecodedRecord, wanted: DecodedRecord | undefined): boolean {
  if (wanted?.kind !== found.kind || wanted.space !== found.space) return false;
  if (found.kind === 'page' && wanted.kind === 'page') {
    const isSameNumber = found.pageNumber === wanted.pageNumber;
    return isSameNumber && isSame(found.image, wanted.image) && isSame(found.before, wanted.before);
  }
  if (found.kind === 'operation' && wanted.kind === 'operation') {
    return found.code === wanted.code && isSame(found.bytes, wanted.bytes);
  }
  return isDeepStrictEqual(found, wanted);
}

function isSame(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return Buffer.compare(one, other) === 0;
}

/** The bytes that a space must have. */
class SpaceModel {
  readonly #pageBytes: number;
  readonly #bytes: Uint8Array;
  #pages = 0;

  constructor(pageBytes: number) {
    this.#pageBytes = pageBytes;
    this.#bytes = new Uint8Array(SPACE_PAGES * pageBytes);
  }

  write(pageNumber: number, image: Uint8Array): void {
    this.#bytes.set(image, (pageNumber - 1) * this.#pageBytes);
    this.#pages = Math.max(this.#pages, pageNumber);
  }

  /** Pages beyond a cut are zero when the space grows again. */
  resize(pages: number): void {
    this.#bytes.fill(0, pages * this.#pageBytes);
    this.#pages = pages;
  }

  equals(file: Uint8Array): boolean {
    return Buffer.compare(this.#bytes.subarray(0, this.#pages * this.#pageBytes), file) === 0;
  }
}
