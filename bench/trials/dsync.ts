// A trial, not a benchmark: a file opened with O_DSYNC beside write and fdatasync, overwriting what has all its blocks,
// in turns. `node dist/bench/trials/dsync.js DIRECTORY`; design/decisions/0080 has what it said.

import { closeSync, constants, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { inDirectory, quantile, round } from '../harness.js';

const FILE_BYTES = 64 * 2 ** 20;
const FILL_BYTES = 2 ** 20;
const [ROUNDS, ROUNDS_OF_LARGE] = [200, 40];

function create(path: string, flags: number): number {
  const fd = openSync(path, 'w');
  const zeros = Buffer.alloc(FILL_BYTES);
  for (let at = 0; at < FILE_BYTES; at += FILL_BYTES) writeSync(fd, zeros, 0, FILL_BYTES, at);
  fdatasyncSync(fd);
  closeSync(fd);
  return openSync(path, constants.O_RDWR | flags);
}

await inDirectory(process.argv[2] ?? '.', async (directory) => {
  const fds = {
    fdatasync: create(join(directory, 'plain'), 0),
    dsync: create(join(directory, 'd'), constants.O_DSYNC),
  };
  for (const bytes of [4096, 65_536, 2 ** 20, 8 * 2 ** 20]) {
    const data = Buffer.alloc(bytes, 1);
    const us = { fdatasync: [] as number[], dsync: [] as number[] };
    const rounds = bytes > FILL_BYTES ? ROUNDS_OF_LARGE : ROUNDS;
    for (let index = 0; index < rounds; index += 1) {
      const at = (index * bytes) % FILE_BYTES;
      for (const way of index % 2 === 0 ? (['dsync', 'fdatasync'] as const) : (['fdatasync', 'dsync'] as const)) {
        const startMs = performance.now();
        writeSync(fds[way], data, 0, bytes, at);
        if (way === 'fdatasync') fdatasyncSync(fds[way]);
        us[way].push((performance.now() - startMs) * 1000);
      }
    }
    const text = Object.entries(us).map(([way, all]) => `${way} ${round(quantile(all, 0.5), 0)} us`);
    console.log(`${bytes} bytes, medians of ${rounds}: ${text.join(', ')}`);
  }
  for (const fd of Object.values(fds)) closeSync(fd);
});
