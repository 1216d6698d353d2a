// What a torture chooses by chance, from a seed: settings, how many writers, what they write, when the kill comes.
// Lanes and log files are small, so that rotation, recycling, wrap-around and jumbos all come up within a second.

import { between, pick } from '../../base/random.js';
import type { FsyncPolicy, ResolvedSettings, SettingOptions } from '../../settings.js';
import type { RunContent } from './content.js';
import { SPACE_PAGES } from './content.js';
import type { Kill } from './killer.js';
import type { Moment, WritePlan, WriterHabits } from './victim-plan.js';

/** What whoever starts a torture has fixed; what is left out is chosen anew for each kill. */
export interface Fixed {
  readonly writers?: number | undefined;
  readonly spaces?: number | undefined;
  readonly fsync?: FsyncPolicy | undefined;
  /** Settings that the environment fixes. */
  readonly environment: ResolvedSettings;
}

/** What a writing victim does, and when it is killed. */
export interface WriteChoices {
  readonly content: RunContent;
  readonly settings: SettingOptions & { readonly fsync?: FsyncPolicy };
  readonly habits: WriterHabits;
  readonly moment: Moment;
  readonly act: WritePlan['act'];
  readonly kill: Kill;
}

/** What all victims of one log have in common. */
export interface LogChoices {
  readonly pageBytes: number;
  /** Mostly: a file is recycled only where the next one has its size. */
  readonly logFileBytes: number;
}

/** Chooses for a new log. */
export function chooseLog(random: () => number): LogChoices {
  return { pageBytes: pick(random, [512, 512, 512, 1024, 4096]), logFileBytes: chooseFileBytes(random) };
}

function chooseFileBytes(random: () => number): number {
  return pick(random, [65_536, 65_536, 131_072, 262_144]);
}

/** Chooses for one writing victim. */
export function chooseWrite(
  random: () => number,
  fixed: Fixed,
  log: LogChoices,
  place: { readonly seed: number; readonly run: number },
): WriteChoices {
  // Half of them with four writers or more, each in a space of its own. A thread costs as much as 100 commits.
  const isMany = random() < 0.58;
  const writers = fixed.writers ?? (isMany ? 4 + Math.floor(random() ** 6 * 5) : 1 + Math.floor(random() ** 2 * 3));
  const spaces = fixed.spaces ?? (random() < 0.87 ? writers : between(random, 1, writers));
  const laneBytes = pick(random, [4096, 8192, 16_384, 65_536]);
  const jumboPages = random() < 0.5 ? Math.ceil(laneBytes / log.pageBytes) + 1 : 0;
  const { pageBytes } = log;
  const content = { ...place, pageBytes, writers, spaces, jumboPages: jumboPages > SPACE_PAGES ? 0 : jumboPages };
  const logFileBytes = random() < 0.2 ? chooseFileBytes(random) : log.logFileBytes;
  const settings = chooseSettings(random, fixed, { pageSize: pageBytes, laneBytes, logFileBytes }, writers);
  const habits: WriterHabits = {
    window: random() < 0.3 ? 1 : 1 + Math.floor(random() ** 2 * 16),
    acknowledges: random() < 0.75 ? 'durable' : 'written',
    isBlocking: random() < 0.75,
    waitsForEach: random() < 0.5,
  };
  return { content, settings, habits, ...chooseEnd(random, writers) };
}

function chooseSettings(
  random: () => number,
  { fsync, environment }: Fixed,
  sizes: SettingOptions,
  writers: number,
): WriteChoices['settings'] {
  const chosen = {
    ...sizes,
    lanes: random() < 0.7 ? writers : between(random, 1, writers + 1),
    fsync: pick(random, ['full', 'normal', 'off'] as const),
    mode: pick(random, ['auto', 'auto', 'conservative', 'shadow_compare'] as const),
    epochIntervalMs: pick(random, [1, 2, 5, 10]),
    recoveryMemoryBytes: 2 ** 20,
    maxFlushDelayMs: random() < 0.9 ? 0 : 2,
    syncBytes: pick(random, [4096, 65_536, 8 * 2 ** 20]),
  };
  const left = Object.entries(chosen).filter(([name]) => {
    return environment[name as keyof ResolvedSettings].source !== 'environment';
  });
  return { ...(Object.fromEntries(left) as WriteChoices['settings']), ...(fsync === undefined ? {} : { fsync }) };
}

/** Most kills come early: that is where the time goes, and what a process does later is the same again. */
function chooseEnd(random: () => number, writers: number): Pick<WriteChoices, 'moment' | 'act' | 'kill'> {
  const isLong = random() < 0.1;
  const moment: Moment = {
    writer: between(random, 0, writers - 1),
    behind: random() < 0.5 ? 'append' : 'acknowledgement',
    number: 1 + Math.floor(random() ** 3 * (isLong ? 300 : 30)),
  };
  const end = random();
  if (end < 0.3) return { moment, act: 'die', kill: 'by itself' };
  if (end < 0.35) return { moment, act: 'say', kill: { after: 'begins', delayMs: random() * 150 } };
  const delayMs = random() < 0.4 ? 0 : random() ** 2 * (isLong ? 100 : 15);
  return { moment, act: end < 0.42 ? 'close' : 'say', kill: { after: 'moment', delayMs } };
}

/** What is killed next. An opening or a recovery that is killed makes a double crash of the kill before. */
export function chooseTask(random: () => number): 'write' | 'open' | 'recover' {
  const odds = random();
  return odds < 0.18 ? 'open' : odds < 0.27 ? 'recover' : 'write';
}

/** When an opening or a recovery is killed: the one starts threads, too, the other takes some milliseconds. */
export function chooseDelay(random: () => number, task: 'open' | 'recover'): Kill {
  return { after: 'begins', delayMs: random() ** 2 * (task === 'open' ? 30 : 10) };
}
