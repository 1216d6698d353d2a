// A trial, not a benchmark: an append of one page in several builds of this package, in turns on one thread, over a
// directory that throws the pages away, so that a few percent can be told on a busy machine.
// `node dist/bench/trials/append.js BUILD...`, each the path of a `dist`; design/decisions/0091 has what it said.

import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Wal, WalWriter } from '../../src/index.js';
import { crc32c } from '../crc32c.js';
import { quantile, round } from '../harness.js';
import { PAGE_BYTES } from '../log-writer.js';

/** What is used of the test kit of a build. */
interface Testing {
  readonly MemoryDirectory: new () => { open(name: string, mode: string): File };
  openWalOn(directory: object, options: object): Promise<Wal>;
}
interface File {
  write(pieces: readonly Uint8Array[], position: number): void;
}

const LANE_BYTES = 2 ** 22;
/** Appends of a burst: a third of the lane, and short enough that many bursts meet nobody else on their core. */
const BURST = 300;
const WARM_BURSTS = 40;
const BURSTS = 440;
const CHECKPOINT_BURSTS = 8;

const pages = [{ pageNumber: 1, image: new Uint8Array(PAGE_BYTES).fill(7) }];
const target = new Uint8Array(new SharedArrayBuffer(LANE_BYTES));
let checksums = 0;

interface Contender {
  readonly name: string;
  readonly prepare: () => Promise<void>;
  readonly burst: () => void;
  readonly close: () => Promise<void>;
  readonly ns: number[];
  readonly bytes: number[];
}

async function contender(name: string): Promise<Contender> {
  const { openWalOn, MemoryDirectory }: Testing = await import(
    new URL('src/testing.js', pathToFileURL(`${name}/`)).href
  );
  class Forgetful extends MemoryDirectory {
    override open(name: string, mode: string): File {
      const file = super.open(name, mode);
      const { write } = file;
      file.write = (pieces, position) => {
        if (pieces.reduce((sum, { length }) => sum + length, 0) < PAGE_BYTES) write.call(file, pieces, position);
      };
      return file;
    }
  }
  const options = { fsync: 'off', lanes: 1, laneBytes: LANE_BYTES, epochIntervalMs: 1000 } as const;
  const wal = await openWalOn(new Forgetful(), options);
  const writer = wal.connect();
  let bursts = 0;
  const prepare = async (): Promise<void> => {
    const { seq } = writer.append({ pages });
    await wal.flush();
    bursts += 1;
    if (bursts % CHECKPOINT_BURSTS === 0) await wal.checkpoint({ throughSeq: seq });
    // The flusher sees one commit and waits for its tick: none of the burst has to wake it.
    writer.append({ pages });
    await turn();
    await turn();
  };
  // A function of its own for each build, or they would share what the compiler knows of it.
  const run = new Function('writer', 'pages', 'count', 'for (; count > 0; count--) writer.append({ pages });') as (
    writer: WalWriter,
    page: typeof pages,
    count: number,
  ) => void;
  return { name, prepare, burst: () => run(writer, pages, BURST), close: () => wal.close(), ns: [], bytes: [] };
}

const nothing = async (): Promise<void> => undefined;

function bare(): Contender {
  const image = pages[0]?.image as Uint8Array;
  let at = 0;
  const burst = (): void => {
    for (let page = 0; page < BURST; page += 1) {
      at = (at + PAGE_BYTES) & (LANE_BYTES - 1);
      target.set(image, at);
      checksums ^= crc32c(image);
    }
  };
  return { name: 'copy and CRC32C', prepare: nothing, burst, close: nothing, ns: [], bytes: [] };
}

const all = [bare(), ...(await Promise.all(process.argv.slice(2).map(contender)))];
for (let index = 0; index < WARM_BURSTS + BURSTS; index += 1) {
  for (let turnOf = 0; turnOf < all.length; turnOf += 1) {
    const { prepare, burst, ns, bytes } = all[(index + turnOf) % all.length] as Contender;
    await prepare();
    const heapBytes = process.memoryUsage().heapUsed;
    const startMs = performance.now();
    burst();
    const tookMs = performance.now() - startMs;
    const gained = process.memoryUsage().heapUsed - heapBytes;
    if (index < WARM_BURSTS) continue;
    ns.push((tookMs * 1e6) / BURST);
    bytes.push(gained / BURST);
  }
}
if (Number.isNaN(checksums)) throw new Error('The checksums were not computed.');
for (const { name, ns, bytes } of all) {
  const [low, median] = [quantile(ns, 0.25), quantile(ns, 0.5)].map((each) => round(each, 0));
  const garbage = round(quantile(bytes, 0.5), 0);
  console.log(`${name}: ${low} ns (a quarter is below), median ${median} ns, ${garbage} bytes of garbage`);
}
for (const { close } of all) await close();
