#!/usr/bin/env node
// The key-value store on the command line. Exit status: 0 done; 1 no such key, or damage; 2 the call was wrong; 3
// something else failed.

import { parseArgs } from 'node:util';
import { KvError } from './errors.js';
import type { Kv } from './kv.js';
import { load } from './load.js';
import { type OpenedKv, openKv } from './open.js';

const HELP = `A key-value store on lanewal's page store.

  node dist/examples/kv/main.js COMMAND DB ...

  put DB KEY VALUE        sets the value of a key
  get DB KEY              prints it
  delete DB KEY           removes it
  scan DB [--from KEY] [--to KEY] [--limit N] [--reverse]
                          prints the entries in the order of their keys, --to excluded
  load DB N [--workers W] [--batch B]
                          puts N numbered keys, by W threads (default 2), B a transaction (default 100)
  verify DB               checks every page

DB is a page file; its log is the directory DB-wal beside it. Both are made when they are not there.
`;

const { values: options, positionals } = parseArguments();

function parseArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        limit: { type: 'string' },
        reverse: { type: 'boolean' },
        workers: { type: 'string', default: '2' },
        batch: { type: 'string', default: '100' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function refuse(reason: string): never {
  process.stderr.write(`${reason}\nSee --help.\n`);
  process.exit(2);
}

function wholeNumber(text: string | undefined, name: string, least: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least && text !== '') return number;
  return refuse(`${name} must be a whole number, at least ${least}.`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const bytesOf = (text: string | undefined): Uint8Array | undefined =>
  text === undefined ? undefined : Buffer.from(text);

/** A command takes so many arguments behind DB, and returns the exit status. */
interface Command {
  readonly operands: number;
  run(opened: OpenedKv, ...operands: string[]): Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  put: {
    operands: 2,
    async run({ kv }, key = '', value = '') {
      await kv.put(Buffer.from(key), Buffer.from(value));
      return 0;
    },
  },
  get: {
    operands: 1,
    async run({ kv }, key = '') {
      const value = await kv.get(Buffer.from(key));
      if (value !== undefined) print(textOf(value));
      return value === undefined ? 1 : 0;
    },
  },
  delete: { operands: 1, run: async ({ kv }, key = '') => ((await kv.delete(Buffer.from(key))) ? 0 : 1) },
  scan: { operands: 0, run: ({ kv }) => scan(kv) },
  load: { operands: 1, run: (opened, count) => loadKeys(opened, count) },
  verify: { operands: 0, run: ({ kv }) => verify(kv) },
};

async function scan(kv: Kv): Promise<number> {
  const { from, to, limit, reverse } = options;
  const most = limit === undefined ? undefined : wholeNumber(limit, '--limit', 0);
  for await (const { key, value } of kv.range({ from: bytesOf(from), to: bytesOf(to), limit: most, reverse })) {
    print(`${textOf(key)}\t${textOf(value)}`);
  }
  return 0;
}

async function loadKeys({ handle }: OpenedKv, text: string | undefined): Promise<number> {
  const count = wholeNumber(text, 'N', 1);
  const workers = wholeNumber(options.workers, '--workers', 1);
  const batch = wholeNumber(options.batch, '--batch', 1);
  const seconds = await load({ handle, act: 'put', workers, count, batch, window: 1, valueBytes: 100 });
  print(`${count} keys in ${seconds.toFixed(2)} s, ${Math.round(count / seconds)} a second`);
  return 0;
}

async function verify(kv: Kv): Promise<number> {
  const { entries, height, pages, fill, faults } = await kv.verify();
  for (const fault of faults) print(fault);
  print(`${entries} entries on ${height} levels; leaves are ${Math.round(fill * 100)}% full`);
  print(
    `pages: ${Object.entries(pages)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(', ')}`,
  );
  return faults.length === 0 ? 0 : 1;
}

const [name, path, ...operands] = positionals;
if (options.help || name === undefined) {
  process.stdout.write(HELP);
  process.exit(name === undefined && !options.help ? 2 : 0);
}
const command = COMMANDS[name] ?? refuse(`There is no command '${name}'.`);
if (path === undefined || operands.length !== command.operands) refuse(`Wrong number of arguments for '${name}'.`);
try {
  const opened = await openKv(path);
  await using _ = opened.kv;
  process.exitCode = await command.run(opened, ...operands);
} catch (error) {
  const { name: kind, message, code } = error as KvError;
  process.stderr.write(`${kind}${code === undefined ? '' : ` ${code}`}: ${message}\n`);
  process.exitCode = error instanceof KvError && error.code !== 'ERR_KV_INVALID_ARGUMENT' ? 1 : 3;
}
