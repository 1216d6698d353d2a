// A torture of maps: one kill after the other of a process whose threads change one map, each followed by an opening
// that is compared, key by key, with what the changes make that are in it. After many kills a fresh map is made.

import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { between, mixed, pick, seeded } from '../../base/random.js';
import { openDurableMap } from '../../kv.js';
import type { FsyncPolicy, SettingOptions } from '../../settings.js';
import { readAcknowledgements } from './acknowledgements.js';
import { runJobs } from './jobs.js';
import { type Kill, killProcess } from './killer.js';
import { countOf, expectedContents, MAP_CODECS, type MapContent, SWAPPED } from './map-content.js';
import type { MapPlan } from './map-victim.js';
import type { TortureFailure } from './torture-run.js';

/** How long, and what of. */
export interface MapTortureOptions {
  readonly seed: number;
  /** Ends with the first of the two. */
  readonly kills: number;
  readonly seconds: number;
  /** Maps that are tortured at the same time. */
  readonly jobs: number;
  /** Where the maps are made. It is there. */
  readonly folder: string;
  readonly writers?: number | undefined;
  readonly fsync?: FsyncPolicy | undefined;
  readonly onProgress: (tally: MapTortureTally) => void;
}

/** What has been done so far. */
export interface MapTortureTally {
  kills: number;
  readonly byPolicy: Record<FsyncPolicy, number>;
  maps: number;
  /** Changes and swaps that the map said were durable. */
  acknowledged: number;
  /** Changes found, each in the contents as it was made. */
  recovered: number;
  lost: number;
  readonly failures: TortureFailure[];
  seconds: number;
}

const VICTIM = fileURLToPath(new URL('./map-victim.js', import.meta.url));
/** Odds that a kill is the last one of its map. */
const LAST_KILL_ODDS = 1 / 12;

/** Runs a torture to its end, or to the first kill that went wrong. */
export async function tortureMaps(options: MapTortureOptions): Promise<MapTortureTally> {
  const tally: MapTortureTally = {
    kills: 0,
    byPolicy: { full: 0, normal: 0, off: 0 },
    maps: 0,
    acknowledged: 0,
    recovered: 0,
    lost: 0,
    failures: [],
    seconds: 0,
  };
  await runJobs(options, tally, (name, isOver) => new TorturedMap(options, tally, name).run(isOver));
  return tally;
}

/** One map, from its first opening to its last kill. */
class TorturedMap {
  readonly #options: MapTortureOptions;
  readonly #tally: MapTortureTally;
  readonly #folder: string;
  readonly #random: () => number;
  readonly #content: MapContent;
  /** By writer, how many changes the map must hold at least. */
  readonly #least: number[];
  /** The same as it was found the last time. */
  #found: readonly number[] = [];
  #swaps = 0;
  /** Threads that were killed: each may have swapped once more than it could say. */
  #deaths = 0;
  #run = 0;

  constructor(options: MapTortureOptions, tally: MapTortureTally, name: string) {
    this.#options = options;
    this.#tally = tally;
    this.#folder = join(options.folder, name);
    this.#random = seeded(mixed(options.seed, ...Buffer.from(name)));
    const writers = options.writers ?? between(this.#random, 1, 4);
    this.#content = { seed: mixed(options.seed, ...Buffer.from(name), 1), writers };
    this.#least = Array.from({ length: writers }, () => 0);
  }

  async run(isOver: () => boolean): Promise<void> {
    fs.mkdirSync(this.#folder);
    this.#tally.maps += 1;
    do if (!(await this.#cycle())) return;
    while (!isOver() && this.#random() >= LAST_KILL_ODDS);
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  /** One kill and its check; says whether all is well. */
  async #cycle(): Promise<boolean> {
    const tally = this.#tally;
    const plan = this.#choose();
    const kill = this.#chooseKill(plan);
    const { fault } = await killProcess(VICTIM, plan, kill);
    tally.kills += 1;
    tally.byPolicy[plan.settings.fsync ?? 'full'] += 1;
    this.#takeAcknowledgements(plan);
    const faults = fault === undefined ? [] : [fault];
    faults.push(...(await this.#check(plan).catch((error: unknown) => [`the map cannot be opened: ${error}`])));
    if (faults.length === 0) return true;
    tally.failures.push({ story: `${JSON.stringify(kill)} of ${JSON.stringify(plan)}`, faults, db: plan.path });
    return false;
  }

  #choose(): MapPlan {
    const random = this.#random;
    this.#run += 1;
    const settings: SettingOptions & { fsync: FsyncPolicy } = {
      fsync: this.#options.fsync ?? pick(random, ['full', 'normal', 'off']),
      lanes: between(random, 1, 4),
      laneBytes: pick(random, [8192, 65_536]),
      logFileBytes: 65_536,
      // Full while it is killed: compactions free it.
      maxLogBytes: pick(random, [2 ** 20, 2 ** 22]),
      epochIntervalMs: pick(random, [1, 5, 10]),
    };
    return {
      path: join(this.#folder, 'map'),
      settings,
      compactCommits: pick(random, [10, 50, 300]),
      content: this.#content,
      window: between(random, 1, 8),
      ackFile: join(this.#folder, `acknowledged-${this.#run}`),
      moment: {
        writer: between(random, 0, this.#content.writers - 1),
        behind: pick(random, ['append', 'acknowledgement']),
        number: 1 + Math.floor(random() ** 2 * 200),
      },
      act: random() < 0.4 ? 'die' : 'say',
    };
  }

  #chooseKill({ act }: MapPlan): Kill {
    if (act === 'die') return 'by itself';
    const random = this.#random;
    if (random() < 0.15) return { after: 'begins', delayMs: random() * 200 };
    return { after: 'moment', delayMs: random() < 0.4 ? 0 : random() ** 2 * 30 };
  }

  #takeAcknowledgements({ ackFile, content: { writers } }: MapPlan): void {
    const given = readAcknowledgements(ackFile);
    fs.rmSync(ackFile, { force: true });
    for (const { writer, number } of given) {
      if (writer >= writers) this.#swaps += 1;
      else this.#least[writer] = Math.max(this.#least[writer] ?? 0, number);
    }
    this.#tally.acknowledged += given.length;
    this.#deaths += writers;
  }

  /** Opens the map and compares it; what it holds more than was acknowledged counts from here on. */
  async #check({ path, settings, content, window }: MapPlan): Promise<string[]> {
    await using map = await openDurableMap<string, Uint8Array>(path, { ...settings, ...MAP_CODECS });
    const faults: string[] = [];
    const counts = this.#least.map((_, writer) => countOf(map, writer));
    for (const [writer, least] of this.#least.entries()) {
      const count = counts[writer] ?? 0;
      this.#tally.lost += Math.max(0, least - count);
      if (count < least) faults.push(`writer ${writer}: ${least} changes are acknowledged, ${count} are there`);
      this.#tally.recovered += count - (this.#found[writer] ?? 0);
      this.#least[writer] = count;
    }
    this.#found = counts;
    const expected = expectedContents(content, counts);
    const found = new Map(map.entries());
    const swapped = Number(Buffer.from(found.get(SWAPPED) ?? '0').toString());
    found.delete(SWAPPED);
    const most = this.#swaps + this.#deaths * window;
    if (swapped < this.#swaps || swapped > most)
      faults.push(`${swapped} swaps are there, not ${this.#swaps} to ${most}`);
    for (const key of new Set([...expected.keys(), ...found.keys()])) {
      const [one, other] = [expected.get(key), found.get(key)];
      if (one !== undefined && other !== undefined && Buffer.compare(one, other) === 0) continue;
      faults.push(`${key} holds ${hex(other)}, and not ${hex(one)}`);
    }
    return faults;
  }
}

function hex(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? 'nothing' : `${bytes.length} bytes ${Buffer.from(bytes).toString('hex').slice(0, 32)}`;
}
