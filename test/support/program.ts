// Programs that tests start, watch and kill: our own command line and the workload, bare or under another tool.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { WorkloadPlan } from './workload-model.js';

/** One line of JSON that the workload printed. */
export type WorkloadEvent = { readonly event: string } & Record<string, unknown>;

/** How a program ended. */
export interface Ending {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Environment variables of a program. */
export type Variables = Readonly<Record<string, string>>;

/** The command in front of ours: `strace ...`, `prlimit ...`. */
export type Prefix = readonly string[];

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const WORKLOAD = fileURLToPath(new URL('./workload.js', import.meta.url));

/** A new folder, in memory where there is such a place: for tests that no disk has to slow down. */
export function scratchFolder(name: string): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), `lanewal-${name}-`));
}

/** A running program. */
export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: string[] = [];
  readonly #watchers = new Set<() => void>();
  #stderr = '';
  readonly ended: Promise<Ending>;
  isOver = false;

  constructor(command: readonly string[], variables: Variables = {}) {
    const [file = '', ...args] = command;
    const own = Object.entries(process.env).filter(
      ([name]) => !/^(LANEWAL_|NODE_OPTIONS$|UV_USE_IO_URING$)/.test(name),
    );
    const env = { ...Object.fromEntries(own), ...variables };
    this.#child = spawn(file, args, { env });
    this.#child.stdin.end();
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#look();
    });
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (status, signal) => {
        this.isOver = true;
        this.#look();
        resolve({ status, signal, stdout: this.#lines.join('\n'), stderr: this.#stderr });
      });
    });
  }

  /** The command line. */
  static cli(
    args: readonly string[],
    { prefix = [], variables }: { prefix?: Prefix; variables?: Variables } = {},
  ): Program {
    return new Program([...prefix, process.execPath, CLI, ...args], variables);
  }

  static workload(plan: WorkloadPlan, prefix: Prefix = []): Program {
    return new Program([...prefix, process.execPath, WORKLOAD, JSON.stringify(plan)]);
  }

  /** What the workload has said so far. */
  get events(): WorkloadEvent[] {
    return this.#lines.map((line) => JSON.parse(line) as WorkloadEvent);
  }

  /** Resolves to whether a line of the workload's says `event`, as soon as it does or the program has ended. */
  said(event: string): Promise<boolean> {
    return this.saidLine(`{"event":"${event}"`);
  }

  /** Resolves to whether a line begins so, as soon as one does or the program has ended. */
  async saidLine(start: string): Promise<boolean> {
    for (;;) {
      if (this.#lines.some((line) => line.startsWith(start))) return true;
      if (this.isOver) return false;
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  /** Kills it and waits until it is gone. */
  async kill(): Promise<Ending> {
    this.#child.kill('SIGKILL');
    return this.ended;
  }

  #look(): void {
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }
}

/** Runs a workload to its end. */
export async function runWorkload(plan: WorkloadPlan, prefix: Prefix = []): Promise<WorkloadEvent[]> {
  const program = Program.workload(plan, prefix);
  const { stderr } = await program.ended;
  if (stderr !== '') throw new Error(`The workload said: ${stderr}`);
  return program.events;
}
