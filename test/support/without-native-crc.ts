// A program for checksum.test.ts: writes a log and recovers it where the native checksum library cannot be loaded, as on
// a platform without a prebuilt binary. Prints what it recovered.

import Module from 'node:module';
import { MemoryDirectory } from '../../src/storage/memory-directory.js';

const loader = Module as unknown as { _load(request: string, ...rest: unknown[]): unknown };
const load = loader._load.bind(Module);
loader._load = (request, ...rest) => {
  if (request === '@node-rs/crc32') throw new Error('there is no binary for this platform');
  return load(request, ...rest);
};
// The refusal itself has to work, or this proves nothing.
let isRefused = false;
try {
  Module.createRequire(import.meta.url)('@node-rs/crc32');
} catch {
  isRefused = true;
}
const { openWalOn } = await import('../../src/testing.js');
const { recoverDirectory } = await import('../../src/recovery/recover.js');
const { crc32c } = await import('../../src/base/checksum.js');

const directory = new MemoryDirectory({ pretendSync: true });
const wal = await openWalOn(directory, { logFileBytes: 65_536 });
const pages = [{ pageNumber: 1, image: new Uint8Array(4096).fill(3) }];
await wal.connect().append({ txnId: 1, pages }).durable();
await wal.close();
const report = await recoverDirectory(directory, { into: new Map() });
process.stdout.write(
  JSON.stringify({ crc: crc32c(new Uint8Array(4096).fill(3)), commits: report.commitsApplied, isRefused }),
);
