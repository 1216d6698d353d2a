// System calls of a program, as strace saw them: in order, with threads interleaved as they really ran. A call that
// strace reported as begun after another had ended did begin after that: the kernel holds a thread at both ends of a
// call until strace has taken note.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import type { Prefix } from './program.js';

/** One system call. */
export interface TracedCall {
  readonly thread: string;
  readonly name: string;
  /** Paths of the descriptors and names in the arguments, in order. */
  readonly paths: readonly string[];
  /** Positions in the trace; `end` is infinite for a call that never returned. */
  readonly begin: number;
  readonly end: number;
  /** Undefined when it never returned. */
  readonly result: number | undefined;
  readonly isInjected: boolean;
  /** The first 128 bytes that a write carried. */
  readonly data: Buffer;
  /** Where a positioned write went. */
  readonly offset: number | undefined;
}

const CALLS =
  'write,pwrite64,pwritev,fdatasync,fsync,rename,renameat,renameat2,unlink,mkdir,mkdirat,ftruncate,sync_file_range';

/** Why strace cannot be used here; undefined when it can. */
export function whyNoStrace(): string | undefined {
  if (process.platform !== 'linux') return 'strace exists on Linux only';
  const { status, error, stderr } = spawnSync('strace', ['-f', '--seccomp-bpf', '-o', '/dev/null', 'true'], {
    encoding: 'utf8',
  });
  if (error !== undefined) return 'strace is not installed (apt-get install strace)';
  return status === 0 ? undefined : `strace cannot trace here: ${stderr.trim()}`;
}

/** The command in front of a program that traces it into `file`, with system calls broken as each of `inject` says. */
export function straceTo(file: string, ...inject: string[]): Prefix {
  rmSync(file, { force: true });
  return command(file, CALLS, [], inject);
}

/** Likewise for the reads of certain files alone. */
export function straceReads(file: string, paths: readonly string[], ...inject: string[]): Prefix {
  rmSync(file, { force: true });
  return command(file, 'pread64', paths, inject);
}

/** Kills the program at call number `when` of whichever of its threads comes to it first; the call itself is done. */
export function straceKill(call: string, when: number): Prefix {
  // Without --seccomp-bpf: with it strace injects errors, but no signals.
  return [
    'strace',
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:signal=KILL:when=${when}`,
  ];
}

function command(file: string, calls: string, paths: readonly string[], inject: readonly string[]): Prefix {
  // io_uring would hide calls from strace; Node's synchronous calls never use it.
  const options = ['-f', '--seccomp-bpf', '-qq', '-y', '-x', '-s', '128', '-e', 'signal=none', '-o', file];
  const filters = [['-e', `trace=${calls}`], ...paths.map((path) => ['-P', path])].flat();
  return ['strace', ...options, ...filters, ...inject.flatMap((each) => ['-e', `inject=${each}`])];
}

/** Reads a trace. */
export function readTrace(file: string): TracedCall[] {
  if (!existsSync(file)) return [];
  const calls: TracedCall[] = [];
  const open = new Map<string, { begin: number; text: string }>();
  for (const [at, line] of readFileSync(file, 'latin1').split('\n').entries()) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest);
    if (unfinished !== null) {
      open.set(thread, { begin: at, text: unfinished[1] ?? '' });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const begun = resumed === null ? undefined : open.get(thread);
    if (begun !== undefined) open.delete(thread);
    const call = callOf(thread, (begun?.text ?? '') + (resumed?.[1] ?? rest), begun?.begin ?? at, at);
    if (call !== undefined) calls.push(call);
  }
  for (const [thread, { begin, text }] of open) {
    const call = callOf(thread, `${text}) = ?`, begin, Number.POSITIVE_INFINITY);
    if (call !== undefined) calls.push(call);
  }
  return calls.sort((one, other) => one.begin - other.begin);
}

function callOf(thread: string, text: string, begin: number, end: number): TracedCall | undefined {
  const [, name, args = '', result] = /^(\w+)\((.*)\) += (-?\d+|\?)/s.exec(text) ?? [];
  if (name === undefined) return undefined;
  const isWrite = /^p?write/.test(name);
  const quoted = /"((?:[^"\\]|\\.)*)"/.exec(args)?.[1] ?? '';
  const paths = [...args.matchAll(isWrite ? /^\d+<([^>]*)>/g : /(?:^-?\w+<([^>]*)>(?=$|\)))|"([^"]*)"/g)];
  const isDone = result !== undefined && result !== '?';
  return {
    thread,
    name,
    paths: paths.map(([, descriptor, quotedPath]) => descriptor ?? quotedPath ?? ''),
    begin,
    end: isDone ? end : Number.POSITIVE_INFINITY,
    result: isDone ? Number(result) : undefined,
    isInjected: text.endsWith('(INJECTED)'),
    data: isWrite ? unescaped(quoted) : Buffer.alloc(0),
    offset: name.startsWith('pwrite') ? Number(/, (\d+)$/.exec(args)?.[1]) : undefined,
  };
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' };

/** The bytes of a string as strace prints it. */
function unescaped(text: string): Buffer {
  const plain = text.replaceAll(
    /\\(?:x([0-9a-f]{2})|([0-7]{1,3})|(.))/g,
    (_, hex: string, octal: string, other: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      return ESCAPES[other] ?? other;
    },
  );
  return Buffer.from(plain, 'latin1');
}
