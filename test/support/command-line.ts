// Runs the built command line: as a child process, the way users do, where how a process lives and ends is the point;
// else in this process, which costs a tenth.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGE_ROOT } from './package-root.js';

const MAIN = fileURLToPath(new URL('dist/src/cli/main.js', PACKAGE_ROOT));

/** Small log files: tests fill few bytes, and every file of a log is filled with zeros ahead. */
const ENVIRONMENT = { LANEWAL_LOG_FILE_BYTES: String(4 * 1024 * 1024) };

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts `lanewal` with arguments; variables are added to small log files and this process's own. */
export function startCommand(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Running {
  const env = { ...process.env, ...ENVIRONMENT, ...variables };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => stdout.push(piece));
  child.stderr.on('data', (piece: Buffer) => stderr.push(piece));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      resolve({ status, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
  });
  return { child, ended };
}

/** Runs `lanewal` as a process to its end. */
export function runProcess(args: readonly string[], variables?: Readonly<Record<string, string>>): Promise<Ended> {
  return startCommand(args, variables).ended;
}

/**
 * Runs `lanewal` in this process to its end, one call after the other. Not for a call that ends as a crash would, nor
 * for one whose output a child of its own prints: those need a process.
 */
export function runCommand(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const ended = previous.then(() => runHere(args, { ...ENVIRONMENT, ...variables }));
  previous = ended.catch(() => undefined);
  return ended;
}

let previous: Promise<unknown> = Promise.resolve();

async function runHere(args: readonly string[], variables: Readonly<Record<string, string>>): Promise<Ended> {
  // Not by everybody who only wants a folder: it loads the whole package.
  const { runCommandLine } = await import('../../src/cli/command-line.js');
  const before = { ...process.env };
  const stdout = capture(process.stdout);
  const stderr = capture(process.stderr);
  Object.assign(process.env, variables);
  try {
    const { status, isAbrupt } = await runCommandLine(args);
    if (isAbrupt) throw new Error(`lanewal ${args.join(' ')} leaves its log open: it needs a process of its own`);
    return { status, signal: null, stdout: stdout.end(), stderr: stderr.end() };
  } finally {
    stdout.end();
    stderr.end();
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

/** Keeps what is written to a stream until `end`, which returns it. */
function capture(stream: NodeJS.WriteStream): { end(): string } {
  const write = stream.write;
  let text = '';
  stream.write = (piece: string | Uint8Array) => {
    text += typeof piece === 'string' ? piece : Buffer.from(piece).toString();
    return true;
  };
  return {
    end: () => {
      stream.write = write;
      return text;
    },
  };
}

/** Runs `lanewal ... --json`, which has to end with `status`; returns the document. In this process, if it can be. */
export async function runJson<Document>(
  args: readonly string[],
  variables?: Readonly<Record<string, string>>,
  status = 0,
): Promise<Document> {
  const run = args.includes('--no-checkpoint') ? runProcess : runCommand;
  const ended = await run([...args, '--json'], variables);
  if (ended.status !== status) throw new Error(`lanewal ${args.join(' ')}: status ${ended.status}, ${ended.stderr}`);
  return JSON.parse(ended.stdout) as Document;
}

/** A folder of its own for each call; `removeFolders` takes them all away. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lanewal-test-'));
  folders.push(folder);
  return folder;
}

const folders: string[] = [];

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** The numbers of an ack file, zeros while there is none. */
export function readAcks(path: string, copies: number): number[] {
  try {
    const bytes = readFileSync(path);
    return Array.from({ length: copies }, (_, copy) => Number(bytes.readBigUInt64LE(copy * 8)));
  } catch {
    return new Array<number>(copies).fill(0);
  }
}

/** What `replay --json` prints. */
export interface ReplayDocument {
  readonly transactions: number;
  readonly frames: number;
  readonly bytes: number;
  readonly pageSize: number;
  readonly dbSizePages: readonly number[];
  readonly seconds: number;
  readonly commitsPerSecond: number;
  readonly sha256: readonly string[] | null;
  readonly mode: string;
  readonly lanes: number;
  readonly lanesUsed: number;
  readonly epochs: number;
  readonly framesPerEpochMax: number;
  readonly lanesPerEpochMax: number;
  readonly shadow: { readonly notRun: number; readonly clean: number; readonly diverged: number };
  readonly fallback: string;
  readonly syncs: number;
  readonly segments: number;
  readonly jumbos: number;
}

/** What `inspect --json` prints, as far as tests look at it. */
export interface InspectDocument {
  readonly files: readonly { readonly name: string; readonly fileNumber: number; readonly incarnation: number }[];
  readonly segments: readonly {
    readonly epoch: number;
    readonly firstSeq: number;
    readonly endSeq: number;
    readonly file: string;
    readonly offset: number;
    readonly bytes: number;
    readonly kind: string;
    readonly frames: readonly {
      readonly seq: number;
      readonly txnId: number;
      readonly space: number;
      readonly lane: number;
      readonly pages: readonly number[];
      readonly dbSizePages: number | null;
    }[];
    readonly certificate: { readonly frameCount: number; readonly voids: readonly number[] };
  }[];
  readonly tail: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** What `recover --json` prints, as far as tests look at it. */
export interface RecoverDocument {
  readonly commitsApplied: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly segments: number;
  readonly epochs: number;
  readonly tail: string;
  readonly droppedBytes: number;
  readonly damage: readonly { readonly file: string; readonly epoch: number; readonly offset: number }[];
  readonly notRecovered: readonly unknown[];
  readonly dbSizePages: readonly number[];
  readonly sha256: readonly (string | null)[];
}
