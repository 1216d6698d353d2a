// A second crash, while what the first one left is opened, or recovered into a page file: at every operation, with
// every state of the simulated disk. Then it is done again, and nothing may be missing (F41).

import { openLog } from '../../src/recovery/opening.js';
import { recoverDirectory } from '../../src/recovery/recover.js';
import { replayLog } from '../../src/recovery/replay.js';
import { mapTarget } from '../../src/recovery/replay-targets.js';
import { scanLog } from '../../src/recovery/scan.js';
import { PageFile } from '../../src/storage/page-file.js';
import type { CrashPoint } from '../../src/storage/simulated-crash.js';
import { SimulatedDirectory } from '../../src/storage/simulated-directory.js';
import { brokenPromise, type Found, recoverAndGoOn, SETTINGS } from './crash-oracle.js';
import { type CrashWorkload, nameOfWorkload, type PromisedPoint, runWorkload } from './crash-workload.js';
import { PAGE_BYTES, readFile } from './log-builder.js';
import { crashPointsOf, linesOf } from './simulated-disk.js';

/** What a search of double crashes has seen; states are different ones. */
export interface DoubleTally {
  firstStates: number;
  openingPoints: number;
  openingStates: number;
  recoveryPoints: number;
  recoveryStates: number;
}

export interface DoubleBounds {
  /** Which first crashes are followed by a second; default all. */
  readonly pick?: (first: readonly FirstCrash[]) => readonly FirstCrash[];
  /** Of each write torn by the second crash: all subsets of so many sectors. */
  readonly sectorsMax: number;
}

const PAGE_FILE = 'db';

export class DoubleCrashes {
  readonly tally: DoubleTally = {
    firstStates: 0,
    openingPoints: 0,
    openingStates: 0,
    recoveryPoints: 0,
    recoveryStates: 0,
  };
  readonly #first = new Set<string>();
  /** What a recovery finds depends on the bytes and names alone. */
  readonly #found = new Map<string, Found>();

  /** Every crash of a workload, no write torn by the first one, and every crash behind it. */
  async run(workload: CrashWorkload, { pick = (first) => first, sectorsMax }: DoubleBounds): Promise<void> {
    for (const { promised, name, make, hash, least } of pick((await runWorkload(workload)).flatMap(firstCrashesOf))) {
      if (this.#first.has(hash)) continue;
      this.#first.add(hash);
      this.tally.firstStates += 1;
      const label = `${nameOfWorkload(workload)}, ${name}`;
      await this.#crashOpening(make, promised, least, sectorsMax, label);
      // All of the log in one window, and a page in each.
      for (const memory of [undefined, 1]) await this.#crashRecovery(make, memory, sectorsMax, label);
    }
  }

  /** @param least - the last commit that a power cut in the opening may not take */
  async #crashOpening(
    make: () => SimulatedDirectory,
    promised: PromisedPoint,
    least: number | undefined,
    sectorsMax: number,
    label: string,
  ): Promise<void> {
    const found = await linesOf(make());
    const last = Number.parseInt(found.at(-1) ?? '0', 10);
    // Behind it nothing may come up that the first crash took.
    const lines = promised.lines.slice(0, Math.max(last, promised.checkpoint));
    const disk = make();
    const points = await crashPointsOf(disk, () => openLog(disk, SETTINGS));
    this.tally.openingPoints += points.length;
    for (const [index, point] of points.entries()) {
      const isOpened = index === points.length - 1;
      for (const second of secondStatesOf(point, sectorsMax)) {
        const after = this.#found.get(second.hash) ?? (await recoverAndGoOn(second.make(), second.isKilled));
        this.#found.set(second.hash, after);
        const whole = second.isKilled || isOpened || least === undefined;
        const broken = brokenPromise(after, whole ? last : least, { ...promised, lines });
        if (broken !== undefined) throw new Error(`${label}; opening, operation ${index}, ${second.name}: ${broken}`);
      }
    }
    this.tally.openingStates = this.#found.size;
  }

  async #crashRecovery(
    make: () => SimulatedDirectory,
    memory: number | undefined,
    sectorsMax: number,
    label: string,
  ): Promise<void> {
    const log = make();
    const expected = await pagesOf(log);
    const store = new SimulatedDirectory();
    store.create({ sync: true });
    store.open(PAGE_FILE, 'create').close();
    store.sync();
    const points = await crashPointsOf(store, () => recoverInto(log, store, memory));
    this.tally.recoveryPoints += points.length;
    const check = (disk: SimulatedDirectory, name: string): void => {
      if (Buffer.from(readFile(disk, PAGE_FILE)).equals(expected)) return;
      throw new Error(`${label}; recovery, ${name}: the page file is wrong`);
    };
    check(points.at(-1)!.lost().disk(), 'once it is over and the power fails');
    for (const [index, point] of points.entries()) {
      for (const second of secondStatesOf(point, sectorsMax)) {
        this.tally.recoveryStates += 1;
        const disk = second.make();
        await recoverInto(log, disk, memory);
        check(disk.crashPoint().lost().disk(), `operation ${index}, ${second.name}, and again`);
      }
    }
  }
}

/** What one crash of a workload left. */
export interface FirstCrash {
  readonly promised: PromisedPoint;
  readonly name: string;
  readonly hash: string;
  readonly make: () => SimulatedDirectory;
  /** The last commit that is synced; undefined when all of the disk is. */
  readonly least: number | undefined;
}

function firstCrashesOf(promised: PromisedPoint, index: number): FirstCrash[] {
  const { point, durable } = promised;
  const place = { promised, name: `operation ${index}, killed` };
  const killed = { ...place, hash: hashOfBoth(point), make: () => point.killed(), least: durable };
  const cuts = [...point.states({ sectorsMax: 0 })].map(({ label, hash, disk }) => {
    return { promised, name: `operation ${index}, cut (${label})`, hash, make: disk, least: undefined };
  });
  return [killed, ...cuts];
}

/** Of the cache and the disk. */
function hashOfBoth(point: CrashPoint): string {
  return `killed ${point.kept().hash} ${point.lost().hash}`;
}

interface Second {
  readonly hash: string;
  readonly name: string;
  readonly isKilled: boolean;
  readonly make: () => SimulatedDirectory;
}

function* secondStatesOf(point: CrashPoint, sectorsMax: number): Generator<Second> {
  yield { name: 'killed', isKilled: true, hash: hashOfBoth(point), make: () => point.killed() };
  for (const { label, hash, disk } of point.states({ sectorsMax })) {
    yield { name: `cut (${label})`, isKilled: false, hash, make: disk };
  }
}

async function recoverInto(
  log: SimulatedDirectory,
  store: SimulatedDirectory,
  recoveryMemoryBytes: number | undefined,
): Promise<void> {
  const open: typeof PageFile.open = (name, pageBytes, mode) => PageFile.openIn(store, name, pageBytes, mode);
  await recoverDirectory(log, { into: { pageFiles: [PAGE_FILE] }, afterSeq: 0, recoveryMemoryBytes }, open);
}

/** What a page file has to be, by way of a map: pages that are not in it are zeros. */
async function pagesOf(log: SimulatedDirectory): Promise<Uint8Array> {
  const pages = new Map<number, Uint8Array>();
  let sizePages = 0;
  const map = mapTarget(pages);
  await replayLog(
    log,
    await scanLog(log),
    {
      commit: (commit) => {
        for (const record of commit.records()) {
          if (record.kind === 'size') sizePages = record.pages;
          if (record.kind === 'page') sizePages = Math.max(sizePages, record.pageNumber);
        }
        return map.commit(commit);
      },
    },
    { afterSeq: 0 },
  );
  const bytes = new Uint8Array(sizePages * PAGE_BYTES);
  for (const [pageNumber, image] of pages) bytes.set(image, (pageNumber - 1) * PAGE_BYTES);
  return bytes;
}
