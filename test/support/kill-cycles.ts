// One cycle of a hard death: a replay of a recorded trace with random writers, copies and policy is killed at a random
// moment, the recovery and the opening behind it perhaps as well, and in the end every copy has to be exactly the
// transactions that `inspect` lists, in sequence order, with every acknowledged one among them. What it has that
// `lanewal torture` has not: real workloads, in which writers share pages, and the command line as it is used.

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pageFilePaths } from '../../src/cli/page-files.js';
import { readAckFile } from '../../src/cli/replay/acknowledgements.js';
import { killVictim } from '../../src/cli/torture/killer.js';
import type { VictimPlan } from '../../src/cli/torture/victim-plan.js';
import { recoverWal } from '../../src/index.js';
import { runJson } from './command-line.js';
import { Program, type Variables } from './program.js';
import { readTrace, SerialReplay, TRACE_NAMES, type TraceName, tracePath } from './traces.js';

/** What one cycle did and found. */
export interface KillCycle {
  /** For a message: what was replayed, and what was killed when. */
  readonly story: string;
  readonly kills: number;
  readonly acknowledged: number;
  readonly lost: number;
  /** What is wrong; empty when all is well. */
  readonly faults: readonly string[];
}

interface Frame {
  readonly seq: number;
  readonly txnId: number;
  readonly space: number;
  readonly pages: readonly number[];
}

interface Inspected {
  readonly segments: readonly { readonly frames: readonly Frame[] }[];
  readonly checkpoint: { readonly throughSeq: number } | null;
}

/** Bytes of page images that one cycle replays at most, so that a cycle takes about a second. */
const BYTES_MAX = 12 * 2 ** 20;
/** A replay of that much, with the start of its process, takes about this long. */
const REPLAY_MS = 800;
const CHECKPOINT_MS = 300;
/** From where a recovery or an opening begins, with its modules loaded. */
const AFTERMATH_MS = 60;

const traces = new Map<TraceName, ReturnType<typeof readTrace>>();

function traceOf(name: TraceName): ReturnType<typeof readTrace> {
  const trace = traces.get(name) ?? readTrace(name);
  traces.set(name, trace);
  return trace;
}

/** The choices of one cycle. */
interface Choices {
  readonly name: TraceName;
  readonly copies: number;
  readonly writers: number;
  readonly fsync: 'full' | 'normal' | 'off';
  readonly transactions: number;
  readonly keepsLog: boolean;
  readonly variables: Variables;
}

async function choose(random: () => number): Promise<Choices> {
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)] as Value;
  const name = pick(TRACE_NAMES);
  const copies = pick([1, 2, 4, 8]);
  const { trace } = await traceOf(name);
  const { transactions: all } = trace.counts;
  const bytesEach = (trace.pageNumbers.length * (trace.pageBytes ?? 0)) / all;
  const transactions = Math.max(3, Math.min(all, Math.floor(BYTES_MAX / bytesEach / copies)));
  const LANEWAL_LOG_FILE_BYTES = String(pick([2 ** 18, 2 ** 20, 2 ** 22]));
  const LANEWAL_LANE_BYTES = String(pick([2 ** 16, 2 ** 18, 2 ** 20]));
  return {
    name,
    copies,
    writers: 1 + Math.floor(random() * 8),
    fsync: pick(['full', 'normal', 'off'] as const),
    transactions,
    keepsLog: random() < 0.6,
    variables: { LANEWAL_LOG_FILE_BYTES, LANEWAL_LANE_BYTES },
  };
}

/** Runs one cycle below `parent`. */
export async function runKillCycle(parent: string, random: () => number): Promise<KillCycle> {
  const folder = mkdtempSync(join(parent, 'kill-'));
  try {
    return await new Cycle(folder, random, await choose(random)).run();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Cycle {
  readonly #db: string;
  readonly #ackFile: string;
  readonly #random: () => number;
  readonly #choices: Choices;
  readonly #faults: string[] = [];
  readonly #kills: string[] = [];

  constructor(folder: string, random: () => number, choices: Choices) {
    this.#db = join(folder, 'app.db');
    this.#ackFile = join(folder, 'acks');
    this.#random = random;
    this.#choices = choices;
  }

  async run(): Promise<KillCycle> {
    await this.#killReplay();
    const acks = existsSync(this.#ackFile) ? readAckFile(this.#ackFile, this.#choices.copies) : [];
    const first = await this.#inspect();
    for (let again = Math.floor(this.#random() * 3); again > 0; again -= 1) await this.#killAftermath();
    const last = await this.#inspect();
    if (last.checkpoint === null && JSON.stringify(framesOf(last)) !== JSON.stringify(framesOf(first))) {
      this.#faults.push('inspect lists other commits after a recovery or an opening was killed');
    }
    const present = await this.#presentOf(last);
    const lost = present.map((transactions, copy) => missingOf(transactions, acks[copy] ?? 0)).reduce(sum, 0);
    if (lost > 0) this.#faults.push(`${lost} acknowledged transactions are lost`);
    await this.#compare(present);
    const { variables, ...choices } = this.#choices;
    const story = `${JSON.stringify({ ...choices, ...variables })}; killed: ${this.#kills.join(', ') || 'nothing'}`;
    return { story, kills: this.#kills.length, acknowledged: acks.reduce(sum, 0), lost, faults: this.#faults };
  }

  async #killReplay(): Promise<void> {
    const { name, copies, writers, fsync, transactions, keepsLog, variables } = this.#choices;
    const inputs = [
      '--base',
      tracePath(name, 'base.db.gz'),
      '--wal',
      tracePath(name, 'trace.db-wal.gz'),
      '--db',
      this.#db,
    ];
    const sizes = ['--copies', `${copies}`, '--writers', `${writers}`, '--stop-after', `${transactions}`];
    const others = ['--fsync', fsync, '--ack-file', this.#ackFile, ...(keepsLog ? ['--no-checkpoint'] : [])];
    const program = Program.cli(['replay', ...inputs, ...sizes, ...others], { variables });
    if (this.#random() < 0.3) await this.#killSoon(program, 'replay', REPLAY_MS);
    else {
      // Beyond the last one as well: then a checkpoint, or the end, is under way.
      const enough = Math.ceil(this.#random() * 1.1 * copies * transactions);
      while (!program.isOver && this.#acknowledged() < Math.min(enough, copies * transactions)) await pause(1);
      await this.#killSoon(program, `replay at ${enough}`, enough > copies * transactions ? CHECKPOINT_MS : 2);
    }
    const { stderr } = await program.ended;
    if (stderr !== '') this.#faults.push(`replay said: ${stderr}`);
  }

  #acknowledged(): number {
    return existsSync(this.#ackFile) ? readAckFile(this.#ackFile, this.#choices.copies).reduce(sum, 0) : 0;
  }

  /** Kills a recovery into the page files, or an opening of the log: a double crash. */
  async #killAftermath(): Promise<void> {
    if (!this.#hasPageFiles()) return;
    const { name, copies, fsync, variables } = this.#choices;
    const pageSize = (await traceOf(name)).trace.pageBytes;
    const settings = { fsync, pageSize, logFileBytes: Number(variables.LANEWAL_LOG_FILE_BYTES) };
    const delayMs = this.#random() * AFTERMATH_MS;
    const plan: VictimPlan =
      this.#random() < 0.5
        ? { task: 'recover', db: this.#db, pageFiles: pageFilePaths(this.#db, copies) }
        : { task: 'open', db: this.#db, settings };
    const { isKilled, fault } = await killVictim(plan, { after: 'begins', delayMs });
    if (isKilled) this.#kills.push(`${plan.task} +${delayMs.toFixed(1)} ms`);
    if (fault !== undefined) this.#faults.push(`${plan.task}: ${fault}`);
  }

  async #killSoon(program: Program, what: string, withinMs: number): Promise<void> {
    const delayMs = this.#random() * withinMs;
    await Promise.race([pause(delayMs), program.ended]);
    if (!program.isOver) this.#kills.push(`${what} +${delayMs.toFixed(1)} ms`);
    await program.kill();
  }

  #hasPageFiles(): boolean {
    return pageFilePaths(this.#db, this.#choices.copies).every((path) => existsSync(path));
  }

  #inspect(): Promise<Inspected> {
    return runJson<Inspected>(['inspect', this.#db]);
  }

  /** By copy, the transactions that are in the log, in sequence order; all of them once there is a checkpoint. */
  async #presentOf(inspected: Inspected): Promise<number[][]> {
    const { name, copies, transactions } = this.#choices;
    const present = Array.from({ length: copies }, (): number[] => []);
    if (inspected.checkpoint !== null) {
      const all = Array.from({ length: transactions }, (_, index) => index + 1);
      return present.map(() => all);
    }
    const { entryStarts, pageNumbers } = (await traceOf(name)).trace;
    for (const [index, { seq, txnId, space, pages }] of framesOf(inspected).entries()) {
      if (seq !== index + 1) this.#faults.push(`commit ${seq} stands at place ${index + 1}`);
      present[space]?.push(txnId);
      const wanted = pageNumbers.subarray(entryStarts[txnId - 1], entryStarts[txnId]);
      if (`${[...wanted]}` !== `${pages}`) this.#faults.push(`commit ${seq} has not the pages of transaction ${txnId}`);
    }
    for (const [copy, listed] of present.entries()) this.#checkOrder(copy, listed, pageNumbers, entryStarts);
    return present;
  }

  /** Transactions that share a page keep their order, and with one writer all of them do. */
  #checkOrder(copy: number, listed: readonly number[], pageNumbers: Uint32Array, entryStarts: Uint32Array): void {
    const last = new Map<number, number>();
    for (const [index, txnId] of listed.entries()) {
      const isPrefix = this.#choices.writers > 1 || txnId === index + 1;
      if (!isPrefix) this.#faults.push(`copy ${copy} has transaction ${txnId} at place ${index + 1}, with one writer`);
      for (const page of pageNumbers.subarray(entryStarts[txnId - 1], entryStarts[txnId])) {
        const before = last.get(page) ?? 0;
        if (before >= txnId) this.#faults.push(`copy ${copy}: transaction ${txnId} follows ${before} on page ${page}`);
        last.set(page, txnId);
      }
    }
  }

  /** Recovers twice, and compares each copy with the model. */
  async #compare(present: readonly (readonly number[])[]): Promise<void> {
    const pageFiles = pageFilePaths(this.#db, this.#choices.copies);
    if (!this.#hasPageFiles()) {
      if (present.some(({ length }) => length > 0)) this.#faults.push('there are commits, but not all page files');
      return;
    }
    const { trace, base } = await traceOf(this.#choices.name);
    for (const time of ['first', 'second']) {
      await recoverWal(this.#db, { into: { pageFiles } });
      for (const [copy, path] of pageFiles.entries()) {
        const model = new SerialReplay(trace, base);
        for (const txnId of present[copy] ?? []) model.apply(txnId - 1);
        const found = createHash('sha256').update(readFileSync(path)).digest('hex');
        if (found !== model.sha256())
          this.#faults.push(`copy ${copy} is not what its transactions make, the ${time} time`);
      }
    }
  }
}

function framesOf({ segments }: Inspected): Frame[] {
  return segments.flatMap(({ frames }) => frames);
}

/** How many of transactions 1 to k are not listed. */
function missingOf(listed: readonly number[], k: number): number {
  const has = new Set(listed);
  return Array.from({ length: k }, (_, index) => index + 1).filter((txnId) => !has.has(txnId)).length;
}

function sum(one: number, other: number): number {
  return one + other;
}
